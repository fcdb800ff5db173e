"""The append-only file: what is added to it, and when that is on the disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Callable, List, Union

from tseep.protocol.resp import encode_command
from tseep.system.filesystem import Disk

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv

Beside = Callable[[Callable[[], None], Callable[[Union[Exception, None]], None]], None]
"""Runs a function without delaying anyone, then another with the error that it raised, or None."""

POSTPONED = 2.0
"""Seconds that writing waits for a sync that is under way, since it might have to wait for the disk with it."""

EVERY = 1.0
"""Seconds between two syncs."""

ALWAYS, EVERY_SECOND, NEVER = "always", "everysec", "no"


class CannotContinue(Exception):
    """What was answered would not be on the disk, though it was promised: the server must end."""


class AppendOnlyFile:
    """
    One file that is added to.

    Commands are gathered, and L{flush} writes them, so that all of a batch cost one write and, if each is to be on the
    disk before it is answered, one sync.

    @param clock: tells the Unix time in seconds.
    @ivar policy: when to sync: C{always}, C{everysec} or C{no}.
    @ivar size: how long the file is.
    @ivar error: why the last write or sync failed, if it did; no more changes should be made until that is over.
    @ivar pending: bytes that are not written yet.
    """

    def __init__(self, disk: Disk, path: Path, beside: Beside, clock: Callable[[], float]) -> None:
        self.path = path
        self.policy = EVERY_SECOND
        self.error: OSError | None = None
        self.pending = 0
        self._disk = disk
        self._beside = beside
        self._clock = clock
        self._descriptor = disk.open(path)
        self.size = os.fstat(self._descriptor).st_size
        self._buffer: List[bytes] = []
        self._database = -1  # which the last command was for
        self._unsynced = False
        self._syncing = False
        self._synced_at = clock()
        self._waiting_since = 0.0

    def append(self, number: int, commands: List[Argv]) -> None:
        """Add commands for database C{number}; several are one transaction."""
        encoded = []
        if number != self._database:
            self._database = number
            encoded.append(encode_command([b"SELECT", b"%d" % number]))
        if len(commands) > 1:
            commands = [[b"MULTI"], *commands, [b"EXEC"]]
        encoded += map(encode_command, commands)
        self._buffer += encoded
        self.pending += sum(map(len, encoded))

    def flush(self) -> None:
        """
        Write what was added, and sync it if that is due with every write.

        @raise CannotContinue: if each command should be on the disk before it is answered, and that fails.
        """
        if not self._buffer or self._postponed():
            return
        try:
            self._write(b"".join(self._buffer))
            if self.policy == ALWAYS:
                self._disk.sync(self._descriptor)
            self.error = None
        except OSError as error:
            self.error = error
            if self.policy == ALWAYS:
                raise CannotContinue(f"cannot write to {self.path}: {error.strerror}") from error
        self._unsynced = self.policy != ALWAYS

    def hurry(self) -> None:
        """Let the sync that is under way, if there is one, postpone no writing."""
        self._waiting_since = float("-inf")

    def _postponed(self) -> bool:
        """Whether a sync under way is a reason not to write yet."""
        if self.policy != EVERY_SECOND or not self._syncing:
            self._waiting_since = 0.0
            return False
        now = self._clock()
        self._waiting_since = self._waiting_since or now
        return now - self._waiting_since < POSTPONED

    def _write(self, data: bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += self._disk.write(self._descriptor, data[written:])
        except OSError:
            self._keep(data, written)
            raise
        self.size += len(data)
        self._buffer.clear()
        self.pending = 0

    def _keep(self, data: bytes, written: int) -> None:
        """A part was written: take it back, so that nobody finds half a command; else the rest is left to do."""
        if written:
            try:
                self._disk.truncate(self.path, self.size)
            except OSError:
                self.size += written
                data = data[written:]
        self._buffer[:] = [data]
        self.pending = len(data)

    def tick(self) -> None:
        """To be called some times a second: try again what failed, and sync what is due."""
        self.flush()
        due = self._clock() - self._synced_at >= EVERY
        if self.policy == EVERY_SECOND and self._unsynced and due and not self._syncing:
            self._sync_beside()

    def _sync_beside(self) -> None:
        """Sync without delaying anyone, by a descriptor of its own, since the file may be closed by then."""
        other = os.dup(self._descriptor)
        disk = self._disk

        def sync() -> None:
            try:
                disk.sync(other)
            finally:
                disk.close(other)

        self._syncing, self._unsynced, self._synced_at = True, False, self._clock()
        self._beside(sync, self._synced)

    def _synced(self, error: Exception | None) -> None:
        self._syncing = False
        if isinstance(error, OSError):
            self.error, self._unsynced = error, True
        elif not self.pending:
            self.error = None

    def restart(self) -> None:
        """Begin again with nothing."""
        self._buffer.clear()
        self.pending = 0
        self._disk.truncate(self.path, 0)
        self.size, self._database = 0, -1

    def drain(self) -> None:
        """
        Write what was added, whatever is under way.

        @raise OSError: if that fails.
        """
        self.hurry()
        self.flush()
        if self.error is not None:
            raise self.error

    def switch(self, path: Path) -> None:
        """Add to another file from now on, once the old one was drained. That gets synced beside."""
        descriptor = self._disk.open(path)
        if self.policy != NEVER:
            self._sync_beside()
        self._disk.close(self._descriptor)
        self.path, self._descriptor = path, descriptor
        self.size, self._database = os.fstat(descriptor).st_size, -1

    def close(self) -> None:
        """Write and sync what is left, whatever the policy, and close."""
        try:
            self.drain()
            self._disk.sync(self._descriptor)
        finally:
            self._disk.close(self._descriptor)
