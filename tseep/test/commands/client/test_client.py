"""Tests for L{tseep.commands.client.client}: CLIENT and its subcommands."""

from __future__ import annotations

from typing import Any

from tseep.session.session import Session
from tseep.test.support import Error, SessionTests, Verbatim, decode, encode


def closed(session: Session) -> Any:
    """Return whether another client has closed the session's connection."""
    return session.connection.closed


class OwnTests(SessionTests):
    """CLIENT ID, SETNAME, SETINFO, NO-TOUCH and NO-EVICT."""

    def test_id(self) -> None:
        """CLIENT ID is different for each connection."""
        first = self.run_command("CLIENT", "ID")
        self.assertReply(first + 1, "CLIENT", "ID", session=self.connect())

    def test_name(self) -> None:
        """CLIENT SETNAME sets a name, and an empty name removes it."""
        self.assertReply(None, "CLIENT", "GETNAME")
        self.assertReply("OK", "CLIENT", "SETNAME", "!worker~")
        self.assertReply(b"!worker~", "CLIENT", "GETNAME")
        self.assertReply("OK", "CLIENT", "SETNAME", "")
        self.assertReply(None, "CLIENT", "GETNAME")

    def test_wrong_name(self) -> None:
        """CLIENT SETNAME refuses characters that would break the lines of CLIENT LIST."""
        for name in (b"a b", b"a\n", b"\x7f", b"\xc3\xa9"):
            text = "ERR Client names cannot contain spaces, newlines or special characters."
            self.assertError(text, "CLIENT", "SETNAME", name)

    def test_library(self) -> None:
        """CLIENT SETINFO sets the library's name and version."""
        self.assertReply("OK", "CLIENT", "SETINFO", "lib-name", "redis-py")
        self.assertReply("OK", "CLIENT", "SETINFO", "LIB-VER", "8.0")
        self.assertIn(b" lib-name=redis-py lib-ver=8.0\n", self.run_command("CLIENT", "INFO"))

    def test_wrong_library(self) -> None:
        """CLIENT SETINFO refuses other attributes, and characters that would break the lines of CLIENT LIST."""
        self.assertError("ERR Unrecognized option 'lib-foo'", "CLIENT", "SETINFO", "lib-foo", "x")
        text = "ERR lib-name cannot contain spaces, newlines or special characters."
        self.assertError(text, "CLIENT", "SETINFO", "lib-name", "a b")

    def test_unknown(self) -> None:
        """An unsupported subcommand of CLIENT is refused, and the client stays connected."""
        text = "ERR unknown subcommand 'MAINT_NOTIFICATIONS'. Try CLIENT HELP."
        self.assertError(text, "CLIENT", "MAINT_NOTIFICATIONS", "ON")
        self.assertFalse(self.session.closing)

    def test_no_touch(self) -> None:
        """With CLIENT NO-TOUCH ON a read does not update the key's access time; OFF ends that."""
        self.run_command("SET", "key", "value")
        self.pass_time(100)
        self.assertReply("OK", "CLIENT", "NO-TOUCH", "ON")
        self.run_command("GET", "key")
        self.assertReply(100, "OBJECT", "IDLETIME", "key")
        self.assertReply("OK", "CLIENT", "NO-TOUCH", "off")
        self.run_command("GET", "key")
        self.assertReply(0, "OBJECT", "IDLETIME", "key")

    def test_no_evict(self) -> None:
        """CLIENT NO-EVICT sets and clears a flag of the client."""
        self.assertReply("OK", "CLIENT", "NO-EVICT", "on")
        self.assertIn(b" flags=e ", self.run_command("CLIENT", "INFO"))
        self.assertReply("OK", "CLIENT", "NO-EVICT", "OFF")
        self.assertIn(b" flags=N ", self.run_command("CLIENT", "INFO"))

    def test_switches(self) -> None:
        """CLIENT NO-EVICT, NO-TOUCH and REPLY refuse unknown values."""
        for name in ("NO-EVICT", "NO-TOUCH", "REPLY"):
            self.assertError("ERR syntax error", "CLIENT", name, "MAYBE")


