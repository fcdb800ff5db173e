"""
What of one server's data is on the disk, and when
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.aof import Log
from tseep.persistence.aof_loader import CannotLoad, Loader
from tseep.persistence.aof_writer import Beside, CannotContinue
from tseep.persistence.jobs import SNAPSHOT, BackgroundJob
from tseep.persistence.snapshots import Snapshots
from tseep.propagation.recording import Recording
from tseep.system.filesystem import Disk, InUse

if TYPE_CHECKING:
    from tseep.server.server import Server


_NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""What file systems say that have no locks on folders, as some do that are on the network."""


def run_now(work: Callable[[], None], done: Callable[[Exception | None], None]) -> None:
    """Run a function at once, then tell another one how it went: C{Persistence.beside} of a server without threads."""
    try:
        work()
    except Exception as error:
        done(error)
    else:
        done(None)


def exit_now(reason: str) -> None:
    """End the process: C{Persistence.fail} where nobody has set another."""
    sys.stderr.write(f"tseep: {reason}\n")
    os._exit(1)


class FolderInUse(Exception):
    """Another server uses the folder; the text says so, and what to do."""


class Persistence:
    """
    The append-only file and the snapshots of one server.

    Nothing is read or written before L{start}, so that a server in somebody's tests leaves no trace.

    @param disk: the file system.
    @ivar beside: runs a function without delaying anyone; whoever runs the server sets it.
    @ivar fail: ends the server at once, since it cannot keep what it promised, and says why; whoever runs the server
        sets it.
    @ivar saves_at_end: whether the server may end only when its data are on the disk.
    @ivar loaded: what was loaded at the start; None if nothing was.
    """

    def __init__(self, server: Server, disk: Disk | None = None) -> None:
        disk = disk or Disk()
        self.beside: Beside = run_now
        self.fail: Callable[[str], None] = exit_now
        self.saves_at_end = True
        self.loaded: Loader | None = None
        self.recording = Recording(server.table.rewrap, self._half_done)
        self.job = BackgroundJob(disk, lambda: server.timer(), lambda level, text: server.log(level, text))
        self.snapshots = Snapshots(server, disk, self.job, self.recording, self._check_folder)
        self.log = Log(
            server, disk, self.job, self.recording, lambda work, done: self.beside(work, done), self._check_folder
        )
        self._server = server
        self._disk = disk
        self._lock = -1  # the descriptor of the folder, which nobody else may use
        self._running = False

    def __bool__(self) -> bool:
        """Whether it wants to know of every change."""
        return self._running and (self.log.on or bool(self._server.config["save"]))

    @property
    def refusal(self) -> str | None:
        """Why nothing may be changed at present; None if it may."""
        return self.log.refusal or self.snapshots.refusal

    def start(self) -> None:
        """
        Load what is on the disk, and go on from there. The folder is this server's alone from now on.

        @raise FolderInUse: if another server uses it.
        @raise CannotLoad: if it cannot be loaded.
        """
        self._take_folder()
        try:
            self._load()
        except BaseException:
            self.release_folder()
            raise

    def _take_folder(self) -> None:
        folder = Path(self._server.config["dir"])
        try:
            self._lock = self._disk.lock(folder)
        except InUse as error:
            text = f"another server uses the folder {folder} ({error}); stop it, or give this one another --dir"
            raise FolderInUse(text) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise CannotLoad(f"{folder}: {error.strerror}; see --dir") from error
            text = f"Cannot lock {folder}: {error.strerror}; see to it that no other server uses that folder"
            self._server.log(3, text)

    def _check_folder(self) -> None:
        """
        See that the folder is still the one that is locked, and not another that took its name, maybe another server's.

        @raise OSError: if it is not.
        """
        folder = self._server.config["dir"]
        if self._lock >= 0 and not os.path.samestat(os.stat(folder), os.fstat(self._lock)):
            raise OSError(errno.ESTALE, "another folder has its name since the start", folder)

    def release_folder(self) -> None:
        """Let another server have the folder."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _load(self) -> None:
        server, loader = self._server, Loader(self._server)
        started = server.monotonic()
        try:
            self._clean_up()
            if server.config["appendonly"] == "yes":
                if not self.log.folder.exists() and self.snapshots.path.exists():
                    server.log(3, f"{self.snapshots.path} is not loaded, as appendonly is yes: see README, Durability")
                self.log.open(loader)
            elif self.snapshots.path.exists():
                loader.load_snapshot(self.snapshots.path)
        except OSError as error:
            where = error.filename or server.config["dir"]
            raise CannotLoad(f"{os.fsdecode(where)}: {error.strerror}; see --dir") from error
        keys = sum(map(len, server.keyspace.databases))
        if keys:
            server.log(2, f"Loaded {keys} keys from {server.config['dir']} in {server.monotonic() - started:.3f} s")
        self.loaded = loader
        self.recording.dirty = 0
        server.eviction.measure()
        self._running = True
        self.snapshots.note_saved()
        server.changes.update()

    def _clean_up(self) -> None:
        """Remove what a server has left that was killed while it wrote a snapshot or the like."""
        config = self._server.config
        for path in self.snapshots.left_behind() + self.log.left_behind():
            if path.name in (config["dbfilename"], config["appendfilename"]):
                continue
            try:
                self._disk.remove(path)
                self._server.log(2, f"Removed {path}, left behind by a server that was killed")
            except OSError as error:
                self._server.log(3, f"Cannot remove {path}, left behind by a server that was killed: {error.strerror}")

    def stop(self) -> None:
        """Write what is left, and let go of everything. To be called when no command runs any more."""
        if self._running:
            try:
                self.before_end()
            except CommandError:
                pass  # as the log says
            self._running = False
            self.job.end()
            self.log.close()
            self.release_folder()

    def _half_done(self, name: str) -> None:
        """A command has failed after it had changed something: only the data themselves tell what there is now."""
        self._server.log(3, f"{name} failed after it had changed something; the append-only file is rewritten")
        self.log.scheduled = True

    def before_end(self, save: bool | None = None) -> None:
        """
        Write what is left of the append-only file, and a snapshot if there should be one at the end.

        @param save: whether there should be; None to let the configuration decide, as far as anything has changed.
        @raise CommandError: if that cannot be written, so that the end would lose what was answered.
        """
        if not self.saves_at_end:
            return
        if save is None:
            save = bool(self._server.config["save"]) and self.recording.dirty > 0
        self.log.secure()
        if save:
            self.job.end()
            self.snapshots.save()

    def flushed(self) -> None:
        """All keys of all databases were removed: where there are snapshots, the last one must not bring them back."""
        if self._running and self._server.config["save"]:
            if self.job.task == SNAPSHOT:
                self.job.end()
            try:
                self.snapshots.save()
            except CommandError:
                pass  # as the log says

    def apply_config(self) -> None:
        """
        Take over what the configuration says by now.

        @raise CommandError: if an append-only file cannot be begun.
        """
        if self._running:
            self.log.apply_config()
            wanted = self._server.config["appendonly"] == "yes"
            if wanted and not self.log.on:
                self.log.begin()
            elif not wanted and self.log.on:
                self.log.close()

    def commit(self) -> None:
        """
        Write what was recorded, before it is answered. C{uncommitted} is cleared last: v1's threads read it without
        the lock, and must not answer while another one still syncs.
        """
        try:
            self._attempt(self.log.flush)
        finally:
            self._server.uncommitted = False

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except CannotContinue as error:
            self.fail(str(error))
        self._server.update_refusal()

    def cron(self) -> None:
        """What is to be done every now and then."""
        if self._running:
            self.job.look()
            self.sync()
            if not self.job.task:
                self._begin_what_is_due()

    def sync(self) -> None:
        """Sync what was written to the append-only file, if that is due: in the middle of a long command, too."""
        if self._running:
            self._attempt(self.log.tick)

    def _begin_what_is_due(self) -> None:
        try:
            if self.log.due:
                self.log.rewrite()
            elif self.snapshots.due:
                self.snapshots.save_in_background()
        except CommandError:
            pass  # the log has it, and it is tried again
