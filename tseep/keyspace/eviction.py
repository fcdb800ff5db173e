"""
Eviction: the estimated memory of all keys, and the choice of keys to evict when it exceeds maxmemory. Source:
https://redis.io/docs/latest/develop/reference/eviction/, redis/src/evict.c.
"""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Mapping
from itertools import islice
from math import inf
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from tseep.datatypes.memory import ENTRY_BYTES, EXPIRY_BYTES, of_dict, size_of_key
from tseep.errors import OUT_OF_MEMORY, CommandError

if TYPE_CHECKING:
    from tseep.keyspace.database import Database
    from tseep.keyspace.keyspace import Keyspace
    from tseep.keyspace.lazyfree import LazyFree
    from tseep.registry.table import Command, Function
    from tseep.session.session import Session

POOL_SIZE = 16
"""Number of candidates that are kept from one sample to the next (EVPOOL_SIZE)."""

BAG_KEYS = 16384
"""Number of keys in a L{KeyBag}: one O(N) walk through the database pays for this many samples."""

TIME_BUDGET_NS = 500_000
"""Maximum nanoseconds of evictions before a command with C{maxmemory-eviction-tenacity} 10; the rest is done later."""

SAMPLED_KEYS = 1000
"""Number of keys of a database whose sizes are measured for L{Eviction.measured} without a limit."""

INT_BYTES = 32
"""Bytes of an int object, here the recorded size of a key."""

Candidate = tuple[float, int, bytes]
"""Rank of a key (the lowest is evicted first), number of its database, and the key."""


class Usage(NamedTuple):
    """
    Estimated bytes that count for C{maxmemory}.

    @ivar dataset: those of keys and values.
    @ivar overhead: those of the databases' dictionaries, of clients, scripts and so on.
    """

    dataset: int
    overhead: int

    @property
    def used(self) -> int:
        return self.dataset + self.overhead


