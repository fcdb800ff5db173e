"""The append-only file of a server: its manifest and part files, loading, appending and rewriting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.aof_files import AppendOnlyFiles
from tseep.persistence.aof_loader import CannotLoad, Loader
from tseep.persistence.aof_writer import AppendOnlyFile, RunInThread, reason
from tseep.persistence.jobs import REWRITE, SNAPSHOT
from tseep.persistence.manifest import File

if TYPE_CHECKING:
    from tseep.persistence.jobs import BackgroundJob
    from tseep.propagation.effects import Effects
    from tseep.propagation.recording import Recording
    from tseep.server.server import Server
    from tseep.system.filesystem import Disk

RETRY = 5
"""Seconds before a failed rewrite is retried."""

_SCHEDULED = "AOF was enabled %s. An AOF background was scheduled to start when possible."
_OTHER_CHILD = "but there is already another background operation"
_STOPPED = (
    "AOF was enabled but there is already an AOF rewriting in background. Stopping background AOF and starting a "
    "rewrite now."
)

FREE_FAILURES = 2
"""Number of failures in a row that are retried after L{RETRY}. Later ones are retried after minutes, as in Redis."""

MAX_RETRY_MINUTES = 60
"""Maximum minutes before a rewrite is retried that has failed again and again."""

_UNDER_WAY = "ERR Background append only file rewriting already in progress"


class AppendOnlyLog:
    """
    The append-only file of one server: a base file and the increments appended to it, in the folder appenddirname.

    @param check_folder: raises C{OSError} if the server's folder was replaced since the start.
    @param run_in_thread: as in L{AppendOnlyFile}.
    @ivar on: True if commands are appended.
    @ivar failures: number of rewrites that have failed since the last one that succeeded.
    @ivar count: number of rewrites started.
    @ivar seconds: duration of the last rewrite; -1 if there was none.
    @ivar scheduled: True if a rewrite starts as soon as no other child process runs.
    @ivar flush_sleep: seconds of delay before each write of commands (DEBUG AOF-FLUSH-SLEEP).
    @ivar files: its files.
    @ivar base_size: total bytes of all files after the last rewrite, or at the start.
    """

    def __init__(
        self,
        server: Server,
        disk: Disk,
        job: BackgroundJob,
        recording: Recording,
        run_in_thread: RunInThread,
        check_folder: Callable[[], None],
    ) -> None:
        self._check_folder = check_folder
        self.failures = 0
        self.count = 0
        self.seconds = -1
        self.scheduled = False
        self.base_size = 0
        self.flush_sleep = 0.0
        self.files = AppendOnlyFiles(server, disk)
        self._server = server
        self._disk = disk
        self._job = job
        self._recording = recording
        self._run_in_thread = run_in_thread
        self._file: AppendOnlyFile | None = None
        self._earlier = 0  # bytes of all files but the last
        self._complete = False  # whether the files together hold the whole data set
        self._tried_at = 0.0

    @property
    def ok(self) -> bool:
        """True unless the last rewrite failed."""
        return not self.failures

    @property
    def on(self) -> bool:
        """True if commands are appended."""
        return self._file is not None

    @property
    def size(self) -> int:
        """Bytes of all files, without the unwritten ones."""
        return self._earlier + (self._file.size if self._file is not None else 0)

    @property
    def pending(self) -> int:
        """Bytes that are buffered and not written yet."""
        return self._file.pending if self._file is not None else 0

    @property
    def error(self) -> Exception | None:
        """The error of the last write or fsync; None if it succeeded."""
        return self._file.error if self._file is not None else None

    @property
    def refusal(self) -> str | None:
        """The MISCONF error that write commands get; None if they are allowed."""
        return None if self.error is None else f"MISCONF Errors writing to the AOF file: {reason(self.error)}"

    # Opening and closing

    def open(self, loader: Loader) -> Iterator[None]:
        """
        Load all files in pieces, and append to the last one.

        @raise CannotLoad: if a file is missing, damaged or truncated.
        """
        files = self.files
        yield from files.open(loader)
        self._earlier = sum(files.path(file).stat().st_size for file in files.manifest.to_load[:-1])
        self._complete = True
        self._add_to(files.manifest.to_load[-1])
        self.base_size = self.size

    def prepare_reload(self) -> None:
        """
        Write and fsync the buffered commands, so that the files have all data.

        @raise CommandError: if that fails, or if there are no such files.
        """
        if self.on and not self._complete:
            raise CommandError("ERR the append-only file is incomplete until its first rewrite has ended")
        if not self.on and not self.files.exist:
            raise CommandError(f"ERR there is no append-only file in {self.files.folder}")
        self.secure()

    def begin(self) -> None:
        """
        Start to append (CONFIG SET appendonly yes), and start the rewrite that adds the data set as the base.

        @raise CommandError: if the files cannot be created or the rewrite cannot start.
        """
        try:
            self.files.folder.mkdir(mode=0o755, exist_ok=True)
            self.files.manifest = self.files.find()
            self._earlier, self._complete = 0, False
            self._add_to(self.files.manifest.next_increment())
            if self._job.task == REWRITE:
                self._server.host.log(3, _STOPPED)
                self._job.end()  # it has no increment for the changes since
            if not self.rewrite():
                self._server.host.log(
                    3, _SCHEDULED % ("during a transaction" if self._server.in_exec else _OTHER_CHILD)
                )
        except (OSError, CannotLoad, CommandError) as error:
            self.close()
            raise CommandError(f"ERR Unable to turn on AOF. Check server logs: {error}") from error

    def secure(self) -> None:
        """
        Write and fsync the buffered commands.

        @raise CommandError: if that fails.
        """
        try:
            if self._file is not None:
                self._file.secure()
        except Exception as error:
            raise CommandError(f"ERR cannot keep the last changes in {self.files.folder}: {reason(error)}") from error

    def close(self) -> None:
        """Write and fsync the buffered commands, close the file, and append no more. Errors are logged."""
        file, self._file = self._file, None
        self._recording.end()
        if self._job.task == REWRITE:
            self._job.end()
        if file is not None:
            try:
                file.close()
            except Exception as error:
                self._server.host.log(3, f"Error writing the last changes to {file.path}: {error}; they are lost")

    def _add_to(self, file: File) -> None:
        server = self._server
        self._file = AppendOnlyFile(
            self._disk, self.files.path(file), self._run_in_thread, server.monotonic, server.clock, server.host.log
        )
        self.apply_config()
        self._recording.begin(self._append)

    def apply_config(self) -> None:
        """
        Apply appendfsync and aof-timestamp-enabled to the open file, and aof-disable-auto-gc.

        @raise CommandError: if the replaced files cannot be deleted.
        """
        if self._file is not None:
            self._file.apply_config(
                self._server.config["appendfsync"], self._server.config["aof-timestamp-enabled"] == "yes"
            )
        try:
            self.files.forget_history()
        except OSError as error:
            raise CommandError(f"ERR cannot delete old files in {self.files.folder}: {error.strerror}") from error

    # Appending

    def _append(self, number: int, commands: Effects) -> None:
        assert self._file is not None
        self._file.append(number, commands)
        self._server.uncommitted = True

    def flush(self) -> None:
        """
        Write the buffered commands, before their clients are answered. When the server is stopping, the write does not
        wait for an fsync in progress.

        @raise CannotContinue: as L{AppendOnlyFile.flush} does.
        """
        if self._file is not None:
            if self._server.stopping:
                self._file.hurry()
            self._file.spared = self._spares_disk
            if self.flush_sleep and self.pending:
                time.sleep(self.flush_sleep)
            self._file.flush()

    def tick(self) -> None:
        """
        Retry failed writes, and fsync if that is due. Called by cron, several times a second.

        @raise CannotContinue: as L{AppendOnlyFile.flush} does.
        """
        if self._file is not None:
            self._file.spared = self._spares_disk
            self._file.tick()

    @property
    def _spares_disk(self) -> bool:
        """True while a child writes a file and no-appendfsync-on-rewrite is yes."""
        return bool(self._job.task) and self._server.config["no-appendfsync-on-rewrite"] == "yes"

    # Rewriting

    @property
    def _limit_minutes(self) -> int:
        """Minutes until cron may retry; twice as many after each failure, 0 after the first ones."""
        return min(2**self.failures >> FREE_FAILURES + 1, MAX_RETRY_MINUTES)

    def _count_failure(self) -> None:
        self.failures += 1
        minutes = self._limit_minutes
        if minutes:
            text = "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes"
            self._server.host.log(3, text % minutes)

    @property
    def due(self) -> bool:
        """True if cron should start a rewrite: scheduled, failed before, or grown by auto-aof-rewrite-percentage."""
        config = self._server.config
        if not self.ok and self._server.monotonic() - self._tried_at <= (60 * self._limit_minutes or RETRY):
            return False
        if self._file is None or self.scheduled or not self._complete:
            return self.scheduled or self.on
        percentage, grown = config["auto-aof-rewrite-percentage"], self.size - self.base_size
        large = self.size >= config["auto-aof-rewrite-min-size"]
        return bool(percentage) and large and grown * 100 >= percentage * max(1, self.base_size)

    def rewrite(self) -> bool:
        """
        Start a rewrite in a forked child (BGREWRITEAOF).

        It is scheduled if a snapshot is in progress, and in a transaction: the earlier commands of that would be in the
        new base, and once more in the increment, to which the whole transaction is appended.

        @return: True if it has started; False if it is scheduled.
        @raise CommandError: if a rewrite is in progress, or cannot start.
        """
        if self._job.task == REWRITE:
            raise CommandError(_UNDER_WAY)
        if self._server.in_exec or self._job.task == SNAPSHOT:
            self.scheduled = True
            return False
        self.scheduled, self._tried_at = False, self._server.monotonic()
        try:
            self._begin_rewrite()
        except Exception as error:
            self._count_failure()
            raise CommandError(f"ERR cannot start rewriting the append only file: {error}") from error
        self.count += 1
        return True

    def _begin_rewrite(self) -> None:
        """Append to a new increment, while a child writes the data set as a new base."""
        self._check_folder()
        self.files.folder.mkdir(mode=0o755, exist_ok=True)
        if self._file is None:
            self.files.manifest = self.files.find()
        kept = [] if self._file is None else [self._next_file()]
        base = self.files.next_base()
        self._job.begin(
            REWRITE,
            lambda pid: self.files.folder / f"temp-rewriteaof-bg-{pid}.aof",
            lambda: self.files.content(base),
            lambda temporary, failure, seconds: self._ended(temporary, base, kept, failure, seconds),
            len(self._server.keyspace),
        )

    def _next_file(self) -> File:
        """
        Switch to a new increment. If the files do not hold the whole data set, empty the current one and keep it.
        """
        assert self._file is not None
        if not self._complete:
            self._file.restart()
            return self.files.manifest.next_increment()
        self._server.persistence.commit()  # ends the server if appendfsync is always and this fails
        self._file.drain()
        increment = self.files.add_increment(self.files.manifest)
        self._earlier += self._file.size
        self._file.switch(self.files.path(increment))
        return increment

    def _ended(self, temporary: Path, base: File, kept: list[File], failure: str, seconds: int) -> None:
        self.seconds = seconds
        if failure:
            self._count_failure()
            return
        try:
            self._check_folder()
            self._disk.replace(temporary, self.files.path(base))
            self.files.keep(self.files.manifest.rewritten(base, kept))
            self.files.forget_history()
        except OSError as error:
            self._count_failure()
            self._server.host.log(3, f"Background AOF rewrite failed: {error}; the old files stay in use")
            return
        self.failures = 0
        self._complete = True
        self._earlier = self.files.path(base).stat().st_size
        self.base_size = self.size
        self._server.host.log(2, f"Background AOF rewrite finished successfully; {self.size} bytes")
