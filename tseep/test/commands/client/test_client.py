"""Tests of L{tseep.commands.client.client}."""

from __future__ import annotations

from typing import Any

from tseep.session.session import Session
from tseep.test.support import Error, SessionTests, Verbatim, decode, encode


def closed(session: Session) -> Any:
    """Whether a session's client was let go by somebody else."""
    return session.connection.closed


class OwnTests(SessionTests):
    """What a client says of itself."""

    def test_id(self) -> None:
        """Every connection has a number of its own."""
        first = self.run_command("CLIENT", "ID")
        self.assertReply(first + 1, "CLIENT", "ID", session=self.connect())

    def test_name(self) -> None:
        """A name stays until an empty one takes it back."""
        self.assertReply(None, "CLIENT", "GETNAME")
        self.assertReply("OK", "CLIENT", "SETNAME", "!worker~")
        self.assertReply(b"!worker~", "CLIENT", "GETNAME")
        self.assertReply("OK", "CLIENT", "SETNAME", "")
        self.assertReply(None, "CLIENT", "GETNAME")

    def test_wrong_name(self) -> None:
        """A name that would break the lines of CLIENT LIST is refused."""
        for name in (b"a b", b"a\n", b"\x7f", b"\xc3\xa9"):
            text = "ERR Client names cannot contain spaces, newlines or special characters."
            self.assertError(text, "CLIENT", "SETNAME", name)

    def test_library(self) -> None:
        """CLIENT SETINFO takes the library's name and version."""
        self.assertReply("OK", "CLIENT", "SETINFO", "lib-name", "redis-py")
        self.assertReply("OK", "CLIENT", "SETINFO", "LIB-VER", "8.0")
        self.assertIn(b" lib-name=redis-py lib-ver=8.0\n", self.run_command("CLIENT", "INFO"))

    def test_wrong_library(self) -> None:
        """CLIENT SETINFO refuses other facts, and text that would break the lines of CLIENT LIST."""
        self.assertError("ERR Unrecognized option 'lib-foo'", "CLIENT", "SETINFO", "lib-foo", "x")
        text = "ERR lib-name cannot contain spaces, newlines or special characters."
        self.assertError(text, "CLIENT", "SETINFO", "lib-name", "a b")

    def test_unknown(self) -> None:
        """What tseep has no use for is an error, not a close."""
        text = "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."
        self.assertError(text, "CLIENT", "MAINT_NOTIFICATIONS", "ON")
        self.assertFalse(self.session.closing)

    def test_no_touch(self) -> None:
        """With CLIENT NO-TOUCH a read leaves the time of the key's last use alone; OFF ends that."""
        self.run_command("SET", "key", "value")
        self.pass_time(100)
        self.assertReply("OK", "CLIENT", "NO-TOUCH", "ON")
        self.run_command("GET", "key")
        self.assertReply(100, "OBJECT", "IDLETIME", "key")
        self.assertReply("OK", "CLIENT", "NO-TOUCH", "off")
        self.run_command("GET", "key")
        self.assertReply(0, "OBJECT", "IDLETIME", "key")

    def test_no_evict(self) -> None:
        """CLIENT NO-EVICT is a flag of the client."""
        self.assertReply("OK", "CLIENT", "NO-EVICT", "on")
        self.assertIn(b" flags=e ", self.run_command("CLIENT", "INFO"))
        self.assertReply("OK", "CLIENT", "NO-EVICT", "OFF")
        self.assertIn(b" flags=N ", self.run_command("CLIENT", "INFO"))

    def test_switches(self) -> None:
        """The switches take ON and OFF only."""
        for name in ("NO-EVICT", "NO-TOUCH", "REPLY"):
            self.assertError("ERR syntax error", "CLIENT", name, "MAYBE")


