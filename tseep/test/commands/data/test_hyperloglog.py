"""Tests for L{tseep.commands.data.hyperloglog}; the replies are those of redis-server 7.0.15."""

from __future__ import annotations

from tseep.commands.data import hyperloglog
from tseep.test.support import Argument, SessionTests

NOT_VALID = "WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED = "INVALIDOBJ Corrupted HLL object detected"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"

EMPTY = b"HYLL\x01" + bytes(11) + b"\x7f\xff"


class HyperLogLogTests(SessionTests):
    """What the tests below share."""

    def held(self, key: str = "key") -> bytes:
        """The value at a key, as the database holds it."""
        return bytes(self.session.db.peek(key.encode()) or b"")

    def add(self, key: str, first: int, count: int) -> None:
        """Add some elements."""
        self.run_command("PFADD", key, *range(first, first + count))

    def assertRefused(self, *argv: Argument) -> None:
        """The command refuses C{key} if it holds anything but a HyperLogLog, and leaves it as it is."""
        for value, message in ((b"x", NOT_VALID), (b"HYLL\2" + bytes(20), NOT_VALID), (["list"], WRONG_TYPE)):
            self.session.db.set(b"key", value)
            self.assertError(message, *argv)
            self.assertEqual(self.session.db.peek(b"key"), value)


class AddTests(HyperLogLogTests):
    """PFADD."""

    def test_new(self) -> None:
        """A new key is a change, even without elements."""
        self.assertReply(1, "PFADD", "key")
        self.assertEqual(self.held(), EMPTY[:15] + b"\x80" + EMPTY[16:])
        self.assertReply(0, "PFADD", "key")

    def test_elements(self) -> None:
        """It tells whether anything has changed, which is what redis-server would make of it."""
        self.assertReply(1, "PFADD", "key", "a", "b", "a")
        self.assertEqual(self.held()[15:].hex(), ADDED)
        self.assertReply(0, "PFADD", "key", "b")
        self.assertReply(1, "PFADD", "key", "b", "c")

    def test_time_to_live(self) -> None:
        """A change leaves the time to expire."""
        self.run_command("PFADD", "key")
        self.run_command("EXPIRE", "key", 100)
        self.run_command("PFADD", "key", "a")
        self.assertReply(100, "TTL", "key")

    def test_string(self) -> None:
        """A string that somebody set is changed, and the bytes that it was set to are not."""
        self.session.db.set(b"key", EMPTY)
        self.assertReply(1, "PFADD", "key", "a")
        self.assertReply(1, "PFCOUNT", "key")
        self.assertEqual(EMPTY[16:], b"\x7f\xff")

    def test_refused(self) -> None:
        """Anything else is refused."""
        self.assertRefused("PFADD", "key", "a")
        self.session.db.set(b"key", EMPTY[:16])
        self.assertError(CORRUPTED, "PFADD", "key", "a")


class CountTests(HyperLogLogTests):
    """PFCOUNT."""

    def test_one(self) -> None:
        """The count of a key, 0 if it is not there."""
        self.assertReply(0, "PFCOUNT", "key")
        self.add("key", 0, 1000)
        self.assertReply(1001, "PFCOUNT", "key")

    def test_remembered(self) -> None:
        """The count is remembered in the value until it changes."""
        self.add("key", 0, 10)
        self.run_command("PFCOUNT", "key")
        self.assertEqual(self.held()[8:16], b"\x0a" + bytes(7))
        self.run_command("SETRANGE", "key", 8, "\x0b")
        self.assertReply(11, "PFCOUNT", "key")
        self.add("key", 10, 1)
        self.run_command("SETRANGE", "key", 8, "\x0c")
        self.assertReply(11, "PFCOUNT", "key")

    def test_several(self) -> None:
        """The count of several keys together, whatever their encodings; those that are not there do not count."""
        self.add("a", 0, 100)
        self.add("b", 50, 100)
        self.assertReply(151, "PFCOUNT", "a", "b", "other")
        self.add("c", 0, 10000)
        self.assertReply(9987, "PFCOUNT", "a", "c", "b")
        self.assertReply(0, "PFCOUNT", "other", "others")

    def test_hits(self) -> None:
        """Each key that is read is a hit or a miss."""
        self.add("a", 0, 1)
        self.run_command("PFCOUNT", "a", "b", "a")
        self.assertEqual((self.server.keyspace.hits, self.server.keyspace.misses), (2, 1))

    def test_refused(self) -> None:
        """Anything else is refused; of several keys the first that is wrong tells."""
        self.assertRefused("PFCOUNT", "key")
        self.assertRefused("PFCOUNT", "other", "key")
        self.session.db.set(b"bad", EMPTY[:15] + b"\x80")
        self.assertError(CORRUPTED, "PFCOUNT", "bad")
        self.assertError(CORRUPTED, "PFCOUNT", "bad", "key")
        self.assertError(WRONG_TYPE, "PFCOUNT", "key", "bad")


