"""Tests for L{tseep.commands.data.streams}: XADD, XDEL, XTRIM, XRANGE, XREAD and XSETID.

tests/differential/test_differential.py compares with redis-server.
"""

from __future__ import annotations

from tseep.commands.data.streams import EXHAUSTED, TOO_LARGE, TOO_LOW, xadd
from tseep.errors import CommandError
from tseep.test.support import START, SessionTests


class StreamsTests(SessionTests):
    def add(self, *ids: str) -> None:
        """Add one entry for each of these ids."""
        for id in ids:
            self.assertReply(id.encode(), "XADD", "s", id, "f", "v")

    def test_ids_by_the_clock(self) -> None:
        """XADD C{*} generates an id from the clock and a sequence number, also when the clock goes backwards."""
        self.assertReply(b"%d-0" % (START * 1000), "XADD", "s", "*", "f", "v")
        self.assertReply(b"%d-1" % (START * 1000), "XADD", "s", "*", "f", "v")
        self.pass_time(1)
        self.assertReply(b"%d-0" % (START * 1000 + 1000), "XADD", "s", "*", "f", "v")
        self.pass_time(-10)
        self.assertReply(b"%d-1" % (START * 1000 + 1000), "XADD", "s", "*", "f", "v")

    def test_ids_grow(self) -> None:
        """XADD refuses an id that is not above the last one, even if that entry was deleted."""
        self.add("5-1")
        self.run_command("XDEL", "s", "5-1")
        self.assertError(TOO_LOW, "XADD", "s", "5-1", "f", "v")
        self.assertReply(b"5-2", "XADD", "s", "5-*", "f", "v")
        self.add("18446744073709551615-18446744073709551615")
        self.assertError(EXHAUSTED, "XADD", "s", "*", "f", "v")

    def test_too_large(self) -> None:
        """XADD refuses fields and values of more than a gibibyte together; a new stream remains, empty, as in Redis."""
        words, part = [b"XADD", b"s", b"5-1"], bytes(2**27)
        error = self.assertRaises(CommandError, xadd, self.session, words + 7 * [part] + [part + b"x"])
        self.assertEqual(TOO_LARGE.encode(), error.message)
        self.assertReply(0, "XLEN", "s")
        self.assertReply(1, "EXISTS", "s")
        self.assertEqual(b"5-1", xadd(self.session, words + 8 * [part]))

    def test_limits_of_nodes(self) -> None:
        """What C{~} removes depends on stream-node-max-entries and stream-node-max-bytes."""
        self.add(*[f"{id}-0" for id in range(1, 31)])
        self.assertReply(0, "XTRIM", "s", "MAXLEN", "~", "5")
        self.run_command("DEL", "s")
        self.run_command("CONFIG", "SET", "stream-node-max-entries", "10")
        self.add(*[f"{id}-0" for id in range(1, 31)])
        self.assertReply(20, "XTRIM", "s", "MAXLEN", "~", "5")
        self.run_command("CONFIG", "SET", "stream-node-max-bytes", "50")
        self.add(*[f"{id}-0" for id in range(31, 41)])
        self.assertReply(13, "XTRIM", "s", "MAXLEN", "~", "5")
        self.assertReply(3, "XTRIM", "s", "MAXLEN", "~", "0", "LIMIT", "5")

    def test_empty(self) -> None:
        """A stream remains after its last entry was deleted."""
        self.add("1-1")
        self.assertReply(1, "XDEL", "s", "1-1")
        self.assertReply(1, "EXISTS", "s")

    def test_trim(self) -> None:
        """MAXLEN trims to a number of entries, and MINID up to an id."""
        self.add("1-1", "2-1", "3-1", "4-1")
        self.assertReply(b"5-1", "XADD", "s", "MAXLEN", "=", 3, "5-1", "f", "v")
        self.assertReply(3, "XLEN", "s")
        self.assertReply(1, "XTRIM", "s", "MINID", "4")
        self.assertReply(0, "XTRIM", "s", "MAXLEN", "~", "1")

    def test_range(self) -> None:
        """XRANGE and XREVRANGE return a range in either direction."""
        self.add("1-1", "2-1", "3-1")
        two = [b"2-1", [b"f", b"v"]]
        self.assertReply([[b"1-1", [b"f", b"v"]], two], "XRANGE", "s", "-", "(3-1")
        self.assertReply([two], "XREVRANGE", "s", "2", "-", "COUNT", 1)
        self.assertReply([], "XRANGE", "s", "3", "2")

    def test_read(self) -> None:
        """XREAD returns the entries after an id, as a map in RESP3."""
        self.add("1-1", "2-1")
        self.assertReply([[b"s", [[b"2-1", [b"f", b"v"]]]]], "XREAD", "STREAMS", "s", "none", "1-1", "0")
        self.assertReply(None, "XREAD", "STREAMS", "s", "$")
        self.run_command("HELLO", 3)
        self.assertReply({b"s": [[b"1-1", [b"f", b"v"]]]}, "XREAD", "COUNT", 1, "STREAMS", "s", 0)

    def test_block(self) -> None:
        """A new entry unblocks all clients of XREAD."""
        waiters = [self.connect(), self.connect()]
        for waiter in waiters:
            self.send("XREAD", "BLOCK", 0, "STREAMS", "s", "t", "$", "$", session=waiter)
        self.add("1-1")
        for waiter in waiters:
            self.assertEqual([[[b"s", [[b"1-1", [b"f", b"v"]]]]]], self.sent(waiter))

    def test_timeout(self) -> None:
        """XREAD BLOCK ends with its timeout; entries up to the id do not unblock it."""
        self.send("XREAD", "BLOCK", 100, "STREAMS", "s", "5", session=self.session)
        other = self.connect()
        self.run_command("XADD", "s", "4-1", "f", "v", session=other)
        self.assertEqual([], self.sent(self.session))
        self.advance(0.2)
        self.assertEqual([None], self.sent(self.session))

    def test_setid(self) -> None:
        """XSETID sets the last id, the number of added entries and the highest deleted id."""
        self.add("1-1")
        self.assertReply("OK", "XSETID", "s", "9-9", "ENTRIESADDED", 7, "MAXDELETEDID", "8-0")
        about = self.run_command("XINFO", "STREAM", "s")
        self.assertEqual([b"9-9", b"8-0", 7], [about[about.index(n) + 1] for n in (
            b"last-generated-id", b"max-deleted-entry-id", b"entries-added"
        )])  # fmt: skip
