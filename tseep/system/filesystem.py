"""The file system as persistence, ACL SAVE and CONFIG REWRITE use it: one class, so that tests can inject errors."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Union

BUFFER_BYTES = 1 << 16
"""Bytes that are gathered before a write."""

MAX_WRITE_BYTES = 1 << 30
"""Maximum bytes per write(2): some systems accept at most 2 GiB."""

LOCKS = Path("/proc/locks")
"""Linux's list of locks with the processes that hold them."""

Data = Union[bytes, bytearray, memoryview]


class InUse(Exception):
    """
    Another process holds the lock on a folder.

    @ivar pid: its process ID; 0 if the system does not report it.
    """

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid}" if pid else "another process")
        self.pid = pid


class Disk:
    """The file system. Every method raises C{OSError} on failure."""

    def open(self, path: Path) -> int:
        """Open a file for appending, and create it if it does not exist; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def create(self, path: Path) -> int:
        """Create a file, which must not exist, and open it for writing; return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)

    def write(self, descriptor: int, data: Data) -> int:
        """Write; return the number of bytes written, which can be less than all."""
        return os.write(descriptor, data)

    def sync(self, descriptor: int) -> None:
        """Write the file's data to the disk, with fsync(2)."""
        os.fsync(descriptor)

    def close(self, descriptor: int) -> None:
        os.close(descriptor)

    def truncate(self, descriptor: int, size: int) -> None:
        """Truncate an open file to C{size} bytes."""
        os.ftruncate(descriptor, size)

    def cut_off(self, path: Path, size: int) -> None:
        """Truncate a file to C{size} bytes, and fsync it."""
        descriptor = self.open(path)
        try:
            self.truncate(descriptor, size)
            self.sync(descriptor)
        finally:
            self.close(descriptor)

    def replace(self, old: Path, new: Path) -> None:
        """Rename a file atomically over another one, and fsync the folder."""
        os.replace(old, new)
        self._sync_folder(new.parent)

    def link(self, old: Path, new: Path) -> None:
        """Give a file a second name; an existing file of that name is removed."""
        new.unlink(missing_ok=True)
        os.link(old, new)

    def remove(self, path: Path) -> None:
        """Remove a file, if it exists."""
        path.unlink(missing_ok=True)

    def discard(self, path: Path) -> None:
        """Remove a temporary file, if that is possible."""
        try:
            self.remove(path)
        except OSError:
            pass  # the next start tries again

    def lock(self, folder: Path) -> int:
        """
        Lock a folder exclusively, with flock(2).

        @return: a descriptor; closing it releases the lock.
        @raise InUse: if another process holds the lock.
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
        Write a new file and fsync it; if that fails, remove it.

        @param mode: its permissions; 0 for the default of the process.
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
        Replace a file's content atomically, with its permissions kept. If that fails, the file stays as it is.
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
            if len(piece) < BUFFER_BYTES:
                gathered += piece
            if len(gathered) >= BUFFER_BYTES or len(piece) >= BUFFER_BYTES:
                self._write_fully(descriptor, gathered)
                gathered = bytearray()
            if len(piece) >= BUFFER_BYTES:
                self._write_fully(descriptor, piece)
        self._write_fully(descriptor, gathered)

    def _write_fully(self, descriptor: int, data: Data) -> None:
        left = memoryview(data)
        while left:
            left = left[self.write(descriptor, left[:MAX_WRITE_BYTES]) :]


def temporary_name(path: Path) -> Path:
    """The path of a temporary file in the same folder, unique across processes, containers and machines."""
    return path.with_name(f"temp-{secrets.token_hex(8)}-{path.name}")


def is_temporary_name(name: str, of: str) -> bool:
    """True if L{temporary_name} can return this name for a file named C{of}."""
    return re.fullmatch(f"temp-[0-9a-f]{{16}}-{re.escape(of)}", name) is not None


def _holder(folder: os.stat_result) -> int:
    """The process ID that holds the lock on a folder; 0 if the system does not report it."""
    place = f"{os.major(folder.st_dev):02x}:{os.minor(folder.st_dev):02x}:{folder.st_ino}"
    try:
        lines = LOCKS.read_text().splitlines()
    except OSError:
        return 0
    # number: FLOCK ADVISORY WRITE pid place start end; a waiting process has -> after the number
    return next((int(words[4]) for words in map(str.split, lines) if words[1] == "FLOCK" and words[5] == place), 0)
