"""Tests for L{tseep.commands.client.connection}: HELLO, AUTH, SELECT, RESET and the like."""

from __future__ import annotations

from tseep.test.support import SessionTests, decode, encode

WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled."
NO_AUTH = "NOAUTH Authentication required."


class GreetingTests(SessionTests):
    """PING, ECHO, SELECT, HELLO, QUIT and RESET."""

    def test_ping(self) -> None:
        """PING replies PONG, or its argument."""
        self.assertReply("PONG", "PING")
        self.assertReply(b"hello", "PING", "hello")
        self.assertError("ERR wrong number of arguments for 'ping' command", "PING", "a", "b")

    def test_echo(self) -> None:
        """ECHO returns its argument, binary or empty."""
        self.assertReply(b"\r\n\0", "ECHO", b"\r\n\0")
        self.assertReply(b"", "ECHO", "")

    def test_select(self) -> None:
        """SELECT changes the database of later commands."""
        self.assertReply("OK", "SELECT", 15)
        self.run_command("SET", "key", "fifteen")
        self.assertReply("OK", "SELECT", 0)
        self.assertReply(None, "GET", "key")
        self.assertEqual(b"fifteen", self.server.keyspace.databases[15].peek(b"key"))

    def test_select_wrongly(self) -> None:
        """SELECT refuses an index that is not an integer of 32 bits or not that of a database."""
        self.assertError("ERR value is not an integer or out of range", "SELECT", "one")
        text = "ERR value is out of range, value must between -2147483648 and 2147483647"
        self.assertError(text, "SELECT", 2**31)
        for index in (-1, 16):
            self.assertError("ERR DB index is out of range", "SELECT", index)

    def test_hello(self) -> None:
        """HELLO returns properties of the server, in the protocol to which it switches."""
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
        """HELLO refuses all protocols but 2 and 3, and keeps the current one."""
        for number in (1, 4, -1):
            self.assertError("NOPROTO unsupported protocol version", "HELLO", number)
        for text in ("three", str(2**70)):
            self.assertError("ERR Protocol version is not an integer or out of range", "HELLO", text)
        self.assertEqual(2, self.session.protocol)

    def test_hello_setname(self) -> None:
        """HELLO SETNAME sets the client's name."""
        self.run_command("HELLO", 3, "setname", "worker")
        self.assertReply(b"worker", "CLIENT", "GETNAME")

    def test_hello_options(self) -> None:
        """HELLO refuses unknown and incomplete options, and keeps the protocol."""
        for options in (["FOO"], ["AUTH"], ["AUTH", "default"], ["SETNAME"]):
            self.assertError(f"ERR Syntax error in HELLO option '{options[0]}'", "HELLO", 3, *options)
        text = "ERR Client names cannot contain spaces, newlines or special characters."
        self.assertError(text, "HELLO", 3, "SETNAME", "a b")
        self.assertEqual(2, self.session.protocol)

    def test_quit(self) -> None:
        """QUIT replies OK; later commands of the pipeline do not run."""
        replies = decode(self.session.receive(encode("QUIT", "now") + encode("PING")))
        self.assertEqual(["OK"], replies)
        self.assertTrue(self.session.closing)

    def test_reset(self) -> None:
        """RESET clears name, protocol and database, but neither NO-EVICT nor the client's library."""
        for command in ("HELLO 3 SETNAME me", "SELECT 5", "CLIENT NO-EVICT ON", "CLIENT SETINFO LIB-NAME lib"):
            self.run_command(*command.split())
        self.assertReply("RESET", "RESET")
        session = self.session
        self.assertEqual((b"", 2, 0), (session.name, session.protocol, session.db_index))
        self.assertEqual((True, b"lib"), (session.no_evict, session.library_name))


class PasswordTests(SessionTests):
    """AUTH and HELLO with requirepass set."""

    config = {"requirepass": "sesam"}

    def test_required(self) -> None:
        """Before authentication commands are rejected, except for RESET, AUTH, HELLO and QUIT."""
        self.assertError(NO_AUTH, "PING")
        self.assertError(NO_AUTH, "CLIENT", "ID")
        self.assertReply("RESET", "RESET")
        calls = self.server.table.commands[b"ping"].calls
        self.assertEqual((0, 1, 0), (calls.count, calls.rejected, calls.failed))

    def test_password(self) -> None:
        """AUTH accepts the password alone, or after the user default."""
        self.assertReply("OK", "AUTH", "sesam")
        self.assertReply("PONG", "PING")
        other = self.connect()
        self.assertReply("OK", "AUTH", "default", "sesam", session=other)
        self.assertReply("PONG", "PING", session=other)

    def test_wrong_password(self) -> None:
        """AUTH refuses wrong passwords, other users and extra arguments."""
        for credentials in (["sesa"], ["sesamx"], ["Default", "sesam"], ["default", ""], ["sesam", "sesam"]):
            self.assertError(WRONG_PASSWORD, "AUTH", *credentials)
        self.assertError("ERR syntax error", "AUTH", "default", "sesam", "x")
        self.assertError(NO_AUTH, "PING")

    def test_stays_authenticated(self) -> None:
        """A wrong password does not end an authentication; RESET does."""
        self.run_command("AUTH", "sesam")
        self.assertError(WRONG_PASSWORD, "AUTH", "wrong")
        self.assertReply("PONG", "PING")
        self.run_command("RESET")
        self.assertError(NO_AUTH, "PING")

    def test_hello(self) -> None:
        """HELLO requires authentication, and switches the protocol only with it."""
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
        """Commands after AUTH in the same read are authenticated."""
        self.assertEqual(["OK", "PONG"], decode(self.session.receive(encode("AUTH", "sesam") + encode("PING"))))

    def test_not_in_the_slow_log(self) -> None:
        """The slow log redacts passwords, right or wrong, and omits EXEC, as in Redis."""
        self.run_command("AUTH", "sesam")
        self.run_command("CONFIG", "SET", "slowlog-log-slower-than", 0)
        self.run_command("AUTH", "wrong")
        self.run_command("HELLO", 2, "AUTH", "default", "sesam", "SETNAME", "me")
        self.run_command("CONFIG", "SET", "requirepass", "other", "timeout", 0)
        self.run_command("ACL", "SETUSER", "u", ">secret")
        self.run_command("MULTI")
        self.run_command("EXEC")
        self.assertEqual(
            [
                b"MULTI",
                b"ACL SETUSER (redacted) (redacted)",
                b"CONFIG SET requirepass (redacted) timeout 0",
                b"HELLO 2 AUTH (redacted) (redacted) SETNAME me",
                b"AUTH (redacted)",
            ],
            [b" ".join(entry.argv) for entry in self.server.slowlog.entries][:5],
        )


class NoPasswordTests(SessionTests):
    """AUTH when requirepass is not set."""

    def test_password(self) -> None:
        """AUTH with a password alone is refused."""
        text = (
            "ERR AUTH <password> called without any password configured for the default user. "
            "Are you sure your configuration is correct?"
        )
        self.assertError(text, "AUTH", "sesam")

    def test_user(self) -> None:
        """AUTH accepts any password for the user default, and refuses unknown users."""
        self.assertReply("OK", "AUTH", "default", "whatever")
        self.assertError(WRONG_PASSWORD, "AUTH", "alice", "whatever")
