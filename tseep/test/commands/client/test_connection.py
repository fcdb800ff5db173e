"""Tests of L{tseep.commands.client.connection}."""

from __future__ import annotations

from tseep.test.support import SessionTests, decode, encode

WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled."
NO_AUTH = "NOAUTH Authentication required."


class GreetingTests(SessionTests):
    """PING, ECHO, SELECT, HELLO, QUIT and RESET."""

    def test_ping(self) -> None:
        """PING answers PONG, or its one message."""
        self.assertReply("PONG", "PING")
        self.assertReply(b"hello", "PING", "hello")
        self.assertError("ERR wrong number of arguments for 'ping' command", "PING", "a", "b")

    def test_echo(self) -> None:
        """ECHO answers its argument, binary or empty."""
        self.assertReply(b"\r\n\0", "ECHO", b"\r\n\0")
        self.assertReply(b"", "ECHO", "")

    def test_select(self) -> None:
        """SELECT changes the database that later commands see."""
        self.assertReply("OK", "SELECT", 15)
        self.run_command("SET", "key", "fifteen")
        self.assertReply("OK", "SELECT", 0)
        self.assertReply(None, "GET", "key")
        self.assertEqual(b"fifteen", self.server.keyspace.databases[15].peek(b"key"))

    def test_select_wrongly(self) -> None:
        """SELECT refuses what is no number, not one of 32 bits, or not one of a database."""
        self.assertError("ERR value is not an integer or out of range", "SELECT", "one")
        text = "ERR value is out of range, value must between -2147483648 and 2147483647"
        self.assertError(text, "SELECT", 2**31)
        for index in (-1, 16):
            self.assertError("ERR DB index is out of range", "SELECT", index)

    def test_hello(self) -> None:
        """HELLO tells of the server, as a map in the protocol that it changes to."""
        greeting = {
            b"server": b"redis",
            b"version": b"7.0.15",
            b"proto": 3,
            b"id": self.session.id,
            b"mode": b"standalone",
            b"role": b"master",
            b"modules": [],
        }
        self.assertReply(greeting, "HELLO", 3)
        self.assertReply(greeting, "HELLO")
        flat = [part for pair in {**greeting, b"proto": 2}.items() for part in pair]
        self.assertReply(flat, "HELLO", 2)

    def test_hello_protocols(self) -> None:
        """HELLO refuses every protocol but 2 and 3, and leaves the protocol as it is."""
        for number in (1, 4, -1):
            self.assertError("NOPROTO unsupported protocol version", "HELLO", number)
        for text in ("three", str(2**70)):
            self.assertError("ERR Protocol version is not an integer or out of range", "HELLO", text)
        self.assertEqual(2, self.session.protocol)

    def test_hello_setname(self) -> None:
        """HELLO SETNAME names the client."""
        self.run_command("HELLO", 3, "setname", "worker")
        self.assertReply(b"worker", "CLIENT", "GETNAME")

    def test_hello_options(self) -> None:
        """HELLO refuses options that it does not know or that lack something, and stays in its protocol."""
        for options in (["FOO"], ["AUTH"], ["AUTH", "default"], ["SETNAME"]):
            self.assertError(f"ERR Syntax error in HELLO option '{options[0]}'", "HELLO", 3, *options)
        text = "ERR Client names cannot contain spaces, newlines or special characters."
        self.assertError(text, "HELLO", 3, "SETNAME", "a b")
        self.assertEqual(2, self.session.protocol)

    def test_quit(self) -> None:
        """QUIT is answered; what the client sent after it is not."""
        replies = decode(self.session.receive(encode("QUIT", "now") + encode("PING")))
        self.assertEqual(["OK"], replies)
        self.assertTrue(self.session.closing)

    def test_reset(self) -> None:
        """RESET forgets name, protocol, database and states, but not the client's library."""
        for command in ("HELLO 3 SETNAME me", "SELECT 5", "CLIENT NO-EVICT ON", "CLIENT SETINFO LIB-NAME lib"):
            self.run_command(*command.split())
        self.assertReply("RESET", "RESET")
        session = self.session
        self.assertEqual((b"", 2, 0), (session.name, session.protocol, session.db_index))
        self.assertEqual((True, b"lib"), (session.no_evict, session.library_name))


