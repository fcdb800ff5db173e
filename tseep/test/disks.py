"""File systems that fail, and a server on one, for the persistence tests."""

from __future__ import annotations

import errno
import sys
from collections import deque
from pathlib import Path
from typing import Callable

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.parameters import Config
from tseep.interfaces import NullHost
from tseep.persistence.persistence import Persistence
from tseep.server.server import Server
from tseep.session.session import Session
from tseep.system.filesystem import Data, Disk
from tseep.test.support import START, MemoryConnection, decode, encode


class Died(BaseException):
    """The process dies at a disk call."""


class FaultyDisk(Disk):
    """
    A disk whose calls fail as the test says.

    @ivar error: the exception that is raised.
    @ivar calls: the names of all calls so far.
    @ivar last: the number of calls that succeed before all fail.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._torn = False
        self._failing: tuple[str, ...] = ()
        self._part = 0
        self.last = sys.maxsize
        self.error: BaseException = OSError(errno.ENOSPC, "No space left on device")

    def _fault(self, name: str) -> int | None:
        """Return how many bytes a failing call writes first; None if the call succeeds."""
        if name in self._failing or len(self.calls) > self.last:
            return self._part if name in self._failing else len(self.calls) * 5 % 11
        return None

    def fail(self, *names: str, part: int = 0) -> None:
        """Make calls of these names fail and all others succeed; a write fails after C{part} bytes."""
        self._failing, self._part = names, part

    def _may_fail(self, name: str) -> None:
        self.calls.append(name)
        if self._fault(name) is not None:
            raise self.error

    def write(self, descriptor: int, data: Data) -> int:
        self.calls.append("write")
        part = self._fault("write")
        if part is None:
            return super().write(descriptor, data)
        self._torn = bool(data[:part]) and not self._torn  # a partial write is followed by a failing one
        if self._torn:
            part = super().write(descriptor, data[:part])
            if isinstance(self.error, OSError):
                return part
        raise self.error

    def sync(self, descriptor: int) -> None:
        self._may_fail("sync")

    def truncate(self, descriptor: int, size: int) -> None:
        self._may_fail("truncate")
        super().truncate(descriptor, size)

    def replace(self, old: Path, new: Path) -> None:
        self._may_fail("replace")
        super().replace(old, new)

    def remove(self, path: Path) -> None:
        self._may_fail("remove")
        super().remove(path)


class Failed(BaseException):
    """The server has ended, as it could not persist an acknowledged write."""


class KeptHost(NullHost):
    """
    The host of a L{Kept}.

    @ivar logged: the lines of the log: level and text.
    @ivar runner: what L{run_in_thread} calls; by default the work runs at once.
    """

    def __init__(self) -> None:
        self.logged: list[tuple[int, str]] = []
        self.runner: Callable[..., None] = super().run_in_thread

    def log(self, level: int, text: str) -> None:
        self.logged.append((level, text))

    def run_in_thread(self, work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
        self.runner(work, done)

    def fail(self, reason: str) -> None:
        raise Failed(reason)


class Kept:
    """
    A server on a folder with one client; a reply is returned after its changes are committed.

    @ivar log: the server's log lines: level and text.
    @ivar now: the wall clock: Unix time in seconds.
    @ivar ticks: the monotonic clock in nanoseconds.
    """

    def __init__(self, folder: str, disk: Disk | None = None, **config: str) -> None:
        self.host = KeptHost()
        self.log = self.host.logged
        self.now = float(START)
        self.ticks = 0
        self.server = Server(Config(dir=folder, **config), lambda: self.now, lambda: self.ticks, self.host)
        self.server.persistence = self.persistence = Persistence(self.server, disk)
        self.server.changes._persistence = self.persistence
        self.server.changes._recording = self.persistence.recording
        deque(self.persistence.start(), 0)
        self.connect()

    def connect(self) -> None:
        """Replace the client by a new one."""
        session = self.server.connect(MemoryConnection())
        assert isinstance(session, Session)
        self.session = session

    def __call__(self, *argv: bytes | str | int) -> object:
        """Run a command; return its reply as decoded by L{decode}."""
        replies = self.session.receive(encode(*argv))
        if self.server.uncommitted:
            self.persistence.commit()
        return decode(replies)[0]

    def cron(self, seconds: float = 0.1) -> None:
        """Advance both clocks, then run the server's cron."""
        self.pass_time(seconds)
        self.server.cron.run()

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.ticks += round(seconds * 1e9)

    def crash(self) -> None:
        """Release the folder and end the child, as the death of the process does."""
        self.persistence.release_folder()
        self.persistence.job.end()

    def work_ends(self, test: SynchronousTestCase) -> None:
        """Wait until no background job runs."""
        import time

        deadline = time.monotonic() + 30
        while self.persistence.job.task:
            test.assertLess(time.monotonic(), deadline)
            time.sleep(0.001)
            self.persistence.job.look()
