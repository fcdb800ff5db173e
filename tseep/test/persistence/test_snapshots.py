"""Tests for L{tseep.persistence.snapshots}, L{tseep.persistence.jobs} and L{tseep.system.fork}."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tseep.system.fork import ForkedChild
from tseep.test.disks import FaultyDisk, Kept
from tseep.test.support import START, made_folder


class SnapshotsTests(SynchronousTestCase):
    """SAVE, BGSAVE, C{save} points and shutdown write snapshots."""

    config = {"save": "60 2"}

    def setUp(self) -> None:
        self.folder = made_folder(self)
        self.disk = FaultyDisk()
        self.kept = Kept(self.folder, self.disk, **self.config)
        self.addCleanup(self.kept.crash)

    def saved(self) -> object:
        """Return the value of key C{a} in a new server that has loaded the snapshot."""
        folder = made_folder(self)
        shutil.copy(f"{self.folder}/dump.rdb", folder)
        return Kept(folder)("GET", "a")

    def test_save(self) -> None:
        """SAVE leaves dump.rdb and no temporary file; LASTSAVE returns its time."""
        self.kept("SET", "a", 1)
        self.kept.pass_time(10)
        self.assertEqual("OK", self.kept("SAVE"))
        self.assertEqual(START + 10, self.kept("LASTSAVE"))
        self.assertEqual(["dump.rdb"], os.listdir(self.folder))
        self.assertEqual(b"1", self.saved())

    def test_failed_save(self) -> None:
        """A failed SAVE leaves the previous file and no temporary one; as in Redis, writes are allowed all the same."""
        self.kept("SET", "a", 1)
        self.kept("SAVE")
        for name in ("write", "sync", "replace"):
            self.kept("SET", "a", 2)
            self.disk.fail(name, part=3)
            self.assertIn("cannot save", str(self.kept("SAVE")))
            self.assertEqual("OK", self.kept("SET", "a", 3))
            self.assertEqual(["dump.rdb"], os.listdir(self.folder))
            self.disk.fail()
            self.assertEqual(b"1", self.saved())
        self.kept("SAVE")
        self.assertEqual(b"3", self.saved())

    def test_compression(self) -> None:
        """With C{rdbcompression} a value that repeats itself is stored in fewer bytes, and loaded as it was."""
        sizes = []
        for enabled in ("no", "yes"):
            self.kept("CONFIG", "SET", "rdbcompression", enabled)
            self.kept("SET", "a", "x" * 10_000)
            self.kept("SAVE")
            sizes.append(os.path.getsize(f"{self.folder}/dump.rdb"))
            self.assertEqual(b"x" * 10_000, self.saved())
        self.assertGreater(sizes[0], 20 * sizes[1])

    def test_flush_during_a_snapshot(self) -> None:
        """FLUSHALL ends the child that writes a snapshot of the deleted keys, also if C{save} is empty."""
        self.kept("CONFIG", "SET", "save", "", "rdb-key-save-delay", 10_000_000)
        self.kept("SET", "a", 1)
        self.assertEqual("Background saving started", self.kept("BGSAVE"))
        self.kept("FLUSHALL")
        self.assertEqual("", self.kept.persistence.job.task)
        self.assertEqual([], os.listdir(self.folder))

    def test_bgsave(self) -> None:
        """BGSAVE saves the data as of its start; SAVE and BGSAVE are refused and BGREWRITEAOF scheduled during it."""
        self.kept("SET", "a", 1)
        self.assertEqual("Background saving started", self.kept("BGSAVE"))
        self.assertEqual("ERR Background save already in progress", str(self.kept("BGSAVE")))
        self.assertEqual("ERR Background save already in progress", str(self.kept("SAVE")))
        self.assertEqual("Background append only file rewriting scheduled", self.kept("BGREWRITEAOF"))
        self.kept("SET", "a", 2)
        self.kept.work_ends(self)
        self.assertEqual(b"1", self.saved())
        self.assertEqual(1, self.kept.persistence.recording.dirty)

    def test_bgsave_schedule(self) -> None:
        """During a rewrite BGSAVE is refused; BGSAVE SCHEDULE starts when the rewrite has ended."""
        self.kept("BGREWRITEAOF")
        self.assertIn("Another child process is active", str(self.kept("BGSAVE")))
        self.assertEqual("Background saving scheduled", self.kept("BGSAVE", "SCHEDULE"))
        self.kept.work_ends(self)
        self.kept.cron()
        self.assertEqual("rdb", self.kept.persistence.job.task)
        self.kept.work_ends(self)
        self.assertEqual(1, self.kept.persistence.snapshots.count)

    def test_save_points(self) -> None:
        """A snapshot starts once the changes and the seconds of a C{save} point are both reached."""
        snapshots = self.kept.persistence.snapshots
        self.kept("SET", "a", 1)
        self.kept.cron(100)
        self.assertEqual(0, snapshots.count)
        self.kept("SET", "a", 2)
        self.kept.cron()
        self.kept.work_ends(self)
        self.assertEqual((1, 0), (snapshots.count, self.kept.persistence.recording.dirty))
        self.kept("MSET", "a", 3, "b", 4)
        self.kept.cron(50)
        self.assertEqual(1, snapshots.count)
        self.kept.cron(11)
        self.assertEqual(2, snapshots.count)

    def test_clock_set_back(self) -> None:
        """Setting the wall clock back does not delay a snapshot; LASTSAVE returns wall-clock time."""
        self.kept.now -= 3600
        self.kept("MSET", "a", 1, "b", 2)
        self.kept.cron(61)
        self.assertEqual(1, self.kept.persistence.snapshots.count)
        self.kept.now -= 3600
        self.kept.pass_time(3)
        self.assertEqual(3, self.kept.persistence.job.seconds)
        self.kept.work_ends(self)
        self.assertEqual(int(self.kept.now), self.kept("LASTSAVE"))

    def test_failed_rename(self) -> None:
        """If a child's file cannot be renamed it is removed, so that retries do not fill the disk."""
        for command in ("BGSAVE", "BGREWRITEAOF"):
            self.kept(command)
            self.disk.fail("replace")
            self.kept.work_ends(self)
            self.disk.fail()
            left = [name for _, _, names in os.walk(self.folder) for name in names]
            self.assertEqual([], [name for name in left if name.startswith("temp-")])
            self.kept.persistence.snapshots.ok = True

    def test_killed_child(self) -> None:
        """The temporary file of a killed child is removed."""
        for end in (self.kept.persistence.job.end, lambda: self.kept.work_ends(self)):
            self.kept("SET", "a", 1)
            self.kept("BGSAVE")
            child = self.kept.persistence.job._child
            assert child is not None
            os.kill(child.pid, signal.SIGSTOP)
            Path(self.folder, f"temp-{child.pid}.rdb").write_bytes(b"half")
            os.kill(child.pid, signal.SIGKILL)
            end()
            self.assertEqual([], [name for name in os.listdir(self.folder) if name.startswith("temp-")])

    def test_failed_child(self) -> None:
        """A child's failure is logged, and the snapshot retried after some seconds."""
        snapshots = self.kept.persistence.snapshots
        self.kept("MSET", "a", 1, "b", 1)
        self.disk.fail("write")
        self.kept.cron(61)
        self.kept.work_ends(self)
        self.assertFalse(snapshots.ok)
        self.assertTrue(any("No space left" in text for level, text in self.kept.log))
        self.disk.fail()
        self.kept.cron(3)
        self.assertEqual(1, snapshots.count)
        self.kept.cron(3)
        self.kept.work_ends(self)
        self.assertEqual((2, True), (snapshots.count, snapshots.ok))

    def test_flush(self) -> None:
        """FLUSHALL writes an empty snapshot, so that a restart does not load the deleted keys."""
        self.kept("SET", "a", 1)
        self.kept("SAVE")
        self.kept("FLUSHALL")
        self.assertIsNone(self.saved())

    def test_shutdown(self) -> None:
        """A shutdown writes a snapshot if there are unsaved changes."""
        self.kept("SET", "a", 1)
        self.kept.persistence.stop()
        self.assertEqual(b"1", self.saved())


