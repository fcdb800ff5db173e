"""
Tests for L{tseep.commands.data.stream_groups}.

tests/differential/test_differential.py compares with redis-server.
"""

from __future__ import annotations

from typing import Any

from tseep.session.session import Session
from tseep.test.support import START, Error, SessionTests


class GroupsTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        for id in ("1-1", "2-1", "3-1"):
            self.run_command("XADD", "s", id, "f", "v")
        self.assertReply("OK", "XGROUP", "CREATE", "s", "g", "0")

    def read(self, consumer: str, *words: Any, session: Session | None = None) -> list[bytes] | None:
        """Run XREADGROUP for a consumer and return the ids of the entries, or C{None}."""
        reply = self.run_command("XREADGROUP", "GROUP", "g", consumer, *words, session=session)
        return None if reply is None else [entry[0] for entry in reply[0][1]]

    def test_shared(self) -> None:
        """XREADGROUP delivers each new entry to one consumer only."""
        self.assertEqual([b"1-1"], self.read("a", "COUNT", 1, "STREAMS", "s", ">"))
        self.assertEqual([b"2-1", b"3-1"], self.read("b", "STREAMS", "s", ">"))
        self.assertIs(None, self.read("a", "STREAMS", "s", ">"))

    def test_history(self) -> None:
        """XREADGROUP with an id returns the consumer's pending entries; XACK removes them."""
        self.read("a", "STREAMS", "s", ">")
        self.assertReply(2, "XACK", "s", "g", "1-1", "3-1", "9-9")
        self.run_command("XDEL", "s", "2-1")
        self.assertReply([[b"s", [[b"2-1", None]]]], "XREADGROUP", "GROUP", "g", "a", "STREAMS", "s", "0")

    def test_no_ack(self) -> None:
        """XREADGROUP NOACK adds no pending entries."""
        self.read("a", "NOACK", "STREAMS", "s", ">")
        self.assertReply([0, None, None, None], "XPENDING", "s", "g")

    def test_pending(self) -> None:
        """XPENDING returns pending entries with consumer, idle time and number of deliveries."""
        self.read("a", "STREAMS", "s", ">")
        self.pass_time(2)
        self.assertReply([3, b"1-1", b"3-1", [[b"a", b"3"]]], "XPENDING", "s", "g")
        self.assertReply([[b"1-1", b"a", 2000, 1]], "XPENDING", "s", "g", "IDLE", 1000, "-", "+", 1, "a")
        self.assertReply([], "XPENDING", "s", "g", "IDLE", 3000, "-", "+", 1)

    def test_claim(self) -> None:
        """XCLAIM changes the owner of entries that have been pending for the given time."""
        self.read("a", "STREAMS", "s", ">")
        self.pass_time(2)
        self.assertReply([], "XCLAIM", "s", "g", "b", 5000, "1-1")
        self.assertReply([[b"1-1", [b"f", b"v"]]], "XCLAIM", "s", "g", "b", 1000, "1-1", "9-9")
        self.assertReply([b"2-1"], "XCLAIM", "s", "g", "b", 0, "2-1", "IDLE", 500, "RETRYCOUNT", 7, "JUSTID")
        self.assertReply([[b"1-1", b"b", 0, 2], [b"2-1", b"b", 500, 7]], "XPENDING", "s", "g", "-", "+", 10, "b")

    def test_autoclaim(self) -> None:
        """XAUTOCLAIM iterates over pending entries and removes those that were deleted from the stream."""
        self.read("a", "STREAMS", "s", ">")
        self.run_command("XDEL", "s", "1-1")
        self.assertReply([b"3-1", [b"2-1"], [b"1-1"]], "XAUTOCLAIM", "s", "g", "b", 0, "-", "COUNT", 2, "JUSTID")
        self.assertReply([b"0-0", [b"3-1"], []], "XAUTOCLAIM", "s", "g", "b", 0, "3-1", "JUSTID")

    def test_block(self) -> None:
        """A new entry unblocks only the consumer of a group that blocked first."""
        self.read("a", "STREAMS", "s", ">")
        first, second = self.connect(), self.connect()
        for name, waiter in (("a", first), ("b", second)):
            self.send("XREADGROUP", "GROUP", "g", name, "BLOCK", 0, "STREAMS", "s", ">", session=waiter)
        self.run_command("XADD", "s", "4-1", "f", "v")
        self.assertEqual([[[b"s", [[b"4-1", [b"f", b"v"]]]]]], self.sent(first))
        self.assertEqual([], self.sent(second))

    def test_block_on_deleted(self) -> None:
        """A blocked consumer gets an error when its group or its stream is deleted."""
        self.read("a", "STREAMS", "s", ">")
        for argv, text in (
            (["XGROUP", "DESTROY", "s", "g"], "NOGROUP the consumer group this client was blocked on no longer exists"),
            (["DEL", "s"], "UNBLOCKED the stream key no longer exists"),
        ):
            waiter = self.connect()
            if argv[0] == "DEL":
                self.run_command("XGROUP", "CREATE", "s", "g", "$")
            self.send("XREADGROUP", "GROUP", "g", "a", "BLOCK", 0, "STREAMS", "s", ">", session=waiter)
            self.run_command(*argv)
            self.assertEqual([Error(text)], self.sent(waiter))

    def test_groups(self) -> None:
        """XGROUP creates and deletes groups and consumers."""
        self.assertError("BUSYGROUP Consumer Group name already exists", "XGROUP", "CREATE", "s", "g", "0")
        self.assertReply("OK", "XGROUP", "CREATE", "new", "g", "$", "MKSTREAM")
        for reply in (1, 0):
            self.assertReply(reply, "XGROUP", "CREATECONSUMER", "s", "g", "x")
        self.read("x", "STREAMS", "s", ">")
        self.assertReply(3, "XGROUP", "DELCONSUMER", "s", "g", "x")
        for reply in (1, 0):
            self.assertReply(reply, "XGROUP", "DESTROY", "s", "g")

    def test_setid(self) -> None:
        """After XGROUP SETID a delivered entry is delivered again and becomes pending for its new consumer."""
        self.read("a", "STREAMS", "s", ">")
        self.run_command("XGROUP", "SETID", "s", "g", "0")
        self.assertEqual([b"1-1"], self.read("b", "COUNT", 1, "STREAMS", "s", ">"))
        self.assertReply([3, b"1-1", b"3-1", [[b"a", b"2"], [b"b", b"1"]]], "XPENDING", "s", "g")

    def test_info(self) -> None:
        """XINFO GROUPS, CONSUMERS and STREAM FULL report groups, consumers and pending entries."""
        self.read("a", "COUNT", 1, "STREAMS", "s", ">")
        self.pass_time(3)
        self.run_command("HELLO", 3)
        self.assertReply([{
            b"name": b"g", b"consumers": 1, b"pending": 1, b"last-delivered-id": b"1-1", b"entries-read": 1, b"lag": 2
        }], "XINFO", "GROUPS", "s")  # fmt: skip
        self.assertReply([{b"name": b"a", b"pending": 1, b"idle": 3000}], "XINFO", "CONSUMERS", "s", "g")
        whole = self.run_command("XINFO", "STREAM", "s", "FULL")
        self.assertEqual([[b"1-1", b"a", START * 1000, 1]], whole[b"groups"][0][b"pending"])
        self.assertEqual([[b"1-1", START * 1000, 1]], whole[b"groups"][0][b"consumers"][0][b"pending"])
