"""Tests of L{tseep.persistence.aof_loader}."""

from __future__ import annotations

from pathlib import Path
from typing import List

from hypothesis import given, settings
from hypothesis import strategies as st

from tseep.persistence.aof_loader import CHUNK, CannotLoad, Loader, Torn
from tseep.rdb.format import Corrupt
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


class LoaderTests(SessionTests):
    """Files are loaded into a server that has nothing yet."""

    def setUp(self) -> None:
        super().setUp()
        self.path = Path(made_folder(self), "x.aof")

    def load(self, data: bytes) -> None:
        """Load a file of these bytes."""
        self.path.write_bytes(data)
        Loader(self.server).load_log(self.path)

    def test_commands(self) -> None:
        """Commands are run, whatever the case of their names, in the databases that they select."""
        self.load(encode("select", 2) + encode("set", "a", 1) + encode("InCr", "a") + encode("XGROUP", "HELP"))
        self.assertReply("OK", "SELECT", 2)
        self.assertReply(b"2", "GET", "a")

    def test_time_stands_still(self) -> None:
        """Nothing expires before all is read, as what has expired is in the file."""
        self.load(encode("SET", "a", 1, "PXAT", 5) + encode("INCR", "a") + encode("PEXPIREAT", "a", 6))
        self.assertEqual({b"a": 6}, self.server.keyspace.databases[0].expires)
        self.assertReply(None, "GET", "a")

    def test_transactions(self) -> None:
        """A transaction is run when all of it is there; one that is not whole does not count."""
        whole = encode("MULTI") + encode("SET", "a", 1) + encode("XGROUP", "HELP") + encode("exec")
        self.load(whole)
        self.assertReply(b"1", "GET", "a")
        torn = self.assertRaises(Torn, self.load, whole + encode("MULTI") + encode("SET", "a", 2))
        self.assertEqual(len(whole), torn.good)
        self.assertReply(b"1", "GET", "a")

    def test_torn(self) -> None:
        """A file that ends in the middle of a command is whole up to where that begins."""
        whole = encode("SET", "a", 1) * (CHUNK // 20)
        for rest in (b"*", b"*3\r\n", b"*3\r\n$3\r\nSE", encode("SET", "a", "x" * CHUNK)[:-1]):
            torn = self.assertRaises(Torn, self.load, whole + rest)
            self.assertEqual(len(whole), torn.good)

    def test_corrupt(self) -> None:
        """What makes no sense is refused with the place of it."""
        good = encode("SET", "a", 1)
        for bad in (b"*1\r\n%4\r\n", b"*-x\r\n", encode("NOSUCH"), encode("SET", "a"), b"GET a\r\n", b"*0\r\n"):
            error = self.assertRaises(Corrupt, self.load, good + bad + good)
            self.assertIn(f"byte {len(good)}", str(error))
        for end in (b"*1\n$4\nPING\n", b"*-", b"x", b"*1\r\nx"):
            error = self.assertRaises(Corrupt, self.load, good + end)
            self.assertIn(f"after byte {len(good)}", str(error))

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=9)), max_size=8))
    def test_anything(self, pieces: List[bytes]) -> None:
        """Whatever is in a file, it is loaded or refused, and then the server answers."""
        self.setUp()
        data = b"".join(pieces)
        try:
            self.load(data)
        except Torn as torn:
            self.assertTrue(0 <= torn.good <= len(data))
        except Corrupt:
            pass
        self.assertReply("OK", "SET", "a", 1)

    def test_annotations(self) -> None:
        """The times that Redis may write between commands are passed over, and counted right."""
        good = encode("SET", "a", 1) + b"#TS:1700000000\r\n"
        torn = self.assertRaises(Torn, self.load, good + b"*1\r\n")
        self.assertEqual(len(good), torn.good)

    def test_errors_of_commands(self) -> None:
        """A command that fails, as it did when it was written, changes nothing."""
        self.load(encode("LPUSH", "l", 1) + encode("INCR", "l") + encode("LPUSH", "l", 2))
        self.assertReply(2, "LLEN", "l")

    def test_stop(self) -> None:
        """Who is told to end does so in the middle."""
        self.server.stopping = True
        self.assertRaises(CannotLoad, self.load, encode("SET", "a", 1))

    def test_progress(self) -> None:
        """A long time does not pass without a word."""
        lines = []
        self.server.log = lambda level, text: lines.append(text)
        loader = Loader(self.server)
        self.path.write_bytes(encode("SET", "a", "x" * 100) * 9000)
        self.pass_time(3)
        loader.load_log(self.path)
        self.assertEqual(1, len(lines))
        self.assertIn("of 1 MiB", lines[0])
