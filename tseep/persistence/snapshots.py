"""RDB snapshots: SAVE, BGSAVE, and the save points of the configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.jobs import SNAPSHOT
from tseep.rdb.snapshot import Writing, write
from tseep.system.delay import delay

if TYPE_CHECKING:
    from tseep.persistence.jobs import BackgroundJob
    from tseep.propagation.recording import Recording
    from tseep.server.server import Server
    from tseep.system.filesystem import Disk

RETRY = 5
"""Seconds before a failed snapshot is retried (Redis: CONFIG_BGSAVE_RETRY_DELAY)."""

FAILED = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that "
    "may modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error."
)
_TEMPORARY = re.compile(r"temp-[0-9]+\.rdb")
"""Temporary names of snapshots, as in Redis."""

_UNDER_WAY = "ERR Background save already in progress"
_OTHER_CHILD = (
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a "
    "BGSAVE whenever possible."
)


def snapshot_of(server: Server, base: bool = False) -> Iterator[bytes]:
    """
    Generate an RDB snapshot of the whole data set.

    @param base: True for the base of an append-only file.
    """
    about = {
        b"redis-ver": server.redis_version.encode(),
        b"redis-bits": b"64",
        b"ctime": b"%d" % server.clock(),
        b"aof-base": b"%d" % base,
    }
    libraries = [library.code for library in server.scripting.functions.libraries.values()]
    config, microseconds = server.config, server.config["rdb-key-save-delay"]
    writing = Writing(
        checked=config["rdbchecksum"] == "yes",
        compresses=config["rdbcompression"] == "yes",
        note_written=server.persistence.job.note_written,
    )
    if microseconds:
        writing = writing._replace(after_key=lambda: delay(microseconds), batch=1)
    return write(server.keyspace, libraries, about, writing)


class Snapshots:
    """
    The snapshots of one server.

    @param check_folder: raises C{OSError} if the server's folder was replaced since the start.
    @ivar saved_at: Unix time in seconds of the last snapshot, or of the start.
    @ivar ok: True if the last snapshot succeeded.
    @ivar count: number of background saves started.
    @ivar seconds: duration of the last background save; -1 if there was none.
    @ivar scheduled: True if a snapshot starts as soon as no other child process runs.
    """

    def __init__(
        self, server: Server, disk: Disk, job: BackgroundJob, recording: Recording, check_folder: Callable[[], None]
    ) -> None:
        self._check_folder = check_folder
        self.saved_at = server.clock()
        self._saved_at = server.monotonic()
        self._tried_at = 0.0  # when the last one started
        self.ok = True
        self.count = 0
        self.seconds = -1
        self.scheduled = False
        self._writing: Path | None = None
        self._server = server
        self._disk = disk
        self._job = job
        self._recording = recording

    @property
    def path(self) -> Path:
        """The path of the snapshot: dbfilename in dir."""
        config = self._server.config
        return Path(config["dir"]) / config["dbfilename"]

    @property
    def refusal(self) -> str | None:
        """The MISCONF error that write commands get after a failed snapshot; None if they are allowed."""
        config = self._server.config
        stops = config["save"] and config["stop-writes-on-bgsave-error"] == "yes"
        return FAILED if stops and not self.ok else None

    @property
    def due(self) -> bool:
        """True if cron should start a snapshot: scheduled, or a save point is reached."""
        now, changes = self._server.monotonic(), self._recording.dirty
        if self.scheduled:
            return True
        if not self.ok and now - self._tried_at <= RETRY:
            return False
        passed = now - self._saved_at
        return any(changes >= least and passed > seconds for seconds, least in self._server.config["save"])

    def save(self) -> None:
        """
        Write a snapshot (SAVE).

        @raise CommandError: if one is being written in the background, or the file cannot be written.
        """
        if self._job.task == SNAPSHOT:
            raise CommandError(_UNDER_WAY)
        self._tried_at = self._server.monotonic()
        temporary = self._writing = self._temporary(os.getpid())
        try:
            self._disk.write_whole(temporary, snapshot_of(self._server))
            self._take_over(temporary, self._recording.dirty)
        except OSError as error:
            self._disk.discard(temporary)
            self._log_failure(error)
            raise CommandError(f"ERR cannot save to {self.path}: {error.strerror}") from error
        finally:
            self._writing = None

    def abandon(self) -> bool:
        """Delete the file that L{save} is writing, before the process exits. Return False if it is not writing."""
        if self._writing is None:
            return False
        self._disk.discard(self._writing)
        return True

    def save_in_background(self, schedule: bool = False) -> bool:
        """
        Start a snapshot in a forked child (BGSAVE).

        @param schedule: whether to start it after a rewrite in progress, instead of raising. In a transaction it is
            scheduled in any case.
        @return: True if it has started; False if it is scheduled.
        @raise CommandError: if a child is active, or the fork fails.
        """
        if self._job.task != SNAPSHOT and (self._server.in_exec or (schedule and self._job.task)):
            self.scheduled = True
            return False
        if self._job.task:
            raise CommandError(_UNDER_WAY if self._job.task == SNAPSHOT else _OTHER_CHILD)
        self.scheduled, self._tried_at = False, self._server.monotonic()
        changes = self._recording.dirty
        try:
            self._job.begin(
                SNAPSHOT,
                self._temporary,
                lambda: snapshot_of(self._server),
                lambda temporary, failure, seconds: self._ended(temporary, changes, failure, seconds),
                len(self._server.keyspace),
            )
        except OSError as error:
            self._failed(error)
            raise CommandError(f"ERR cannot start saving in the background: {error.strerror}") from error
        self.count += 1
        return True

    def _temporary(self, pid: int) -> Path:
        """The path that a process writes to, before it is renamed."""
        return self.path.with_name(f"temp-{pid}.rdb")

    def left_behind(self) -> list[Path]:
        """The temporary files of servers that were killed while they wrote them."""
        folder = self.path.parent
        return [folder / name for name in os.listdir(folder) if _TEMPORARY.fullmatch(name)]

    def note_saved(self) -> None:
        """Start the save points' intervals: the snapshot on the disk is current."""
        self.saved_at, self._saved_at = self._server.clock(), self._server.monotonic()

    def _ended(self, temporary: Path, changes: int, failure: str, seconds: int) -> None:
        self.seconds, self.ok = seconds, not failure
        if not failure:
            try:
                self._take_over(temporary, changes)
            except OSError as error:
                self._failed(error)

    def _take_over(self, temporary: Path, changes: int) -> None:
        """Rename a complete snapshot, which includes the first C{changes} of the counted changes."""
        self._check_folder()
        self._disk.replace(temporary, self.path)
        self._recording.dirty -= changes
        self.ok = True
        self.note_saved()
        self._server.update_refusal()
        self._server.host.log(2, f"DB saved on disk: {self.path}")

    def _failed(self, error: OSError) -> None:
        self.ok = False
        self._server.update_refusal()
        self._log_failure(error)

    def _log_failure(self, error: OSError) -> None:
        self._server.host.log(3, f"Failed saving the DB to {self.path}: {error.strerror}")
