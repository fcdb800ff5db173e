"""The file system, as persistence, ACL SAVE and CONFIG REWRITE write to it; in one place, so that tests let it fail."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Iterable

PIECES = 1 << 16
"""Bytes that are gathered before they are written."""


class Disk:
    """The file system. Every method raises C{OSError} where that fails."""

    def open(self, path: Path) -> int:
        """Open a file for writing at its end, and make it if need be; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: bytes) -> int:
        """Write; return how many bytes were taken, which may be fewer."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def truncate(self, path: Path, size: int) -> None:
        """Cut a file off, and wait until that is on the disk."""
        os.truncate(path, size)
        self._sync_path(path)

    def replace(self, old: Path, new: Path) -> None:
        """Give a file another name, in place of the one that has it; wait until that is on the disk."""
        os.replace(old, new)
        self._sync_path(new.parent)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name, in place of whatever has it."""
        new.unlink(missing_ok=True)
        os.link(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def _sync_path(self, path: Path) -> None:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.sync(descriptor)
        finally:
            self.close(descriptor)

    def write_whole(self, path: Path, pieces: Iterable[bytes], mode: int = 0) -> None:
        """
        Write a new file, and wait until it is on the disk; if that fails there is none.

        @param mode: who may read and write it; 0 for what is usual.
        """
        self.remove(path)
        descriptor = self.open(path)
        try:
            if mode:
                os.fchmod(descriptor, mode)
            self._write_all(descriptor, pieces)
            self.sync(descriptor)
        except BaseException:
            self.remove(path)
            raise
        finally:
            self.close(descriptor)

    def write_in_place(self, path: Path, data: bytes) -> None:
        """
        Write a file in place of the one of that name, which stays as it is if that fails. The same may read it as
        before.
        """
        temporary = path.with_name(f"temp-{path.name}")
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        self.write_whole(temporary, [data], mode)
        self.replace(temporary, path)

    def _write_all(self, descriptor: int, pieces: Iterable[bytes]) -> None:
        gathered = bytearray()
        for piece in pieces:
            gathered += piece
            if len(gathered) >= PIECES:
                self._write_fully(descriptor, bytes(gathered))
                gathered.clear()
        self._write_fully(descriptor, bytes(gathered))

    def _write_fully(self, descriptor: int, data: bytes) -> None:
        written = 0
        while written < len(data):
            written += self.write(descriptor, data[written:])
