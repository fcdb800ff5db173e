"""The databases of a server, with their common clock and statistics."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Callable

from tseep.keyspace.database import Database, Observer, Value
from tseep.keyspace.lazyfree import DetachedDatabase
from tseep.keyspace.usage import LFUCounters


class Keyspace:
    """
    All databases of a server, their common clock and statistics.

    @param databases: number of databases.
    @param clock: returns the Unix time in seconds.
    @ivar now: Unix time in milliseconds, as of the last L{tick}: it is constant during a command.
    @ivar second: monotonic time in seconds, for access times, as the wall clock can be set back. The cron updates it.
        All keys of one second share one int object.
    @ivar hits: number of reads that found their key.
    @ivar misses: number of reads that did not.
    @ivar keeps_expired: True if expired keys, although missing for every command, are not deleted: during CLIENT PAUSE.
    @ivar expired: number of expired keys.
    @ivar evicted: number of keys that were evicted.
    @ivar free_expired: called with the value of an expired key, to free it in the background; None to free it at once.
    @ivar frequency: the settings of L{LFUCounters}; None without an LFU policy.
    """

    def __init__(self, databases: int = 16, clock: Callable[[], float] = time.time) -> None:
        self.clock = clock
        self.second = 0
        self.keeps_expired = False
        self.frequency: tuple[int, int] | None = None
        self.free_expired: Callable[[Value], None] | None = None
        self.tick()
        self.databases = [Database(self, number) for number in range(databases)]
        self._observer: Observer | None = None
        self.reset_counts()

    def __len__(self) -> int:
        """The number of keys in all databases."""
        return sum(map(len, self.databases))

    def __bool__(self) -> bool:
        return True

    def tick(self) -> None:
        """Update C{now} from the clock, before a batch of commands."""
        self.now = int(self.clock() * 1000)

    def observe(self, observer: Observer | None) -> None:
        """Replace the observer of all databases; None for no observer."""
        self._observer = observer
        for database in self.databases:
            database.observer = observer

    def reset_counts(self) -> None:
        self.hits = self.misses = self.expired = self.evicted = 0

    def make_access_table(self, entries: dict[bytes, int]) -> dict[bytes, int]:
        """A new dictionary of access times, or L{LFUCounters} with an LFU policy, with these entries."""
        return dict(entries) if self.frequency is None else LFUCounters(entries, *self.frequency)

    def sweep(self, most: int) -> int:
        """
        Active expiry: delete expired keys in at most C{most} steps, and shrink the databases.

        @return: the number of steps; if C{most}, there can be more to delete.
        """
        steps = 0
        for database in self.databases:
            steps += database.sweep(most - steps)
            database.shrink()
        return steps

    def swap(self, first: int, second: int) -> None:
        """Swap the contents of two databases (SWAPDB)."""
        one, other = self.databases[first], self.databases[second]
        if self._observer is not None:
            self._observer.swapping(one, other)
        if one is not other:
            one.exchange(other)

    def flush(self, databases: Iterable[Database] | None = None) -> None:
        """Remove all keys of some databases, or of all, and free the values at once."""
        for database in self._about_to_flush(databases):
            database.flush()

    def detach(self, databases: Iterable[Database] | None = None) -> list[DetachedDatabase]:
        """Remove all keys of some databases, or of all. Return the former contents, which the caller frees."""
        return [database.detach() for database in self._about_to_flush(databases) if database]

    def _about_to_flush(self, databases: Iterable[Database] | None) -> list[Database]:
        chosen = list(self.databases if databases is None else databases)
        if self._observer is not None:
            self._observer.flushed(chosen)
        return chosen