class ForkedChildTests(SynchronousTestCase):
    """L{ForkedChild} runs a function in a forked process."""

    def ended(self, child: ForkedChild) -> str:
        """Wait until a child has ended; return its error, or an empty string."""
        while True:
            ended = child.ended()
            if ended is not None:
                return ended

    def test_work(self) -> None:
        """The function runs in the child, which has closed the descriptors of its parent."""
        path = Path(self.mktemp())

        def work() -> None:
            path.write_text(f"{os.getpid()} {len(os.listdir('/proc/self/fd'))}")

        child = ForkedChild(work, 0)
        self.assertEqual("", self.ended(child))
        pid, files = path.read_text().split()
        self.assertEqual(child.pid, int(pid))
        self.assertLessEqual(int(files), 6)

    def test_failure(self) -> None:
        """An exception in the child is reported to the parent by its type and text."""
        self.assertIn("ZeroDivisionError", self.ended(ForkedChild(lambda: os.close(1 // 0), 0)))
        self.assertIn("No such file", self.ended(ForkedChild(lambda: os.remove("/nowhere/at all"), 0)))

    def test_signal(self) -> None:
        """A child killed by a signal is reported with the signal's number."""
        import signal

        self.assertIn("signal 9", self.ended(ForkedChild(lambda: os.kill(os.getpid(), signal.SIGKILL), 0)))

    def test_kill(self) -> None:
        """After C{kill} the process does not exist."""
        import time

        child = ForkedChild(lambda: time.sleep(60), 0)
        child.kill()
        self.assertRaises(ProcessLookupError, os.kill, child.pid, 0)
