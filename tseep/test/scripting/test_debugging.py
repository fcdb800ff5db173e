"""
Tests for L{tseep.scripting.debugging}. tests/server/test_debugger.py has those with a server, and SCRIPT DEBUG YES.
"""

from __future__ import annotations

from tseep.test.support import SessionTests, encode


class DebuggingTests(SessionTests):
    """SCRIPT DEBUG SYNC, with a client that sends its commands in the middle of EVAL."""

    def converse(self, script: str, *commands: bytes) -> bytes:
        """Debug a script; return what the client receives."""
        self.assertReply("OK", "SCRIPT", "DEBUG", "SYNC")
        connection = self.session.connection
        connection.later.extend(commands)
        before = len(connection.sent)
        reply = self.session.receive(encode("EVAL", script, 0))
        return bytes(connection.sent[before:] + reply)

    def test_session(self) -> None:
        """The client receives the stops before the reply, and is closed after it."""
        stop = b"*2\r\n+* Stopped at 1, stop reason = step over\r\n+-> 1   return 7\r\n"
        self.assertEqual(stop + b"*1\r\n+<endsession>\r\n:7\r\n", self.converse("return 7", encode("s")))
        self.assertTrue(self.session.closing)

    def test_pieces(self) -> None:
        """A command of the debugger can arrive in pieces."""
        command = encode("print", "KEYS")
        received = self.converse("return 7", command[:5], command[5:], encode("c"))
        self.assertIn(b"*1\r\n+<value> {}\r\n", received)

    def test_replies_before(self) -> None:
        """The replies to commands of the same read precede the session."""
        self.run_command("SCRIPT", "DEBUG", "SYNC")
        self.session.connection.later.append(encode("c"))
        self.session.receive(encode("PING") + encode("EVAL", "return 7", 0))
        self.assertTrue(self.session.connection.sent.startswith(b"+PONG\r\n*2\r\n"))

    def test_lost_connection(self) -> None:
        """When the connection is lost the script runs on, without stops; clients that waited are served."""
        self.converse("redis.breakpoint()\nredis.call('SET', 'k', 1)\nreturn 7")
        other = self.connect()
        self.assertEqual(b"1", self.run_command("GET", "k", session=other))
        self.assertFalse(self.server.pause.debugging)

    def test_plain_script(self) -> None:
        """The scripts of other clients are not debugged, and debug functions do nothing in them."""
        self.converse("return 7", encode("c"))
        other = self.connect()
        script = "redis.debug(1) return redis.breakpoint()"
        self.assertEqual(None, self.run_command("EVAL", script, 0, session=other))

    def test_multi(self) -> None:
        """EXEC does not debug."""
        self.run_command("SCRIPT", "DEBUG", "YES")
        self.run_command("MULTI")
        self.run_command("EVAL", "return 7", 0)
        (reply,) = self.run_command("EXEC")
        self.assertEqual("ERR Scripts cannot be debugged inside MULTI", str(reply))