class PasswordTests(SessionTests):
    """AUTH and HELLO, where a password is asked for."""

    config = {"requirepass": "sesam"}

    def test_required(self) -> None:
        """Without the password nothing but the greeting commands runs."""
        self.assertError(NO_AUTH, "PING")
        self.assertError(NO_AUTH, "CLIENT", "ID")
        self.assertReply("RESET", "RESET")
        calls = self.server.table.commands[b"ping"].calls
        self.assertEqual((0, 1, 0), (calls.count, calls.rejected, calls.failed))

    def test_password(self) -> None:
        """AUTH with the password lets a client in, in either form."""
        self.assertReply("OK", "AUTH", "sesam")
        self.assertReply("PONG", "PING")
        other = self.connect()
        self.assertReply("OK", "AUTH", "default", "sesam", session=other)
        self.assertReply("PONG", "PING", session=other)

    def test_wrong_password(self) -> None:
        """AUTH refuses another password, another user and too many arguments."""
        for credentials in (["sesa"], ["sesamx"], ["Default", "sesam"], ["default", ""], ["sesam", "sesam"]):
            self.assertError(WRONG_PASSWORD, "AUTH", *credentials)
        self.assertError("ERR syntax error", "AUTH", "default", "sesam", "x")
        self.assertError(NO_AUTH, "PING")

    def test_stays_in(self) -> None:
        """A wrong password does not take back what a right one gave; RESET does."""
        self.run_command("AUTH", "sesam")
        self.assertError(WRONG_PASSWORD, "AUTH", "wrong")
        self.assertReply("PONG", "PING")
        self.run_command("RESET")
        self.assertError(NO_AUTH, "PING")

    def test_hello(self) -> None:
        """HELLO is answered only together with the password, and changes no protocol without it."""
        text = (
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
            "<pass> option can be used to authenticate the client and select the RESP protocol version at the "
            "same time"
        )
        self.assertError(text, "HELLO", 3)
        self.assertEqual(2, self.session.protocol)
        self.assertError(WRONG_PASSWORD, "HELLO", 3, "AUTH", "default", "wrong")
        self.assertEqual(3, self.run_command("HELLO", 3, "AUTH", "default", "sesam")[b"proto"])
        self.assertReply("PONG", "PING")

    def test_in_one_read(self) -> None:
        """What follows the password in the same read runs already."""
        self.assertEqual(["OK", "PONG"], decode(self.session.receive(encode("AUTH", "sesam") + encode("PING"))))

    def test_not_in_the_slow_log(self) -> None:
        """The slow log shows no password, be it right or wrong."""
        self.run_command("AUTH", "sesam")
        self.run_command("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.run_command("AUTH", "wrong")
        self.run_command("HELLO", 2, "AUTH", "default", "sesam", "SETNAME", "me")
        self.run_command("CONFIG", "SET", "requirepass", "other", "timeout", 0)
        self.assertEqual(
            [
                b"CONFIG SET requirepass (redacted) timeout 0",
                b"HELLO 2 AUTH (redacted) (redacted) SETNAME me",
                b"AUTH (redacted)",
            ],
            [b" ".join(entry.argv) for entry in self.server.slowlog.entries][:3],
        )


class NoPasswordTests(SessionTests):
    """AUTH where no password is asked for."""

    def test_password(self) -> None:
        """A password alone is refused, since there is none."""
        text = (
            "ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
        self.assertError(text, "AUTH", "sesam")

    def test_user(self) -> None:
        """The default user is let in with any password, another is not."""
        self.assertReply("OK", "AUTH", "default", "whatever")
        self.assertError(WRONG_PASSWORD, "AUTH", "alice", "whatever")
