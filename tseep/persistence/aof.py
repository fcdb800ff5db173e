"""The append-only file as a whole: its parts, loading them, and writing it anew."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from tseep.errors import CommandError
from tseep.persistence.aof_loader import CannotLoad, Loader, TruncatedFile
from tseep.persistence.aof_writer import AppendOnlyFile, Beside, reason
from tseep.persistence.jobs import REWRITE, SNAPSHOT
from tseep.persistence.manifest import BASE, HISTORY, INCREMENT, BadManifest, File, Manifest, read_manifest
from tseep.persistence.snapshots import snapshot_of
from tseep.rdb.format import Corrupt, TooFewDatabases
from tseep.system.filesystem import is_temporary_name

if TYPE_CHECKING:
    from tseep.persistence.jobs import BackgroundJob
    from tseep.propagation.effects import Effects
    from tseep.propagation.recording import Recording
    from tseep.server.server import Server
    from tseep.system.filesystem import Disk

RETRY = 5
"""Seconds after which a rewrite that failed is tried again."""

_REWRITE = re.compile(r"temp-rewriteaof-bg-[0-9]+\.aof")
"""Names of bases that are being written."""

_UNDER_WAY = "ERR Background append only file rewriting already in progress"


class Log:
    """
    The append-only file of one server, a base with what was added to it in files of a folder.

    @param check_folder: raises C{OSError} if the folder is not the server's own any more.
    @param beside: as L{AppendOnlyFile} has it.
    @ivar on: whether commands are added.
    @ivar ok: whether the last rewrite succeeded, C{count}: how many were begun, C{seconds}: how long the last took,
        -1 for none.
    @ivar scheduled: whether one is to begin as soon as may be.
    @ivar base_size: bytes of all files after the last rewrite, or at the start.
    """

    def __init__(
        self,
        server: Server,
        disk: Disk,
        job: BackgroundJob,
        recording: Recording,
        beside: Beside,
        check_folder: Callable[[], None],
    ) -> None:
        self._check_folder = check_folder
        self.ok = True
        self.count = 0
        self.seconds = -1
        self.scheduled = False
        self.base_size = 0
        self._server = server
        self._disk = disk
        self._job = job
        self._recording = recording
        self._beside = beside
        self._manifest = Manifest("")
        self._file: AppendOnlyFile | None = None
        self._earlier = 0  # bytes of the files before the last
        self._complete = False  # whether the files have all data
        self._tried_at = 0.0

    @property
    def folder(self) -> Path:
        """Where the files are: appenddirname in dir."""
        config = self._server.config
        return Path(config["dir"]) / config["appenddirname"]

    @property
    def on(self) -> bool:
        """Whether commands are added to it."""
        return self._file is not None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return self._earlier + (self._file.size if self._file is not None else 0)

    @property
    def pending(self) -> int:
        """Bytes that are not written yet."""
        return self._file.pending if self._file is not None else 0

    @property
    def error(self) -> Exception | None:
        """Why the last write or sync failed, if it did."""
        return self._file.error if self._file is not None else None

    @property
    def refusal(self) -> str | None:
        """Why nothing may be changed; None if it may."""
        return None if self.error is None else f"MISCONF Errors writing to the AOF file: {reason(self.error)}"

    # Beginning and ending

    def open(self, loader: Loader) -> None:
        """
        Load all files, and go on from there.

        @raise CannotLoad: if that cannot be.
        """
        self.folder.mkdir(mode=0o755, exist_ok=True)
        manifest = self._manifest = self._find_manifest()
        for file in manifest.to_load:
            self._load(loader, file)
        if not manifest.to_load:
            self._begin_anew()
        elif not manifest.of_kind(INCREMENT):
            self._add_increment(manifest)
        self._forget_history()
        self._earlier = sum(self._path(file).stat().st_size for file in self._manifest.to_load[:-1])
        self._complete = True
        self._add_to(self._manifest.to_load[-1])
        self.base_size = self.size

    def begin(self) -> None:
        """
        Add from now on what is done to the data that are there, which a rewrite will bring into it.

        @raise CommandError: if that cannot be.
        """
        try:
            self.folder.mkdir(mode=0o755, exist_ok=True)
            self._manifest = self._find_manifest()
            self._earlier, self._complete = 0, False
            self._add_to(self._manifest.next_increment())
            self.rewrite()
        except (OSError, CannotLoad, CommandError) as error:
            self.close()
            raise CommandError(f"ERR Unable to turn on AOF. Check server logs: {error}") from error

    def secure(self) -> None:
        """
        Write and sync what is left.

        @raise CommandError: if that fails.
        """
        try:
            if self._file is not None:
                self._file.secure()
        except Exception as error:
            raise CommandError(f"ERR cannot keep the last changes in {self.folder}: {reason(error)}") from error

    def close(self) -> None:
        """Write and sync what is left, and add no more."""
        file, self._file = self._file, None
        self._recording.end()
        if self._job.task == REWRITE:
            self._job.end()
        if file is not None:
            try:
                file.close()
            except Exception as error:
                self._server.log(3, f"The last changes could not be written to {file.path}: {error}")

    def left_behind(self) -> list[Path]:
        """The files that a server has left that was killed while it wrote them under another name."""
        manifest = Manifest(self._server.config["appendfilename"]).path
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        return [self.folder / name for name in names if _REWRITE.fullmatch(name) or is_temporary_name(name, manifest)]

    def _path(self, file: File) -> Path:
        return self.folder / file.name

    def _add_to(self, file: File) -> None:
        server = self._server
        self._file = AppendOnlyFile(
            self._disk, self._path(file), self._beside, server.monotonic, lambda level, text: server.log(level, text)
        )
        self.apply_config()
        self._recording.begin(self._append)

    def apply_config(self) -> None:
        """Take over what the configuration says by now."""
        if self._file is not None:
            self._file.apply_config(self._server.config["appendfsync"])

    # The files

    def _find_manifest(self) -> Manifest:
        name = self._server.config["appendfilename"]
        path = self.folder / Manifest(name).path
        try:
            return read_manifest(name, path.read_bytes())
        except FileNotFoundError:
            return self._adopt(name)
        except BadManifest as error:
            raise CannotLoad(f"{path}: {error}") from error

    def _adopt(self, name: str) -> Manifest:
        """Take over the one file that Redis had before version 7, if it is there, as the base."""
        old = self.folder.parent / name
        if not old.exists():
            return Manifest(name)
        self._manifest = Manifest(name)
        self._disk.link(old, self.folder / name)
        self._keep_manifest(Manifest(name, [File(name, 1, BASE)]))
        self._disk.remove(old)
        return self._manifest

    def _keep_manifest(self, manifest: Manifest) -> None:
        self._disk.write_in_place(self.folder / manifest.path, manifest.show())
        self._manifest = manifest

    def _forget_history(self) -> None:
        """Remove the files that a rewrite has replaced."""
        past = self._manifest.of_kind(HISTORY)
        for file in past:
            self._disk.remove(self._path(file))
        if past:
            self._keep_manifest(self._manifest.forgetting())

    def _load(self, loader: Loader, file: File) -> None:
        path = self._path(file)
        try:
            loader.load_log(path)
        except TruncatedFile as torn:
            last = file == self._manifest.to_load[-1]
            if not last or self._server.config["aof-load-truncated"] == "no":
                raise CannotLoad(
                    f"{path}: {torn}; give --aof-load-truncated yes to cut off the last file there, or look into it "
                    "with redis-check-aof"
                ) from torn
            self._server.log(3, f"{path}: {torn}; the {path.stat().st_size - torn.good} bytes after that are cut off")
            self._disk.cut_off(path, torn.good)
        except TooFewDatabases as error:
            raise CannotLoad(f"{path}: {error}") from error
        except Corrupt as error:
            raise CannotLoad(f"{path}: {error}; look into it with redis-check-aof, or load a backup") from error

    def _begin_anew(self) -> None:
        """Write the first base, of the data that are there."""
        base = self._manifest.next_base()
        self._disk.write_whole(self._path(base), snapshot_of(self._server, True))
        self._add_increment(self._manifest.adding(base))

    def _add_increment(self, manifest: Manifest) -> File:
        """Make a new file to add to, and only then name it in the manifest, which must name none that is not there."""
        increment = manifest.next_increment()
        self._disk.write_whole(self._path(increment), [])  # whatever a server has left there that ended too soon
        self._keep_manifest(manifest.adding(increment))
        return increment

    # Adding

    def _append(self, number: int, commands: Effects) -> None:
        assert self._file is not None
        self._file.append(number, commands)
        self._server.uncommitted = True

    def flush(self) -> None:
        """
        Write what was added, before it is answered; nothing postpones that when the server is about to end.

        @raise CannotContinue: as L{AppendOnlyFile.flush} does.
        """
        if self._file is not None:
            if self._server.stopping:
                self._file.hurry()
            self._file.flush()

    def tick(self) -> None:
        """
        To be called some times a second.

        @raise CannotContinue: as L{AppendOnlyFile.flush} does.
        """
        if self._file is not None:
            self._file.tick()

    # Writing it anew

    @property
    def due(self) -> bool:
        """Whether a rewrite should begin."""
        config = self._server.config
        if not self.ok and self._server.monotonic() - self._tried_at <= RETRY:
            return False
        if self._file is None or self.scheduled or not self._complete:
            return self.scheduled or self.on
        percentage, grown = config["auto-aof-rewrite-percentage"], self.size - self.base_size
        large = self.size >= config["auto-aof-rewrite-min-size"]
        return bool(percentage) and large and grown * 100 >= percentage * max(1, self.base_size)

    def rewrite(self) -> bool:
        """
        Begin to write it anew, as short as may be.

        @return: whether it has begun; if not, it does when a snapshot that is being written is complete.
        @raise CommandError: if it has begun already, or cannot.
        """
        if self._job.task == REWRITE:
            raise CommandError(_UNDER_WAY)
        if self._job.task == SNAPSHOT:
            self.scheduled = True
            return False
        self.scheduled, self._tried_at = False, self._server.monotonic()
        try:
            self._begin_rewrite()
        except Exception as error:
            self.ok = False
            raise CommandError(f"ERR cannot begin to rewrite the append-only file: {error}") from error
        self.count += 1
        return True

    def _begin_rewrite(self) -> None:
        """Add to a new file, while a child writes what all others together say as a new base."""
        self._check_folder()
        self.folder.mkdir(mode=0o755, exist_ok=True)
        if self._file is None:
            self._manifest = self._find_manifest()
        kept = [] if self._file is None else [self._next_file()]
        self._job.begin(
            REWRITE,
            lambda pid: self.folder / f"temp-rewriteaof-bg-{pid}.aof",
            lambda: snapshot_of(self._server, True),
            lambda temporary, failure, seconds: self._ended(temporary, kept, failure, seconds),
        )

    def _next_file(self) -> File:
        """Add to a new file, or to one that is empty again if the others don't have all data anyway."""
        assert self._file is not None
        if not self._complete:
            self._file.restart()
            return self._manifest.next_increment()
        self._server.persistence.commit()  # which ends the server if that fails and must not
        self._file.drain()
        increment = self._add_increment(self._manifest)
        self._earlier += self._file.size
        self._file.switch(self._path(increment))
        return increment

    def _ended(self, temporary: Path, kept: list[File], failure: str, seconds: int) -> None:
        self.seconds, self.ok = seconds, not failure
        if failure:
            return
        try:
            self._check_folder()
            base = self._manifest.next_base()
            self._disk.replace(temporary, self._path(base))
            self._keep_manifest(self._manifest.rewritten(base, kept))
            self._forget_history()
        except OSError as error:
            self.ok = False
            self._server.log(3, f"The append-only file could not be rewritten: {error}")
            return
        self._complete = True
        self._earlier = self._path(base).stat().st_size
        self.base_size = self.size
        self._server.log(2, f"The append-only file was rewritten; it has {self.size} bytes")
