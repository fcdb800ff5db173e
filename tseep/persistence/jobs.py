"""Background jobs: the child process that writes a snapshot or rewrites the append-only file. At most one runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from mmap import mmap
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Callable

from tseep.system.fork import ForkedChild
from tseep.system.process import private_memory

if TYPE_CHECKING:
    from tseep.system.filesystem import Disk

SNAPSHOT, REWRITE = "rdb", "aof"
"""The kinds of jobs."""

_TITLES = {SNAPSHOT: "saving", REWRITE: "append only file rewriting"}
"""Their names in Redis's log."""

_COUNTER = Struct("=Q")

_MEASURE_NS = 1_000_000_000
"""Nanoseconds between two measurements of the child's memory."""


class BackgroundJob:
    """
    The child process, if there is one.

    @param timer: returns nanoseconds of a monotonic clock.
    @param log: takes Redis's level and a text.
    @param in_child: called in each child before its work.
    @ivar task: L{SNAPSHOT} or L{REWRITE}; empty without a child.
    @ivar forks: number of forks.
    @ivar fork_ns: duration of the last fork, in nanoseconds.
    @ivar to_write: number of keys that the child writes; 0 without a child.
    @ivar copied: bytes that the child has copied since the fork, as of the last second; 0 without a child.
    @ivar copied_peak: the maximum of C{copied}.
    @ivar last_copied: C{copied} by task, for its last child.
    """

    def __init__(
        self,
        disk: Disk,
        timer: Callable[[], int],
        log: Callable[[int, str], None],
        in_child: Callable[[], object] = lambda: None,
    ) -> None:
        self.task = ""
        self.forks = self.fork_ns = 0
        self._disk = disk
        self._timer = timer
        self._log = log
        self.to_write = self.copied = self.copied_peak = 0
        self.last_copied = {SNAPSHOT: 0, REWRITE: 0}
        self._copied_at = 0  # nanoseconds
        self._written = mmap(-1, _COUNTER.size)  # shared with the child, which counts keys in it
        self._in_child = in_child
        self._child: ForkedChild | None = None
        self._path: Path
        self._done: Callable[[Path, str, int], None]

    @property
    def seconds(self) -> int:
        """Seconds since the fork; -1 if there is no child."""
        return -1 if self._child is None else int(self._timer() / 1e9 - self._child.started)

    @property
    def copied_age(self) -> int:
        """Seconds since C{copied} was measured; 0 without a child."""
        return 0 if self._child is None else (self._timer() - self._copied_at) // 1_000_000_000

    @property
    def written(self) -> int:
        """Number of keys that the child has written; 0 without a child."""
        keys: int = _COUNTER.unpack_from(self._written)[0]
        return keys if self._child is not None else 0

    def note_written(self, keys: int) -> None:
        """Count keys that were written. Called by the child."""
        _COUNTER.pack_into(self._written, 0, _COUNTER.unpack_from(self._written)[0] + keys)

    def begin(
        self,
        task: str,
        name: Callable[[int], Path],
        content: Callable[[], Iterable[bytes]],
        done: Callable[[Path, str, int], None],
        keys: int,
    ) -> None:
        """
        Fork a child that writes a file.

        @param keys: their number in it, for L{to_write}.
        @param name: returns the path of the file for the child's process ID.
        @param content: returns what the child writes.
        @param done: called with the path, the error (empty on success), and the duration in seconds.
        @raise OSError: if the fork fails.
        """

        def work() -> None:
            self._in_child()
            self._disk.write_whole(name(os.getpid()), content())

        start = self._timer()
        _COUNTER.pack_into(self._written, 0, 0)
        self._child = ForkedChild(work, start / 1e9)
        self._path = name(self._child.pid)
        self.forks, self.fork_ns = self.forks + 1, self._timer() - start
        self.task, self._done = task, done
        self.to_write, self._copied_at = keys, start
        self._log(2, f"Background {_TITLES[task]} started by pid {self._child.pid}")

    def look(self) -> None:
        """Call C{done} if the child has ended."""
        if self._child is None:
            return
        self._measure(self._child.pid)
        failure = self._child.ended()
        if failure is not None:
            task, seconds = self.task, self.seconds
            self.last_copied[task] = self.copied
            self._forget()
            if failure:
                self._log(3, f"Background {_TITLES[task]} failed: {failure}")
            self._done(self._path, failure, seconds)
            self._disk.discard(self._path)  # still there if C{done} has not renamed it

    def end(self) -> None:
        """Kill the child and delete its file, if there is one."""
        if self._child is not None:
            self._log(2, f"Killing {self.task.upper()} child {self._child.pid}")
            self._child.kill()
            self._forget()
            self._disk.discard(self._path)

    def _measure(self, pid: int) -> None:
        """Measure what the child has copied, once a second, as the system walks through its memory for that."""
        now = self._timer()
        if not self.copied or now - self._copied_at >= _MEASURE_NS:
            self.copied, self._copied_at = max(self.copied, private_memory(pid)), now
            self.copied_peak = max(self.copied_peak, self.copied)

    def _forget(self) -> None:
        self._child, self.task = None, ""
        self.to_write = self.copied = 0
