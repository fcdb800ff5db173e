"""Tests for L{tseep.persistence.persistence}: the lock of the data folder."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tseep.persistence import jobs
from tseep.persistence.aof_loader import CannotLoad
from tseep.persistence.jobs import REWRITE, SNAPSHOT
from tseep.persistence.persistence import FolderInUse
from tseep.system import filesystem
from tseep.system.filesystem import Disk
from tseep.test.disks import Kept
from tseep.test.support import made_folder


class NoLocks(Disk):
    """A file system on which the lock fails with the error C{number}."""

    number = errno.ENOLCK

    def lock(self, folder: Path) -> int:
        raise OSError(self.number, os.strerror(self.number))


class FolderTests(SynchronousTestCase):
    """A data folder is used by one server at a time."""

    def setUp(self) -> None:
        self.folder = made_folder(self)

    def kept(self, disk: Disk | None = None, **config: str) -> Kept:
        """Return a server on the folder."""
        kept = Kept(self.folder, disk, **config)
        self.addCleanup(kept.crash)
        return kept

    def test_second_server(self) -> None:
        """
        A second server on the folder is refused before it loads or creates files, whatever its persistence options; the
        error has the PID of the first.
        """
        Path(self.folder, "dump.rdb").write_bytes(b"REDIS0010\xff" + bytes(8))
        configurations: list[dict[str, str]] = [{}, {"appendonly": "yes"}, {"save": "60 1"}]
        for first in configurations:
            self.kept(None, **first)
            Path(self.folder, "dump.rdb").write_bytes(b"nonsense")
            for second in configurations:
                second = {**second, "appenddirname": "other"}
                text = str(self.assertRaises(FolderInUse, self.kept, None, **second))
                said = f"another server uses the directory {self.folder} (process {os.getpid()}); "
                self.assertEqual(f"{said}stop it, or give this one another --dir", text)
            self.doCleanups()
            Path(self.folder, "dump.rdb").write_bytes(b"REDIS0010\xff" + bytes(8))
        self.assertFalse(Path(self.folder, "other").exists())

    def test_unknown_holder(self) -> None:
        """If the system does not report the lock's holder, the error has no PID."""
        self.kept()
        for place in ("/nonexistent", os.devnull):
            self.patch(filesystem, "LOCKS", Path(place))
            self.assertIn("(another process); stop it", str(self.assertRaises(FolderInUse, self.kept)))

    def test_unlock(self) -> None:
        """The lock is released by a shutdown and by a failed start, not by disabling persistence."""
        kept = self.kept(appendonly="yes")
        self.assertEqual("OK", kept("CONFIG", "SET", "appendonly", "no"))
        self.assertRaises(FolderInUse, self.kept)
        kept.persistence.stop()
        Path(self.folder, "dump.rdb").write_bytes(b"nonsense")
        for _ in range(2):
            self.assertRaises(CannotLoad, self.kept)
        Path(self.folder, "dump.rdb").unlink()
        self.kept()

    def test_move(self) -> None:
        """CONFIG SET dir locks the new folder and unlocks the previous one; snapshots go to the new one."""
        kept, other = self.kept(enable_protected_configs="yes"), made_folder(self)
        self.assertEqual("OK", kept("CONFIG", "SET", "dir", other))
        self.assertEqual("OK", kept("SAVE"))
        self.assertTrue(Path(other, "dump.rdb").exists())
        self.kept()
        self.folder = other
        self.assertRaises(FolderInUse, self.kept)

    def test_move_refused(self) -> None:
        """CONFIG SET dir to a folder in use, and with an append-only file, is refused and changes nothing."""
        first, folder = self.kept(enable_protected_configs="yes"), self.folder
        self.folder = made_folder(self)
        self.kept()
        self.assertRegex(str(first("CONFIG", "SET", "dir", self.folder)), "^ERR another server uses the directory")
        self.assertEqual("OK", first("CONFIG", "SET", "appendonly", "yes"))
        self.assertRegex(
            str(first("CONFIG", "SET", "dir", made_folder(self))), "^ERR dir cannot change while appendonly"
        )
        self.assertEqual(folder, first.server.config["dir"])
        self.folder = folder
        self.assertRaises(FolderInUse, self.kept)

    def test_read_only_folder(self) -> None:
        """The lock creates no file, and works in a read-only folder."""
        os.chmod(self.folder, 0o555)
        self.kept()
        self.assertRaises(FolderInUse, self.kept)
        self.assertEqual([], os.listdir(self.folder))

    def test_no_locks(self) -> None:
        """On a file system without locks the server starts, and logs a warning."""
        kept = self.kept(NoLocks())
        self.assertEqual(3, kept.log[0][0])
        self.assertIn(f"Cannot lock {self.folder}: No locks available; make sure that no other", kept.log[0][1])

    def test_folder_that_cannot_be_opened(self) -> None:
        """A folder that cannot be opened stops the start."""
        disk = NoLocks()
        disk.number = errno.EACCES
        text = str(self.assertRaises(CannotLoad, self.kept, disk))
        self.assertEqual(f"Cannot lock {self.folder}: Permission denied; see --dir", text)


class BackgroundTests(SynchronousTestCase):
    """What INFO reports about the child process."""

    def test_progress(self) -> None:
        """The child counts the keys that it has written; afterwards only the memory that it has copied is left."""
        kept = Kept(made_folder(self))
        self.addCleanup(kept.crash)
        for number in range(50):
            kept("SET", number, "x" * 50_000)
        self.patch(jobs, "private_memory", lambda pid: 4096)
        kept("BGSAVE")
        job = kept.persistence.job
        self.assertEqual(50, job.to_write)
        deadline = time.monotonic() + 30
        while job.written < 50:
            self.assertLess(time.monotonic(), deadline)
        kept.work_ends(self)
        self.assertEqual([0, 0, 0, 4096], [job.to_write, job.written, job.copied, job.copied_peak])
        self.assertEqual({SNAPSHOT: 4096, REWRITE: 0}, job.last_copied)
