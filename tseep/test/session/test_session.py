"""Tests of L{tseep.session.session}."""

from __future__ import annotations

from tseep.server.output_limits import MOST_OUTPUT
from tseep.session.session import Session
from tseep.test.properties import given, settings, st
from tseep.test.protocol.test_native import cut
from tseep.test.support import SessionTests, decode, encode

NO_AUTH = "NOAUTH Authentication required."
PING, PONG = encode("PING"), b"+PONG\r\n"
READ, WRITE = b"\x01\x00\x04\x03key", b"\x02\x00\x0a\x03key\x05value"


class ProtocolTests(SessionTests):
    """Detection of the protocol, and requests split at any byte."""

    def test_first_byte(self) -> None:
        """The first byte selects the protocol: 0x01 and 0x02 are native, all others RESP."""
        self.assertEqual(b"\x03\x00", self.connect().receive(READ))
        self.assertEqual(b"\x03\x05value", self.connect().receive(WRITE))
        self.assertEqual(PONG, self.connect().receive(PING))
        self.assertEqual(PONG, self.connect().receive(b"PING\r\n"))
        self.assertEqual(b"", self.connect().receive(b"\x03"))

    def test_one_byte_is_enough(self) -> None:
        """A session keeps its protocol, however small the pieces."""
        session = self.connect()
        self.assertEqual(b"\x03\x00", b"".join(session.receive(bytes([byte])) for byte in READ))
        self.assertEqual(b"\x03\x05value", b"".join(session.receive(bytes([byte])) for byte in WRITE))

    def test_one_keyspace(self) -> None:
        """Both protocols use database 0."""
        native = self.connect()
        native.receive(WRITE)
        self.assertReply(b"value", "GET", "key")
        self.run_command("SET", "key", "x" * 256)
        self.assertEqual(b"\x04\x22the value is longer than 255 bytes", native.receive(READ))

    def test_held(self) -> None:
        """C{partial_bytes} is the size of an incomplete command in both protocols."""
        self.assertEqual(0, self.session.partial_bytes)
        self.session.receive(b"*1\r\n$4\r\nPI")
        self.assertTrue(2 <= self.session.partial_bytes < 100)
        native = self.connect()
        native.receive(READ[:-1])
        self.assertEqual(len(READ) - 1, native.partial_bytes)

    def test_replies_leave_together(self) -> None:
        """The replies to one read are returned together, in order."""
        self.assertEqual(PONG + b"$1\r\na\r\n" + PONG, self.session.receive(PING + encode("ECHO", "a") + PING))

    @settings(deadline=None, derandomize=True, database=None, max_examples=100)
    @given(st.lists(st.integers(0, 200), max_size=8))
    def test_any_pieces(self, cuts: list[int]) -> None:
        """However a request is split, the replies are the same."""
        commands = [
            ("SET", "a", "1"),
            ("NOSUCH",),
            ("APPEND", "a", b"\r\n"),
            ("CLIENT", "GETNAME"),
            ("GET", "a"),
            ("GET",),
            ("DEL", "a"),
        ]
        request = b"".join(encode(*argv) for argv in commands) + b"PING\r\n*x\r\n"
        whole = self.connect().receive(request)
        session = self.connect()
        self.assertEqual(whole, b"".join(session.receive(piece) for piece in cut(request, cuts)))
        self.assertTrue(session.closing)
        self.assertEqual(9, len(decode(whole)))


