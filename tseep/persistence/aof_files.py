"""The files of an append-only file: manifest, names, loading, and the content of a new base (redis/src/aof.c)."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tseep.persistence.aof_loader import CannotLoad, Loader, TruncatedFile, UnknownCommand
from tseep.persistence.aof_rewrite import as_commands
from tseep.persistence.aof_writer import timestamp
from tseep.persistence.manifest import (
    AS_COMMANDS,
    AS_SNAPSHOT,
    BASE,
    HISTORY,
    INCREMENT,
    BadManifest,
    File,
    Manifest,
    read_manifest,
)
from tseep.persistence.snapshots import snapshot_of
from tseep.rdb.format import Corrupt, TooFewDatabases
from tseep.system.delay import delay
from tseep.system.filesystem import is_temporary_name

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.system.filesystem import Disk

_REWRITE = re.compile(r"temp-rewriteaof-bg-[0-9]+\.aof")
"""Temporary names of new bases, as in Redis."""


class AppendOnlyFiles:
    """
    The files of the append-only file of one server, in the folder appenddirname.

    @ivar manifest: their list, as it is on the disk.
    """

    def __init__(self, server: Server, disk: Disk) -> None:
        self.manifest = Manifest("")
        self._server = server
        self._disk = disk

    @property
    def folder(self) -> Path:
        """The folder of the files: appenddirname in dir."""
        config = self._server.config
        return Path(config["dir"]) / config["appenddirname"]

    def left_behind(self) -> list[Path]:
        """The temporary files of servers that were killed while they wrote them."""
        manifest = Manifest(self._server.config["appendfilename"]).path
        names = os.listdir(self.folder) if self.folder.is_dir() else []
        return [self.folder / name for name in names if _REWRITE.fullmatch(name) or is_temporary_name(name, manifest)]

    @property
    def exist(self) -> bool:
        """True if there is a manifest."""
        return (self.folder / Manifest(self._server.config["appendfilename"]).path).exists()

    def path(self, file: File) -> Path:
        return self.folder / file.name

    def find(self) -> Manifest:
        name = self._server.config["appendfilename"]
        path = self.folder / Manifest(name).path
        try:
            manifest = read_manifest(name, path.read_bytes())
        except FileNotFoundError:
            manifest = Manifest(name)
        except BadManifest as error:
            raise CannotLoad(f"FATAL AOF MANIFEST FILE ERROR in {path}: {error}; restore a backup of it") from error
        begun = manifest.to_load == [File(name, 1, BASE)] and not (self.folder / name).exists()
        old = self.folder.parent / name
        return self._adopt(old) if old.exists() and (begun or not manifest.files) else manifest

    def _adopt(self, old: Path) -> Manifest:
        """Make the single file of Redis before 7.0 the base. Redis may have begun to: then the manifest has it."""
        self.manifest = Manifest(old.name)
        self._disk.link(old, self.folder / old.name)
        self.keep(Manifest(old.name, [File(old.name, 1, BASE)]))
        self._disk.remove(old)
        return self.manifest

    def keep(self, manifest: Manifest) -> None:
        self._disk.write_in_place(self.folder / manifest.path, manifest.show())
        self.manifest = manifest

    def forget_history(self) -> None:
        """Delete the files that a rewrite has replaced, unless aof-disable-auto-gc is yes."""
        if self._enabled("aof-disable-auto-gc"):
            return
        past = self.manifest.of_kind(HISTORY)
        for file in past:
            self._disk.remove(self.path(file))
        if past:
            self.keep(self.manifest.forgetting())

    def open(self, loader: Loader) -> Iterator[None]:
        """
        Load all files in pieces; write the first base and increment, or a first increment, if there are none.

        @raise CannotLoad: if a file is missing, damaged or truncated.
        """
        self.folder.mkdir(mode=0o755, exist_ok=True)
        yield from self.load(loader)
        if not self.manifest.to_load:
            self._begin_anew()
        elif not self.manifest.of_kind(INCREMENT):
            self.add_increment(self.manifest)

    def load(self, loader: Loader) -> Iterator[None]:
        """
        Load all files in pieces, and delete those that a rewrite has replaced.

        @raise CannotLoad: if a file is missing, damaged or truncated.
        """
        self.manifest = self.find()
        loader.total = sum(map(self._size_of, self.manifest.to_load))
        for file in self.manifest.to_load:
            yield from self._load(loader, file)
        self.forget_history()

    def _size_of(self, file: File) -> int:
        try:
            return self.path(file).stat().st_size
        except OSError as error:
            text = f"Unable to obtain the AOF file {file.name} length in {self.folder}: {error.strerror}; restore it"
            raise CannotLoad(f"{text} from a backup") from error

    def _load(self, loader: Loader, file: File) -> Iterator[None]:
        path, server = self.path(file), self._server
        started = server.monotonic()
        try:
            yield from loader.load_log(path)
        except TruncatedFile as truncated:
            self._cut_off(path, truncated, file == self.manifest.to_load[-1])
        except TooFewDatabases as error:
            raise CannotLoad(f"Fatal error loading the DB: {path}: {error}") from error
        except UnknownCommand as error:
            raise CannotLoad(f"{error} reading the append only file {path}") from error
        except Corrupt as error:
            raise CannotLoad(
                f"Bad file format reading the append only file {path}: {error}; make a backup of it, then use "
                f"redis-check-aof --fix {self.manifest.path}"
            ) from error
        kind = "base" if file.kind == BASE else "incr"
        server.host.log(2, f"DB loaded from {kind} file {file.name}: {server.monotonic() - started:.3f} seconds")

    def _cut_off(self, path: Path, truncated: TruncatedFile, last: bool) -> None:
        """
        Remove the incomplete end of a file.

        @raise CannotLoad: if the file is not the last one, or aof-load-truncated is no.
        """
        if not last:
            raise CannotLoad(f"the truncated file {path} is not the last file: {truncated}; restore a backup of it")
        if self._server.config["aof-load-truncated"] == "no":
            raise CannotLoad(
                f"Unexpected end of file reading the append only file {path}: {truncated}; make a backup of it, then "
                f"use redis-check-aof --fix {self.manifest.path}, or start with --aof-load-truncated yes"
            )
        removed = path.stat().st_size - truncated.good
        self._server.host.log(
            3, f"{path}: {truncated}; the {removed} bytes after that are removed (aof-load-truncated)"
        )
        self._disk.cut_off(path, truncated.good)

    def _begin_anew(self) -> None:
        """Write the first base, a snapshot of the loaded data."""
        base = self.next_base()
        self._disk.write_whole(self.path(base), self.content(base))
        self.add_increment(self.manifest.adding(base))

    def next_base(self) -> File:
        """A new base, in the format that aof-use-rdb-preamble requires at present."""
        return self.manifest.next_base(AS_SNAPSHOT if self._enabled("aof-use-rdb-preamble") else AS_COMMANDS)

    def content(self, base: File) -> Iterator[bytes]:
        """Generate the data set in the format of a base."""
        server = self._server
        if base.name.endswith(AS_SNAPSHOT):
            yield from snapshot_of(server, True)
            return
        if self._enabled("aof-timestamp-enabled"):
            yield timestamp(server.clock())
        note_written, microseconds = server.persistence.job.note_written, server.config["rdb-key-save-delay"]

        def after_key() -> None:
            note_written(1)
            delay(microseconds)

        yield from as_commands(server, after_key)

    def _enabled(self, name: str) -> bool:
        return bool(self._server.config[name] == "yes")

    def add_increment(self, manifest: Manifest) -> File:
        """Create a new increment, and only then add it to the manifest, which must not name a missing file."""
        increment = manifest.next_increment()
        self._disk.write_whole(self.path(increment), [])  # replaces what a crashed server may have left there
        self.keep(manifest.adding(increment))
        return increment
