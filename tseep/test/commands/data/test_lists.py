"""Tests for L{tseep.commands.data.lists}: the commands on lists, and blocking ones."""

from __future__ import annotations

from tseep.test.support import SessionTests


class ListsTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.assertReply(4, "RPUSH", "l", "a", "b", "c", "b")

    def assertList(self, expected: str, key: str = "l") -> None:
        """Assert that the list holds the words of C{expected}."""
        self.assertReply(expected.encode().split(), "LRANGE", key, "0", "-1")

    def test_push(self) -> None:
        """LPUSH and RPUSH add elements at either end; LPUSHX and RPUSHX do not create the list."""
        self.assertReply(6, "LPUSH", "l", "1", "2")
        self.assertReply(7, "RPUSHX", "l", "z")
        self.assertReply(0, "LPUSHX", "none", "z")
        self.assertReply(2, "LPUSH", "new", "1", "2")
        self.assertList("2 1 a b c b z")
        self.assertList("2 1", "new")

    def test_pop(self) -> None:
        """LPOP and RPOP remove elements at either end, and the key with the last element."""
        self.assertReply(b"a", "LPOP", "l")
        self.assertReply(b"b", "RPOP", "l")
        self.assertReply([b"c", b"b"], "RPOP", "l", "5")
        self.assertReply(0, "EXISTS", "l")
        self.assertReply(None, "LPOP", "l")
        self.assertReply(None, "LPOP", "l", "2")
        self.assertError("ERR value is out of range, must be positive", "LPOP", "l", "-1")

    def test_look(self) -> None:
        """LINDEX and LRANGE read by index from either end; LPOS finds an element."""
        self.assertReply(4, "LLEN", "l")
        self.assertReply(b"b", "LINDEX", "l", "-1")
        self.assertReply(None, "LINDEX", "l", "4")
        self.assertReply([b"b", b"c"], "LRANGE", "l", "1", "2")
        self.assertReply([], "LRANGE", "l", "3", "1")
        self.assertReply(1, "LPOS", "l", "b")
        self.assertReply([3, 1], "LPOS", "l", "b", "RANK", "-1", "COUNT", "0")
        self.assertReply([1], "LPOS", "l", "b", "COUNT", "0", "MAXLEN", "3")
        self.assertReply(None, "LPOS", "l", "x")

    def test_change(self) -> None:
        """LSET, LINSERT, LREM and LTRIM change a list."""
        self.assertReply("OK", "LSET", "l", "0", "A")
        self.assertError("ERR index out of range", "LSET", "l", "9", "x")
        self.assertError("ERR no such key", "LSET", "none", "0", "x")
        self.assertReply(5, "LINSERT", "l", "AFTER", "b", "n")
        self.assertReply(-1, "LINSERT", "l", "BEFORE", "x", "n")
        self.assertList("A b n c b")
        self.assertReply(1, "LREM", "l", "-1", "b")
        self.assertList("A b n c")
        self.assertReply("OK", "LTRIM", "l", "1", "2")
        self.assertList("b n")
        self.assertReply("OK", "LTRIM", "l", "5", "9")
        self.assertReply(0, "EXISTS", "l")

    def test_remove_all(self) -> None:
        """LREM with count 0 removes all equal elements, with a positive count the leftmost ones."""
        self.assertReply(1, "LREM", "l", "1", "b")
        self.assertList("a c b")
        self.run_command("RPUSH", "l", "b")
        self.assertReply(2, "LREM", "l", "0", "b")
        self.assertList("a c")

    def test_move(self) -> None:
        """RPOPLPUSH and LMOVE move an element to another list or within a list."""
        self.assertReply(b"b", "RPOPLPUSH", "l", "m")
        self.assertReply(b"a", "LMOVE", "l", "m", "LEFT", "RIGHT")
        self.assertList("b a", "m")
        self.assertReply(b"a", "LMOVE", "m", "m", "RIGHT", "LEFT")
        self.assertList("a b", "m")
        self.assertReply(None, "RPOPLPUSH", "none", "m")

    def test_pop_several(self) -> None:
        """LMPOP pops elements of the first list that exists."""
        self.assertReply([b"l", [b"b", b"c"]], "LMPOP", "2", "none", "l", "RIGHT", "COUNT", "2")
        self.assertReply(None, "LMPOP", "1", "none", "LEFT")
        self.assertError("ERR numkeys should be greater than 0", "LMPOP", "0", "l", "LEFT")


class BlockingListsTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.waiter = self.connect()
        self.other = self.connect()

    def test_at_once(self) -> None:
        """BLPOP and BRPOP return an available element at once."""
        self.run_command("RPUSH", "l", "a", "b")
        self.assertReply([b"l", b"a"], "BLPOP", "none", "l", "0")
        self.assertReply([b"l", b"b"], "BRPOP", "l", "0")

    def test_fifo(self) -> None:
        """Clients are served in the order in which they blocked; RPUSH returns the length before they are served."""
        self.assertEqual(b"", self.send("BLPOP", "l", "0", session=self.waiter))
        self.assertEqual(b"", self.send("BRPOP", "k", "l", "0", session=self.other))
        self.assertReply(2, "RPUSH", "l", "1", "2")
        self.assertEqual([[b"l", b"1"]], self.sent(self.waiter))
        self.assertEqual([[b"l", b"2"]], self.sent(self.other))
        self.assertReply(0, "EXISTS", "l")

    def test_time_over(self) -> None:
        """BLPOP returns null after its timeout, which can be a fraction of a second."""
        self.send("BLPOP", "l", "0.25", session=self.waiter)
        self.advance(0.2)
        self.assertEqual([], self.sent(self.waiter))
        self.advance(0.06)
        self.assertEqual([None], self.sent(self.waiter))
        self.assertReply(1, "RPUSH", "l", "1")
        self.assertReply(1, "LLEN", "l")

    def test_pipeline(self) -> None:
        """Commands that a blocked client sends run after it is unblocked."""
        self.send("BLPOP", "l", "0", session=self.waiter)
        self.assertEqual(b"", self.send("PING", session=self.waiter))
        self.run_command("RPUSH", "l", "1", "2")
        self.assertEqual([[b"l", b"1"], "PONG"], self.sent(self.waiter))
        self.assertReply([b"l", b"2"], "BLPOP", "l", "0", session=self.waiter)

    def test_chain(self) -> None:
        """An element that BLMOVE has moved unblocks a client on the destination."""
        self.send("BLMOVE", "a", "b", "LEFT", "RIGHT", "0", session=self.waiter)
        self.send("BLPOP", "b", "0", session=self.other)
        self.run_command("RPUSH", "a", "x")
        self.assertEqual([b"x"], self.sent(self.waiter))
        self.assertEqual([[b"b", b"x"]], self.sent(self.other))

    def test_wrong_type(self) -> None:
        """A key of another type does not unblock a client; a destination of another type is an error."""
        self.send("BLPOP", "l", "0", session=self.waiter)
        self.run_command("SET", "l", "x")
        self.assertEqual([], self.sent(self.waiter))
        self.run_command("SET", "string", "x")
        self.send("BLMOVE", "a", "string", "LEFT", "LEFT", "0", session=self.other)
        self.run_command("RPUSH", "a", "x")
        (error,) = self.sent(self.other)
        self.assertIn("WRONGTYPE", error)
        self.assertReply(1, "LLEN", "a")

    def test_disconnect(self) -> None:
        """A blocked client that disconnects is served no element."""
        self.send("BLPOP", "l", "0", session=self.waiter)
        self.server.disconnect(self.waiter)
        self.run_command("RPUSH", "l", "1")
        self.assertReply(1, "LLEN", "l")

    def test_transaction(self) -> None:
        """Blocking commands in a transaction do not block, and blocked clients are served after EXEC."""
        self.send("BLPOP", "l", "0", session=self.waiter)
        for call in ("MULTI", "BLPOP other 0", "RPUSH l 1 2", "LPOP l"):
            self.send(*call.split())
        self.assertReply([None, 2, b"1"], "EXEC")
        self.assertEqual([[b"l", b"2"]], self.sent(self.waiter))

    def test_unblock(self) -> None:
        """CLIENT UNBLOCK unblocks a client with null, or with an error."""
        self.send("BLPOP", "l", "0", session=self.waiter)
        self.assertReply(1, "CLIENT", "UNBLOCK", self.waiter.id)
        self.assertReply(0, "CLIENT", "UNBLOCK", self.waiter.id)
        self.assertEqual([None], self.sent(self.waiter))
        self.send("BLPOP", "l", "0", session=self.waiter)
        self.assertReply(1, "CLIENT", "UNBLOCK", self.waiter.id, "ERROR")
        self.assertEqual(["UNBLOCKED client unblocked via CLIENT UNBLOCK"], self.sent(self.waiter))

    def test_timeouts(self) -> None:
        """Timeouts that are negative or not numbers are refused."""
        self.assertError("ERR timeout is not a float or out of range", "BLPOP", "l", "x")
        self.assertError("ERR timeout is negative", "BLPOP", "l", "-1")
        self.assertError("ERR timeout is negative", "BLPOP", "l", "1e300")