class WrongBytesTests(SessionTests):
    """Protocol errors."""

    def test_resp(self) -> None:
        """A RESP protocol error is sent after the earlier replies, then the session closes."""
        self.assertEqual(
            PONG + b"-ERR Protocol error: invalid multibulk length\r\n", self.session.receive(PING + b"*x\r\n" + PING)
        )
        self.assertTrue(self.session.closing)

    def test_native(self) -> None:
        """A protocol error of the native protocol is an ERROR frame, then the session closes."""
        session = self.connect()
        self.assertEqual(b"\x03\x00\x04\x10unknown opcode 9", session.receive(READ + b"\x09" + READ))
        self.assertTrue(session.closing)

    def test_without_a_word(self) -> None:
        """A command above C{client-query-buffer-limit} closes the session without a reply."""
        self.server.config.set("client-query-buffer-limit", "1mb")
        self.server.apply_config()
        self.assertEqual(b"", self.session.receive(b"*1\r\n$2000000\r\n" + b"x" * 1_900_000))
        self.assertTrue(self.session.closing)

    def test_a_wrong_command_is_not_wrong_bytes(self) -> None:
        """An unknown command is an error reply, and the session stays open."""
        self.assertError("ERR unknown command 'NOSUCH', with args beginning with: 'a' ", "NOSUCH", "a")
        self.assertReply("PONG", "PING")
        self.assertFalse(self.session.closing)

    def test_after_the_last_command(self) -> None:
        """Commands after QUIT are not run."""
        self.assertEqual(b"+OK\r\n", self.session.receive(encode("QUIT") + encode("SET", "a", "1")))
        self.assertTrue(self.session.closing)
        self.assertEqual(0, len(self.session.db))


