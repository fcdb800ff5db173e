"""The errors that a command answers with, in Redis's own words (redis/src/server.c, shared objects)."""

from __future__ import annotations


class CommandError(Exception):
    """
    A command's refusal, answered as a RESP error and counted under its code.

    @param message: the whole line, its code first, as in ``ERR syntax error``. Newlines
        become spaces, since a RESP error is one line.
    @param counted: whether it was counted already, when a script met it.
    """

    def __init__(self, message: str | bytes, counted: bool = False) -> None:
        super().__init__(message)
        self.counted = counted
        raw = message if isinstance(message, bytes) else message.encode("utf-8", "surrogateescape")
        self.message = raw.replace(b"\r", b" ").replace(b"\n", b" ")

    @property
    def code(self) -> bytes:
        """The first word, by which INFO errorstats counts."""
        return self.message.split(b" ", 1)[0]


SYNTAX = "ERR syntax error"
NOT_AN_INTEGER = "ERR value is not an integer or out of range"
NOT_AN_INT = "ERR value is out of range, value must between -2147483648 and 2147483647"
NOT_A_FLOAT = "ERR value is not a valid float"
WRONG_TYPE = "WRONGTYPE Operation against a key holding the wrong kind of value"
NO_SUCH_KEY = "ERR no such key"
NO_SUCH_DATABASE = "ERR DB index is out of range"
SAME_OBJECT = "ERR source and destination objects are the same"
OUT_OF_RANGE = "ERR index out of range"
NO_AUTH = "NOAUTH Authentication required."
WRONG_PASSWORD = "WRONGPASS invalid username-password pair or user is disabled."


def wrong_arguments(name: bytes) -> CommandError:
    """The error for a call of command C{name} with too few or too many arguments."""
    return CommandError(b"ERR wrong number of arguments for '%b' command" % name)


def invalid_expire_time(name: bytes) -> CommandError:
    """The error for a call of command C{name} with a time to live that is negative, zero or too large."""
    return CommandError(b"ERR invalid expire time in '%b' command" % name)


def wrong_subcommand(argv: list[bytes]) -> CommandError:
    """The error for a subcommand that there is none of, or not with so many arguments."""
    text = b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP."
    return CommandError(text % (argv[1][:128], argv[0].upper()))
