"""The append-only file: what is added to it, and when that is on the disk."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Union

from tseep.protocol.resp import encode_command
from tseep.system.filesystem import MAX_WRITE_BYTES, Disk

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv

Beside = Callable[[Callable[[], None], Callable[[Union[Exception, None]], None]], None]
"""Runs a function without delaying anyone, then another with the error that it raised, or None."""

POSTPONED = 2.0
"""Seconds that writing waits for a sync that is under way, since it might have to wait for the disk with it."""

EVERY = 1.0
"""Seconds between two syncs."""

LARGE = 1 << 20
"""Bytes of what is written as it is, without being joined with anything, since that would copy it."""

ALWAYS, EVERY_SECOND, NEVER = "always", "everysec", "no"

WRITE, SYNC = "write to", "sync"
"""What can fail."""


class CannotContinue(Exception):
    """What was answered would not be on the disk, though it was promised: the server must end."""


def reason(error: Exception) -> str:
    """Why something failed, as a person reads it."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


class AppendOnlyFile:
    """
    One file that is added to.

    Commands are gathered, and L{flush} writes them, so that all of a batch cost one write and, if each is to be on the
    disk before it is answered, one sync.

    @param clock: tells seconds on the monotonic clock.
    @param log: writes to the server's log; takes Redis's level and a text.
    @ivar policy: when to sync: C{always}, C{everysec} or C{no}.
    @ivar size: how long the file is.
    @ivar pending: bytes that are not written yet.
    """

    def __init__(
        self, disk: Disk, path: Path, beside: Beside, clock: Callable[[], float], log: Callable[[int, str], None]
    ) -> None:
        self.path = path
        self.policy = EVERY_SECOND
        self.pending = 0
        self._disk = disk
        self._beside = beside
        self._clock = clock
        self._log = log
        self._descriptor = disk.open(path)
        self.size = os.fstat(self._descriptor).st_size
        self._buffer: list[bytes] = []
        self._database = -1  # which the last command was for
        self._errors: dict[str, Exception] = {}
        self._unsynced: set[int] = set()  # descriptors of what is to be synced
        self._syncing: set[int] = set()  # those of the sync that is under way
        self._synced_at = clock()
        self._waiting_since: float | None = None

    @property
    def error(self) -> Exception | None:
        """Why the last write or sync failed, if one did; no more changes should be made until that is over."""
        return next(iter(self._errors.values()), None)

    def append(self, number: int, commands: list[Argv]) -> None:
        """Add commands for database C{number}; several are one transaction."""
        buffer = self._buffer
        if number != self._database:
            self._database = number
            self.pending += encode_command(buffer, [b"SELECT", b"%d" % number])
        if len(commands) > 1:
            commands = [[b"MULTI"], *commands, [b"EXEC"]]
        for argv in commands:
            self.pending += encode_command(buffer, argv)

    def flush(self) -> None:
        """
        Write what was added, and sync it if that is due with every write.

        @raise CannotContinue: if each command should be on the disk before it is answered, and that fails.
        """
        if not self._buffer or self._postponed():
            return
        step = WRITE
        try:
            self._write()
            if self.policy == ALWAYS:
                step = SYNC
                self._disk.sync(self._descriptor)
                self._unsynced.discard(self._descriptor)
                self._succeeded(SYNC)
        except Exception as error:
            if self.policy == ALWAYS:
                raise CannotContinue(f"cannot {step} {self.path}: {reason(error)}") from error
            self._failed(step, error)
        else:
            if self._errors:
                self._succeeded(WRITE)
        if self.policy != ALWAYS:
            self._unsynced.add(self._descriptor)

    def _failed(self, step: str, error: Exception) -> None:
        """Writing or syncing has failed: remember that, and say so when it begins."""
        if step not in self._errors:
            self._log(
                3, f"Cannot {step} {self.path}: {reason(error)}; commands that write are refused until that works"
            )
        self._errors[step] = error

    def _succeeded(self, step: str) -> None:
        """Writing or syncing works: say so, if it did not before."""
        if step in self._errors:
            del self._errors[step]
            self._log(2, f"Can {step} {self.path} again")

    def hurry(self) -> None:
        """Let the sync that is under way, if there is one, postpone no writing."""
        self._waiting_since = float("-inf")

    def _postponed(self) -> bool:
        """Whether a sync under way is a reason not to write yet."""
        if self.policy != EVERY_SECOND or not self._syncing:
            self._waiting_since = None
            return False
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since < POSTPONED

    def _write(self) -> None:
        """Write all that was added. If that fails, what is left to do is kept."""
        blocks = [b"".join(self._buffer)] if self.pending < LARGE else list(_blocks(self._buffer))
        written = 0
        try:
            for block in blocks:
                left = memoryview(block)
                while left:
                    taken = self._disk.write(self._descriptor, left[:MAX_WRITE_BYTES])
                    written, left = written + taken, left[taken:]
        except Exception:
            self._keep(blocks, written)
            raise
        self.size += written
        self._buffer.clear()
        self.pending = 0

    def _keep(self, blocks: list[bytes], written: int) -> None:
        """A part was written: take it back, so that nobody finds half a command; else the rest is left to do."""
        if written:
            try:
                self._disk.truncate(self._descriptor, self.size)
            except Exception:
                self.size += written
                self.pending -= written
                blocks = _rest(blocks, written)
        self._buffer[:] = blocks

    def tick(self) -> None:
        """
        To be called some times a second: try again what failed, and sync what is due.

        @raise CannotContinue: as L{flush} does.
        """
        self.flush()
        due = self._clock() - self._synced_at >= EVERY
        if self._unsynced and due and not self._syncing and self.policy != NEVER:
            self._sync_beside()

    def apply_config(self, policy: str) -> None:
        """Sync by this policy from now on."""
        self.policy = policy
        if policy == NEVER:
            self._errors.pop(SYNC, None)

    def _sync_beside(self) -> None:
        """
        Sync without delaying anyone. No descriptor is closed before that is done, so that none has to be opened for it,
        which might fail.
        """
        descriptors = self._syncing = self._unsynced
        self._unsynced, self._synced_at = set(), self._clock()
        try:
            self._beside(lambda: self._sync_all(descriptors), self._synced)
        except Exception as error:  # there is no thread for it
            self._synced(error)

    def _sync_all(self, descriptors: Iterable[int]) -> None:
        for descriptor in descriptors:
            self._disk.sync(descriptor)

    def _synced(self, error: Exception | None) -> None:
        descriptors, self._syncing = self._syncing, set()
        if error is None:
            self._succeeded(SYNC)
        elif self.policy != NEVER:
            self._failed(SYNC, error)
            self._unsynced |= descriptors
        for descriptor in descriptors:
            self._close_unused(descriptor)

    def _close_unused(self, descriptor: int) -> None:
        """Close a descriptor, if nothing is added to it and nothing of it is to be synced any more."""
        if descriptor != self._descriptor and descriptor not in self._syncing | self._unsynced:
            self._disk.close(descriptor)

    def restart(self) -> None:
        """Begin again with nothing."""
        self._disk.truncate(self._descriptor, 0)
        self._buffer.clear()
        self.pending = 0
        self.size, self._database = 0, -1
        self._succeeded(WRITE)  # as nothing is left to do

    def drain(self) -> None:
        """
        Write what was added, whatever is under way.

        @raise Exception: if that fails.
        """
        self.hurry()
        self.flush()
        if self.error is not None:
            raise self.error

    def switch(self, path: Path) -> None:
        """Add to another file from now on, once the old one was drained. That gets synced beside, with the new one."""
        old, self._descriptor = self._descriptor, self._disk.open(path)
        if self.policy == NEVER:
            self._unsynced.discard(old)
        self._close_unused(old)
        self.path = path
        self.size, self._database = os.fstat(self._descriptor).st_size, -1

    def secure(self) -> None:
        """
        Write and sync what is left, whatever the policy.

        @raise Exception: if that fails.
        """
        self._errors.pop(SYNC, None)  # which is tried again now
        self.drain()
        try:
            self._sync_all(self._unsynced | {self._descriptor})
        except Exception as error:
            self._failed(SYNC, error)
            raise

    def close(self) -> None:
        """
        The same, and close.

        @raise Exception: if that fails; it is closed all the same.
        """
        descriptors = self._unsynced | {self._descriptor}
        try:
            self.secure()
        finally:
            self._descriptor, self._unsynced = -1, set()
            for descriptor in descriptors:
                self._close_unused(descriptor)


def _blocks(pieces: list[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces; those that are large stay as they are."""
    gathered: list[bytes] = []
    size = 0
    for piece in pieces:
        if len(piece) >= LARGE or size >= LARGE:
            yield b"".join(gathered)
            gathered, size = [], 0
        if len(piece) >= LARGE:
            yield piece
        else:
            gathered.append(piece)
            size += len(piece)
    yield b"".join(gathered)


def _rest(blocks: list[bytes], written: int) -> list[bytes]:
    """What follows the first C{written} bytes."""
    for at, block in enumerate(blocks):
        if written < len(block):
            return [block[written:], *blocks[at + 1 :]]
        written -= len(block)
    return []
