"""Tests of L{tseep.errors}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError, invalid_expire_time, wrong_arguments, wrong_subcommand


class CommandErrorTests(SynchronousTestCase):
    """What a command raises."""

    def test_message(self) -> None:
        """A message is bytes, whether it was given as such or as text; odd bytes in a text come through."""
        self.assertEqual(b"ERR a\xff", CommandError(b"ERR a\xff").message)
        self.assertEqual(b"ERR a\xff", CommandError("ERR a\udcff").message)
        self.assertEqual("ERR é".encode(), CommandError("ERR é").message)

    def test_one_line(self) -> None:
        """Line ends become spaces, one for each of their characters, since an error is one line."""
        self.assertEqual(b"ERR a  +OK  ", CommandError(b"ERR a\r\n+OK\n\r").message)

    def test_code(self) -> None:
        """The code is the first word, which may be all there is."""
        self.assertEqual(b"WRONGTYPE", CommandError("WRONGTYPE Operation against").code)
        self.assertEqual(b"ERR", CommandError(b"ERR").code)


class WordsTests(SynchronousTestCase):
    """The errors that name something."""

    def test_wrong_arguments(self) -> None:
        """A wrong number of arguments names the command."""
        self.assertEqual(
            b"ERR wrong number of arguments for 'client|id' command", wrong_arguments(b"client|id").message
        )

    def test_invalid_expire_time(self) -> None:
        """A time to live that can't be names the command."""
        self.assertEqual(b"ERR invalid expire time in 'set' command", invalid_expire_time(b"set").message)

    def test_wrong_subcommand(self) -> None:
        """A wrong subcommand is named as it was sent, up to 128 bytes, and its container in upper case."""
        expected = b"ERR unknown subcommand or wrong number of arguments for 'Foo'. Try DEBUG HELP."
        self.assertEqual(expected, wrong_subcommand([b"debug", b"Foo", b"x"]).message)
        self.assertIn(b"'" + b"x" * 128 + b"'", wrong_subcommand([b"debug", b"x" * 129]).message)
