"""
A limit on memory, and which keys go when it is reached
(https://redis.io/docs/latest/develop/reference/eviction/; redis/src/evict.c).
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable

from tseep.datatypes.memory import of_dict, size_of_key
from tseep.errors import OUT_OF_MEMORY, CommandError

if TYPE_CHECKING:
    from tseep.keyspace.keyspace import Database, Keyspace
    from tseep.keyspace.lazyfree import LazyFree
    from tseep.registry.table import Command, Function
    from tseep.session.session import Session

POOL_SIZE = 16
"""Candidates that are remembered from one sample to the next (EVPOOL_SIZE)."""

BAG_KEYS = 16384
"""Keys that are taken out of a database at once, to be sampled from: a walk through all keys pays for so many."""

TIME_BUDGET_NS = 500_000
"""Nanoseconds that a command may be kept waiting for (maxmemory-eviction-tenacity 10); more is left for later."""

INT_BYTES = 32
"""Bytes of the number that notes what a key takes."""

EXPIRY_BYTES = 32 + 50
"""Bytes of a time to expire, beside its entry: its number, and a place in its slot."""

Candidate = tuple[float, int, bytes]
"""The worth of a key, the lower the sooner it goes, its database's number, and the key."""


class KeyBag:
    """Keys of a database in random order, as a dictionary has no way to pick one."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def sample(self, keys: dict[bytes, Any], count: int) -> list[bytes]:
        """Some of the keys, which may be gone by the time that they come."""
        if len(self._keys) < count:
            step = max(1, len(keys) // BAG_KEYS)
            self._keys = list(islice(keys, random.randrange(step), None, step))
            random.shuffle(self._keys)
        found = self._keys[-count:]
        del self._keys[-count:]
        return found


class Eviction:
    """
    What the keys of a server take, and the choice of those that go when that is too much.

    While there is no limit nothing is counted. With one, the size of every key that changes is estimated anew, and the
    functions of the commands that may need memory make room first.

    @param config: has C{maxmemory} and the parameters that begin with it, and those of LFU.
    @param timer: returns nanoseconds of a monotonic clock.
    @param call_later: calls a function after so many milliseconds.
    @param rewrap: called when a limit has been set or removed.
    @ivar limit: C{maxmemory} in bytes; 0 for no limit.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        keyspace: Keyspace,
        lazyfree: LazyFree,
        timer: Callable[[], int],
        call_later: Callable[[int, Callable[[], None]], object],
        rewrap: Callable[[], None],
    ) -> None:
        self.limit = 0
        self._config = config
        self._keyspace = keyspace
        self._lazyfree = lazyfree
        self._timer = timer
        self._call_later = call_later
        self._rewrap = rewrap
        self._contents = 0  # keys and values, without the dictionaries that hold them
        self._tables = 0  # those, as of the last look
        self._policy = "noeviction"
        self._sizes: dict[Database, dict[bytes, int]] = {}
        self._bags: dict[tuple[int, bool], KeyBag] = {}
        self._pool: list[Candidate] = []
        self._scheduled = False

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return self.limit > 0

    @property
    def used(self) -> int:
        """Bytes that all keys take; 0 while there is no limit."""
        return self._contents + self._tables

    def apply_config(self) -> None:
        """Take over what the configuration says by now."""
        config = self._config
        before, self.limit = self.limit, config["maxmemory"]
        policy = config["maxmemory-policy"]
        if policy != self._policy:
            self._policy = policy
            self._pool.clear()
        self._apply_lfu_settings()
        if bool(before) != bool(self.limit):
            self.measure() if self.limit else self._forget_all()
            self._rewrap()
        self.update()

    def _apply_lfu_settings(self) -> None:
        """Keep when keys are used, or how often."""
        config, keyspace = self._config, self._keyspace
        by_frequency = self._policy.endswith("lfu")
        settings = (config["lfu-log-factor"], config["lfu-decay-time"]) if by_frequency else None
        if settings == keyspace.frequency:
            return
        keyspace.frequency = settings
        for database in keyspace.databases:
            database.reset_last_accesses()

    def measure(self) -> None:
        """Count every key, as when they came from a file. O(N)."""
        if not self.limit:
            return
        for database in self._keyspace.databases:
            for key in database.values:
                self.note(database, key)
        self.update()

    def update(self) -> None:
        """Look how large the dictionaries are in which everything is. To be called some times a second."""
        if self.limit:
            self._tables = sum(map(self._size_of_tables, filter(len, self._keyspace.databases)))
            self.make_room()

    def _size_of_tables(self, db: Database) -> int:
        tables = (db.values, db.accessed, db.expires, self._sizes.get(db, {}))
        return sum(map(of_dict, tables)) + EXPIRY_BYTES * len(db.expires)

    def _forget_all(self) -> None:
        self._sizes.clear()
        self._contents = self._tables = 0

    # What the keyspace tells

    def note(self, db: Database, key: bytes) -> None:
        """A key has changed, or is gone."""
        sizes = self._sizes.get(db)
        if sizes is None:
            sizes = self._sizes[db] = {}
        value = db.values.get(key)
        if value is None:
            self._contents -= sizes.pop(key, 0)
        else:
            now = size_of_key(key, value) + INT_BYTES
            self._contents += now - sizes.get(key, 0)
            sizes[key] = now

    def note_flushed(self, databases: list[Database]) -> None:
        """Every key of some databases is about to go."""
        for db in databases:
            self._contents -= sum(self._sizes.pop(db, {}).values())
        self._tables = 0  # until the next look

    def note_swapped(self, first: Database, second: Database) -> None:
        """Two databases have exchanged their contents."""
        sizes = self._sizes
        sizes[first], sizes[second] = sizes.get(second, {}), sizes.get(first, {})

    # Making room

    def wrap(self, command: Command, run: Function) -> Function:
        """A command's function that makes room first, if it may need memory."""
        if not self.limit or "denyoom" not in command.flags:
            return run

        def guard(session: Session, argv: list[bytes]) -> Any:
            if self.used > self.limit and not session.deny_blocking and not self.make_room():
                raise CommandError(OUT_OF_MEMORY)
            return run(session, argv)

        return guard

    def admits(self, command: Command) -> bool:
        """Whether a command may be queued in a transaction: there is room for it, or it needs none."""
        return "denyoom" not in command.flags or self.used <= self.limit or not self.limit or self.make_room()

    def make_room(self) -> bool:
        """
        Let keys go until the limit is kept, or for a while.

        @return: whether commands that need memory may run: not, if there is nothing that may go.
        """
        timer = self._timer
        end = timer() + TIME_BUDGET_NS
        while self.used > self.limit:
            candidate = self._best()
            if candidate is None:
                return False
            database = self._keyspace.databases[candidate[1]]
            value = database.values[candidate[2]]
            database.evict(candidate[2])
            self._lazyfree.add_value(value)
            if timer() > end:
                self._continue_later()
                break
        return True

    def _continue_later(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_later(1, self._continue)

    def _continue(self) -> None:
        self._scheduled = False
        self.update()

    def _best(self) -> Candidate | None:
        """The next key that goes; None if none may."""
        if self._policy == "noeviction":
            return None
        while True:
            if not self._fill():
                return None
            while self._pool:
                candidate = self._pool.pop(0)
                if candidate[2] in self._chosen_from(self._keyspace.databases[candidate[1]]):
                    return candidate

    def _chosen_from(self, database: Database) -> dict[bytes, Any]:
        """The keys of a database that may go."""
        return database.expires if self._policy.startswith("volatile") else database.values

    def _fill(self) -> bool:
        """Sample each database, and remember those that are worth least. Returns whether any key may go."""
        count, rank = self._config["maxmemory-samples"], self._ranking()
        volatile = self._policy.startswith("volatile")
        found = False
        for database in self._keyspace.databases:
            keys = self._chosen_from(database)
            if keys:
                found = True
                bag = self._bags.setdefault((database.number, volatile), KeyBag())
                for key in bag.sample(keys, count):
                    if key in keys:
                        insort(self._pool, (rank(database, key), database.number, key))
        self._pool = list(dict.fromkeys(self._pool))[:POOL_SIZE]
        return found

    def _ranking(self) -> Callable[[Database, bytes], float]:
        """What the policy goes by: the key with the lowest number goes first."""
        second = self._keyspace.second
        if self._policy.endswith("lru"):
            return lambda db, key: db.accessed[key]
        if self._policy.endswith("lfu"):
            return lambda db, key: db.frequency(key, second)
        if self._policy == "volatile-ttl":
            return lambda db, key: db.expires[key]
        return lambda db, key: random.random()
