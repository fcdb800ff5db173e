"""The one thing at a time that a server does in the background."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Iterable

from tseep.persistence.fork import Child

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.system.filesystem import Disk

SNAPSHOT, REWRITE = "rdb", "aof"
"""What can be done there."""


class Worker:
    """
    A child process of the server, or none.

    @ivar task: what it does, L{SNAPSHOT} or L{REWRITE}; empty if there is none.
    @ivar forks: how many there were, C{fork_ns}: how long it took to make the last one.
    """

    def __init__(self, server: Server, disk: Disk) -> None:
        self.task = ""
        self.forks = self.fork_ns = 0
        self._server = server
        self._disk = disk
        self._child: Child | None = None
        self._path: Path
        self._done: Callable[[Path, str, int], None]

    @property
    def seconds(self) -> int:
        """For how long it has been working; -1 if there is none."""
        return -1 if self._child is None else int(self._server.monotonic() - self._child.started)

    def begin(
        self,
        task: str,
        name: Callable[[int], Path],
        content: Callable[[], Iterable[bytes]],
        done: Callable[[Path, str, int], None],
    ) -> None:
        """
        Let a child write a file.

        @param name: gives the path of the file for the child's process ID, C{content} what is written.
        @param done: told the path, what went wrong, empty for nothing, and how many seconds it took.
        @raise OSError: if there can be no child.
        """
        start = self._server.timer()
        self._child = Child(lambda: self._disk.write_whole(name(os.getpid()), content()), self._server.monotonic())
        self._path = name(self._child.pid)
        self.forks, self.fork_ns = self.forks + 1, self._server.timer() - start
        self.task, self._done = task, done
        self._server.log(2, f"Process {self._child.pid} begins to write in the background: {task}")

    def look(self) -> None:
        """See whether it has ended."""
        if self._child is None:
            return
        failure = self._child.ended()
        if failure is not None:
            task, seconds = self.task, self.seconds
            self._child, self.task = None, ""
            if failure:
                self._server.log(3, f"Writing in the background has failed ({task}): {failure}")
            self._done(self._path, failure, seconds)
            self._disk.discard(self._path)  # which is there if it has not got its own name

    def end(self) -> None:
        """Let it not go on, if it is there."""
        if self._child is not None:
            self._child.kill()
            self._child, self.task = None, ""
            self._disk.discard(self._path)