class MuchOutputTests(SessionTests):
    """Backpressure: a session stops at C{MOST_OUTPUT} bytes of replies."""

    def setUp(self) -> None:
        super().setUp()
        self.value = b"x" * (MOST_OUTPUT // 2)
        self.run_command("SET", "big", self.value)
        self.big = b"$%d\r\n%b\r\n" % (len(self.value), self.value)

    def drain(self, session: Session) -> bytes:
        """Return all remaining replies; none exceeds the limit by more than one reply."""
        replies = []
        while session.pending_commands is not None:
            replies.append(session.resume())
            self.assertTrue(len(replies[-1]) <= MOST_OUTPUT + len(self.big))
        return b"".join(replies)

    def test_stops(self) -> None:
        """A session stops at the limit and continues in order with C{resume}."""
        asked = b"".join(encode("GET", "big") + encode("ECHO", number) for number in range(10))
        expected = b"".join(self.big + b"$1\r\n%d\r\n" % number for number in range(10))
        first = self.session.receive(asked)
        self.assertTrue(len(first) <= MOST_OUTPUT + len(self.big))
        self.assertIsNot(None, self.session.pending_commands)
        self.assertEqual(expected, first + self.drain(self.session))
        self.assertReply("PONG", "PING")

    def test_hard_limit(self) -> None:
        """A client whose replies exceed the hard limit of client-output-buffer-limit gets none, and is closed."""
        self.run_command("CONFIG", "SET", "client-output-buffer-limit", "normal 600000 0 0")
        self.run_command("HSET", "h", "f", "v")
        for commands, result in (
            (encode("GET", "big") * 2 + encode("SET", "after", "1"), None),
            (encode("MULTI") + encode("GET", "big") * 2 + encode("SET", "queued", "1") + encode("EXEC"), b"1"),
            (encode("HRANDFIELD", "h", -999999999), None),
        ):
            session = self.connect()
            self.assertEqual(b"", session.receive(commands))
            self.assertTrue(session.connection.closed)
            self.assertNotIn(session.id, self.server.sessions)
            self.assertEqual(None, session.pending_commands)
            self.assertEqual(result, self.session.db.peek(b"queued"))
            self.session.db.delete(b"queued")
        self.assertEqual(None, self.session.db.peek(b"after"))
        self.assertEqual(self.big, self.session.receive(encode("GET", "big")))

    def test_commands_wait(self) -> None:
        """Commands after the limit do not run before C{resume}."""
        self.session.receive(encode("GET", "big") * 5 + encode("SET", "after", "1"))
        self.assertEqual(None, self.session.db.peek(b"after"))
        self.drain(self.session)
        self.assertEqual(b"1", self.session.db.peek(b"after"))

    def test_more_comes_meanwhile(self) -> None:
        """Commands received while others are pending are answered after them."""
        replies = self.session.receive(encode("GET", "big") * 5)
        replies += self.session.receive(encode("ECHO", "a") + PING[:5])
        replies += self.session.receive(PING[5:])
        replies += self.drain(self.session)
        self.assertEqual(self.big * 5 + b"$1\r\na\r\n" + PONG, replies)

    def test_wrong_bytes_wait_too(self) -> None:
        """A protocol error is reported after the pending replies."""
        replies = self.session.receive(encode("GET", "big") * 5 + b"*x\r\n")
        self.assertFalse(self.session.closing)
        replies += self.drain(self.session)
        self.assertEqual(self.big * 5 + b"-ERR Protocol error: invalid multibulk length\r\n", replies)
        self.assertTrue(self.session.closing)

    def test_quit_in_the_middle(self) -> None:
        """QUIT discards the commands after it."""
        replies = self.session.receive(encode("GET", "big") * 5 + encode("QUIT") + PING)
        replies += self.drain(self.session)
        self.assertEqual(self.big * 5 + b"+OK\r\n", replies)
        self.assertTrue(self.session.closing)


class CountingTests(SessionTests):
    """Statistics of requests, calls and errors."""

    def test_bytes(self) -> None:
        """Input and output bytes are counted, those of incomplete commands too."""
        self.session.receive(PING + b"*1\r")
        self.assertEqual((len(PING) + 3, len(PONG)), (self.server.stats.input_bytes, self.server.stats.output_bytes))

    def test_calls(self) -> None:
        """Calls, failed calls and rejected calls are counted per command and subcommand."""
        for argv in (["SET", "a", "x"], ["INCR", "a"], ["INCR", "a", "b"], ["incr", "a"], ["iNcr", "b"]):
            self.run_command(*argv)
        calls = self.server.table.commands[b"incr"].calls
        self.assertEqual((3, 2, 1), (calls.count, calls.failed, calls.rejected))
        self.run_command("CLIENT", "ID")
        self.assertEqual(1, self.server.table.commands[b"client"].subcommands[b"id"].calls.count)

    def test_errors(self) -> None:
        """Error replies are counted by code."""
        for argv in (["NOSUCH"], ["GET"], ["HELLO", "9"], ["AUTH", "default", "x", "y"]):
            self.run_command(*argv)
        self.assertEqual({b"ERR": 3, b"NOPROTO": 1}, self.server.stats.errors)

    def test_wrong_bytes(self) -> None:
        """A protocol error counts as an error."""
        self.session.receive(b"*x\r\n")
        self.assertEqual({b"ERR": 1}, self.server.stats.errors)

    def test_many_in_one_read(self) -> None:
        """Every call of a pipeline is counted, in any spelling and between errors."""
        get, wrong, unusual = encode("GET", "a"), encode("GET"), encode("gEt", "a")
        self.session.receive(
            get * 3 + wrong + get + encode("NOSUCH") + get + unusual + get * 2 + encode("CLIENT", "ID")
        )
        calls = self.server.table.commands[b"get"].calls
        self.assertEqual((8, 1, 0), (calls.count, calls.rejected, calls.failed))

    def test_slow_ones(self) -> None:
        """The slow log has the arguments of the slow command, in any spelling or position of a pipeline."""
        self.server.config.set("slowlog-log-slower-than", "0")
        self.server.apply_config()
        for data in (
            encode("gEt", "a"),
            encode("SET", "a", "1") + encode("Get", "b"),
            encode("GET", "c") + encode("client", "id"),
        ):
            self.session.receive(data)
        names = [b" ".join(entry.argv) for entry in self.server.slowlog.entries]
        self.assertEqual([b"client id", b"GET c", b"Get b", b"SET a 1", b"gEt a"], names)

    def test_durations(self) -> None:
        """A call's duration is added to its command's total and to the bucket of its size."""
        times = iter([0, 1000, 1010])
        self.server.timer = lambda: next(times)
        self.session.receive(encode("SET", "a", "1") + encode("GET", "a"))
        for name, spent in ((b"set", 1000), (b"get", 10)):
            calls = self.server.table.commands[name].calls
            self.assertEqual((spent, 1), (calls.nanoseconds, calls.buckets[spent.bit_length()]))

    def test_last_command(self) -> None:
        """C{last_command} is the last known command, C{last_seen} the time of it."""
        self.pass_time(5)
        self.run_command("GET", "a")
        assert self.session.last_command is not None
        self.assertEqual(b"get", self.session.last_command.name)
        self.assertEqual(5, (self.session.last_seen - self.session.connected_at) // 1_000_000_000)
        self.run_command("NOSUCH")
        self.assertEqual(b"get", self.session.last_command.name)


class StrangerTests(SessionTests):
    """A client that has not authenticated."""

    config = {"requirepass": "secret"}

    def test_refused(self) -> None:
        """Commands that require authentication return NOAUTH and count as rejected."""
        self.assertError(NO_AUTH, "SET", "a", "1")
        self.assertError(NO_AUTH, "PING")
        self.assertEqual((0, 0), (len(self.session.db), self.server.table.commands[b"set"].calls.count))
        calls = self.server.table.commands[b"set"].calls
        self.assertEqual((1, 0), (calls.rejected, calls.failed))
        self.assertReply("OK", "AUTH", "secret")
        self.assertReply("PONG", "PING")

    def test_native(self) -> None:
        """The native protocol returns NOAUTH, and the connection stays open."""
        session = self.connect()
        refused = b"\x04" + bytes([len(NO_AUTH)]) + NO_AUTH.encode()
        self.assertEqual(refused * 2, session.receive(READ + WRITE))
        self.assertFalse(session.closing)
        self.assertEqual(0, len(session.db))

    def test_reset(self) -> None:
        """RESET ends the authentication and restores the limits of unauthenticated clients."""
        self.run_command("AUTH", "secret")
        self.assertReply("RESET", "RESET")
        self.assertError(NO_AUTH, "PING")
        self.assertEqual(b"-ERR Protocol error: unauthenticated multibulk length\r\n", self.session.receive(b"*11\r\n"))

    def test_caps_are_lifted_at_once(self) -> None:
        """AUTH lifts the limits for the commands after it in the same read."""
        many = encode("DEL", *range(20))
        self.assertEqual(b"+OK\r\n:0\r\n", self.session.receive(encode("AUTH", "secret") + many))

    def test_password_taken_back(self) -> None:
        """After the password is removed, unauthenticated clients are served."""
        self.server.config.set("requirepass", "")
        self.server.apply_config()
        self.assertReply("PONG", "PING")

    def test_caps_taken_back(self) -> None:
        """After the password is removed, the limits of unauthenticated clients do not apply until one is set again."""
        self.assertError(NO_AUTH, "PING")
        self.server.config.set("requirepass", "")
        self.server.apply_config()
        self.assertReply(0, "DEL", *range(20))
        self.assertEqual(b"$20000\r\n", self.send("ECHO", "x" * 20000)[:8])
        self.server.config.set("requirepass", "other")
        self.server.apply_config()
        self.assertError(NO_AUTH, "PING")


class StateTests(SessionTests):
    """Per-client state: database, protocol, CLIENT REPLY and NO-TOUCH."""

    def test_databases(self) -> None:
        """Each client has its own database; SWAPDB by another client is visible."""
        other = self.connect()
        self.run_command("SELECT", 3)
        self.run_command("SET", "a", "3")
        self.assertReply(None, "GET", "a", session=other)
        self.run_command("SWAPDB", 0, 3, session=other)
        self.assertReply(b"3", "GET", "a", session=other)
        self.assertReply(None, "GET", "a")

    def test_protocols(self) -> None:
        """Each client has its own RESP version and can change it."""
        other = self.connect()
        self.run_command("HELLO", 3)
        self.assertEqual((b"_\r\n", b"$-1\r\n"), (self.send("GET", "a"), self.send("GET", "a", session=other)))
        self.run_command("HELLO", 2)
        self.assertEqual(b"$-1\r\n", self.send("GET", "a"))

    def test_reset(self) -> None:
        """RESET restores the initial state, except for the client ID."""
        for argv in (
            ["HELLO", 3, "SETNAME", "me"],
            ["SELECT", 3],
            ["CLIENT", "NO-TOUCH", "ON"],
        ):
            self.run_command(*argv)
        self.run_command("RESET")
        session, fresh = self.session, self.connect()
        for name in ("name", "db_index", "protocol", "no_touch"):
            self.assertEqual(getattr(fresh, name), getattr(session, name), name)

    def test_silence(self) -> None:
        """After CLIENT REPLY OFF commands run without replies, until ON."""
        self.assertEqual(b"", self.send("CLIENT", "REPLY", "OFF"))
        self.assertEqual(b"", self.session.receive(encode("SET", "a", "1") + encode("NOSUCH") + PING))
        self.assertEqual(b"+OK\r\n", self.send("CLIENT", "REPLY", "ON"))
        self.assertReply(b"1", "GET", "a")

    def test_one_silent(self) -> None:
        """CLIENT REPLY SKIP omits one reply, also an error."""
        self.assertEqual(PONG, self.session.receive(encode("CLIENT", "REPLY", "SKIP") + encode("SET", "a", "1") + PING))
        self.assertEqual(PONG, self.session.receive(encode("CLIENT", "REPLY", "SKIP") + encode("NOSUCH") + PING))
        self.assertReply(b"1", "GET", "a")

    def test_silence_and_pushes(self) -> None:
        """Confirmations of subscriptions are pushes: they are sent after CLIENT REPLY OFF and SKIP, also by EXEC."""
        subscribed = b"$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n"
        for protocol, expected in ((2, b"*3\r\n" + subscribed), (3, b">3\r\n" + subscribed)):
            for commands in (
                ["CLIENT REPLY OFF", "SUBSCRIBE a"],
                ["CLIENT REPLY SKIP", "SUBSCRIBE a"],
                ["CLIENT REPLY OFF", "MULTI", "SET b 1", "SUBSCRIBE a", "EXEC"],
            ):
                session = self.connect()
                self.run_command("HELLO", protocol, session=session)
                sent = session.receive(b"".join(encode(*each.split()) for each in commands))
                self.assertEqual(expected, sent, (protocol, commands))

    def test_silence_about_wrong_bytes(self) -> None:
        """After CLIENT REPLY OFF or SKIP a protocol error closes the session without a reply."""
        for word in ("OFF", "SKIP"):
            session = self.connect()
            self.assertEqual(b"", session.receive(encode("CLIENT", "REPLY", word) + b"*x\r\n"))
            self.assertTrue(session.closing)

    def test_no_touch(self) -> None:
        """With CLIENT NO-TOUCH only TOUCH and the creation of a key set its access time."""
        self.run_command("SET", "a", "1")
        self.run_command("CLIENT", "NO-TOUCH", "ON")
        self.pass_time(100)
        self.run_command("GET", "a")
        self.assertReply(100, "OBJECT", "IDLETIME", "a")
        self.run_command("TOUCH", "a")
        self.assertReply(0, "OBJECT", "IDLETIME", "a")
        self.pass_time(7)
        self.run_command("SET", "b", "1")
        self.assertReply(0, "OBJECT", "IDLETIME", "b")
        self.run_command("DEL", "a")
        self.assertReply(None, "OBJECT", "IDLETIME", "a")
