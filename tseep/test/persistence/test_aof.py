"""Tests for L{tseep.persistence.aof} with failing disks."""

from __future__ import annotations

import os
import resource
import signal
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError
from tseep.interfaces import NullHost
from tseep.persistence.aof_loader import CannotLoad
from tseep.persistence.aof_writer import LARGE
from tseep.test.disks import Died, Failed, FaultyDisk, Kept
from tseep.test.support import START, Error, encode, made_folder


def open_inodes() -> set[int]:
    """Return the inodes of all files that this process has open."""
    found = set()
    for number in map(int, os.listdir("/proc/self/fd")):
        try:
            found.add(os.fstat(number).st_ino)
        except OSError:
            pass  # the descriptor of the listing itself
    return found


class LogTests(SynchronousTestCase):
    """An acknowledged write is in the append-only file, or its loss was reported."""

    def setUp(self) -> None:
        self.folder = made_folder(self)
        self.disk = FaultyDisk()

    def kept(self, policy: str = "always", **config: str) -> Kept:
        """Return a server with an append-only file on the faulty disk."""
        kept = Kept(self.folder, self.disk, appendonly="yes", appendfsync=policy, **config)
        self.addCleanup(kept.crash)
        return kept

    def found(self) -> list[object]:
        """Return the elements of list C{l} after a new server has loaded the folder from a working disk."""
        kept = Kept(self.folder, appendonly="yes")
        try:
            elements = kept("LRANGE", "l", 0, -1)
            assert isinstance(elements, list)
            return elements
        finally:
            kept.persistence.stop()

    def files(self) -> list[str]:
        return sorted(os.listdir(f"{self.folder}/appendonlydir"))

    def path(self) -> Path:
        """Return the path of the incremental file to which commands are appended."""
        return next(iter(sorted(Path(self.folder, "appendonlydir").glob("*.incr.aof"))))

    def test_one_sync_for_a_batch(self) -> None:
        """With C{appendfsync always} the commands of a batch are stored by one write and one fsync."""
        kept = self.kept()
        del self.disk.calls[:]
        for number in range(10):
            kept.session.receive(b"RPUSH l %d\r\n" % number)
        self.assertEqual([], self.disk.calls)
        kept.persistence.commit()
        self.assertEqual(["write", "sync"], self.disk.calls)

    def test_no_changes(self) -> None:
        """Commands that change nothing are not written."""
        kept = self.kept()
        kept("RPUSH", "l", "a")
        del self.disk.calls[:]
        for command in ("LRANGE l 0 -1", "GET nosuch", "DEL nosuch", "LREM l 0 x", "SPOP nosuch", "PERSIST l"):
            kept(*command.split())
        self.assertEqual([], self.disk.calls)

    def test_everysec(self) -> None:
        """
        With C{appendfsync everysec} each batch is written at once, and synced at most once a second; without changes
        nothing is synced.
        """
        kept = self.kept("everysec")
        del self.disk.calls[:]
        for _ in range(12):
            kept("RPUSH", "l", "x")
            kept.cron(0.25)
        self.assertEqual((12, 3), (self.disk.calls.count("write"), self.disk.calls.count("sync")))
        kept.cron(5)
        del self.disk.calls[:]
        kept.cron(5)
        self.assertEqual([], self.disk.calls)

    def test_everysec_in_a_long_script(self) -> None:
        """With C{everysec} writes made before a long script are synced during it; its own are synced after it."""
        kept = self.kept("everysec")
        kept.cron(1)
        kept("RPUSH", "l", "x")
        del self.disk.calls[:]
        kept.pass_time(1)
        running: Any = object()
        kept.persistence.recording.wrap(
            kept.server.table.commands[b"eval"], lambda *_: kept.server.yield_to_clients(running)
        )(kept.session, [])
        self.assertEqual(["sync"], self.disk.calls)

    def test_write_during_a_sync(self) -> None:
        """During an fsync writes are postponed for up to two seconds, as they could block on it."""
        kept = self.kept("everysec")
        kept.cron(1)
        under_way: list[object] = []
        kept.host.runner = lambda work, done: under_way.append(done)
        kept("RPUSH", "l", 1)
        kept.cron(1)
        self.assertEqual(1, len(under_way))
        del self.disk.calls[:]
        kept("RPUSH", "l", 2)
        kept.cron(1.9)
        self.assertEqual([], self.disk.calls)
        kept.cron(0.2)
        self.assertEqual(["write"], self.disk.calls)

    def test_shutdown_during_a_sync(self) -> None:
        """SHUTDOWN writes postponed commands at once, although an fsync is running; later ones are not postponed."""
        kept = self.kept("everysec")
        kept("RPUSH", "l", 1)
        kept.host.runner = lambda work, done: None  # the sync does not end
        kept.cron(1)
        del self.disk.calls[:]
        kept("RPUSH", "l", 2)
        self.assertEqual([], self.disk.calls)
        kept.session.receive(encode("RPUSH", "l", 3) + encode("SHUTDOWN", "NOSAVE"))
        self.assertEqual(["write"], self.disk.calls)
        kept.connect()
        kept("RPUSH", "l", 4)
        self.assertEqual(["write"] * 2, self.disk.calls)
        kept.crash()
        self.assertEqual([b"1", b"2", b"3", b"4"], self.found())

    def test_appendfsync_no(self) -> None:
        """With C{appendfsync no} only the shutdown syncs."""
        kept = self.kept("no")
        del self.disk.calls[:]
        kept("RPUSH", "l", "x")
        kept.cron(10)
        self.assertEqual(["write"], self.disk.calls)
        kept.persistence.stop()
        self.assertEqual("sync", self.disk.calls[-1])

    def test_refused_shutdown(self) -> None:
        """A shutdown is refused if the last changes cannot be written or synced, unless C{saves_at_end} is False."""
        for name in ("write", "sync"):
            kept = self.kept("everysec")
            kept("RPUSH", "l", "x")
            kept("RPUSH", "l", "y")
            self.disk.fail(name)
            kept("RPUSH", "l", "z")
            error = self.assertRaises(CommandError, kept.persistence.before_end)
            self.assertIn("cannot keep the last changes", str(error))
            self.assertIn("MISCONF", str(kept.persistence.refusal))
            kept.persistence.saves_at_end = False
            kept.persistence.before_end()
            kept.persistence.stop()
            self.disk.fail()

    def test_failure_with_always(self) -> None:
        """With C{always} a failed write or fsync ends the server before the reply is sent."""
        for name in ("write", "sync"):
            kept = self.kept()
            kept("RPUSH", "l", "good")
            self.disk.fail(name)
            reason = self.assertRaises(Failed, kept, "RPUSH", "l", "never")
            self.assertIn("No space left", str(reason))
            self.disk.fail()
            kept.crash()
        self.assertEqual(b"good", self.found()[0])

    def test_full_disk_with_everysec(self) -> None:
        """With C{everysec} a failed write is retried; until it succeeds, commands are refused with MISCONF."""
        kept = self.kept("everysec")
        kept("RPUSH", "l", "a")
        for part in (0, 7):
            self.disk.fail("write", part=part)
            kept("RPUSH", "l", "b")
            refusal = kept("RPUSH", "l", "c")
            self.assertEqual(Error("MISCONF Errors writing to the AOF file: No space left on device"), refusal)
            self.assertEqual(refusal, kept("PING"))
            self.assertIn("MISCONF", str(kept("MULTI") and kept("SET", "x", 1)))
            kept("DISCARD")
            self.assertEqual(1, kept("EXISTS", "l"))
            self.disk.fail()
            kept.cron()
            self.assertEqual("PONG", kept("PING"))
        kept.crash()
        self.assertEqual([b"a", b"b", b"b"], self.found())

    def test_partial_write(self) -> None:
        """If a partial write cannot be truncated, a later write completes the command."""
        kept = self.kept("everysec")
        self.disk.fail("write", "truncate", part=9)
        kept("RPUSH", "l", "a")
        self.disk.fail()
        kept.cron()
        kept.crash()
        self.assertEqual([b"a"], self.found())

    def test_failed_sync(self) -> None:
        """With C{everysec} writes are refused with MISCONF after a failed fsync, until one succeeds."""
        kept = self.kept("everysec")
        self.disk.fail("sync")
        kept("RPUSH", "l", "a")
        kept.cron(2)
        self.assertIn("MISCONF", str(kept("RPUSH", "l", "b")))
        self.disk.fail()
        kept.cron(2)
        self.assertEqual(2, kept("RPUSH", "l", "b"))

    def test_failure_is_logged_once(self) -> None:
        """A failure and the recovery from it are each logged once."""
        kept = self.kept("everysec")
        for name, said in (("write", "Cannot write to"), ("sync", "Cannot sync")):
            del kept.log[:]
            self.disk.fail(name)
            kept("RPUSH", "l", "a")
            for _ in range(5):
                kept.cron(2)
            self.assertEqual([3], [level for level, _ in kept.log])
            self.assertIn(f"{said} {self.path()}: No space left on device", kept.log[0][1])
            del kept.log[:]
            self.disk.fail()
            for _ in range(5):
                kept.cron(2)
            self.assertEqual([2], [level for level, _ in kept.log])
            self.assertEqual(said.replace("Cannot", "Can") + f" {self.path()} again", kept.log[0][1])

    def test_no_thread_for_a_sync(self) -> None:
        """With C{everysec} an fsync for which no thread can start is a failed fsync."""
        kept = self.kept("everysec")

        def full(work: object, done: object) -> None:
            raise RuntimeError("can't start new thread")

        kept.host.runner = full
        kept("RPUSH", "l", "a")
        kept.cron(2)
        refusal = Error("MISCONF Errors writing to the AOF file: can't start new thread")
        self.assertEqual(refusal, kept("RPUSH", "l", "b"))
        kept.host.runner = NullHost().run_in_thread
        kept.cron(2)
        self.assertEqual(2, kept("RPUSH", "l", "b"))

    def test_write_after_failed_sync(self) -> None:
        """A successful write does not end the refusal that a failed fsync caused."""
        kept = self.kept("everysec")
        kept("SET", "soon", 1, "PX", 2500)
        self.disk.fail("sync")
        kept.cron(2)
        self.disk.calls.clear()
        kept.pass_time(0.9)
        self.assertIsNone(kept("GET", "soon"))  # the expiry of a key is written
        self.assertIn("write", self.disk.calls)
        self.assertIn("MISCONF", str(kept("SET", "a", 1)))

    def test_descriptor_limit(self) -> None:
        """At the limit of open files commands are still written and synced, and partial writes truncated."""
        kept = self.kept("everysec")
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            self.assertRaises(OSError, os.dup, 0)
            kept("RPUSH", "l", "a")
            self.disk.calls.clear()
            kept.cron(2)
            self.assertEqual("PONG", kept("PING"))
            self.disk.fail("write", part=9)
            kept("RPUSH", "l", "b")
            self.disk.fail()
            kept.cron(2)
            self.assertEqual("PONG", kept("PING"))
            self.assertEqual(2, self.disk.calls.count("sync"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        kept.crash()
        self.assertEqual([b"a", b"b"], self.found())

    def test_file_under_sync_stays_open(self) -> None:
        """A file that a rewrite replaces during its fsync is closed after the fsync."""
        kept = self.kept("everysec")
        under_way: list[Any] = []
        kept.host.runner = lambda work, done: under_way.append((work, done))
        kept("RPUSH", "l", "a")
        kept.cron(2)
        kept("BGREWRITEAOF")
        kept.work_ends(self)
        kept("RPUSH", "l", "b")
        ((work, done),) = under_way
        work()
        before = set(os.listdir("/proc/self/fd"))
        done(None)
        self.assertEqual(1, len(before - set(os.listdir("/proc/self/fd"))))
        kept.crash()
        self.assertEqual([b"a", b"b"], self.found())

    def test_replaced_file_is_synced(self) -> None:
        """
        A file that a rewrite has replaced is synced before it is closed; if that fails, writes are refused until it
        succeeds.
        """
        kept = self.kept("everysec")
        kept("RPUSH", "l", "a")
        old = os.stat(self.path())
        kept("BGREWRITEAOF")
        kept.work_ends(self)
        self.disk.fail("sync")
        kept.cron(2)
        self.assertIn("MISCONF", str(kept("RPUSH", "l", "b")))
        self.assertIn(old.st_ino, open_inodes())
        self.disk.fail()
        kept.cron(2)
        self.assertEqual(2, kept("RPUSH", "l", "b"))
        self.assertNotIn(old.st_ino, open_inodes())

    def test_long_arguments(self) -> None:
        """A long argument is written unmodified and in order with its neighbours, also after failed writes."""
        kept = self.kept("everysec")
        for number, failing in enumerate([(), ("write",), ("write", "truncate")]):
            self.disk.fail(*failing, part=LARGE * 2)
            kept.session.receive(
                b"".join(encode("RPUSH", "l", part) for part in ("a", "x" * LARGE, "b" * 3000, "y" * 2 * LARGE, "c"))
            )
            kept.persistence.commit()
            self.disk.fail()
            kept.cron()
            self.assertEqual(5 * (number + 1), kept("LLEN", "l"))
        kept.crash()
        self.assertEqual([1, LARGE, 3000, 2 * LARGE, 1] * 3, [len(each) for each in self.found()])  # type: ignore[arg-type]

    def test_clock_set_back(self) -> None:
        """Setting the wall clock back delays neither the fsync nor the retry of a rewrite."""
        kept = self.kept("everysec")
        kept("RPUSH", "l", "a")
        kept.now -= 3600
        self.disk.calls.clear()
        kept.cron(1)
        self.assertEqual(["sync"], self.disk.calls)
        self.disk.fail("replace")
        kept("BGREWRITEAOF")
        self.disk.fail()
        kept.now -= 3600
        kept.persistence.log.scheduled = True
        kept.cron(6)
        self.assertEqual(1, kept.persistence.log.count)

    def test_crash_at_every_call(self) -> None:
        """If the process crashes at any disk call, a restart loads all acknowledged writes, in order."""
        number, ended = 0, False
        while not ended:
            number += 1
            self.folder = made_folder(self)
            answered = 0
            disk = FaultyDisk()
            disk.error = Died()
            disk.last = number - 1
            kept = None
            try:
                kept = Kept(self.folder, disk, appendonly="yes", appendfsync="always")
                while answered < 6:
                    self.assertEqual(answered + 1, kept("RPUSH", "l", answered))
                    answered += 1
                    if answered == 3:
                        kept("BGREWRITEAOF")
                        kept.work_ends(self)
                ended = True
            except Died:
                pass
            if kept is not None:
                kept.crash()
            expected = [b"%d" % each for each in range(6)]
            found = self.found()
            self.assertEqual(expected[: len(found)], found)
            self.assertIn(len(found), (answered, answered + 1), f"it died in call {number}")
        self.assertGreater(number, 15)

    def test_rewrite(self) -> None:
        """A rewrite leaves one base file, one incremental file and the manifest."""
        kept = self.kept()
        for number in range(5):
            kept("RPUSH", "l", number)
        self.assertEqual("Background append only file rewriting started", kept("BGREWRITEAOF"))
        self.assertIn("already in progress", str(kept("BGREWRITEAOF")))
        kept("RPUSH", "l", 5)
        kept.work_ends(self)
        kept("RPUSH", "l", 6)
        self.assertEqual(
            ["appendonly.aof.2.base.rdb", "appendonly.aof.2.incr.aof", "appendonly.aof.manifest"], self.files()
        )
        kept.crash()
        self.assertEqual([b"%d" % number for number in range(7)], self.found())

    def test_rewrite_in_a_transaction(self) -> None:
        """BGREWRITEAOF in MULTI is scheduled: the base has no part of a transaction that the increment has, too."""
        kept = self.kept()
        for words in (["MULTI"], ["RPUSH", "l", "a"], ["BGREWRITEAOF"], ["BGSAVE"], ["RPUSH", "l", "b"]):
            kept(*words)
        scheduled = ["Background append only file rewriting scheduled", "Background saving scheduled"]
        self.assertEqual([1, *scheduled, 2], kept("EXEC"))
        kept.cron(1)
        kept.work_ends(self)
        self.assertIn("appendonly.aof.2.base.rdb", self.files())
        kept.crash()
        self.assertEqual([b"a", b"b"], self.found())

    def test_switched_on_in_a_transaction(self) -> None:
        """The first rewrite of CONFIG SET appendonly yes in MULTI begins after it; one in progress is stopped."""
        kept = self.kept()
        kept("CONFIG", "SET", "appendonly", "no")
        kept("RPUSH", "l", "a")
        kept("BGREWRITEAOF")
        for words in (["MULTI"], ["RPUSH", "l", "b"], ["CONFIG", "SET", "appendonly", "yes"], ["RPUSH", "l", "c"]):
            kept(*words)
        self.assertEqual([2, "OK", 3], kept("EXEC"))
        kept.cron(1)
        kept.work_ends(self)
        kept("RPUSH", "l", "d")
        kept.crash()
        self.assertEqual([b"a", b"b", b"c", b"d"], self.found())

    def test_failed_rewrite(self) -> None:
        """A rewrite that fails at its start or at its last rename loses no write; the next one succeeds."""
        kept = self.kept()
        kept("RPUSH", "l", "a")
        self.disk.fail("replace")
        self.assertIn("cannot start rewriting", str(kept("BGREWRITEAOF")))
        self.disk.fail()
        kept("RPUSH", "l", "b")
        writes = self.disk.calls.count
        kept("BGREWRITEAOF")
        self.disk.fail("replace")
        kept.work_ends(self)
        self.assertFalse(kept.persistence.log.ok)
        self.disk.fail()
        self.assertGreater(writes("replace"), 1)
        kept("RPUSH", "l", "c")
        kept("BGREWRITEAOF")
        kept.work_ends(self)
        self.assertTrue(kept.persistence.log.ok)
        kept("RPUSH", "l", "d")
        kept.crash()
        self.assertEqual([b"a", b"b", b"c", b"d"], self.found())

    def test_base_of_commands(self) -> None:
        """With C{aof-use-rdb-preamble no} the base has commands, at the start and after a rewrite; else a snapshot."""
        kept = self.kept(aof_use_rdb_preamble="no")
        self.assertEqual(b"", Path(self.folder, "appendonlydir/appendonly.aof.1.base.aof").read_bytes())
        kept("RPUSH", "l", "a")
        for enabled, base in (("no", "2.base.aof"), ("yes", "3.base.rdb"), ("no", "4.base.aof")):
            kept("CONFIG", "SET", "aof-use-rdb-preamble", enabled)
            kept("BGREWRITEAOF")
            kept("CONFIG", "SET", "aof-use-rdb-preamble", "yes")  # too late for the rewrite in progress
            kept.work_ends(self)
            self.assertEqual(f"appendonly.aof.{base}", self.files()[0])
            content = Path(self.folder, "appendonlydir", self.files()[0]).read_bytes()
            self.assertEqual(base.endswith("rdb"), content.startswith(b"REDIS"))
        kept.crash()
        self.assertEqual([b"a"], self.found())

    def test_timestamps(self) -> None:
        """With C{aof-timestamp-enabled} the first command of each second has an annotation, and so has a base."""
        kept = self.kept(aof_use_rdb_preamble="no")
        kept("RPUSH", "l", "a")
        before = self.path().read_bytes()
        self.assertNotIn(b"#TS", before)
        kept("CONFIG", "SET", "aof-timestamp-enabled", "yes")
        for value in "bcd":
            kept("RPUSH", "l", value)
            kept.pass_time(0.5)
        push = b"".join(encode("RPUSH", "l", value) for value in "bc")
        expected = b"#TS:%d\r\n%b#TS:%d\r\n%b" % (START, push, START + 1, encode("RPUSH", "l", "d"))
        self.assertEqual(before + expected, self.path().read_bytes())
        kept("BGREWRITEAOF")
        kept.work_ends(self)
        base = Path(self.folder, "appendonlydir", self.files()[0]).read_bytes()
        self.assertTrue(base.startswith(b"#TS:%d\r\n*2\r\n$6\r\nSELECT" % (START + 1)), base)
        kept.crash()
        self.assertEqual([b"a", b"b", b"c", b"d"], self.found())

    def test_old_files(self) -> None:
        """With C{aof-disable-auto-gc} the files that a rewrite has replaced are kept, until it is set to no."""
        kept = self.kept(aof_disable_auto_gc="yes")
        for _ in range(2):
            kept("BGREWRITEAOF")
            kept.work_ends(self)
        manifest = Path(self.folder, "appendonlydir/appendonly.aof.manifest")
        lines = [line.split()[1::4] for line in manifest.read_text().splitlines()]
        self.assertEqual([
            ["appendonly.aof.3.base.rdb", "b"], ["appendonly.aof.2.incr.aof", "h"], ["appendonly.aof.2.base.rdb", "h"],
            ["appendonly.aof.1.incr.aof", "h"], ["appendonly.aof.1.base.rdb", "h"], ["appendonly.aof.3.incr.aof", "i"],
        ], lines)  # fmt: skip
        self.assertEqual(7, len(self.files()))
        self.assertEqual("OK", kept("CONFIG", "SET", "aof-disable-auto-gc", "no"))
        self.assertEqual(
            ["appendonly.aof.3.base.rdb", "appendonly.aof.3.incr.aof", "appendonly.aof.manifest"], self.files()
        )
        self.assertEqual(2, len(manifest.read_text().splitlines()))

    def test_no_fsync_during_a_rewrite(self) -> None:
        """With C{no-appendfsync-on-rewrite} nothing is synced while a child writes; it is synced later."""
        for policy in ("always", "everysec"):
            self.setUp()
            kept = self.kept(policy, no_appendfsync_on_rewrite="yes")
            kept("CONFIG", "SET", "rdb-key-save-delay", "10000000")
            kept("RPUSH", "l", "a")
            kept("BGSAVE")
            kept.cron(5)
            del self.disk.calls[:]
            kept("RPUSH", "l", "b")
            kept.cron(5)
            self.assertEqual(["write"], self.disk.calls)
            kept("CONFIG", "SET", "no-appendfsync-on-rewrite", "no")
            kept.cron(5)
            self.assertEqual(["write", "sync"], self.disk.calls)
            kept.crash()

    def test_limit(self) -> None:
        """A rewrite that fails a third time in a row is retried after a minute, then after two; BGREWRITEAOF runs."""
        kept = self.kept(auto_aof_rewrite_percentage="1", auto_aof_rewrite_min_size="1")
        kept("CONFIG", "SET", "rdb-key-save-delay", "10000000")
        kept("RPUSH", "l", "a")

        def fail() -> None:
            """Make the rewrite in progress fail."""
            child = kept.persistence.job._child
            assert child is not None
            os.kill(child.pid, signal.SIGKILL)
            kept.work_ends(self)

        for _ in range(3):
            kept("BGREWRITEAOF")
            fail()
        limit = "Background AOF rewrite has repeatedly failed and triggered the limit, will retry in %d minutes"
        self.assertEqual((3, limit % 1), kept.log[-1])
        for minutes in (1, 2):
            kept.cron(60 * minutes - 1)
            self.assertEqual("", kept.persistence.job.task)
            kept.cron(2)
            self.assertEqual("aof", kept.persistence.job.task)
            fail()
        self.assertEqual((3, limit % 4), kept.log[-1])
        kept("CONFIG", "SET", "rdb-key-save-delay", "0")
        kept("BGREWRITEAOF")
        kept.work_ends(self)
        self.assertTrue(kept.persistence.log.ok)

    def test_file_without_manifest(self) -> None:
        """A file that no manifest names is ignored."""
        os.mkdir(f"{self.folder}/appendonlydir")
        Path(self.folder, "appendonlydir/appendonly.aof.1.incr.aof").write_bytes(
            b"*3\r\n$5\r\nRPUSH\r\n$1\r\nl\r\n$1\r\nx\r\n"
        )
        kept = self.kept()
        kept("RPUSH", "l", "y")
        kept.crash()
        self.assertEqual([b"y"], self.found())

    def test_files_of_a_killed_server(self) -> None:
        """Temporary files of a killed server are removed at the next start; similar names are kept."""
        self.kept().persistence.stop()
        manifest = "appendonly.aof.manifest"
        left = [
            "temp-1.rdb", "appendonlydir/temp-rewriteaof-bg-77.aof", f"appendonlydir/temp-0123456789abcdef-{manifest}",
        ]  # fmt: skip
        kept = [
            "temp-.rdb", "temp-1.rdb.old", "my-temp-1.rdb", "temp-x.rdb", "temp-1-dump.rdb", "temp-rewriteaof-bg-7.aof",
            "appendonlydir/temp-1.rdb", "appendonlydir/temp-rewriteaof-bg-x.aof", f"temp-0123456789abcdef-{manifest}",
            f"appendonlydir/temp-{manifest}", "temp-0123456789abcdef-users.acl",
        ]  # fmt: skip
        for name in left + kept:
            Path(self.folder, name).write_bytes(b"x")
        again = self.kept()
        self.assertEqual([], [name for name in left if Path(self.folder, name).exists()])
        self.assertEqual(kept, [name for name in kept if Path(self.folder, name).exists()])
        self.assertEqual(3, sum("a server that was killed" in text for _, text in again.log))

    def test_snapshot_named_like_a_temporary_file(self) -> None:
        """A snapshot whose C{dbfilename} matches a temporary file's name is kept."""
        kept = Kept(self.folder, dbfilename="temp-1.rdb")
        kept("SET", "a", 1)
        kept("SAVE")
        kept.persistence.stop()
        again = Kept(self.folder, dbfilename="temp-1.rdb")
        self.addCleanup(again.crash)
        self.assertEqual(b"1", again("GET", "a"))

    def test_temporary_file_not_removable(self) -> None:
        """A temporary file that cannot be removed is logged; the server starts."""
        Path(self.folder, "temp-1.rdb").write_bytes(b"x")
        disk = FaultyDisk()
        disk.fail("remove")
        kept = Kept(self.folder, disk)
        self.addCleanup(kept.crash)
        self.assertIn("Cannot remove", kept.log[0][1])

    def test_failed_write_during_first_rewrite(self) -> None:
        """After a failed write during the first rewrite, writes are accepted once a rewrite has succeeded."""
        kept = Kept(self.folder, self.disk, appendfsync="everysec")
        self.addCleanup(kept.crash)
        self.disk.fail("replace")
        kept("CONFIG", "SET", "appendonly", "yes")
        kept.work_ends(self)
        self.disk.fail("write")
        kept("RPUSH", "l", "a")
        self.assertIn("MISCONF", str(kept("RPUSH", "l", "b")))
        kept.cron(6)
        kept.work_ends(self)
        self.disk.fail()
        kept.cron(6)
        kept.work_ends(self)
        self.assertEqual(2, kept("RPUSH", "l", "b"))
        kept.crash()
        self.assertEqual([b"a", b"b"], self.found())

    def test_refused_by_config_set(self) -> None:
        """If the file cannot be created, CONFIG SET appendonly returns an error and changes nothing."""
        kept = Kept(self.folder, self.disk)
        Path(self.folder, "appendonlydir").write_text("in the way")
        self.assertIn("Unable to turn on AOF", str(kept("CONFIG", "SET", "appendonly", "yes", "timeout", 5)))
        self.assertEqual([b"appendonly", b"no"], kept("CONFIG", "GET", "appendonly"))
        self.assertEqual([b"timeout", b"0"], kept("CONFIG", "GET", "timeout"))
        self.assertEqual("OK", kept("SET", "a", 1))

    def test_missing_file(self) -> None:
        """A file that the manifest names and that is missing stops the start."""
        self.kept().persistence.stop()
        self.path().unlink()
        self.assertIn("No such file", str(self.assertRaises(CannotLoad, self.found)))

    def test_bad_manifest(self) -> None:
        """An invalid manifest stops the start."""
        self.kept().persistence.stop()
        manifest = Path(self.folder, "appendonlydir/appendonly.aof.manifest")
        for text, word in (
            ("nonsense\n", "line 1"),
            ("", "empty AOF manifest"),
            ("file ../x seq 1 type b\n", "line 1"),
        ):
            manifest.write_text(text)
            self.assertIn(word, str(self.assertRaises(CannotLoad, self.found)))

    def test_snapshot_is_not_loaded(self) -> None:
        """If appendonly is on and has no files yet, dump.rdb is not loaded; a warning is logged."""
        kept = Kept(self.folder)
        kept("SET", "a", 1)
        kept("SAVE")
        kept.persistence.stop()
        again = self.kept()
        self.assertEqual(0, again("DBSIZE"))
        self.assertTrue(any(level == 3 and "dump.rdb is not loaded" in text for level, text in again.log))
