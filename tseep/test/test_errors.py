"""Tests of L{tseep.errors}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError, invalid_expire_time, wrong_arguments, wrong_subcommand


class CommandErrorTests(SynchronousTestCase):
    """L{CommandError}: the error that a command raises."""

    def test_message(self) -> None:
        """The message is bytes, from bytes or text; surrogate escapes in a text become their bytes."""
        self.assertEqual(b"ERR a\xff", CommandError(b"ERR a\xff").message)
        self.assertEqual(b"ERR a\xff", CommandError("ERR a\udcff").message)
        self.assertEqual("ERR é".encode(), CommandError("ERR é").message)

    def test_one_line(self) -> None:
        """Each CR and LF becomes a space, as an error is one line in RESP."""
        self.assertEqual(b"ERR a  +OK  ", CommandError(b"ERR a\r\n+OK\n\r").message)

    def test_code(self) -> None:
        """The code is the message's first word."""
        self.assertEqual(b"WRONGTYPE", CommandError("WRONGTYPE Operation against").code)
        self.assertEqual(b"ERR", CommandError(b"ERR").code)


class WordsTests(SynchronousTestCase):
    """Errors with names of commands and subcommands."""

    def test_wrong_arguments(self) -> None:
        """The error for a wrong number of arguments has the command's name."""
        self.assertEqual(
            b"ERR wrong number of arguments for 'client|id' command", wrong_arguments(b"client|id").message
        )

    def test_invalid_expire_time(self) -> None:
        """The error for an invalid expire time has the command's name."""
        self.assertEqual(b"ERR invalid expire time in 'set' command", invalid_expire_time(b"set").message)

    def test_wrong_subcommand(self) -> None:
        """The error has the subcommand as sent, cut to 128 bytes, and its container in upper case."""
        expected = b"ERR unknown subcommand or wrong number of arguments for 'Foo'. Try DEBUG HELP."
        self.assertEqual(expected, wrong_subcommand([b"debug", b"Foo", b"x"]).message)
        self.assertIn(b"'" + b"x" * 128 + b"'", wrong_subcommand([b"debug", b"x" * 129]).message)
