"""Tests of L{tseep.system.filesystem}."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import filesystem
from tseep.system.filesystem import BUFFER_BYTES, Data, Disk, is_temporary_name, temporary_name
from tseep.test.disks import FaultyDisk
from tseep.test.support import made_folder


class Slow(Disk):
    """A disk that writes at most C{most} bytes per call and records the sizes it is given in C{sizes}."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.sizes: list[int] = []

    def write(self, descriptor: int, data: Data) -> int:
        self.sizes.append(len(data))
        return super().write(descriptor, data[: self.most])


class DiskTests(SynchronousTestCase):
    """Atomic writes of whole files."""

    def setUp(self) -> None:
        self.path = Path(made_folder(self), "file")

    def test_pieces(self) -> None:
        """Small pieces are joined, large ones are written as they are, and partial writes are continued."""
        pieces = [b"a" * 10, b"b" * BUFFER_BYTES, b"", b"c" * (BUFFER_BYTES - 1), b"d", b"e" * (3 * BUFFER_BYTES), b"f"]
        for disk in (Slow(1 << 30), Slow(BUFFER_BYTES - 7)):
            disk.write_whole(self.path, pieces)
            self.assertEqual(b"".join(pieces), self.path.read_bytes())
        disk = Slow(1 << 30)
        disk.write_whole(self.path, pieces)
        self.assertEqual([10, BUFFER_BYTES, BUFFER_BYTES, 3 * BUFFER_BYTES, 1], disk.sizes)

    def test_bounded_calls(self) -> None:
        """One system call writes at most C{MAX_WRITE_BYTES}."""
        self.patch(filesystem, "MAX_WRITE_BYTES", 1000)
        disk = Slow(1 << 30)
        disk.write_whole(self.path, [b"x" * 100_000])
        self.assertEqual([1000] * 100, disk.sizes)
        self.assertEqual(100_000, self.path.stat().st_size)

    def test_names_of_many(self) -> None:
        """Temporary names are unique and recognised by C{is_temporary_name}."""
        names = {temporary_name(self.path) for _ in range(100)}
        self.assertEqual(100, len(names))
        self.assertTrue(all(is_temporary_name(name.name, "file") for name in names))
        self.assertFalse(any(is_temporary_name(name.name, "fil.") for name in names))

    def test_nobody_else_is_overwritten(self) -> None:
        """
        The temporary file is created exclusively: one that exists raises C{FileExistsError} and is not
        overwritten.
        """
        disk = FaultyDisk()
        self.patch(disk, "remove", lambda path: path.write_bytes(b"somebody's"))
        self.assertRaises(FileExistsError, disk.write_whole, self.path, [b"x"])
        self.assertEqual(b"somebody's", self.path.read_bytes())

    def test_in_place(self) -> None:
        """C{write_in_place} keeps the file's mode; on failure the old file stays, and no temporary file is left."""
        self.path.write_bytes(b"old")
        self.path.chmod(0o600)
        disk = FaultyDisk()
        for failing in ("write", "sync", "replace"):
            disk.fail(failing)
            self.assertRaises(OSError, disk.write_in_place, self.path, b"new")
            self.assertEqual((b"old", ["file"]), (self.path.read_bytes(), os.listdir(self.path.parent)))
        disk.fail()
        disk.write_in_place(self.path, b"new")
        self.assertEqual((b"new", 0o600), (self.path.read_bytes(), self.path.stat().st_mode & 0o777))
