"""
Persistence of one server's data: start-up, commits and shutdown
(https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.aof import AppendOnlyLog
from tseep.persistence.aof_loader import CannotLoad, Loader
from tseep.persistence.aof_writer import CannotContinue
from tseep.persistence.jobs import SNAPSHOT, BackgroundJob
from tseep.persistence.snapshots import Snapshots
from tseep.propagation.recording import Recording
from tseep.system.filesystem import Disk, InUse

if TYPE_CHECKING:
    from tseep.server.server import Server


_NO_LOCKS = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
"""Errors of file systems that do not support locks on directories, such as some network file systems."""


class FolderInUse(Exception):
    """Another server uses the directory; the text names it and the remedy."""


class Persistence:
    """
    The append-only file and the snapshots of one server.

    Nothing is read or written before L{start}, so a server inside a test leaves no files.

    @param disk: the file system.
    @ivar saves_at_end: False after SHUTDOWN NOSAVE: the server stops without storing its data.
    @ivar shutdown_options: the options of the shutdown that has begun, as those of SHUTDOWN.
    @ivar loaded: the loader of the start; None before.
    """

    def __init__(self, server: Server, disk: Disk | None = None) -> None:
        disk = disk or Disk()
        self.saves_at_end = True
        self.shutdown_options: Collection[str] = ()
        self.loaded: Loader | None = None
        self.recording = Recording(server.table.rewrap, self._half_done)
        self.job = BackgroundJob(disk, lambda: server.timer(), server.host.log, lambda: server.set_oom_score(True))
        self.snapshots = Snapshots(server, disk, self.job, self.recording, self._check_folder)
        self.log = AppendOnlyLog(server, disk, self.job, self.recording, server.host.run_in_thread, self._check_folder)
        self._server = server
        self._disk = disk
        self._lock = -1  # the descriptor of the locked folder
        self._folder = ""  # its path
        self._running = False

    def __bool__(self) -> bool:
        """True if every change must be counted, for the append-only file or for C{save}."""
        return self._running and (self.log.on or bool(self._server.config["save"]))

    @property
    def refusal(self) -> str | None:
        """The MISCONF error that write commands get at present; None if they are allowed."""
        return self.log.refusal or self.snapshots.refusal

    def start(self) -> Generator[None, None, None]:
        """
        Lock the folder, load its data in pieces, and start to append. Clients can be served between the pieces.

        @raise FolderInUse: if another server holds the lock.
        @raise CannotLoad: if the data cannot be loaded.
        """
        self._take_folder()
        try:
            yield from self._load()
        except BaseException:
            self.release_folder()
            raise

    def _take_folder(self) -> None:
        self._folder = self._server.config["dir"]
        folder = Path(self._folder)
        try:
            self._lock = self._disk.lock(folder)
        except InUse as error:
            text = f"another server uses the directory {folder} ({error}); stop it, or give this one another --dir"
            raise FolderInUse(text) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise CannotLoad(f"Cannot lock {folder}: {error.strerror}; see --dir") from error
            text = f"Cannot lock {folder}: {error.strerror}; make sure that no other server uses that directory"
            self._server.host.log(3, text)

    def _move(self) -> None:
        """
        Lock the folder that C{dir} names now, and unlock the previous one.

        @raise CommandError: if it cannot be locked, or the append-only file is in the previous one.
        """
        if self.log.on:
            raise CommandError("ERR dir cannot change while appendonly is yes: the append-only file stays in it")
        lock, folder = self._lock, self._folder
        try:
            self._take_folder()
        except (CannotLoad, FolderInUse) as error:
            self._lock, self._folder = lock, folder
            raise CommandError(f"ERR {error}") from error
        if lock >= 0:
            os.close(lock)

    def _check_folder(self) -> None:
        """
        Check that the path still names the locked folder, and not another one, which another server may use.

        @raise OSError: if it does not.
        """
        folder = self._server.config["dir"]
        if self._lock >= 0 and not os.path.samestat(os.stat(folder), os.fstat(self._lock)):
            raise OSError(errno.ESTALE, "the directory was replaced since the start", folder)

    def release_folder(self) -> None:
        """Unlock the directory for other servers."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _load(self) -> Iterator[None]:
        server = self._server
        loader = Loader(server)
        server.set_loading(loader)
        try:
            self._clean_up()
            yield from self._load_files(loader)
        except OSError as error:
            where = error.filename or server.config["dir"]
            raise CannotLoad(
                f"Fatal error loading the DB: {os.fsdecode(where)}: {error.strerror}; see --dir"
            ) from error
        finally:
            server.set_loading(None)
        self.loaded = loader
        self.recording.dirty = 0
        server.eviction.measure()
        self._running = True
        self.snapshots.note_saved()
        server.changes.update()

    def _load_files(self, loader: Loader) -> Iterator[None]:
        server = self._server
        started = server.monotonic()
        source, snapshot = "disk", self.snapshots.path
        if server.config["appendonly"] == "yes":
            if not self.log.files.folder.exists() and snapshot.exists():
                server.host.log(3, f"{snapshot} is not loaded, as appendonly is yes: see README, Durability")
            source = "append only file"
            yield from self.log.open(loader)
        elif snapshot.exists():
            loader.total = snapshot.stat().st_size
            yield from loader.load_snapshot(snapshot)
        if loader.loaded:
            server.host.log(2, f"DB loaded from {source}: {server.monotonic() - started:.3f} seconds")

    def _clean_up(self) -> None:
        """Delete the temporary files of servers that were killed while they wrote them."""
        config = self._server.config
        for path in self.snapshots.left_behind() + self.log.files.left_behind():
            if path.name in (config["dbfilename"], config["appendfilename"]):
                continue
            try:
                self._disk.remove(path)
                self._server.host.log(2, f"Removed {path}, left behind by a server that was killed")
            except OSError as error:
                self._server.host.log(
                    3, f"Cannot remove {path}, left behind by a server that was killed: {error.strerror}"
                )

    def stop(self) -> None:
        """Store what is left, end the child process, and unlock the directory. No command may run any more."""
        if self._running:
            try:
                self.before_end()
            except CommandError:
                pass  # logged already
            self._running = False
            self.job.end()
            self.log.close()
            self.release_folder()

    def detach(self) -> None:
        """Write nothing any more: the files are another process's."""
        self._running = False

    def _half_done(self, name: str) -> None:
        """Schedule a rewrite: after a command that failed half-way only the data set itself is right."""
        self._server.host.log(
            3, f"{name} failed after it had changed something; the append-only file will be rewritten"
        )
        self.log.scheduled = True

    @property
    def discards(self) -> bool:
        """True if the shutdown that has begun discards what is not stored yet (SHUTDOWN NOSAVE)."""
        return not self.saves_at_end or "nosave" in self.shutdown_options

    def prepare_shutdown(self, options: Collection[str] | None = None) -> None:
        """
        Store what is left, as the options of SHUTDOWN require.

        @param options: some of C{save}, C{nosave}, C{now} and C{force}; by default L{shutdown_options}.
        @raise CommandError: if acknowledged changes would be lost; never with C{force}.
        """
        options = self.shutdown_options if options is None else options
        if self.job.task == SNAPSHOT:
            self.job.end()
        if "nosave" in options:
            self.saves_at_end = False
            return
        try:
            self.before_end(True if "save" in options else None)
        except CommandError:
            if "force" not in options:
                self._server.host.log(3, "Error trying to save the DB, can't exit.")
                raise
            self._server.host.log(3, "Error trying to save the DB. Exit anyway.")
            self.saves_at_end = False

    def before_end(self, save: bool | None = None) -> None:
        """
        Write and fsync the append-only file, and write a snapshot if one is configured.

        @param save: whether to write the snapshot; None: if C{save} is configured and the data have changed.
        @raise CommandError: if a file cannot be written, so that shutdown would lose acknowledged changes.
        """
        if not self.saves_at_end or self._server.loading is not None:
            return
        if save is None:
            save = bool(self._server.config["save"]) and self.recording.dirty > 0
        self.log.secure()
        if save:
            self.job.end()
            self._server.host.log(2, "Saving the final RDB snapshot before exiting.")
            self.snapshots.save()

    def flushed(self) -> None:
        """
        Kill the child that writes a snapshot with the keys that FLUSHALL has deleted. If C{save} is configured, write
        an empty one, so that a restart does not load the deleted keys.
        """
        if not self._running:
            return
        if self.job.task == SNAPSHOT:
            self.job.end()
        if self._server.config["save"]:
            try:
                self.snapshots.save()
            except CommandError:
                pass  # logged already

    def apply_config(self) -> None:
        """
        Turn the append-only file on or off as appendonly requires, and apply appendfsync and dir.

        @raise CommandError: if the append-only file cannot be turned on, or dir cannot be used.
        """
        if self._running:
            if self._server.config["dir"] != self._folder:
                self._move()
            self.log.apply_config()
            enabled = self._server.config["appendonly"] == "yes"
            if enabled and not self.log.on:
                self.log.begin()
            elif not enabled and self.log.on:
                self.log.close()

    def commit(self) -> None:
        """
        Write the recorded commands, before their clients are answered. C{uncommitted} is cleared last: v1's threads
        read it without the lock, and must not answer while another thread is still in fsync.
        """
        try:
            self._attempt(self.log.flush)
        finally:
            self._server.uncommitted = False

    def _attempt(self, write: Callable[[], None]) -> None:
        try:
            write()
        except CannotContinue as error:
            self._server.host.fail(str(error))
        self._server.update_refusal()

    def cron(self) -> None:
        """Finish or start background jobs, and fsync if that is due. Called several times a second."""
        if self._running:
            self.job.look()
            self.sync()
            if not self.job.task:
                self._begin_what_is_due()

    def sync(self) -> None:
        """Fsync the append-only file, if that is due. Also called during long commands."""
        if self._running:
            self._attempt(self.log.tick)

    def _begin_what_is_due(self) -> None:
        try:
            if self.log.due:
                self.log.rewrite()
            elif self.snapshots.due:
                self.snapshots.save_in_background()
        except CommandError:
            pass  # logged already, and retried