class ReplyTests(SessionTests):
    def replies(self, *commands: str) -> Any:
        """Return the replies to a pipeline of commands."""
        return decode(self.session.receive(b"".join(encode(*command.split()) for command in commands)))

    def test_off(self) -> None:
        """After CLIENT REPLY OFF there are no replies, not even errors, until ON."""
        replies = self.replies("CLIENT REPLY OFF", "ECHO a", "FOO", "CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO b")
        self.assertEqual(["OK", b"b"], replies)

    def test_skip(self) -> None:
        """CLIENT REPLY SKIP suppresses the reply to the next command, except to CLIENT REPLY ON."""
        replies = self.replies("CLIENT REPLY SKIP", "ECHO a", "ECHO b", "CLIENT REPLY SKIP", "FOO", "ECHO c")
        self.assertEqual([b"b", b"c"], replies)
        self.assertEqual(["OK", b"d"], self.replies("CLIENT REPLY SKIP", "CLIENT REPLY ON", "ECHO d"))

    def test_skip_twice(self) -> None:
        """A second CLIENT REPLY SKIP suppresses the reply to the command after it."""
        self.assertEqual([b"b"], self.replies("CLIENT REPLY SKIP", "CLIENT REPLY SKIP", "ECHO a", "ECHO b"))


class ListTests(SessionTests):
    def fields(self, line: bytes) -> dict[str, str]:
        """Return the fields of a client's line."""
        return dict(field.split("=", 1) for field in line.decode().split())

    def test_line(self) -> None:
        """A line of CLIENT LIST has Redis's fields, in Redis's order."""
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
        """CLIENT INFO returns the client's own line, with CLIENT INFO as its command."""
        self.run_command("HELLO", 3)
        self.connect()
        info = self.run_command("CLIENT", "INFO")
        self.assertIsInstance(info, Verbatim)
        self.assertEqual(("1", "client|info"), (self.fields(info)["id"], self.fields(info)["cmd"]))
        self.assertEqual(1, info.count(b"\n"))

    def test_buffers(self) -> None:
        """CLIENT LIST shows the present command, and the replies before it, in the buffers of its client only."""
        self.connect()
        replies = self.session.receive(b"PING\r\n*2\r\n$6\r\nclient\r\n$4\r\nlist\r\n")
        own, other = map(self.fields, decode(replies)[1].splitlines())
        self.assertEqual(["26", "7", "96"], [own[name] for name in ("qbuf", "obl", "argv-mem")])
        self.assertEqual(["0", "0", "0"], [other[name] for name in ("qbuf", "obl", "argv-mem")])
        self.assertEqual(int(other["tot-mem"]) + 7 + 96, int(own["tot-mem"]))

    def test_events(self) -> None:
        """The events are those that a client waits for: readable, and writable while output is unsent."""
        other = self.connect()
        for unsent, events in (0, "r"), (5, "rw"):
            other.connection.unsent = unsent
            fields = self.fields(self.run_command("CLIENT", "LIST", "ID", other.id))
            self.assertEqual(
                [events, str(unsent), str(int(unsent > 0))], [fields[n] for n in ("events", "omem", "oll")]
            )

    def test_new_client(self) -> None:
        """CLIENT LIST shows the command NULL before the first one, and an incomplete command in qbuf."""
        other = self.connect()
        other.receive(b"*2\r\n$4\r\nEC")
        fields = self.fields(self.run_command("CLIENT", "LIST").split(b"\n")[1])
        self.assertEqual("NULL", fields["cmd"])
        self.assertEqual(other.partial_bytes, int(fields["qbuf"]))
        self.assertGreater(other.partial_bytes, 0)

    def test_unix_socket(self) -> None:
        """The flag U marks a client of a Unix socket, and T one with NO-TOUCH."""
        self.session.connection.host = "/run/tseep.sock:0"
        self.run_command("CLIENT", "NO-TOUCH", "ON")
        self.assertEqual("UT", self.fields(self.run_command("CLIENT", "INFO"))["flags"])

    def ids(self, *filter: Any) -> Any:
        """Return the ids that a filter of CLIENT LIST selects, or the error."""
        reply = self.run_command("CLIENT", "LIST", *filter)
        return reply if isinstance(reply, Error) else [int(self.fields(line)["id"]) for line in reply.splitlines()]

    def test_all(self) -> None:
        """CLIENT LIST has a line for each connected client."""
        gone = self.connect()
        self.connect()
        self.server.disconnect(gone)
        self.assertEqual([1, 3], self.ids())

    def test_type(self) -> None:
        """CLIENT LIST TYPE selects clients by type and refuses unknown types."""
        self.assertEqual([1], self.ids("type", "NORMAL"))
        for type in ("master", "replica", "slave", "pubsub"):
            self.assertEqual([], self.ids("TYPE", type))
        self.assertEqual("ERR Unknown client type 'foo'", self.ids("TYPE", "foo"))

    def test_ids(self) -> None:
        """CLIENT LIST ID returns the given clients in the given order, without unknown ids."""
        self.connect()
        self.connect()
        self.assertEqual([3, 1], self.ids("ID", 3, 99, 1, -1))
        self.assertEqual("ERR Invalid client ID", self.ids("ID", 1, "x"))

    def test_wrong_filters(self) -> None:
        """CLIENT LIST refuses unknown filters and wrong numbers of arguments."""
        for filter in (["FOO"], ["TYPE"], ["TYPE", "normal", "x"], ["ID"]):
            self.assertEqual("ERR syntax error", self.ids(*filter))


