"""Snapshots: SAVE, BGSAVE, and those that are due after so many changes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.jobs import REWRITE, SNAPSHOT
from tseep.rdb.snapshot import write

if TYPE_CHECKING:
    from tseep.persistence.jobs import BackgroundJob
    from tseep.propagation.recording import Recording
    from tseep.server.server import Server
    from tseep.system.filesystem import Disk

RETRY = 5
"""Seconds after which a snapshot that failed is tried again."""

FAILED = (
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. Commands that "
    "may modify the data set are disabled, because this instance is configured to report errors during writes if RDB "
    "snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs for details about the RDB "
    "error."
)
_TEMPORARY = re.compile(r"temp-[0-9]+\.rdb")
"""Names of snapshots that are being written."""

_UNDER_WAY = "ERR Background save already in progress"
_OTHER_CHILD = (
    "ERR Another child process is active (AOF?): can't BGSAVE right now. Use BGSAVE SCHEDULE in order to schedule a "
    "BGSAVE whenever possible."
)


def snapshot_of(server: Server, base: bool = False) -> Iterator[bytes]:
    """
    A snapshot of all that a server holds, piece by piece.

    @param base: whether it is the base of an append-only file.
    """
    about = {
        b"redis-ver": server.redis_version.encode(),
        b"redis-bits": b"64",
        b"ctime": b"%d" % server.clock(),
        b"aof-base": b"%d" % base,
    }
    libraries = [library.code for library in server.scripting.functions.libraries.values()]
    return write(server.keyspace, libraries, about)


class Snapshots:
    """
    The snapshots of one server.

    @param check_folder: raises C{OSError} if the folder is not the server's own any more.
    @ivar saved_at: the Unix time in seconds of the last one, or of the start.
    @ivar ok: whether the last one succeeded.
    @ivar count: how many were begun in the background, C{seconds}: how long the last of them took, -1 for none.
    @ivar scheduled: whether one is to begin as soon as may be.
    """

    def __init__(
        self, server: Server, disk: Disk, job: BackgroundJob, recording: Recording, check_folder: Callable[[], None]
    ) -> None:
        self._check_folder = check_folder
        self.saved_at = server.clock()
        self._saved_at = server.monotonic()
        self._tried_at = 0.0  # when one last began
        self.ok = True
        self.count = 0
        self.seconds = -1
        self.scheduled = False
        self._server = server
        self._disk = disk
        self._job = job
        self._recording = recording

    @property
    def path(self) -> Path:
        """Where the snapshot is: dbfilename in dir."""
        config = self._server.config
        return Path(config["dir"]) / config["dbfilename"]

    @property
    def refusal(self) -> str | None:
        """Why nothing may be changed, if the last snapshot failed; None if it may."""
        config = self._server.config
        stops = config["save"] and config["stop-writes-on-bgsave-error"] == "yes"
        return FAILED if stops and not self.ok else None

    @property
    def due(self) -> bool:
        """Whether one should begin."""
        now, changes = self._server.monotonic(), self._recording.dirty
        if self.scheduled:
            return True
        if not self.ok and now - self._tried_at <= RETRY:
            return False
        passed = now - self._saved_at
        return any(changes >= least and passed > seconds for seconds, least in self._server.config["save"])

    def save(self) -> None:
        """
        Write one, and wait for it.

        @raise CommandError: if one is being written in the background, or this one cannot be.
        """
        if self._job.task == SNAPSHOT:
            raise CommandError(_UNDER_WAY)
        self._tried_at = self._server.monotonic()
        temporary = self._temporary(os.getpid())
        try:
            self._disk.write_whole(temporary, snapshot_of(self._server))
            self._take_over(temporary, self._recording.dirty)
        except OSError as error:
            self._disk.discard(temporary)
            self._failed(error)
            raise CommandError(f"ERR cannot save to {self.path}: {error.strerror}") from error

    def save_in_background(self, schedule: bool = False) -> bool:
        """
        Begin to write one.

        @param schedule: whether it may begin later, after what is under way.
        @return: whether it has begun.
        @raise CommandError: if something is under way already, or there can be no child.
        """
        if self._job.task == REWRITE and schedule:
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
            )
        except OSError as error:
            self._failed(error)
            raise CommandError(f"ERR cannot begin to save in the background: {error.strerror}") from error
        self.count += 1
        return True

    def _temporary(self, pid: int) -> Path:
        """Where a process writes one, before it is complete."""
        return self.path.with_name(f"temp-{pid}.rdb")

    def left_behind(self) -> list[Path]:
        """The files that a server has left that was killed while it wrote them under another name."""
        folder = self.path.parent
        return [folder / name for name in os.listdir(folder) if _TEMPORARY.fullmatch(name)]

    def note_saved(self) -> None:
        """What is on the disk is what there is: count time from now on."""
        self.saved_at, self._saved_at = self._server.clock(), self._server.monotonic()

    def _ended(self, temporary: Path, changes: int, failure: str, seconds: int) -> None:
        self.seconds, self.ok = seconds, not failure
        if not failure:
            try:
                self._take_over(temporary, changes)
            except OSError as error:
                self._failed(error)

    def _take_over(self, temporary: Path, changes: int) -> None:
        """A file is complete, which has all but the changes after the first C{changes}."""
        self._check_folder()
        self._disk.replace(temporary, self.path)
        self._recording.dirty -= changes
        self.ok = True
        self.note_saved()
        self._server.update_refusal()
        self._server.log(2, f"Saved to {self.path}")

    def _failed(self, error: OSError) -> None:
        self.ok = False
        self._server.update_refusal()
        self._server.log(3, f"Cannot save to {self.path}: {error.strerror}")
