"""Writing of an append-only file, and the fsync policy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Union

from tseep.protocol.resp import encode_command
from tseep.system.filesystem import MAX_WRITE_BYTES, Disk

if TYPE_CHECKING:
    from tseep.propagation.effects import Argv

RunInThread = Callable[[Callable[[], None], Callable[[Union[Exception, None]], None]], None]
"""Runs a function without blocking the server, then calls another with the error that it raised, or None."""

MAX_SYNC_WAIT = 2.0
"""Seconds that a write waits for an fsync in progress, as write(2) could block until that is done."""

SYNC_INTERVAL = 1.0
"""Seconds between two fsyncs of the policy everysec."""

LARGE = 1 << 20
"""Bytes of an argument that is written without joining it to others, which would copy it."""

ALWAYS, EVERY_SECOND, NEVER = "always", "everysec", "no"

WRITE, SYNC = "write to", "sync"
"""The steps that can fail."""


class CannotContinue(Exception):
    """With appendfsync always, a command cannot be stored before it is acknowledged: the server must end."""


def reason(error: Exception) -> str:
    """The text of an error for the log: its C{strerror}, if it has one."""
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def timestamp(now: float) -> bytes:
    """Return the annotation with a Unix time, by which redis-check-aof can truncate the file."""
    return b"#TS:%d\r\n" % now


class AppendOnlyFile:
    """
    One part file that commands are appended to.

    Commands are buffered until L{flush}, so that a batch costs one write and, with the policy C{always}, one fsync.

    @param clock: returns seconds of the monotonic clock.
    @param wall_clock: returns Unix seconds, for annotations.
    @param log: writes to the server's log; takes Redis's level and a text.
    @ivar policy: appendfsync: C{always}, C{everysec} or C{no}.
    @ivar spared: whether no fsync is done, as another process writes to the disk.
    @ivar size: bytes of the file.
    @ivar pending: bytes that are buffered and not written yet.
    """

    def __init__(
        self,
        disk: Disk,
        path: Path,
        run_in_thread: RunInThread,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        log: Callable[[int, str], None],
    ) -> None:
        self.path = path
        self.policy = EVERY_SECOND
        self.pending = 0
        self.spared = False
        self._annotated = False  # whether commands get the time that they were recorded at
        self._second = 0  # of the last annotation
        self._wall_clock = wall_clock
        self._disk = disk
        self._run_in_thread = run_in_thread
        self._clock = clock
        self._log = log
        self._descriptor = disk.open(path)
        self.size = os.fstat(self._descriptor).st_size
        self._buffer: list[bytes] = []
        self._database = -1  # of the last command
        self._errors: dict[str, Exception] = {}
        self._unsynced: set[int] = set()  # descriptors that need an fsync
        self._syncing: set[int] = set()  # those of the fsync in progress
        self._synced_at = clock()
        self._waiting_since: float | None = None

    @property
    def error(self) -> Exception | None:
        """The error of the last write or fsync; None if it succeeded. Write commands are refused while there is one."""
        return next(iter(self._errors.values()), None)

    def append(self, number: int, commands: list[Argv]) -> None:
        """Buffer commands of database C{number}; two or more are written as a transaction."""
        buffer = self._buffer
        if self._annotated:
            self._annotate()
        if number != self._database:
            self._database = number
            self.pending += encode_command(buffer, [b"SELECT", b"%d" % number])
        if len(commands) > 1:
            commands = [[b"MULTI"], *commands, [b"EXEC"]]
        for argv in commands:
            self.pending += encode_command(buffer, argv)

    def _annotate(self) -> None:
        """Buffer an annotation with the time, at most once a second."""
        now = self._wall_clock()
        if int(now) > self._second:
            self._second = int(now)
            self._buffer.append(timestamp(now))
            self.pending += len(self._buffer[-1])

    def flush(self) -> None:
        """
        Write the buffered commands, and fsync them if the policy is C{always}.

        @raise CannotContinue: if that fails and the policy is C{always}.
        """
        if not self._buffer or self._postponed():
            return
        step = WRITE
        try:
            self._write()
            if self.policy == ALWAYS and not self.spared:
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
        if self.policy != ALWAYS or self.spared:
            self._unsynced.add(self._descriptor)

    def _failed(self, step: str, error: Exception) -> None:
        """Keep the error of a write or fsync, and log it if it is new."""
        if step not in self._errors:
            self._log(
                3, f"Cannot {step} {self.path}: {reason(error)}; commands that write are refused until that succeeds"
            )
        self._errors[step] = error

    def _succeeded(self, step: str) -> None:
        """Forget the error of a write or fsync, if there was one, and log that it works again."""
        if step in self._errors:
            del self._errors[step]
            self._log(2, f"Can {step} {self.path} again")

    def hurry(self) -> None:
        """Make the next write not wait for the fsync in progress."""
        self._waiting_since = float("-inf")

    def _postponed(self) -> bool:
        """True if the write should wait for the fsync in progress."""
        if self.policy != EVERY_SECOND or not self._syncing:
            self._waiting_since = None
            return False
        now = self._clock()
        if self._waiting_since is None:
            self._waiting_since = now
        return now - self._waiting_since < MAX_SYNC_WAIT

    def _write(self) -> None:
        """Write the whole buffer. If that fails, the unwritten rest stays in it."""
        blocks = [b"".join(self._buffer)] if self.pending < LARGE else list(_blocks(self._buffer))
        written = 0
        try:
            for block in blocks:
                left = memoryview(block)
                while left:
                    count = self._disk.write(self._descriptor, left[:MAX_WRITE_BYTES])
                    written, left = written + count, left[count:]
        except Exception:
            self._keep(blocks, written)
            raise
        self.size += written
        self._buffer.clear()
        self.pending = 0

    def _keep(self, blocks: list[bytes], written: int) -> None:
        """After a partial write: truncate the file to whole commands; if that fails, buffer only the rest."""
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
        Retry what failed, and fsync if that is due. Called several times a second.

        @raise CannotContinue: as L{flush} does.
        """
        self.flush()
        due = self._clock() - self._synced_at >= SYNC_INTERVAL
        if self._unsynced and due and not self._syncing and self.policy != NEVER and not self.spared:
            self._offload_sync()

    def apply_config(self, policy: str, annotated: bool) -> None:
        """
        Set the policy. C{no} also forgets a failed fsync.

        @param annotated: whether to write the time before the commands of each second (aof-timestamp-enabled).
        """
        self.policy, self._annotated = policy, annotated
        if policy == NEVER:
            self._errors.pop(SYNC, None)

    def _offload_sync(self) -> None:
        """
        Fsync in a thread. No descriptor is closed before that is done, so that the fsync needs not open the file again,
        which could fail.
        """
        descriptors = self._syncing = self._unsynced
        self._unsynced, self._synced_at = set(), self._clock()
        try:
            self._run_in_thread(lambda: self._sync_all(descriptors), self._synced)
        except Exception as error:  # a thread cannot be started
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
        """Close a descriptor that is not written to any more and needs no fsync."""
        if descriptor != self._descriptor and descriptor not in self._syncing | self._unsynced:
            self._disk.close(descriptor)

    def restart(self) -> None:
        """Truncate the file, and drop the buffer."""
        self._disk.truncate(self._descriptor, 0)
        self._buffer.clear()
        self.pending = 0
        self.size, self._database = 0, -1
        self._succeeded(WRITE)  # as the buffer is empty

    def drain(self) -> None:
        """
        Write the buffer, without waiting for an fsync in progress.

        @raise Exception: if that fails.
        """
        self.hurry()
        self.flush()
        if self.error is not None:
            raise self.error

    def switch(self, path: Path) -> None:
        """Append to another file, after L{drain}. The old one is synced with the new one, in a thread, and closed."""
        old, self._descriptor = self._descriptor, self._disk.open(path)
        if self.policy == NEVER:
            self._unsynced.discard(old)
        self._close_unused(old)
        self.path = path
        self.size, self._database = os.fstat(self._descriptor).st_size, -1

    def secure(self) -> None:
        """
        Write and fsync everything, whatever the policy.

        @raise Exception: if that fails.
        """
        self._errors.pop(SYNC, None)  # the fsync is retried below
        self.drain()
        try:
            self._sync_all(self._unsynced | {self._descriptor})
        except Exception as error:
            self._failed(SYNC, error)
            raise

    def close(self) -> None:
        """
        L{secure}, and close.

        @raise Exception: if writing fails; the file is closed all the same.
        """
        descriptors = self._unsynced | {self._descriptor}
        try:
            self.secure()
        finally:
            self._descriptor, self._unsynced = -1, set()
            for descriptor in descriptors:
                self._close_unused(descriptor)


def _blocks(pieces: list[bytes]) -> Iterator[bytes]:
    """Join small pieces to blocks of about C{LARGE} bytes; large pieces stay as they are."""
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
    """The blocks without their first C{written} bytes."""
    for at, block in enumerate(blocks):
        if written < len(block):
            return [block[written:], *blocks[at + 1 :]]
        written -= len(block)
    return []
