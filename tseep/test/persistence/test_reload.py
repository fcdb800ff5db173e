"""Tests for L{tseep.persistence.reload}: DEBUG RELOAD and DEBUG LOADAOF."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import LOADING
from tseep.persistence import aof
from tseep.test.disks import Failed, Kept
from tseep.test.support import Error, encode, made_folder

FAILED = Error("ERR Error trying to load the RDB dump")
LIBRARY = "#!lua name=lib\nredis.register_function('f', function() return %d end)"


class ReloadTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = made_folder(self)

    def kept(self, **config: str) -> Kept:
        """Return a server on the folder."""
        kept = Kept(self.folder, None, enable_debug_command="yes", **config)
        self.addCleanup(kept.crash)
        return kept

    def test_reload(self) -> None:
        """DEBUG RELOAD keeps keys, expiries and functions, and drops keys that have expired."""
        kept = self.kept(save="3600 1")
        kept("RPUSH", "list", "a", "b")
        kept("SET", "volatile", "v", "PX", 5000)
        kept("SET", "short", "v", "PX", 10)
        kept("FUNCTION", "LOAD", LIBRARY % 1)
        before = kept("DEBUG", "DIGEST-VALUE", "list", "volatile")
        kept("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        kept.pass_time(1)
        self.assertEqual("OK", kept("DEBUG", "RELOAD"))
        self.assertEqual(before, kept("DEBUG", "DIGEST-VALUE", "list", "volatile"))
        self.assertEqual([4000, 2, 1], [kept("PTTL", "volatile"), kept("DBSIZE"), kept("FCALL", "f", 0)])
        self.assertEqual(0, kept.persistence.recording.dirty)
        assert kept.persistence.loaded is not None
        self.assertEqual([2, 1], [kept.persistence.loaded.keys, kept.persistence.loaded.expired])

    def test_digest_of_encodings(self) -> None:
        """The digest of a value does not depend on its encoding."""
        kept = self.kept()
        digests = []
        for limit in (512, 0):
            for name in ("set-max-intset-entries", "hash-max-listpack-entries", "zset-max-listpack-entries"):
                kept("CONFIG", "SET", name, limit)
            kept("FLUSHALL")
            kept("SADD", "set", 1, 2)
            kept("HSET", "hash", "f", "v")
            kept("ZADD", "zset", 1, "a")
            digests.append(kept("DEBUG", "DIGEST"))
        self.assertEqual(digests[0], digests[1])

    def test_checksum(self) -> None:
        """DEBUG RELOAD refuses a snapshot with a wrong checksum, unless DEBUG SET-SKIP-CHECKSUM-VALIDATION is 1."""
        kept = self.kept()
        kept("SET", "key", "v")
        kept("SAVE")
        path = Path(self.folder) / "dump.rdb"
        path.write_bytes(path.read_bytes()[:-8] + b"foobar00")
        kept("FLUSHALL")
        reload = ("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE")
        self.assertEqual(FAILED, kept(*reload))
        kept("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 1)
        self.assertEqual(["OK", b"v"], [kept(*reload), kept("GET", "key")])
        kept("DEBUG", "SET-SKIP-CHECKSUM-VALIDATION", 0)
        self.assertEqual(FAILED, kept(*reload))

    def test_watch(self) -> None:
        """DEBUG RELOAD changes all watched keys, as FLUSHALL does."""
        kept = self.kept()
        kept("SET", "key", "v")
        kept("WATCH", "key")
        kept("DEBUG", "RELOAD")
        kept("MULTI")
        self.assertEqual(None, kept("EXEC"))

    def test_clients_during_a_reload(self) -> None:
        """While DEBUG RELOAD loads, other clients are served, and get LOADING."""
        kept = self.kept(loading_process_events_interval_bytes="1024")
        for number in range(50):
            kept("SET", number, "x" * 100)
        session = kept.session
        kept.connect()
        replies: list[object] = []
        self.patch(kept.host, "serve_clients", lambda: replies.append(kept("PING")))
        self.assertEqual([b"+OK\r\n"], [session.receive(encode("DEBUG", "RELOAD"))])
        self.assertEqual({Error(LOADING)}, set(replies))
        self.assertEqual("PONG", kept("PING"))

    def test_no_save(self) -> None:
        """With NOSAVE the file on the disk replaces the data; without such a file nothing changes."""
        kept = self.kept()
        kept("SET", "key", "old")
        self.assertEqual(FAILED, kept("DEBUG", "RELOAD", "nosave"))
        self.assertEqual(b"old", kept("GET", "key"))
        kept("SAVE")
        kept("SET", "key", "new")
        kept("SET", "other", "new")
        self.assertEqual("OK", kept("DEBUG", "RELOAD", "nosave"))
        self.assertEqual([b"old", None], kept("MGET", "key", "other"))

    def test_merge(self) -> None:
        """With NOFLUSH and MERGE the file's keys and functions replace present ones; without MERGE they are refused."""
        kept = self.kept()
        kept("MSET", "key", "old", "volatile", "old")
        kept("PEXPIRE", "volatile", 5000)
        kept("FUNCTION", "LOAD", LIBRARY % 1)
        kept("SAVE")
        kept("MSET", "key", "new", "volatile", "new", "other", "new")
        kept("FUNCTION", "LOAD", "REPLACE", LIBRARY % 2)
        self.assertEqual(FAILED, kept("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
        self.assertIn("Library 'lib' already exists", kept.log[-1][1])
        kept("FUNCTION", "FLUSH")
        self.assertEqual(FAILED, kept("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH"))
        self.assertIn("the same key occurs twice", kept.log[-1][1])
        self.assertEqual([b"new"] * 3, kept("MGET", "key", "volatile", "other"))
        self.assertEqual("OK", kept("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"))
        self.assertEqual([b"old", b"old", b"new"], kept("MGET", "key", "volatile", "other"))
        self.assertEqual([5000, 1], [kept("PTTL", "volatile"), kept("FCALL", "f", 0)])

    def test_unknown_option(self) -> None:
        text = "ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."
        self.assertEqual(Error(text), self.kept()("DEBUG", "RELOAD", "NOSAVE", "x"))

    def test_damaged(self) -> None:
        """A damaged file ends the process if the data were removed for it, as the next snapshot would replace it."""
        kept = self.kept()
        kept("SET", "key", "value")
        kept("SAVE")
        path = Path(self.folder, "dump.rdb")
        path.write_bytes(path.read_bytes()[:-9])
        self.assertEqual(FAILED, kept("DEBUG", "RELOAD", "NOSAVE", "NOFLUSH", "MERGE"))
        self.assertRaises(Failed, kept, "DEBUG", "RELOAD", "NOSAVE")

    def test_append_only(self) -> None:
        """DEBUG LOADAOF loads what was appended, and appends nothing itself."""
        kept = self.kept(appendonly="yes")
        for words in (["RPUSH", "list", "a"], ["SELECT", 1], ["SET", "x", "y", "PX", 5000], ["INCR", "n"]):
            kept(*words)
        kept("SELECT", 0)
        before, size = kept("DEBUG", "DIGEST"), kept.persistence.log.size
        self.assertEqual("OK", kept("DEBUG", "LOADAOF"))
        self.assertEqual([before, size], [kept("DEBUG", "DIGEST"), kept.persistence.log.size])
        kept("DEBUG", "POPULATE", 1)
        self.assertEqual("OK", kept("DEBUG", "LOADAOF"))
        self.assertEqual(before, kept("DEBUG", "DIGEST"))
        kept("RPUSH", "list", "b")
        self.assertGreater(kept.persistence.log.size, size)
        self.assertEqual(0, kept("EXISTS", "key:0"))

    def test_reload_with_append_only(self) -> None:
        """DEBUG RELOAD NOSAVE schedules a rewrite, as the append-only file has other data then."""
        kept = self.kept(appendonly="yes")
        kept("SET", "key", "old")
        self.assertEqual("OK", kept("DEBUG", "RELOAD"))
        self.assertFalse(kept.persistence.log.scheduled)
        kept("SET", "key", "new")
        self.assertEqual("OK", kept("DEBUG", "RELOAD", "NOSAVE"))
        self.assertTrue(kept.persistence.log.scheduled)

    def test_rewritten(self) -> None:
        """DEBUG LOADAOF loads what BGREWRITEAOF has written while appendonly is no; without files it is refused."""
        kept = self.kept()
        kept("SET", "key", "value")
        self.assertRegex(str(kept("DEBUG", "LOADAOF")), "^ERR there is no append-only file in ")
        kept("BGREWRITEAOF")
        kept.work_ends(self)
        kept("SET", "key", "new")
        self.assertEqual("OK", kept("DEBUG", "LOADAOF"))
        self.assertEqual(b"value", kept("GET", "key"))

    def test_incomplete(self) -> None:
        """DEBUG LOADAOF is refused until the first rewrite has ended; a damaged file ends the process."""
        kept = self.kept()
        kept("SET", "key", "value")
        kept("CONFIG", "SET", "appendonly", "yes")
        text = "ERR the append-only file is incomplete until its first rewrite has ended"
        self.assertEqual(Error(text), kept("DEBUG", "LOADAOF"))
        kept.work_ends(self)
        self.assertEqual("OK", kept("DEBUG", "LOADAOF"))
        next(Path(self.folder, "appendonlydir").glob("*.base.rdb")).write_bytes(b"nonsense")
        self.assertRaises(Failed, kept, "DEBUG", "LOADAOF")

    def test_slow_writes(self) -> None:
        """DEBUG AOF-FLUSH-SLEEP delays a write of commands by microseconds."""
        slept: list[float] = []
        self.patch(aof.time, "sleep", slept.append)
        kept = self.kept(appendonly="yes")
        kept("DEBUG", "AOF-FLUSH-SLEEP", 500)
        kept("GET", "key")
        self.assertEqual([], slept)
        kept("SET", "key", "value")
        self.assertEqual([0.0005], slept)

    def test_eviction(self) -> None:
        """The memory that maxmemory counts is that of the loaded keys."""
        kept = self.kept(maxmemory="1gb")
        kept("DEBUG", "POPULATE", 100)
        kept.server.eviction.update()
        before = kept.server.eviction.used
        kept("DEBUG", "RELOAD")
        self.assertEqual(before, kept.server.eviction.used)
        kept("FLUSHALL")
        self.assertLess(kept.server.eviction.used, before // 10)
