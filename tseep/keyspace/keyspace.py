"""The databases of one server, their keys, and when keys expire."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import Any, Callable, Protocol, Union

from tseep.datatypes.collection import Collection
from tseep.keyspace.usage import LFUCounters

Value = Any
"""A string is C{bytes}, or a C{bytearray} once it was changed in place; all else is a L{Collection}."""

SLOT_MS = 1000
"""Milliseconds of expiry times that are swept together."""

SCAN_STEPS = 1000
"""About how many SCAN calls walk a large database, however small their COUNT."""

MIN_REBUILD_ENTRIES = 1024
"""A dictionary of no more entries is not worth to be made smaller, nor is a heap worth to be rebuilt."""


class Observer(Protocol):
    """Who wants to know what happens to keys. Nothing it does may change one."""

    def created(self, db: Database, key: bytes) -> None:
        """A key that was not there is now; what follows tells by which event."""

    def changed(self, db: Database, key: bytes, event: bytes) -> None:
        """A key was changed or removed. C{event} is Redis's name for it, such as C{lpush}; empty if it has none."""

    def missed(self, db: Database, key: bytes) -> None:
        """A command wanted to read a key that was not there."""

    def flushed(self, databases: Iterable[Database]) -> None:
        """Every key of some databases is about to be forgotten."""

    def swapped(self, first: Database, second: Database) -> None:
        """Two databases have exchanged their contents."""


class DetachedDatabase:
    """
    What was in a database, to be freed bit by bit.

    @param contents: its dictionaries; the first is that of the values.
    """

    def __init__(self, *contents: dict[Any, Any]) -> None:
        self._contents = list(contents)
        self._collections: list[Collection] = []

    def __len__(self) -> int:
        return sum(map(len, self._contents))

    def release(self, most: int) -> bool:
        """Give back up to about C{most} entries, or elements of a value; return whether there are more."""
        if self._collections:
            if not self._collections[-1].release(most):
                self._collections.pop()
        elif self._contents[0]:
            self._pop(self._contents[0], most)
        else:
            del self._contents[0]
        return bool(self._contents or self._collections)

    def _pop(self, entries: dict[Any, Any], most: int) -> None:
        for _ in range(min(most, len(entries))):
            value = entries.popitem()[1]
            if isinstance(value, Collection):
                self._collections.append(value)


