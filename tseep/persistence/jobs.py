"""Background jobs: the child process that writes a snapshot or rewrites the append-only file. At most one runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.persistence.fork import ForkedChild

if TYPE_CHECKING:
    from tseep.system.filesystem import Disk

SNAPSHOT, REWRITE = "rdb", "aof"
"""The kinds of jobs."""

_TITLES = {SNAPSHOT: "saving", REWRITE: "append only file rewriting"}
"""Their names in Redis's log."""


class BackgroundJob:
    """
    The child process, if there is one.

    @param timer: returns nanoseconds of a monotonic clock.
    @param log: takes Redis's level and a text.
    @ivar task: L{SNAPSHOT} or L{REWRITE}; empty without a child.
    @ivar forks: number of forks.
    @ivar fork_ns: duration of the last fork, in nanoseconds.
    """

    def __init__(self, disk: Disk, timer: Callable[[], int], log: Callable[[int, str], None]) -> None:
        self.task = ""
        self.forks = self.fork_ns = 0
        self._disk = disk
        self._timer = timer
        self._log = log
        self._child: ForkedChild | None = None
        self._path: Path
        self._done: Callable[[Path, str, int], None]

    @property
    def seconds(self) -> int:
        """Seconds since the fork; -1 if there is no child."""
        return -1 if self._child is None else int(self._timer() / 1e9 - self._child.started)

    def begin(
        self,
        task: str,
        name: Callable[[int], Path],
        content: Callable[[], Iterable[bytes]],
        done: Callable[[Path, str, int], None],
    ) -> None:
        """
        Fork a child that writes a file.

        @param name: returns the path of the file for the child's process ID.
        @param content: returns what the child writes.
        @param done: called with the path, the error (empty on success), and the duration in seconds.
        @raise OSError: if the fork fails.
        """
        start = self._timer()
        self._child = ForkedChild(lambda: self._disk.write_whole(name(os.getpid()), content()), self._timer() / 1e9)
        self._path = name(self._child.pid)
        self.forks, self.fork_ns = self.forks + 1, self._timer() - start
        self.task, self._done = task, done
        self._log(2, f"Background {_TITLES[task]} started by pid {self._child.pid}")

    def look(self) -> None:
        """Call C{done} if the child has ended."""
        if self._child is None:
            return
        failure = self._child.ended()
        if failure is not None:
            task, seconds = self.task, self.seconds
            self._child, self.task = None, ""
            if failure:
                self._log(3, f"Background {_TITLES[task]} failed: {failure}")
            self._done(self._path, failure, seconds)
            self._disk.discard(self._path)  # still there if C{done} has not renamed it

    def end(self) -> None:
        """Kill the child and delete its file, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child, self.task = None, ""
            self._disk.discard(self._path)
