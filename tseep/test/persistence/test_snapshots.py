"""Tests of L{tseep.persistence.snapshots}, L{tseep.persistence.jobs} and L{tseep.persistence.fork}."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tseep.persistence.fork import ForkedChild
from tseep.test.disks import FaultyDisk, Kept
from tseep.test.support import START, made_folder


class SnapshotsTests(SynchronousTestCase):
    """Snapshots are written when they are asked for, and when they are due."""

    config = {"save": "60 2"}

    def setUp(self) -> None:
        self.folder = made_folder(self)
        self.disk = FaultyDisk()
        self.kept = Kept(self.folder, self.disk, **self.config)
        self.addCleanup(self.kept.crash)

    def saved(self) -> object:
        """What a new server finds at key C{a}."""
        folder = made_folder(self)
        shutil.copy(f"{self.folder}/dump.rdb", folder)
        return Kept(folder)("GET", "a")

    def test_save(self) -> None:
        """SAVE writes a whole file under another name first; LASTSAVE tells when."""
        self.kept("SET", "a", 1)
        self.kept.pass_time(10)
        self.assertEqual("OK", self.kept("SAVE"))
        self.assertEqual(START + 10, self.kept("LASTSAVE"))
        self.assertEqual(["dump.rdb"], os.listdir(self.folder))
        self.assertEqual(b"1", self.saved())

    def test_save_that_fails(self) -> None:
        """A snapshot that fails leaves the last one, and nothing half done."""
        self.kept("SET", "a", 1)
        self.kept("SAVE")
        for name in ("write", "sync", "replace"):
            self.kept.persistence.snapshots.ok = True
            self.kept.server.update_refusal()
            self.kept("SET", "a", 2)
            self.disk.fail(name, part=3)
            self.assertIn("cannot save", str(self.kept("SAVE")))
            self.assertIn("MISCONF Redis is configured to save RDB snapshots", str(self.kept("SET", "a", 3)))
            self.assertEqual(["dump.rdb"], os.listdir(self.folder))
            self.disk.fail()
            self.assertEqual(b"1", self.saved())
        self.kept("SAVE")
        self.assertEqual("OK", self.kept("SET", "a", 3))
        self.assertEqual(b"2", self.saved())

    def test_in_the_background(self) -> None:
        """BGSAVE has the data of its beginning; a second one has to wait."""
        self.kept("SET", "a", 1)
        self.assertEqual("Background saving started", self.kept("BGSAVE"))
        self.assertEqual("ERR Background save already in progress", str(self.kept("BGSAVE")))
        self.assertEqual("ERR Background save already in progress", str(self.kept("SAVE")))
        self.assertEqual("Background append only file rewriting scheduled", self.kept("BGREWRITEAOF"))
        self.kept("SET", "a", 2)
        self.kept.work_ends(self)
        self.assertEqual(b"1", self.saved())
        self.assertEqual(1, self.kept.persistence.recording.dirty)

    def test_scheduled(self) -> None:
        """While a rewrite is under way BGSAVE is refused, or begins after it."""
        self.kept("BGREWRITEAOF")
        self.assertIn("Another child process is active", str(self.kept("BGSAVE")))
        self.assertEqual("Background saving scheduled", self.kept("BGSAVE", "SCHEDULE"))
        self.kept.work_ends(self)
        self.kept.cron()
        self.assertEqual("rdb", self.kept.persistence.job.task)
        self.kept.work_ends(self)
        self.assertEqual(1, self.kept.persistence.snapshots.count)

    def test_due(self) -> None:
        """One begins after so many changes and so much time, and not before."""
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
        """A wall clock that is set back does not delay a snapshot; LASTSAVE tells by that clock."""
        self.kept.now -= 3600
        self.kept("MSET", "a", 1, "b", 2)
        self.kept.cron(61)
        self.assertEqual(1, self.kept.persistence.snapshots.count)
        self.kept.now -= 3600
        self.kept.pass_time(3)
        self.assertEqual(3, self.kept.persistence.job.seconds)
        self.kept.work_ends(self)
        self.assertEqual(int(self.kept.now), self.kept("LASTSAVE"))

    def test_child_whose_file_cannot_be_taken_over(self) -> None:
        """What a child has written is removed if it cannot get its own name, so that tries do not fill the disk."""
        for command in ("BGSAVE", "BGREWRITEAOF"):
            self.kept(command)
            self.disk.fail("replace")
            self.kept.work_ends(self)
            self.disk.fail()
            left = [name for _, _, names in os.walk(self.folder) for name in names]
            self.assertEqual([], [name for name in left if name.startswith("temp-")])
            self.kept.persistence.snapshots.ok = True

    def test_killed_child_leaves_nothing(self) -> None:
        """A child that is ended, or ends by a signal, leaves no file behind."""
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

    def test_child_that_fails(self) -> None:
        """A child that fails or is killed is noticed, and tried again after a while."""
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
        """FLUSHALL writes a snapshot of nothing, so that the last one does not bring back what was removed."""
        self.kept("SET", "a", 1)
        self.kept("SAVE")
        self.kept("FLUSHALL")
        self.assertIsNone(self.saved())

    def test_end(self) -> None:
        """So does the end, if anything has changed."""
        self.kept("SET", "a", 1)
        self.kept.persistence.stop()
        self.assertEqual(b"1", self.saved())


class ChildTests(SynchronousTestCase):
    """A child does its work in a process of its own."""

    def ended(self, child: ForkedChild) -> str:
        """How it ended."""
        while True:
            ended = child.ended()
            if ended is not None:
                return ended

    def test_work(self) -> None:
        """What it does is done there, with no file open but its own."""
        path = Path(self.mktemp())

        def work() -> None:
            path.write_text(f"{os.getpid()} {len(os.listdir('/proc/self/fd'))}")

        child = ForkedChild(work, 0)
        self.assertEqual("", self.ended(child))
        pid, files = path.read_text().split()
        self.assertEqual(child.pid, int(pid))
        self.assertLessEqual(int(files), 6)

    def test_failure(self) -> None:
        """It tells what went wrong."""
        self.assertIn("ZeroDivisionError", self.ended(ForkedChild(lambda: os.close(1 // 0), 0)))
        self.assertIn("No such file", self.ended(ForkedChild(lambda: os.remove("/nowhere/at all"), 0)))

    def test_signal(self) -> None:
        """So does one that was killed."""
        import signal

        self.assertIn("signal 9", self.ended(ForkedChild(lambda: os.kill(os.getpid(), signal.SIGKILL), 0)))

    def test_kill(self) -> None:
        """It can be ended."""
        import time

        child = ForkedChild(lambda: time.sleep(60), 0)
        child.kill()
        self.assertRaises(ProcessLookupError, os.kill, child.pid, 0)