class MergeTests(HyperLogLogTests):
    """PFMERGE."""

    def test_new(self) -> None:
        """A new key gets what the others have, and is what adding all of it would have made."""
        self.add("a", 0, 100)
        self.add("b", 50, 100)
        self.assertReply("OK", "PFMERGE", "key", "a", "b", "other")
        self.assertReply(151, "PFCOUNT", "key")
        self.assertReply("sparse", "PFDEBUG", "ENCODING", "key")
        self.assertReply("OK", "PFMERGE", "nothing")
        self.assertReply(0, "PFCOUNT", "nothing")

    def test_existing(self) -> None:
        """A key that is there keeps what it has, and its time to expire."""
        self.add("key", 0, 100)
        self.run_command("EXPIRE", "key", 100)
        self.add("a", 100, 50)
        self.assertReply("OK", "PFMERGE", "key", "a")
        self.assertReply(151, "PFCOUNT", "key")
        self.assertReply(100, "TTL", "key")

    def test_dense(self) -> None:
        """One that is dense makes the result dense."""
        self.add("key", 0, 10)
        self.add("a", 10, 10)
        self.run_command("PFDEBUG", "TODENSE", "a")
        self.run_command("PFMERGE", "key", "a")
        self.assertReply("dense", "PFDEBUG", "ENCODING", "key")
        self.assertReply(20, "PFCOUNT", "key")

    def test_too_long(self) -> None:
        """Sparse ones whose union would be too long become a dense one."""
        for number in range(4):
            self.add(str(number), 1000 * number, 1000)
        self.run_command("PFMERGE", "key", *range(4))
        self.assertReply("dense", "PFDEBUG", "ENCODING", "key")
        self.assertReply(self.run_command("PFCOUNT", *range(4)), "PFCOUNT", "key")

    def test_refused(self) -> None:
        """Anything else is refused, as the destination and as a source, and nothing is changed."""
        self.assertRefused("PFMERGE", "key", "other")
        self.assertRefused("PFMERGE", "other", "key")
        self.assertReply(0, "EXISTS", "other")
        self.session.db.set(b"key", EMPTY[:16])
        self.assertError(CORRUPTED, "PFMERGE", "other", "key")


class DebugTests(HyperLogLogTests):
    """PFDEBUG and PFSELFTEST."""

    def setUp(self) -> None:
        super().setUp()
        self.add("key", 0, 3)

    def test_decode(self) -> None:
        """DECODE shows the runs of a sparse one."""
        self.assertReply(DECODED, "PFDEBUG", "DECODE", "key")
        self.run_command("PFDEBUG", "TODENSE", "key")
        self.assertError("ERR HLL encoding is not sparse", "PFDEBUG", "DECODE", "key")

    def test_dense(self) -> None:
        """TODENSE tells whether it had to do anything."""
        self.assertReply("sparse", "PFDEBUG", "encoding", "key")
        self.assertReply(1, "PFDEBUG", "TODENSE", "key")
        self.assertReply(0, "PFDEBUG", "TODENSE", "key")
        self.assertReply("dense", "PFDEBUG", "encoding", "key")
        self.assertReply(3, "PFCOUNT", "key")

    def test_registers(self) -> None:
        """GETREG shows the registers, and makes it dense."""
        values = self.run_command("PFDEBUG", "GETREG", "key")
        self.assertEqual((len(values), sum(value > 0 for value in values)), (16384, 3))
        self.assertReply("dense", "PFDEBUG", "ENCODING", "key")

    def test_errors(self) -> None:
        """No key, another type and no such subcommand are refused."""
        self.assertError("ERR The specified key does not exist", "PFDEBUG", "NOSUCH", "other")
        self.assertError("ERR Unknown PFDEBUG subcommand 'NoSuch'", "PFDEBUG", "NoSuch", "key")
        self.assertRefused("PFDEBUG", "ENCODING", "key")
        self.session.db.set(b"key", EMPTY[:16])
        self.assertError(CORRUPTED, "PFDEBUG", "GETREG", "key")

    def test_selftest(self) -> None:
        """PFSELFTEST tells what is wrong, if anything is."""
        self.assertReply("OK", "PFSELFTEST")
        self.patch(hyperloglog, "find_fault", lambda chance: "it is broken")
        self.assertError("ERR TESTFAILED it is broken", "PFSELFTEST")


ADDED = "8071a6844bfb80425a"
DECODED = b"Z:7527 v:1,1 Z:5697 v:4,1 Z:2145 v:4,1 Z:1012"
