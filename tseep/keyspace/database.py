"""One numbered database: keys, values, expiry and access times. Source: redis/src/db.c, redis/src/expire.c."""

from __future__ import annotations

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any, Protocol, Union

from tseep.keyspace.lazyfree import DetachedDatabase
from tseep.keyspace.scan import pick, walk
from tseep.keyspace.usage import LFUCounters

if TYPE_CHECKING:
    from tseep.keyspace.keyspace import Keyspace

Value = Any
"""A string is C{bytes}, or a C{bytearray} once it has been changed in place; other types are a
L{Collection <tseep.datatypes.collection.Collection>}."""

SLOT_MS = 100
"""Milliseconds of a time slot, whose expired keys are removed together, when it is over."""

MIN_REBUILD_ENTRIES = 1024
"""Number of entries up to which a dictionary or heap is not rebuilt to give back memory."""


class Observer(Protocol):
    """Receives the changes of keys. Its methods must not change a key."""

    def created(self, db: Database, key: bytes) -> None:
        """A new key was added; a call of L{changed} with the event follows."""

    def changed(self, db: Database, key: bytes, event: bytes, changes: int) -> None:
        """
        A key was changed or removed, which clients that watch or cache it must learn.

        @param event: Redis's name for it, such as C{lpush}; empty if it has none.
        @param changes: what it adds to C{rdb_changes_since_last_save}; with 0 nothing is propagated.
        """

    def noted(self, db: Database, key: bytes, event: bytes, changes: int) -> None:
        """As L{changed}, for changes that clients that watch or cache the key need not learn: consumer groups."""

    def readied(self, db: Database, key: bytes) -> None:
        """Clients that are blocked on a key can be served, though it has not been L{changed}."""

    def missed(self, db: Database, key: bytes) -> None:
        """A command has read a key that does not exist."""

    def flushed(self, databases: Iterable[Database]) -> None:
        """All keys of some databases are about to be removed."""

    def swapping(self, first: Database, second: Database) -> None:
        """The contents of two databases, which can be the same, are about to be swapped."""