class ReplyTests(SessionTests):
    """CLIENT REPLY."""

    def replies(self, *commands: str) -> Any:
        """What comes back for commands, sent at once."""
        return decode(self.session.receive(b"".join(encode(*command.split()) for command in commands)))

    def test_off(self) -> None:
        """After OFF nothing is answered, errors neither, until ON is."""
        replies = self.replies("CLIENT REPLY OFF", "ECHO a", "FOO", "CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO b")
        self.assertEqual(["OK", b"b"], replies)

    def test_skip(self) -> None:
        """SKIP leaves out the answer of the next command, whatever it is, but of CLIENT REPLY ON."""
        replies = self.replies("CLIENT REPLY SKIP", "ECHO a", "ECHO b", "CLIENT REPLY SKIP", "FOO", "ECHO c")
        self.assertEqual([b"b", b"c"], replies)
        self.assertEqual(["OK", b"d"], self.replies("CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO d"))

    def test_skip_twice(self) -> None:
        """SKIP after SKIP leaves out one answer more."""
        self.assertEqual([b"b"], self.replies("CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "ECHO a", "ECHO b"))


class ListTests(SessionTests):
    """CLIENT INFO and CLIENT LIST."""

    def fields(self, line: bytes) -> dict[str, str]:
        """The fields of a line."""
        return dict(field.split("=", 1) for field in line.decode().split())

    def test_line(self) -> None:
        """A line has the fields of Redis, in its order, and says what is so."""
        self.session.connection.fileno = 9
        for command in ("CLIENT SETNAME me", "SELECT 3", "HELLO 3"):
            self.run_command(*command.split())
        self.pass_time(7)
        self.run_command("PING")
        self.pass_time(2)
        self.server.cron.run()
        line = self.run_command("CLIENT", "LIST", "ID", self.session.id, session=self.connect())
        self.assertEqual(
            b"id=1 addr=127.0.0.1:50000 laddr=127.0.0.1:6379 fd=9 name=me age=9 idle=2 flags=N db=3 sub=0 psub=0 "
            b"ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=1300 "
            b"events=r cmd=ping user=default redir=-1 resp=3 lib-name= lib-ver=\n",
            line,
        )

    def test_own_line(self) -> None:
        """CLIENT INFO is the client's own line, in which it is doing just that."""
        self.run_command("HELLO", 3)
        self.connect()
        info = self.run_command("CLIENT", "INFO")
        self.assertIsInstance(info, Verbatim)
        self.assertEqual(("1", "client|info"), (self.fields(info)["id"], self.fields(info)["cmd"]))
        self.assertEqual(1, info.count(b"\n"))

    def test_new_client(self) -> None:
        """A client that sent nothing yet, or not all of a command, is seen as that."""
        other = self.connect()
        other.receive(b"*2\r\n$4\r\nEC")
        fields = self.fields(self.run_command("CLIENT", "LIST").split(b"\n")[1])
        self.assertEqual("NULL", fields["cmd"])
        self.assertEqual(other.held, int(fields["qbuf"]))
        self.assertGreater(other.held, 0)

    def test_unix_socket(self) -> None:
        """A client of a Unix socket and one that touches nothing have their flags."""
        self.session.connection.host = "/run/tseep.sock:0"
        self.run_command("CLIENT", "NO-TOUCH", "ON")
        self.assertEqual("UT", self.fields(self.run_command("CLIENT", "INFO"))["flags"])

    def ids(self, *filter: Any) -> Any:
        """The clients that a filter leaves."""
        reply = self.run_command("CLIENT", "LIST", *filter)
        return reply if isinstance(reply, Error) else [int(self.fields(line)["id"]) for line in reply.splitlines()]

    def test_all(self) -> None:
        """CLIENT LIST has a line for each client, and none for one who is gone."""
        gone = self.connect()
        self.connect()
        self.server.disconnect(gone)
        self.assertEqual([1, 3], self.ids())

    def test_type(self) -> None:
        """The TYPE filter knows normal clients, and that there are no others."""
        self.assertEqual([1], self.ids("type", "NORMAL"))
        for type in ("master", "replica", "slave", "pubsub"):
            self.assertEqual([], self.ids("TYPE", type))
        self.assertEqual("ERR Unknown client type 'foo'", self.ids("TYPE", "foo"))

    def test_ids(self) -> None:
        """The ID filter takes several; it passes over those that there are none of."""
        self.connect()
        self.connect()
        self.assertEqual([3, 1], self.ids("ID", 3, 99, 1, -1))
        self.assertEqual("ERR Invalid client ID", self.ids("ID", 1, "x"))

    def test_wrong_filters(self) -> None:
        """Other filters are syntax errors, and so are too few or too many arguments."""
        for filter in (["FOO"], ["TYPE"], ["TYPE", "normal", "x"], ["ID"]):
            self.assertEqual("ERR syntax error", self.ids(*filter))


class KillTests(SessionTests):
    """CLIENT KILL."""

    def setUp(self) -> None:
        """Two more clients."""
        super().setUp()
        self.second, self.third = self.connect(), self.connect()
        self.second.connection.peer = "10.0.0.2:2"
        self.third.connection.host = "10.0.0.1:7000"

    def killed(self) -> list[int]:
        """Who was let go."""
        return [session.id for session in (self.second, self.third) if closed(session)]

    def test_by_number_looks_at_nobody_else(self) -> None:
        """CLIENT KILL ID finds the one client by its number, however many others there are."""

        class Sessions(dict[int, Any]):
            """Clients that are not to be gone through."""

            def values(self) -> Any:
                raise AssertionError("it goes through all clients")

        victim = self.connect()
        self.server.sessions = Sessions(self.server.sessions)
        self.assertReply(0, "CLIENT", "KILL", "ID", 1000)
        self.assertReply(0, "CLIENT", "KILL", "ID", victim.id, "TYPE", "pubsub")
        self.assertReply(1, "CLIENT", "KILL", "ID", victim.id)
        self.assertTrue(victim.connection.closed)

    def test_address(self) -> None:
        """The old form closes the client at an address, or says that there is none."""
        self.assertReply("OK", "CLIENT", "KILL", "10.0.0.2:2")
        self.assertEqual([2], self.killed())
        self.assertError("ERR No such client", "CLIENT", "KILL", "10.0.0.2:3")

    def test_self(self) -> None:
        """The old form closes even the client who asks, after its answer."""
        self.third.connection.peer = "10.0.0.3:3"
        self.assertReply("OK", "CLIENT", "KILL", "127.0.0.1:50000")
        self.assertTrue(self.session.closing)
        self.assertFalse(closed(self.session))

    def test_filters(self) -> None:
        """The new form closes whom all filters fit, and counts them."""
        self.assertReply(0, "CLIENT", "KILL", "ID", 2, "LADDR", "10.0.0.1:7000")
        self.assertEqual([], self.killed())
        self.assertReply(1, "CLIENT", "KILL", "id", 2, "ADDR", "10.0.0.2:2", "USER", "default", "TYPE", "normal")
        self.assertEqual([2], self.killed())
        self.assertReply(1, "CLIENT", "KILL", "LADDR", "10.0.0.1:7000")
        self.assertEqual([2, 3], self.killed())
        self.assertReply(0, "CLIENT", "KILL", "TYPE", "replica")

    def test_skipme(self) -> None:
        """The new form spares the client who asks, unless it says SKIPME no."""
        self.assertReply(2, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "YES")
        self.assertFalse(self.session.closing)
        self.assertReply(1, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
        self.assertTrue(self.session.closing)

    def test_wrong_filters(self) -> None:
        """Filters that make no sense are refused, and nobody is closed."""
        filters: list[tuple[str, list[Any]]] = [
            ("ERR client-id should be greater than 0", ["ID", 0]),
            ("ERR client-id should be greater than 0", ["ID", "x"]),
            ("ERR Unknown client type 'foo'", ["TYPE", "foo"]),
            ("ERR No such user 'alice'", ["USER", "alice"]),
            ("ERR syntax error", ["SKIPME", "maybe"]),
            ("ERR syntax error", ["MAXAGE", 100]),
            ("ERR syntax error", ["ID", 2, "SKIPME"]),
        ]
        for text, filter in filters:
            self.assertError(text, "CLIENT", "KILL", *filter)
        self.assertEqual([], self.killed())
