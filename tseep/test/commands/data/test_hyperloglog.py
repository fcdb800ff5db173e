"""Tests for L{tseep.commands.data.hyperloglog}; the replies are those of redis-server 7.0.15."""

from __future__ import annotations

from tseep.commands.data import hyperloglog
from tseep.test.support import Argument, SessionTests

NOT_VALID = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED = "INVALIDOBJ Corrupted HLL object detected"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"

EMPTY = b"HYLL\x01" + bytes(11) + b"\x7f\xff"


class HyperLogLogTests(SessionTests):
    def held(self, key: str = "key") -> bytes:
        """Return the value of a key in the database."""
        return bytes(self.session.db.peek(key.encode()) or b"")

    def add(self, key: str, first: int, count: int) -> None:
        """Add this number of consecutive integers, starting with C{first}."""
        self.run_command("PFADD", key, *range(first, first + count))

    def assertRefused(self, *argv: Argument) -> None:
        """Assert that the command refuses values of C{key} that are no HyperLogLog, and does not change them."""
        for value, message in ((b"x", NOT_VALID), (b"HYLL\2" + bytes(20), NOT_VALID), (["list"], WRONG_TYPE)):
            self.session.db.set(b"key", value)
            self.assertError(message, *argv)
            self.assertEqual(self.session.db.peek(b"key"), value)


class AddTests(HyperLogLogTests):
    def test_new(self) -> None:
        """PFADD without elements creates the key and returns 1."""
        self.assertReply(1, "PFADD", "key")
        self.assertEqual(self.held(), EMPTY[:15] + b"\x80" + EMPTY[16:])
        self.assertReply(0, "PFADD", "key")

    def test_elements(self) -> None:
        """PFADD returns 1 if a register has changed; the value is the same as redis-server's."""
        self.assertReply(1, "PFADD", "key", "a", "b", "a")
        self.assertEqual(self.held()[15:].hex(), ADDED)
        self.assertReply(0, "PFADD", "key", "b")
        self.assertReply(1, "PFADD", "key", "b", "c")

    def test_time_to_live(self) -> None:
        """PFADD keeps the key's time to live."""
        self.run_command("PFADD", "key")
        self.run_command("EXPIRE", "key", 100)
        self.run_command("PFADD", "key", "a")
        self.assertReply(100, "TTL", "key")

    def test_string(self) -> None:
        """PFADD replaces a value that is held as C{bytes}, and does not modify that object."""
        self.session.db.set(b"key", EMPTY)
        self.assertReply(1, "PFADD", "key", "a")
        self.assertReply(1, "PFCOUNT", "key")
        self.assertEqual(EMPTY[16:], b"\x7f\xff")

    def test_refused(self) -> None:
        """PFADD refuses values that are no HyperLogLog."""
        self.assertRefused("PFADD", "key", "a")
        self.session.db.set(b"key", EMPTY[:16])
        self.assertError(CORRUPTED, "PFADD", "key", "a")


class CountTests(HyperLogLogTests):
    def test_one(self) -> None:
        """PFCOUNT returns the count of a key, and 0 for a missing key."""
        self.assertReply(0, "PFCOUNT", "key")
        self.add("key", 0, 1000)
        self.assertReply(1001, "PFCOUNT", "key")

    def test_remembered(self) -> None:
        """PFCOUNT caches the count in the value until a change."""
        self.add("key", 0, 10)
        self.run_command("PFCOUNT", "key")
        self.assertEqual(self.held()[8:16], b"\x0a" + bytes(7))
        self.run_command("SETRANGE", "key", 8, "\x0b")
        self.assertReply(11, "PFCOUNT", "key")
        self.add("key", 10, 1)
        self.run_command("SETRANGE", "key", 8, "\x0c")
        self.assertReply(11, "PFCOUNT", "key")

    def test_several(self) -> None:
        """PFCOUNT returns the count of the union of several keys of any encoding, without missing keys."""
        self.add("a", 0, 100)
        self.add("b", 50, 100)
        self.assertReply(151, "PFCOUNT", "a", "b", "other")
        self.add("c", 0, 10000)
        self.assertReply(9987, "PFCOUNT", "a", "c", "b")
        self.assertReply(0, "PFCOUNT", "other", "others")

    def test_hits(self) -> None:
        """PFCOUNT counts each key that it reads as a hit or a miss."""
        self.add("a", 0, 1)
        self.run_command("PFCOUNT", "a", "b", "a")
        self.assertEqual((self.server.keyspace.hits, self.server.keyspace.misses), (2, 1))

    def test_refused(self) -> None:
        """PFCOUNT refuses values that are no HyperLogLog; the error is that of the first one."""
        self.assertRefused("PFCOUNT", "key")
        self.assertRefused("PFCOUNT", "other", "key")
        self.session.db.set(b"bad", EMPTY[:15] + b"\x80")
        self.assertError(CORRUPTED, "PFCOUNT", "bad")
        self.assertError(CORRUPTED, "PFCOUNT", "bad", "key")
        self.assertError(WRONG_TYPE, "PFCOUNT", "key", "bad")


