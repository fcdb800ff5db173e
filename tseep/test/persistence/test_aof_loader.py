"""Tests for L{tseep.persistence.aof_loader}: loading of append-only files."""

from __future__ import annotations

from collections import deque
from pathlib import Path

from twisted.trial.unittest import SkipTest

from tseep.persistence.aof_loader import CannotLoad, Loader, TruncatedFile
from tseep.persistence.aof_reader import CHUNK
from tseep.rdb.format import Corrupt, TooFewDatabases
from tseep.test.properties import given, settings, st
from tseep.test.support import SessionTests, encode, made_folder

PIECES = [
    encode("SET", "a", 1), encode("MULTI"), encode("EXEC"), encode("DISCARD"), encode("SELECT", 3),
    encode("SELECT", 99), encode("RPUSH", "l", 1, 2), encode("INCR", "l"), encode("PEXPIREAT", "a", 5),
    encode("XADD", "s", "1-1", "f", "v"), encode("XGROUP", "CREATE", "s", "g", "0"), encode("BLPOP", "l", 0),
    encode("BLPOP", "nosuch", 0), encode("SUBSCRIBE", "c"), encode("MONITOR"), encode("QUIT"), encode("RESET"),
    encode("AUTH", "x"), encode("HELLO", 3), encode("CLIENT", "REPLY", "OFF"), encode("WATCH", "a"),
    encode("FLUSHALL"), encode("RESTORE", "r", 0, b"\0\1x"), encode("CONFIG", "SET", "slowlog-max-len", 1),
    encode("WAIT", 1, 0), encode("PUBLISH", "c", "x"), encode("GET"), encode("NOSUCH"), encode("CONFIG"),
    b"#TS:17\r\n", b"#", b"SET a 1\r\n", b"*0\r\n", b"*-1\r\n", b"$1\r\n", b"\r\n", b"REDIS0010", b"\xff", b"\0",
]  # fmt: skip


WRONG = "WRONGTYPE Operation against a key holding the wrong kind of value"


class LoaderTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.server.timer = lambda: int(self.clock.seconds() * 1e9)
        self.path = Path(made_folder(self), "x.aof")

    def load(self, data: bytes) -> None:
        """Load a file with this content into the server."""
        self.path.write_bytes(data)
        deque(Loader(self.server).load_log(self.path), 0)

    def test_commands(self) -> None:
        """Commands run in the databases that SELECT selects; names of commands are case-insensitive."""
        self.load(encode("select", 2) + encode("set", "a", 1) + encode("InCr", "a") + encode("XGROUP", "HELP"))
        self.assertReply("OK", "SELECT", 2)
        self.assertReply(b"2", "GET", "a")

    def test_no_expiry(self) -> None:
        """No key expires during the load, as the file contains DEL for expired keys."""
        self.load(encode("SET", "a", 1, "PXAT", 5) + encode("INCR", "a") + encode("PEXPIREAT", "a", 6))
        self.assertEqual({b"a": 6}, self.server.keyspace.databases[0].expires)
        self.assertReply(None, "GET", "a")

    def test_transactions(self) -> None:
        """A complete transaction runs; one without EXEC at EOF raises C{TruncatedFile}."""
        whole = encode("MULTI") + encode("SET", "a", 1) + encode("XGROUP", "HELP") + encode("exec")
        self.load(whole)
        self.assertReply(b"1", "GET", "a")
        torn = self.assertRaises(TruncatedFile, self.load, whole + encode("MULTI") + encode("SET", "a", 2))
        self.assertEqual(len(whole), torn.good)
        self.assertReply(b"1", "GET", "a")

    def test_truncated(self) -> None:
        """An incomplete command at EOF raises C{TruncatedFile} with the offset at which it starts."""
        whole = encode("SET", "a", 1) * (CHUNK // 20)
        for rest in (b"*", b"*3\r\n", b"*3\r\n$3\r\nSE", encode("SET", "a", "x" * CHUNK)[:-1]):
            torn = self.assertRaises(TruncatedFile, self.load, whole + rest)
            self.assertEqual(len(whole), torn.good)

    def test_corrupt(self) -> None:
        """Invalid content raises C{Corrupt} with the offset of its command."""
        good = encode("SET", "a", 1)
        for bad in (b"*1\r\n%4\r\n", b"*-x\r\n", encode("NOSUCH"), encode("SET", "a"), b"GET a\r\n", b"*0\r\n"):
            error = self.assertRaises(Corrupt, self.load, good + bad + good)
            self.assertIn(f"byte {len(good)}", str(error))
        for end in (b"*1\n$4\nPING\n", b"*-", b"x", b"*1\r\nx"):
            error = self.assertRaises(Corrupt, self.load, good + end)
            self.assertIn(f"at byte {len(good)}", str(error))

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=9)), max_size=8))
    def test_anything(self, pieces: list[bytes]) -> None:
        """Any content is loaded or refused; the server accepts commands afterwards."""
        self.setUp()
        data = b"".join(pieces)
        try:
            self.load(data)
        except TruncatedFile as torn:
            self.assertTrue(0 <= torn.good <= len(data))
        except Corrupt:
            pass
        self.assertReply("OK", "SET", "a", 1)

    def test_annotations(self) -> None:
        """Redis's timestamp annotations (C{#TS:}) are skipped and count in offsets."""
        good = encode("SET", "a", 1) + b"#TS:1700000000\r\n"
        torn = self.assertRaises(TruncatedFile, self.load, good + b"*1\r\n")
        self.assertEqual(len(good), torn.good)

    def test_failing_command(self) -> None:
        """A failing command stops the load; the error has its offset and its reply, also in a transaction."""
        good, annotation = encode("LPUSH", "l", 1), b"#TS:1700000000\r\n"
        error = self.assertRaises(Corrupt, self.load, good + encode("INCR", "l") + good)
        self.assertEqual(f"at byte {len(good)}: 'INCR' 'l' failed: {WRONG}", str(error))
        begun = good + encode("MULTI") + good + annotation
        error = self.assertRaises(Corrupt, self.load, begun + encode("incr", "l") + good + encode("EXEC"))
        self.assertIn(f"at byte {len(begun)}: 'incr' 'l' failed", str(error))

    def test_invalid_transactions(self) -> None:
        """Nested MULTI, and EXEC or DISCARD without MULTI, stop the load."""
        good = encode("SET", "a", 1)
        for bad in (encode("EXEC"), encode("MULTI") + encode("MULTI"), encode("DISCARD")):
            error = self.assertRaises(Corrupt, self.load, good + bad + good + encode("EXEC"))
            self.assertIn("at byte", str(error))

    def test_too_few_databases(self) -> None:
        """A command for a database above C{databases} stops the load; the error has its offset and the remedy."""
        good = encode("SET", "a", 1)
        for bad in (
            encode("SELECT", 16),
            encode("MOVE", "a", 17),
            encode("SWAPDB", 0, 20),
            encode("COPY", "a", "b", "DB", 16),
        ):
            for begin, end in ((b"", b""), (encode("MULTI"), encode("EXEC"))):
                error = self.assertRaises(TooFewDatabases, self.load, good + begin + bad + good + end)
                self.assertIn(f"at byte {len(good + begin)}: ", str(error))
                self.assertIn("more databases than 16; see --databases", str(error))

    def test_no_client_limits(self) -> None:
        """C{proto-max-bulk-len} and C{client-query-buffer-limit} do not apply to the file."""
        self.server.config.set("proto-max-bulk-len", "1mb")
        self.server.config.set("client-query-buffer-limit", "1mb")
        self.server.apply_config()
        size = 1 << 20
        long = encode("SET", "a", "x" * (size + 1))
        many = encode("RPUSH", "l", *["y" * 100] * (size // 50))
        self.load(long + many + encode("APPEND", "a", "z") + encode("SETBIT", "b", (size + 1) * 8, 1))
        self.assertReply(size + 2, "STRLEN", "a")
        self.assertReply(size // 50, "LLEN", "l")
        self.assertReply(size + 2, "STRLEN", "b")

    def test_no_acl(self) -> None:
        """The default user's ACL rules do not apply to the file."""
        self.run_command("ACL", "SETUSER", "default", "-@all", "resetkeys")
        sort = encode("RPUSH", "l", 2, 1) + encode("SORT", "l", "BY", "w_*", "GET", "#", "STORE", "sorted")
        self.load(sort + encode("EVAL", "return redis.call('SET', KEYS[1], 1)", 1, "e"))
        self.assertEqual({b"l", b"sorted", b"e"}, set(self.server.keyspace.databases[0].values))

    def test_memory_for_a_long_argument(self) -> None:
        """A long argument is copied once, and is not parsed again for every chunk."""
        try:
            import tracemalloc
        except ImportError:
            raise SkipTest("PyPy does not tell") from None
        size = 100 * CHUNK
        self.path.write_bytes(encode("SET", "a", b"x\r\n" * (size // 3)))
        tracemalloc.start()
        try:
            deque(Loader(self.server).load_log(self.path), 0)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        self.assertLess(peak, 1.2 * size)

    def test_stop(self) -> None:
        """A shutdown during the load raises C{CannotLoad}."""
        self.server.stopping = True
        self.assertRaises(CannotLoad, self.load, encode("SET", "a", 1))

    def test_progress(self) -> None:
        """A long load logs its progress."""
        lines = []
        self.server.host.log = lambda level, text: lines.append(text)
        loader = Loader(self.server)
        self.path.write_bytes(encode("SET", "a", "x" * 100) * 9000)
        self.pass_time(3)
        deque(loader.load_log(self.path), 0)
        self.assertEqual(1, len(lines))
        self.assertIn("of 1 MiB", lines[0])