class Database:
    """
    One numbered database.

    Commands change it only through its methods, which notify the observer. A command that changes a value in place
    calls L{changed}, or L{shrunk} if the value can be empty afterwards.

    The parameter C{event} is the name of the keyspace notification
    (https://redis.io/docs/latest/develop/use/keyspace-notifications/); empty for none. C{changes} is what the change
    adds to C{rdb_changes_since_last_save}.

    @ivar number: its index, as in SELECT.
    @ivar observer: receives every change; None if there is no observer.
    @ivar values: every key's value, in order of creation.
    @ivar expires: by key its expiry, a Unix time in milliseconds; only volatile keys.
    @ivar accessed: by key the second of its last access; with an LFU policy L{LFUCounters}.
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
        """Remove all keys and free their values, which blocks the server if there are many."""
        self.values: dict[bytes, Value] = {}
        self.expires: dict[bytes, int] = {}
        self.reset_last_accesses()
        self._slots: dict[int, Union[bytes, set[bytes]]] = {}  # by time slot its only key, or its keys
        self._order: list[int] = []  # a heap of all slots, and of some that no longer exist
        self._peak_size = 0  # maximum number of keys since the dictionaries were built

    def reset_last_accesses(self) -> None:
        """Reset access times or counters, after the policy has changed between LRU and LFU."""
        self.accessed: dict[bytes, int] = self._keyspace.make_access_table({})
        for key in self.values:
            self.accessed[key] = self._keyspace.second

    def detach(self) -> DetachedDatabase:
        """Remove all keys. Return the former contents, which the caller frees."""
        detached = DetachedDatabase(self.values, self.expires, self.accessed, self._slots)
        self.flush()
        return detached

    def exchange(self, other: Database) -> None:
        """Swap contents with another database; sessions keep their C{Database} objects."""
        for name in ("values", "expires", "accessed", "_slots", "_order", "_peak_size"):
            mine = getattr(self, name)
            setattr(self, name, getattr(other, name))
            setattr(other, name, mine)

    # Lookups

    def read(self, key: bytes) -> Value | None:
        """Return the value, or None. Counts a hit or a miss, and updates the access time: for reads."""
        keyspace = self._keyspace
        when = self.expires.get(key)
        if when is None or when >= keyspace.now or self._expire(key):
            value = self.values.get(key)
            if value is not None:
                keyspace.hits += 1
                self.accessed[key] = keyspace.second
                return value
        self._miss(key)
        return None

    def read_untouched(self, key: bytes) -> Value | None:
        """Return the value, or None. Counts a hit or a miss, but keeps the access time (LOOKUP_NOTOUCH): as for TTL."""
        value = self.peek(key)
        if value is None:
            self._miss(key)
        else:
            self._keyspace.hits += 1
        return value

    def get(self, key: bytes) -> Value | None:
        """Return the value, or None. Updates the access time, but counts no hit or miss: for writes."""
        keyspace = self._keyspace
        when = self.expires.get(key)
        if when is not None and when < keyspace.now:
            self._expire(key)
        value = self.values.get(key)
        if value is not None:
            self.accessed[key] = keyspace.second
        return value

    def peek(self, key: bytes) -> Value | None:
        """Return the value, or None. Updates neither statistics nor access time."""
        when = self.expires.get(key)
        if when is None or when >= self._keyspace.now or self._expire(key):
            return self.values.get(key)
        return None

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """
        Return the next keys of a SCAN, which can include expired ones.

        @param cursor: 0 to start; else the cursor that the previous call returned.
        @return: the next cursor (0 if the iteration is complete), and the keys.
        @see: L{walk} for the guarantees while keys are added and removed.
        """
        return walk(self.values, cursor, count)

    def random_key(self) -> bytes | None:
        """A random key, possibly an expired one; None if there is none. O(N) steps of a few nanoseconds."""
        return pick(self.values) if self.values else None

    def idle(self, key: bytes) -> int:
        """Seconds since the last access of an existing key; not with an LFU policy."""
        return max(0, self._keyspace.second - self.accessed[key])

    def frequency(self, key: bytes, second: int) -> int:
        """The access counter of an existing key, 0 to 255; with an LFU policy only."""
        assert isinstance(self.accessed, LFUCounters)
        return self.accessed.frequency(key, second)

    # Changes

    def set(self, key: bytes, value: Value, event: bytes = b"set", changes: int = 1) -> None:
        """Set the value of a key, new or not, and remove its expiry."""
        if key in self.expires:
            self._forget_time(key)
        if self.observer is not None and key not in self.values:
            self.observer.created(self, key)
        self.values[key] = value
        self.accessed[key] = self._keyspace.second
        if self.observer is not None:
            self.observer.changed(self, key, event, changes)

    def set_all(self, keys: list[bytes], values: list[Value]) -> None:
        """L{set} for several keys, faster if nothing observes the changes."""
        if self.observer is None and type(self.accessed) is dict and self.expires.keys().isdisjoint(keys):
            self.values.update(zip(keys, values))
            self.accessed.update(dict.fromkeys(keys, self._keyspace.second))
        else:
            for key, value in zip(keys, values):
                self.set(key, value)

    def load(self, key: bytes, value: Value, when: int = 0, idle: int = 0) -> bool:
        """
        Add a key that is loaded from a file. The observer is not notified.

        @param when: expiry, a Unix time in milliseconds; 0 for none.
        @param idle: seconds since its last access.
        @return: False if the key already exists, which is an error of the file.
        """
        if key in self.values:
            return False
        self.values[key] = value
        self.accessed[key] = self._keyspace.second - idle if idle else self._keyspace.second
        if when:
            self._add_time(key, when)
        return True

    def replace(self, key: bytes, value: Value, event: bytes, changes: int = 1) -> None:
        """Set the value of a key, new or not, and keep its expiry."""
        if self.observer is not None and key not in self.values:
            self.observer.created(self, key)
        self.values[key] = value
        self.accessed[key] = self._keyspace.second
        if self.observer is not None:
            self.observer.changed(self, key, event, changes)

    def changed(self, key: bytes, event: bytes, changes: int = 1) -> None:
        """Notify the observer that the value of an existing key was changed in place."""
        if self.observer is not None:
            self.observer.changed(self, key, event, changes)

    def note(self, key: bytes, event: bytes, changes: int = 1) -> None:
        """As L{changed}, without L{Observer.changed}: no client that watches or caches the key learns of it."""
        if self.observer is not None:
            self.observer.noted(self, key, event, changes)

    def ready(self, key: bytes) -> None:
        """Serve the clients that are blocked on a key, after a change that was only L{note}d."""
        if self.observer is not None:
            self.observer.readied(self, key)

    def shrunk(self, key: bytes, value: Value, event: bytes, changes: int = 1) -> None:
        """Notify the observer that a value was changed in place; delete the key if the value is empty."""
        if self.observer is not None:
            self.observer.changed(self, key, event, changes)
        if not value:
            self._remove(key, b"del", 0)

    def delete(self, key: bytes, event: bytes = b"del", changes: int = 1) -> bool:
        """Delete a key. Return whether it existed; an expired one did not."""
        if self.peek(key) is None:
            return False
        self._remove(key, event, changes)
        return True

    def evict(self, key: bytes) -> None:
        """Delete an existing key to free memory; counts as evicted."""
        self._remove(key, b"evicted", 0)
        self._keyspace.evicted += 1

    def expire_at(self, key: bytes, when: int, event: bytes = b"expire", changes: int = 1) -> None:
        """Set the expiry of an existing key, a Unix time in milliseconds."""
        self._forget_time(key)
        self._add_time(key, when)
        if self.observer is not None:
            self.observer.changed(self, key, event, changes)

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
        """Remove a key's expiry. Return whether it had one."""
        forgotten = self._forget_time(key)
        if forgotten and self.observer is not None:
            self.observer.changed(self, key, b"persist", 1)
        return forgotten

    def sweep(self, most: int) -> int:
        """
        Delete the keys of past time slots, in at most C{most} steps of a few microseconds.

        @return: the number of steps; less than C{most} if none is left, or expired keys are kept at present.
        """
        if self._keyspace.keeps_expired:
            return 0
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
        Rebuild the dictionaries if three quarters of the keys have been deleted.

        A dictionary never shrinks, and iterating over it takes as long as when it was full.
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
        """Add a new slot to the heap; rarely, rebuild the heap without the slots that no longer exist."""
        if len(self._order) > 2 * len(self._slots) + MIN_REBUILD_ENTRIES:
            self._order = list(self._slots)
            heapify(self._order)
        else:
            heappush(self._order, slot)

    def _forget_time(self, key: bytes) -> bool:
        """Remove a key's expiry without a notification. Return whether it had one."""
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

    def _remove(self, key: bytes, event: bytes, changes: int = 1) -> None:
        if key in self.expires:
            self._forget_time(key)
        self.accessed.pop(key, None)
        del self.values[key]
        if self.observer is not None:
            self.observer.changed(self, key, event, changes)

    def _expire(self, key: bytes) -> bool:
        """Delete an expired key, unless expired keys are kept at present. Return whether it was deleted."""
        keyspace = self._keyspace
        if keyspace.keeps_expired:
            return False
        value = self.values[key]
        self._remove(key, b"expired", 0)
        keyspace.expired += 1
        if keyspace.free_expired is not None:
            keyspace.free_expired(value)
        return True

    def _miss(self, key: bytes) -> None:
        self._keyspace.misses += 1
        if self.observer is not None:
            self.observer.missed(self, key)