class MergeTests(HyperLogLogTests):
    def test_new(self) -> None:
        """PFMERGE creates the key with the union of its sources."""
        self.add("a", 0, 100)
        self.add("b", 50, 100)
        self.assertReply("OK", "PFMERGE", "key", "a", "b", "other")
        self.assertReply(151, "PFCOUNT", "key")
        self.assertReply("sparse", "PFDEBUG", "ENCODING", "key")
        self.assertReply("OK", "PFMERGE", "nothing")
        self.assertReply(0, "PFCOUNT", "nothing")

    def test_existing(self) -> None:
        """PFMERGE keeps the elements and the time to live of an existing key."""
        self.add("key", 0, 100)
        self.run_command("EXPIRE", "key", 100)
        self.add("a", 100, 50)
        self.assertReply("OK", "PFMERGE", "key", "a")
        self.assertReply(151, "PFCOUNT", "key")
        self.assertReply(100, "TTL", "key")

    def test_dense(self) -> None:
        """PFMERGE with a dense source makes the destination dense."""
        self.add("key", 0, 10)
        self.add("a", 10, 10)
        self.run_command("PFDEBUG", "TODENSE", "a")
        self.run_command("PFMERGE", "key", "a")
        self.assertReply("dense", "PFDEBUG", "ENCODING", "key")
        self.assertReply(20, "PFCOUNT", "key")

    def test_too_long(self) -> None:
        """PFMERGE makes the destination dense if its sparse encoding would be too long."""
        for number in range(4):
            self.add(str(number), 1000 * number, 1000)
        self.run_command("PFMERGE", "key", *range(4))
        self.assertReply("dense", "PFDEBUG", "ENCODING", "key")
        self.assertReply(self.run_command("PFCOUNT", *range(4)), "PFCOUNT", "key")

    def test_sparse_limit(self) -> None:
        """PFADD and PFMERGE make a HyperLogLog dense beyond hll-sparse-max-bytes."""
        self.run_command("CONFIG", "SET", "hll-sparse-max-bytes", 30)
        self.add("key", 0, 3)
        self.assertReply("sparse", "PFDEBUG", "ENCODING", "key")
        self.add("other", 3, 3)
        self.run_command("PFMERGE", "merged", "key", "other")
        self.add("key", 3, 7)
        for name in ("key", "merged"):
            self.assertReply("dense", "PFDEBUG", "ENCODING", name)

    def test_refused(self) -> None:
        """PFMERGE refuses values that are no HyperLogLog, as source and destination, and changes nothing."""
        self.assertRefused("PFMERGE", "key", "other")
        self.assertRefused("PFMERGE", "other", "key")
        self.assertReply(0, "EXISTS", "other")
        self.session.db.set(b"key", EMPTY[:16])
        self.assertError(CORRUPTED, "PFMERGE", "other", "key")


class DebugTests(HyperLogLogTests):
    def setUp(self) -> None:
        super().setUp()
        self.add("key", 0, 3)

    def test_decode(self) -> None:
        """PFDEBUG DECODE shows the runs of a sparse encoding, and refuses a dense one."""
        self.assertReply(DECODED, "PFDEBUG", "DECODE", "key")
        self.run_command("PFDEBUG", "TODENSE", "key")
        self.assertError("ERR HLL encoding is not sparse", "PFDEBUG", "DECODE", "key")

    def test_dense(self) -> None:
        """PFDEBUG TODENSE returns 1 if it has changed the encoding, or else 0."""
        self.assertReply("sparse", "PFDEBUG", "encoding", "key")
        self.assertReply(1, "PFDEBUG", "TODENSE", "key")
        self.assertReply(0, "PFDEBUG", "TODENSE", "key")
        self.assertReply("dense", "PFDEBUG", "encoding", "key")
        self.assertReply(3, "PFCOUNT", "key")

    def test_registers(self) -> None:
        """PFDEBUG GETREG returns all registers and makes the encoding dense."""
        values = self.run_command("PFDEBUG", "GETREG", "key")
        self.assertEqual((len(values), sum(value > 0 for value in values)), (16384, 3))
        self.assertReply("dense", "PFDEBUG", "ENCODING", "key")

    def test_errors(self) -> None:
        """PFDEBUG refuses a missing key, another type and an unknown subcommand."""
        self.assertError("ERR The specified key does not exist", "PFDEBUG", "NOSUCH", "other")
        self.assertError("ERR Unknown PFDEBUG subcommand 'NoSuch'", "PFDEBUG", "NoSuch", "key")
        self.assertRefused("PFDEBUG", "ENCODING", "key")
        self.session.db.set(b"key", EMPTY[:16])
        self.assertError(CORRUPTED, "PFDEBUG", "GETREG", "key")

    def test_selftest(self) -> None:
        """PFSELFTEST replies OK, or with the fault that it has found."""
        self.assertReply("OK", "PFSELFTEST")
        self.patch(hyperloglog, "find_fault", lambda chance: "it is broken")
        self.assertError("ERR TESTFAILED it is broken", "PFSELFTEST")


ADDED = "8071a6844bfb80425a"
DECODED = b"Z:7527 v:1,1 Z:5697 v:4,1 Z:2145 v:4,1 Z:1012"