class Database:
    """
    One numbered database.

    Commands change it through its methods only, so that there is one place where a change can be seen. One
    that changes a value in place says so with L{changed}, or with L{shrunk} if the value may be empty now.

    The C{event} that most of them take is Redis's name for what happened, as keyspace notifications tell it
    (https://redis.io/docs/latest/develop/use/keyspace-notifications/); empty for none.

    @ivar number: its number.
    @ivar observer: who is told of every change, if anybody is.
    @ivar values: every key's value, in order of creation.
    @ivar expires: of keys that will expire, the Unix time in milliseconds.
    @ivar accessed: by key, the second of its last use; with an LFU policy L{LFUCounters}.
    """

    __slots__ = ("_keyspace", "_order", "_peak_size", "_slots", "accessed", "expires", "number", "observer", "values")

    def __init__(self, keyspace: Keyspace, number: int = 0) -> None:
        self._keyspace = keyspace
        self.number = number
        self.observer: Observer | None = None
        self.flush()

    def __len__(self) -> int:
        return len(self.values)

    def flush(self) -> None:
        """Forget every key, and free all that is theirs, which takes long if it is much."""
        self.values: dict[bytes, Value] = {}
        self.expires: dict[bytes, int] = {}
        self.reset_last_accesses()
        self._slots: dict[int, Union[bytes, set[bytes]]] = {}  # by time slot, its only key or its keys
        self._order: list[int] = []  # a heap of every slot, and of some that are no more
        self._peak_size = 0  # how many keys there were, at most, since the dictionaries were made

    def reset_last_accesses(self) -> None:
        """Forget when, or how often, keys were used, and begin anew to keep what is to be kept."""
        self.accessed: dict[bytes, int] = self._keyspace.make_access_table({})
        for key in self.values:
            self.accessed[key] = self._keyspace.second

    def detach(self) -> DetachedDatabase:
        """Forget every key, and leave it to the caller to free what was theirs."""
        detached = DetachedDatabase(self.values, self.expires, self.accessed, self._slots)
        self.flush()
        return detached

    def exchange(self, other: Database) -> None:
        """Swap contents with another database, under everyone who uses either."""
        for name in ("values", "expires", "accessed", "_slots", "_order", "_peak_size"):
            mine = getattr(self, name)
            setattr(self, name, getattr(other, name))
            setattr(other, name, mine)

    # Looking

    def read(self, key: bytes) -> Value | None:
        """The value for a command that reads it: counted as a hit or a miss, and as a use of the key."""
        keyspace = self._keyspace
        when = self.expires.get(key)
        if when is not None and when < keyspace.now:
            self._expire(key)
        value = self.values.get(key)
        if value is None:
            self._miss(key)
        else:
            keyspace.hits += 1
            self.accessed[key] = keyspace.second
        return value

    def read_untouched(self, key: bytes) -> Value | None:
        """The value for a command that asks about the key: counted as a hit or a miss, but no use of it."""
        value = self.peek(key)
        if value is None:
            self._miss(key)
        else:
            self._keyspace.hits += 1
        return value

    def get(self, key: bytes) -> Value | None:
        """The value for a command that is about to change it: a use of the key, but no hit or miss."""
        value = self.peek(key)
        if value is not None:
            self.accessed[key] = self._keyspace.second
        return value

    def peek(self, key: bytes) -> Value | None:
        """The value for one who only looks, and leaves no trace of it."""
        when = self.expires.get(key)
        if when is not None and when < self._keyspace.now:
            self._expire(key)
        return self.values.get(key)

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """
        Walk a step through the keys: those at the C{count} places below the cursor.

        @param cursor: 0 to begin; else what the step before returned.
        @return: the next cursor, 0 at the end, and the keys, which may have expired.
        @see: L{walk} for what is promised while keys come and go.
        """
        return walk(self.values, cursor, count)

    def random_key(self) -> bytes | None:
        """Any key, expired ones included; None if there is none. O(N) steps of a few nanoseconds."""
        return pick(self.values) if self.values else None

    def idle(self, key: bytes) -> int:
        """Seconds since the last use of a key that is there, where that is kept."""
        return max(0, self._keyspace.second - self.accessed[key])

    def frequency(self, key: bytes, second: int) -> int:
        """How often a key that is there is used, on a logarithmic scale, where that is kept."""
        assert isinstance(self.accessed, LFUCounters)
        return self.accessed.frequency(key, second)

    # Changing

    def set(self, key: bytes, value: Value, event: bytes = b"set") -> None:
        """Give the key a new value, and no time to expire."""
        if key in self.expires:
            self._forget_time(key)
        if self.observer is not None and key not in self.values:
            self.observer.created(self, key)
        self.values[key] = value
        self.accessed[key] = self._keyspace.second
        if self.observer is not None:
            self.observer.changed(self, key, event)

    def set_all(self, keys: list[bytes], values: list[Value]) -> None:
        """Give each of some keys a new value, and no time to expire: L{set} for many."""
        if self.observer is None and type(self.accessed) is dict and self.expires.keys().isdisjoint(keys):
            self.values.update(zip(keys, values))
            self.accessed.update(dict.fromkeys(keys, self._keyspace.second))
        else:
            for key, value in zip(keys, values):
                self.set(key, value)

    def load(self, key: bytes, value: Value, when: int = 0, idle: int = 0) -> bool:
        """
        Take over a key from a file, of which nobody is told.

        @param when: the time to expire, in Unix milliseconds; 0 for none.
        @param idle: seconds since its last use.
        @return: whether it was not there yet, as must be.
        """
        if key in self.values:
            return False
        self.values[key] = value
        self.accessed[key] = self._keyspace.second - idle if idle else self._keyspace.second
        if when:
            self._add_time(key, when)
        return True

    def replace(self, key: bytes, value: Value, event: bytes) -> None:
        """Give the key a new value, or its old one changed in place, and leave its time to expire."""
        if self.observer is not None and key not in self.values:
            self.observer.created(self, key)
        self.values[key] = value
        self.accessed[key] = self._keyspace.second
        if self.observer is not None:
            self.observer.changed(self, key, event)

    def changed(self, key: bytes, event: bytes) -> None:
        """The value of a key, which is there, was changed in place."""
        if self.observer is not None:
            self.observer.changed(self, key, event)

    def shrunk(self, key: bytes, value: Value, event: bytes) -> None:
        """The value of a key was changed in place; if it is empty now the key goes too, since no empty value stays."""
        if self.observer is not None:
            self.observer.changed(self, key, event)
        if not value:
            self.delete(key)

    def delete(self, key: bytes, event: bytes = b"del") -> bool:
        """Remove a key. Returns whether it was there; an expired one was not."""
        if self.peek(key) is None:
            return False
        self._remove(key, event)
        return True

    def evict(self, key: bytes) -> None:
        """Remove a key to make room."""
        self._remove(key, b"evicted")
        self._keyspace.evicted += 1

    def expire_at(self, key: bytes, when: int, event: bytes = b"expire") -> None:
        """Let an existing key expire at the Unix time C{when}, in milliseconds."""
        self._forget_time(key)
        self._add_time(key, when)
        if self.observer is not None:
            self.observer.changed(self, key, event)

    def _add_time(self, key: bytes, when: int) -> None:
        self.expires[key] = when
        slot = when // SLOT_MS
        keys = self._slots.get(slot)
        if keys is None:
            self._slots[slot] = key
            self._enqueue(slot)
        elif isinstance(keys, set):
            keys.add(key)
        else:
            self._slots[slot] = {keys, key}

    def persist(self, key: bytes) -> bool:
        """Let a key not expire. Returns whether it would have."""
        forgotten = self._forget_time(key)
        if forgotten and self.observer is not None:
            self.observer.changed(self, key, b"persist")
        return forgotten

    def sweep(self, most: int) -> int:
        """
        Remove keys whose time slot is over, in at most C{most} steps of a few microseconds.

        @return: how many steps it took; fewer than C{most} if nothing is left to do.
        """
        over = self._keyspace.now // SLOT_MS
        order = self._order
        steps = 0
        while steps < most and order and order[0] < over:
            steps += 1
            keys = self._slots.get(order[0])
            if keys is None:
                heappop(order)
            else:
                self._expire(keys.pop() if isinstance(keys, set) else keys)
        return steps

    def shrink(self) -> None:
        """
        Give back the memory of three quarters of the keys, if they are gone.

        A dictionary never does by itself, and to walk it takes as long as when it was full.
        """
        size = len(self.values)
        if size > self._peak_size:
            self._peak_size = size
        elif self._peak_size > max(MIN_REBUILD_ENTRIES, 4 * size):
            self.values = dict(self.values)
            self.expires = dict(self.expires)
            self.accessed = self._keyspace.make_access_table(self.accessed)
            self._peak_size = size

    def _enqueue(self, slot: int) -> None:
        """Put a new slot into the order of time; rarely, make that anew without the slots that are gone."""
        if len(self._order) > 2 * len(self._slots) + MIN_REBUILD_ENTRIES:
            self._order = list(self._slots)
            heapify(self._order)
        else:
            heappush(self._order, slot)

    def _forget_time(self, key: bytes) -> bool:
        """Let a key not expire, without telling anyone. Returns whether it would have."""
        when = self.expires.pop(key, None)
        if when is None:
            return False
        slot = when // SLOT_MS
        keys = self._slots[slot]
        if isinstance(keys, set):
            keys.discard(key)
            if keys:
                return True
        del self._slots[slot]
        return True

    def _remove(self, key: bytes, event: bytes) -> None:
        if key in self.expires:
            self._forget_time(key)
        self.accessed.pop(key, None)
        del self.values[key]
        if self.observer is not None:
            self.observer.changed(self, key, event)

    def _expire(self, key: bytes) -> None:
        self._remove(key, b"expired")
        self._keyspace.expired += 1

    def _miss(self, key: bytes) -> None:
        self._keyspace.misses += 1
        if self.observer is not None:
            self.observer.missed(self, key)