class KillTests(SessionTests):
    def setUp(self) -> None:
        """Connect two more clients, with other addresses."""
        super().setUp()
        self.second, self.third = self.connect(), self.connect()
        self.second.connection.peer = "10.0.0.2:2"
        self.third.connection.host = "10.0.0.1:7000"

    def killed(self) -> list[int]:
        """Return the ids of the clients that were killed."""
        return [session.id for session in (self.second, self.third) if closed(session)]

    def test_id_lookup(self) -> None:
        """CLIENT KILL ID finds the client by its id without iterating over all clients."""

        class Sessions(dict[int, Any]):
            """Sessions that fail the test when a command iterates over them."""

            def values(self) -> Any:
                raise AssertionError("it goes through all clients")

        victim = self.connect()
        self.server.sessions = Sessions(self.server.sessions)
        self.assertReply(0, "CLIENT", "KILL", "ID", 1000)
        self.assertReply(0, "CLIENT", "KILL", "ID", victim.id, "TYPE", "pubsub")
        self.assertReply(1, "CLIENT", "KILL", "ID", victim.id)
        self.assertTrue(victim.connection.closed)

    def test_address(self) -> None:
        """CLIENT KILL with an address closes the client at that address, or is refused."""
        self.assertReply("OK", "CLIENT", "KILL", "10.0.0.2:2")
        self.assertEqual([2], self.killed())
        self.assertError("ERR No such client", "CLIENT", "KILL", "10.0.0.2:3")

    def test_self(self) -> None:
        """CLIENT KILL with the caller's own address closes it after the reply."""
        self.third.connection.peer = "10.0.0.3:3"
        self.assertReply("OK", "CLIENT", "KILL", "127.0.0.1:50000")
        self.assertTrue(self.session.closing)
        self.assertFalse(closed(self.session))

    def test_filters(self) -> None:
        """CLIENT KILL closes the clients that match all filters and returns their number."""
        self.assertReply(0, "CLIENT", "KILL", "ID", 2, "LADDR", "10.0.0.1:7000")
        self.assertEqual([], self.killed())
        self.assertReply(1, "CLIENT", "KILL", "id", 2, "ADDR", "10.0.0.2:2", "USER", "default", "TYPE", "normal")
        self.assertEqual([2], self.killed())
        self.assertReply(1, "CLIENT", "KILL", "LADDR", "10.0.0.1:7000")
        self.assertEqual([2, 3], self.killed())
        self.assertReply(0, "CLIENT", "KILL", "TYPE", "replica")

    def test_skipme(self) -> None:
        """CLIENT KILL with filters skips the caller unless SKIPME is no."""
        self.assertReply(2, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "YES")
        self.assertFalse(self.session.closing)
        self.assertReply(1, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
        self.assertTrue(self.session.closing)

    def test_wrong_filters(self) -> None:
        """CLIENT KILL with an invalid filter is refused and closes no client."""
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
