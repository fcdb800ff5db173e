"""RESP2 for the comparison servers: from a client's bytes to the bytes of the answers.

PING, ECHO, GET, SET, DEL, and what redis-benchmark and redis-cli send first. It does no I/O, so that each server's file
contains only its way of handling connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST_LINE = 65_536  # bytes, as in Redis
COUNT = re.compile(rb"\*(\d{1,7})\r\n").match
LENGTH = re.compile(rb"\$(\d{1,9})\r\n").match

OK, NIL, NONE = b"+OK\r\n", b"$-1\r\n", b"*0\r\n"

Keys = dict[bytes, bytes]
Words = list[bytes]


class Malformed(Exception):
    """The bytes are not RESP; the text names the error."""


def command(data: bytes, at: int) -> tuple[Words, int] | None:
    """
    Return the command that begins at C{at} and where it ends, or None while it is incomplete.

    Raises Malformed.
    """
    head = COUNT(data, at)
    if head is None:
        return inline(data, at)
    words, at = [], head.end()
    for _ in range(int(head[1])):
        size = LENGTH(data, at)
        if size is None:
            refuse_line(data, at)
            return None
        end = size.end() + int(size[1])
        words.append(data[size.end() : end])
        at = end + 2
    return (words, at) if at <= len(data) else None


def inline(data: bytes, at: int) -> tuple[Words, int] | None:
    """Return an inline command, words in a line, and where it ends, or None. Raises Malformed."""
    end = data.find(b"\n", at)
    if end < 0 or data[at : at + 1] == b"*":
        refuse_line(data, at)
        return None
    return data[at:end].split(), end + 1


def refuse_line(data: bytes, at: int) -> None:
    """Raise Malformed if a line that is no header is complete, or too long."""
    if data.find(b"\n", at) >= 0:
        raise Malformed("a number was expected")
    if len(data) - at > LONGEST_LINE:
        raise Malformed("too long a line")


def bulk(value: bytes) -> bytes:
    """Return a value as a bulk string."""
    return b"$%d\r\n%b\r\n" % (len(value), value)


def error(text: str) -> bytes:
    """Return an error reply with the code ERR."""
    return f"-ERR {text}\r\n".encode("utf-8", "replace")


def ping(keys: Keys, words: Words) -> bytes:
    """PING [message]"""
    return bulk(words[1]) if len(words) > 1 else b"+PONG\r\n"


def echo(keys: Keys, words: Words) -> bytes:
    """ECHO message"""
    return bulk(words[1])


def get(keys: Keys, words: Words) -> bytes:
    """GET key"""
    value = keys.get(words[1])
    return NIL if value is None else bulk(value)


def set_(keys: Keys, words: Words) -> bytes:
    """SET key value"""
    _, key, keys[key] = words
    return OK


def delete(keys: Keys, words: Words) -> bytes:
    """DEL key [key ...]"""
    return b":%d\r\n" % sum(keys.pop(key, None) is not None for key in words[1:])


def config(keys: Keys, words: Words) -> bytes:
    """CONFIG GET name: an empty value, which redis-benchmark accepts"""
    return b"*2\r\n" + bulk(words[2]) + bulk(b"")


def hello(keys: Keys, words: Words) -> bytes:
    """HELLO [2]"""
    if words[1:2] not in ([], [b"2"]):
        return b"-NOPROTO unsupported protocol version\r\n"
    return b"*4\r\n" + bulk(b"server") + bulk(b"peer") + bulk(b"proto") + b":2\r\n"


def info(keys: Keys, words: Words) -> bytes:
    """INFO"""
    return bulk(b"# Keyspace\r\ndb0:keys=%d\r\n" % len(keys))


def nothing(keys: Keys, words: Words) -> bytes:
    """COMMAND: an empty table"""
    return NONE


COMMANDS: dict[bytes, tuple[Callable[[Keys, Words], bytes], range]] = {
    b"PING": (ping, range(1, 3)),
    b"ECHO": (echo, range(2, 3)),
    b"GET": (get, range(2, 3)),
    b"SET": (set_, range(3, 4)),
    b"DEL": (delete, range(2, 10**7)),
    b"CONFIG": (config, range(3, 4)),
    b"HELLO": (hello, range(1, 3)),
    b"INFO": (info, range(1, 10)),
    b"COMMAND": (nothing, range(1, 10)),
}
"""The function of each command, and how many words it accepts."""


def answer(keys: Keys, words: Words) -> bytes:
    """Return the answer to one command."""
    name = words[0].upper()
    found, lengths = COMMANDS.get(name, (None, range(0)))
    if found is None:
        return error(f"unknown command {name[:64]!r}")
    if len(words) not in lengths:
        return error(f"wrong number of words for {name!r}")
    return found(keys, words)


class Conversation:
    """One client's input. C{ended} is true after malformed bytes: close the connection."""

    def __init__(self, keys: Keys) -> None:
        self.ended = False
        self._keys = keys
        self._rest = b""

    def receive(self, data: bytes) -> bytes:
        """Return the answers to the commands that C{data}, of any size, completes."""
        data, at, answers = self._rest + data, 0, []
        try:
            while found := command(data, at):
                words, at = found
                if words:
                    answers.append(answer(self._keys, words))
        except Malformed as wrong:
            answers.append(error(f"Protocol error: {wrong}"))
            self.ended = True
        self._rest = data[at:]
        return b"".join(answers)