def walk(entries: dict[bytes, Any], cursor: int, count: int) -> tuple[int, list[bytes]]:
    """
    Walk a step through a dictionary, from its youngest entry down to its oldest: one step of any SCAN.

    The cursor is the number of entries not walked yet. New entries come on top, where the walk has been, and
    removals only move what is left further down, so whoever is there from beginning to end is met, however
    many steps and changes lie between; some may be met twice. That is what Redis promises of SCAN, with no
    state kept for it.

    Reaching a place costs a few nanoseconds an entry from the nearer end, so in a large dictionary a step is
    at least a L{SCAN_STEPS}th of it.

    @return: the next cursor, 0 at the end, and the entries' names.
    """
    size = len(entries)
    end = min(cursor, size) if cursor > 0 else size
    start = max(0, end - max(count, size // SCAN_STEPS))
    return start, _between(entries, start, end)


def pick(entries: dict[bytes, Any]) -> bytes:
    """Any name in a dictionary, each with the same chance. O(N) steps of a few nanoseconds."""
    at = random.randrange(len(entries))
    return _between(entries, at, at + 1)[0]


def _between(entries: dict[bytes, Any], start: int, end: int) -> list[bytes]:
    """The names at some places of a dictionary, in the order in which they are met from its nearer end."""
    size = len(entries)
    if start < size - end:
        return list(islice(entries, start, end))
    return list(islice(reversed(entries), size - end, size - start))


class Keyspace:
    """
    All databases, and the time that they go by.

    @param databases: how many.
    @param clock: tells the Unix time in seconds.
    @ivar now: the time in milliseconds, as of the last L{tick}: one command sees one time.
    @ivar second: seconds since whenever, for how long keys have not been used: whoever keeps the time sets it now and
        then, as it is no date, and the wall clock may be set. It is one int object, however many keys hold it.
    @ivar hits: reads that found their key, C{misses}: that did not, C{expired}: keys that reached their time,
        C{evicted}: that made room for others.
    @ivar frequency: the settings of L{LFUCounters}; None without an LFU policy.
    """

    def __init__(self, databases: int = 16, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.second = 0
        self.frequency: tuple[int, int] | None = None
        self.tick()
        self.databases = [Database(self, number) for number in range(databases)]
        self._observer: Observer | None = None
        self.reset_counts()

    def tick(self) -> None:
        """Look at the clock."""
        self.now = int(self.clock() * 1000)

    def observe(self, observer: Observer | None) -> None:
        """Tell C{observer}, and nobody else, what happens to keys from now on; None for nobody."""
        self._observer = observer
        for database in self.databases:
            database.observer = observer

    def reset_counts(self) -> None:
        """Begin to count again at nothing."""
        self.hits = self.misses = self.expired = self.evicted = 0

    def make_access_table(self, entries: dict[bytes, int]) -> dict[bytes, int]:
        """What keeps the uses of keys, with what is known of them already."""
        return dict(entries) if self.frequency is None else LFUCounters(entries, *self.frequency)

    def sweep(self, most: int) -> int:
        """
        Remove keys that have expired unnoticed, and give back memory.

        @return: how many of the C{most} steps it took; if all, there may be more to do.
        """
        steps = 0
        for database in self.databases:
            steps += database.sweep(most - steps)
            database.shrink()
        return steps

    def swap(self, first: int, second: int) -> None:
        """Exchange the contents of two databases."""
        if first != second:
            one, other = self.databases[first], self.databases[second]
            one.exchange(other)
            if self._observer is not None:
                self._observer.swapped(one, other)

    def flush(self, databases: Iterable[Database] | None = None) -> None:
        """Forget every key of some databases, or of all, and free all that was theirs."""
        for database in self._about_to_flush(databases):
            database.flush()

    def detach(self, databases: Iterable[Database] | None = None) -> list[DetachedDatabase]:
        """Forget every key of some databases, or of all; return what was theirs, to be freed."""
        return [database.detach() for database in self._about_to_flush(databases) if database]

    def _about_to_flush(self, databases: Iterable[Database] | None) -> list[Database]:
        chosen = list(self.databases if databases is None else databases)
        if self._observer is not None:
            self._observer.flushed(chosen)
        return chosen