class KeyBag:
    """Keys of a database in random order, as no key of a dictionary can be picked at random in O(1)."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def sample(self, keys: dict[bytes, Any], count: int) -> list[bytes]:
        """Return C{count} of the keys, or fewer. Some may have been deleted since the bag was filled."""
        if len(self._keys) < count:
            step = max(1, len(keys) // BAG_KEYS)
            self._keys = list(islice(keys, random.randrange(step), None, step))
            random.shuffle(self._keys)
        found = self._keys[-count:]
        del self._keys[-count:]
        return found


class Eviction:
    """
    The memory that counts for C{maxmemory}, and the eviction of keys.

    Without a limit nothing is counted. With one, the size of each changed key is estimated again, and commands with the
    flag C{denyoom} evict keys before they run.

    @param config: the parameters, of which C{maxmemory*} and C{lfu-*} are read.
    @param timer: returns nanoseconds of a monotonic clock.
    @param call_later: calls a function after the given milliseconds.
    @param rewrap: called when a limit has been set or removed, to wrap the functions of commands again.
    @param defer: calls a function after the running command.
    @param clients: returns the bytes of all clients' buffers, which count, too.
    @param measure_scripts: returns the bytes of scripts and functions, which count, too.
    @ivar limit: C{maxmemory} in bytes; 0 for no limit.
    @ivar peak: the maximum of L{measured}.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        keyspace: Keyspace,
        lazyfree: LazyFree,
        timer: Callable[[], int],
        call_later: Callable[[int, Callable[[], None]], object],
        rewrap: Callable[[], None],
        defer: Callable[[Callable[[], None]], object],
        clients: Callable[[], int],
        measure_scripts: Callable[[], int] = lambda: 0,
    ) -> None:
        self.limit = self.peak = 0
        self._config = config
        self._keyspace = keyspace
        self._lazyfree = lazyfree
        self._timer = timer
        self._call_later = call_later
        self._rewrap = rewrap
        self._defer = defer
        self._clients = clients
        self._measure_scripts = measure_scripts
        self._scripts = 0  # bytes, as of the last L{measured}
        self._budget_ns: float = TIME_BUDGET_NS
        self._exceeded_ns = 0  # in the past
        self._exceeded_since: int | None = None
        self._contents = 0  # keys and values, without the dictionaries that hold them
        self._tables = 0  # those, as of the last L{update}
        self._policy = "noeviction"
        self._sizes: dict[Database, dict[bytes, int]] = {}
        self._grown: dict[Database, int] = {}  # bytes of the dictionaries that grow with the others, at the last change
        self._bags: dict[tuple[int, bool], KeyBag] = {}
        self._pool: list[Candidate] = []
        self._scheduled = self._deferred = False

    def __bool__(self) -> bool:
        """True if there is a memory limit."""
        return self.limit > 0

    @property
    def used(self) -> int:
        """Estimated bytes that count for the limit; 0 while there is none."""
        return self._contents + self._tables + self._scripts + self._clients() if self.limit else 0

    @property
    def ranks_accesses(self) -> bool:
        """True if there is a limit, and the policy ranks keys by access (LRU or LFU)."""
        return self.limit > 0 and self._policy.endswith(("lru", "lfu"))

    @property
    def exhausted(self) -> bool:
        """True while C{denyoom} commands fail: the limit is exceeded, and the policy has no key to evict."""
        if not 0 < self.limit < self.used:
            return False
        return self._policy == "noeviction" or not any(map(self._chosen_from, self._keyspace.databases))

    def measured(self) -> Usage:
        """
        Measure the memory anew that is not counted at each change: dictionaries and scripts. Without a limit, the sizes
        of all keys are estimated from those of L{SAMPLED_KEYS}.
        """
        databases = list(filter(len, self._keyspace.databases))
        self._scripts = self._measure_scripts()
        self._measure_tables()
        dataset = self._contents if self.limit else sum(map(self._estimated, databases))
        usage = Usage(dataset, self._tables + self._scripts + self._clients())
        self.peak = max(self.peak, usage.used)
        return usage

    def _estimated(self, db: Database) -> int:
        values = db.values
        keys = list(values) if len(values) <= SAMPLED_KEYS else self._bag(db, False).sample(values, SAMPLED_KEYS)
        sizes = [_size(db, key, values[key]) for key in keys if key in values]
        return sum(sizes) * len(values) // max(1, len(sizes))

    @property
    def exceeded_ns(self) -> tuple[int, int]:
        """Nanoseconds for which more than the limit has been used, as nothing could be evicted: in total, and now."""
        current = 0 if self._exceeded_since is None else self._timer() - self._exceeded_since
        return self._exceeded_ns + current, current

    def reset_counts(self) -> None:
        """Reset the time for which the limit was exceeded (CONFIG RESETSTAT)."""
        self._exceeded_ns, self._exceeded_since = 0, None

    def apply_config(self) -> None:
        """Apply the present configuration, after the start and after CONFIG SET."""
        config = self._config
        before, self.limit = self.limit, config["maxmemory"]
        policy = config["maxmemory-policy"]
        if policy != self._policy:
            self._policy = policy
            self._pool.clear()
        self._apply_lfu_settings()
        self._budget_ns = _budget_ns(config["maxmemory-eviction-tenacity"])
        if bool(before) != bool(self.limit):
            self.measure() if self.limit else self._forget_all()
            self._rewrap()
        self.update()

    def _apply_lfu_settings(self) -> None:
        """Record access counters with an LFU policy, else access times."""
        config, keyspace = self._config, self._keyspace
        by_frequency = self._policy.endswith("lfu")
        settings = (config["lfu-log-factor"], config["lfu-decay-time"]) if by_frequency else None
        if settings == keyspace.frequency:
            return
        keyspace.frequency = settings
        for database in keyspace.databases:
            database.reset_last_accesses()

    def measure(self) -> None:
        """Estimate the sizes of all keys, after they were loaded. O(N)."""
        if not self.limit:
            return
        for database in self._keyspace.databases:
            for key in database.values:
                self.note(database, key)
        self.update()

    def update(self) -> None:
        """Measure the databases' dictionaries, and evict keys if needed. The cron calls it several times a second."""
        if self.limit:
            self._measure_tables()
            self._note_exceeded(not self.make_room())

    def _measure_tables(self) -> None:
        self._tables = sum(map(self._size_of_tables, filter(len, self._keyspace.databases)))

    def _note_exceeded(self, exceeded: bool) -> None:
        if exceeded and self._exceeded_since is None:
            self._exceeded_since = self._timer()
        elif not exceeded:
            self._exceeded_ns, self._exceeded_since = self.exceeded_ns[0], None

    def _size_of_tables(self, db: Database) -> int:
        tables = (db.values, db.accessed, db.expires, self._sizes.get(db, db.values))  # without sizes, as many
        return sum(map(of_dict, tables))

    def _forget_all(self) -> None:
        self._sizes.clear()
        self._contents = self._tables = 0
        self._note_exceeded(False)

    # Changes of keys

    def note(self, db: Database, key: bytes) -> None:
        """Update the recorded size of a key that was changed or deleted."""
        sizes = self._sizes.get(db)
        if sizes is None:
            sizes = self._sizes[db] = {}
        value = db.values.get(key)
        if value is None:
            self._contents -= sizes.pop(key, 0)
        else:
            now = _size(db, key, value)
            self._contents += now - sizes.get(key, 0)
            sizes[key] = now
            grown = of_dict(sizes) + of_dict(db.expires)
            if grown != self._grown.get(db):
                self._grown[db] = grown
                self._measure_tables()

    def note_flushed(self, databases: list[Database]) -> None:
        """Discard the sizes of some databases, whose keys are about to be deleted."""
        for db in databases:
            self._contents -= sum(self._sizes.pop(db, {}).values())
        self._tables = 0  # until the next L{update}

    def note_swapping(self, first: Database, second: Database) -> None:
        """Exchange the sizes of two databases, whose contents are about to be swapped."""
        sizes = self._sizes
        sizes[first], sizes[second] = sizes.get(second, {}), sizes.get(first, {})

    # Evictions

    def wrap(self, command: Command, run: Function) -> Function:
        """Wrap a command's function so that it evicts keys first, if there is a limit and the command is C{denyoom}."""
        if not self.limit or "denyoom" not in command.flags:
            return run

        def guard(session: Session, argv: list[bytes]) -> Any:
            if self.used > self.limit and not session.deny_blocking and not self.make_room():
                raise CommandError(OUT_OF_MEMORY, rejected=True)
            reply = run(session, argv)
            if self.used > self.limit and not self._deferred:
                self._deferred = True
                self._defer(self._evict_before_next)
            return reply

        return guard

    def has_room(self) -> bool:
        """Return whether the limit is met, after evictions if necessary."""
        return self.used <= self.limit or not self.limit or self.make_room()

    def make_room(self) -> bool:
        """
        Evict keys until the limit is met, or for the time that C{maxmemory-eviction-tenacity} allows.

        @return: False if C{denyoom} commands must fail, as the policy has no key to evict.
        """
        timer = self._timer
        end = timer() + self._budget_ns
        while self.used > self.limit and not self._keyspace.keeps_expired:
            candidate = self._best()
            if candidate is None:
                return False
            database = self._keyspace.databases[candidate[1]]
            value = database.values[candidate[2]]
            database.evict(candidate[2])
            if self._config["lazyfree-lazy-eviction"] == "yes":
                self._lazyfree.add_value(value)
            del value
            if timer() > end:
                self._continue_later()
                break
        return True

    def _evict_before_next(self) -> None:
        """Evict keys after a command that has exceeded the limit, so that the next one already finds it met."""
        self._deferred = False
        self.make_room()

    def _continue_later(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._call_later(1, self._continue)

    def _continue(self) -> None:
        self._scheduled = False
        self.update()

    def _best(self) -> Candidate | None:
        """The next key to evict; None if the policy has none."""
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
        """The keys of a database that the policy allows to evict."""
        return database.expires if self._policy.startswith("volatile") else database.values

    def _fill(self) -> bool:
        """Sample each database, and keep the lowest-ranked keys in the pool. Return whether any key can be evicted."""
        count, rank = self._config["maxmemory-samples"], self._ranking()
        volatile = self._policy.startswith("volatile")
        found = False
        for database in self._keyspace.databases:
            keys = self._chosen_from(database)
            if keys:
                found = True
                for key in self._bag(database, volatile).sample(keys, count):
                    if key in keys:
                        insort(self._pool, (rank(database, key), database.number, key))
        self._pool = list(dict.fromkeys(self._pool))[:POOL_SIZE]
        return found

    def _bag(self, database: Database, volatile: bool) -> KeyBag:
        return self._bags.setdefault((database.number, volatile), KeyBag())

    def _ranking(self) -> Callable[[Database, bytes], float]:
        """The policy's ranking function: the key with the lowest rank is evicted first."""
        second = self._keyspace.second
        if self._policy.endswith("lru"):
            return lambda db, key: db.accessed[key]
        if self._policy.endswith("lfu"):
            return lambda db, key: db.frequency(key, second)
        if self._policy == "volatile-ttl":
            return lambda db, key: db.expires[key]
        return lambda db, key: random.random()


def _budget_ns(tenacity: int) -> float:
    """Return the maximum nanoseconds of evictions before a command (redis/src/evict.c, evictionTimeLimitUs)."""
    if tenacity <= 10:
        return TIME_BUDGET_NS * tenacity / 10
    return inf if tenacity == 100 else TIME_BUDGET_NS * 1.15 ** (tenacity - 10)


def _size(db: Database, key: bytes, value: Any) -> int:
    """Return the bytes of a key with its value, expiry and recorded size, without its entries in dictionaries."""
    return size_of_key(key, value) + INT_BYTES + (EXPIRY_BYTES - ENTRY_BYTES if key in db.expires else 0)
