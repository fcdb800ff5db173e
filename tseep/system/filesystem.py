"""The file system, as persistence, ACL SAVE and CONFIG REWRITE write to it; in one place, so that tests let it fail."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Union

PIECES = 1 << 16
"""Bytes that are gathered before they are written."""

MAX_WRITE_BYTES = 1 << 30
"""Bytes that are written by one call: some systems take no more than 2 GiB."""

LOCKS = Path("/proc/locks")
"""Where Linux tells who has which lock."""

Data = Union[bytes, bytearray, memoryview]


class InUse(Exception):
    """
    Another process has the lock on a folder.

    @ivar pid: its process ID; 0 where the system does not tell.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid}" if pid else "another process")
        self.pid = pid


class Disk:
    """The file system. Every method raises C{OSError} where that fails."""

    def open(self, path: Path) -> int:
        """Open a file for writing at its end, and make it if need be; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def create(self, path: Path) -> int:
        """Make a file that is not there yet, and open it for writing; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: Data) -> int:
        """Write; return how many bytes were taken, which may be fewer."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        """Close a file."""
        os.close(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Cut an open file off."""
        os.ftruncate(descriptor, size)

    def cut_off(self, path: Path, size: int) -> None:
        """Cut a file off, and wait until that is on the disk."""
        descriptor = self.open(path)
        try:
            self.truncate(descriptor, size)
            self.sync(descriptor)
        finally:
            self.close(descriptor)

    def replace(self, old: Path, new: Path) -> None:
        """Give a file another name, in place of the one that has it; wait until that is on the disk."""
        os.replace(old, new)
        self._sync_folder(new.parent)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name, in place of whatever has it."""
        new.unlink(missing_ok=True)
        os.link(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it is there."""
        path.unlink(missing_ok=True)

    def discard(self, path: Path) -> None:
        """Remove a file that is of no use, if it is there and can be removed."""
        try:
            self.remove(path)
        except OSError:
            pass  # the next start tries again

    def lock(self, folder: Path) -> int:
        """
        Take the lock on a folder, which nobody else can take until the descriptor is closed that is returned.

        @raise InUse: if somebody else has it.
        """
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            folder_status = os.fstat(descriptor)
            os.close(descriptor)
            if isinstance(error, BlockingIOError):
                raise InUse(_holder(folder_status)) from None
            raise
        return descriptor

    def _sync_folder(self, path: Path) -> None:
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
        descriptor = self.create(path)
        try:
            if mode:
                os.fchmod(descriptor, mode)
            self._write_all(descriptor, pieces)
            self.sync(descriptor)
        except Exception:
            self.discard(path)
            raise
        finally:
            self.close(descriptor)

    def write_in_place(self, path: Path, data: bytes) -> None:
        """
        Write a file in place of the one of that name, which stays as it is if that fails. The same may read it as
        before.
        """
        temporary = temporary_name(path)
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0
        self.write_whole(temporary, [data], mode)
        try:
            self.replace(temporary, path)
        except OSError:
            self.discard(temporary)
            raise

    def _write_all(self, descriptor: int, pieces: Iterable[bytes]) -> None:
        gathered = bytearray()
        for piece in pieces:
            if len(piece) < PIECES:
                gathered += piece
            if len(gathered) >= PIECES or len(piece) >= PIECES:
                self._write_fully(descriptor, gathered)
                gathered = bytearray()
            if len(piece) >= PIECES:
                self._write_fully(descriptor, piece)
        self._write_fully(descriptor, gathered)

    def _write_fully(self, descriptor: int, data: Data) -> None:
        left = memoryview(data)
        while left:
            left = left[self.write(descriptor, left[:MAX_WRITE_BYTES]) :]


def temporary_name(path: Path) -> Path:
    """A name beside a file's, which no other process takes, whatever machine or container it is in."""
    return path.with_name(f"temp-{secrets.token_hex(8)}-{path.name}")


def is_temporary_name(name: str, of: str) -> bool:
    """Whether L{temporary_name} gives this name for a file of the name C{of}."""
    return re.fullmatch(f"temp-[0-9a-f]{{16}}-{re.escape(of)}", name) is not None


def _holder(folder: os.stat_result) -> int:
    """The process ID of who has the lock on a folder; 0 where the system does not tell."""
    place = f"{os.major(folder.st_dev):02x}:{os.minor(folder.st_dev):02x}:{folder.st_ino}"
    try:
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return 0
    # number: FLOCK ADVISORY WRITE pid place start end; who waits for a lock has -> after the number
    return next((int(words[4]) for words in map(str.split, lines) if words[1] == "FLOCK" and words[5] == place), 0)
