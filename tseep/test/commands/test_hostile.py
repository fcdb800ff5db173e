"""
Every command with hostile arguments: it has well-formed replies and raises no exception.

tests/server/test_bad_input.py does the same over sockets, in each mode.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

from tseep.commands import COMMANDS
from tseep.configuration.parameters import Config
from tseep.registry.table import Command, iter_commands
from tseep.server.server import Server
from tseep.session.session import Session
from tseep.test.support import Argument, SessionTests, decode, made_folder

ROUNDS = 12
"""Number of calls of each command."""

NUMBERS = [
    b"0", b"1", b"-1", b"2", b"-2", b"7", b"-0", b"+1", b"01", b" 1", b"1 ", b"1.5", b"-1.5", b"nan", b"-nan", b"inf",
    b"-inf", b"+inf", b"1e400", b"-1e400", b"1e-400", b"0x10", b"0x1p-5000", b"1e", b"1_000", b"2147483647",
    b"2147483648", b"-2147483649", b"4294967296", b"9223372036854775807", b"-9223372036854775808",
    b"9223372036854775808", b"-9223372036854775809", b"18446744073709551615", b"18446744073709551616", b"9" * 5000,
    b"-" + b"9" * 5000, b"0" * 5000, b"0." + b"1" * 5000, b"9" * 5000 + b"-" + b"9" * 5000, b"1e" + b"9" * 5000,
    "\u0661".encode(), b"\xb2",
]  # fmt: skip
TEXTS = [
    b"", b"\0", b"a", b"a\0b", b"\xff\xfe", b"\xed\xa0\x80", b"\xf5", b"x" * 70_000, b"a\r\nb", b"\x1b[2J", b"%s%n",
    b"{a}", b"*", b"?", b"[", b"[a-", b"\\", b"(", b"((", b"[a", b"-", b"+", b"$", b">", b"=", b"~", b"@", b"#",
    b"0-0", b"0-1", b"1-*", b"*-1", b"1-1-1", b"(1", b"(1-1", b"i8", b"u64", b"i65", b"u" + b"9" * 5000,
    b"#" + b"9" * 5000, b"return 1", b"#!lua name=l\nredis.register_function('f', function() end)", b"{\"a\":[1]}",
    b"*" * 200, b"a|b", b"|", b"[" * 3000,
]  # fmt: skip
KEYS = [
    b"string",
    b"number",
    b"huge",
    b"raw",
    b"bits",
    b"hll",
    b"list",
    b"set",
    b"numbers",
    b"hash",
    b"zset",
    b"geo",
    b"stream",
    b"group",
    b"none",
]

SILENT = {b"client|reply"}
"""Commands that can suppress replies, in a transaction too, as in Redis."""

STATES: list[list[list[Argument]]] = [
    [], [["HELLO", 3]], [["HELLO", 3], ["CLIENT", "TRACKING", "ON"]], [["AUTH", "limited", "x"]], [["MULTI"]],
]  # fmt: skip
"""Commands that bring a client into the tested states."""

CLOSING = {b"quit", b"client|kill"}
"""Commands that can disconnect the client."""

LEFT_OUT = {b"shutdown", b"debug|sleep", b"debug|segfault"}
"""Commands that stop or block the server by design."""


def words_of(command: Command) -> list[bytes]:
    """Return the option words in a command's syntax."""
    return [word.encode() for word in re.findall(r"[A-Z][A-Z0-9]+", command.syntax)]


def arguments(command: Command, chance: random.Random) -> list[bytes]:
    """Return a call with hostile arguments, and with keys at most key positions."""
    argv = command.name.split(b"|")
    options = words_of(command)
    least = abs(command.arity) - len(argv)
    count = max(0, least + (chance.choice((0, 0, 0, 1, 1, 2, 3, 5, 9)) if command.arity < 0 else 0))
    pools = [NUMBERS, NUMBERS, TEXTS, KEYS, KEYS, options or NUMBERS, options or TEXTS]
    first, last, step = command.keys
    places = range(first, len(argv) + count if last < 0 else last + 1, step) if first else ()
    for place in range(len(argv), len(argv) + count):
        pool = KEYS if place in places and chance.random() < 0.9 else chance.choice(pools)
        argv.append(chance.choice(pool))
    return argv


def spelt(command: Command, chance: random.Random) -> list[bytes]:
    """Return a call by the command's syntax, with hostile values and with options omitted, repeated or combined."""
    argv = command.name.split(b"|")
    for part in _parts(command.syntax):
        for _ in range(chance.choice((0, 1, 1, 1, 2)) if part.startswith("[") else 1):
            for word in _chosen(part, chance):
                if re.fullmatch(r"[A-Z][A-Z0-9]*", word):
                    argv.append(word.encode())
                elif "key" in word or word in ("source", "destination"):
                    argv.append(chance.choice(KEYS))
                elif word in ("numkeys",):
                    argv.append(chance.choice([b"1", b"1", b"2", *NUMBERS]))
                else:
                    argv.append(chance.choice(chance.choice([NUMBERS, NUMBERS, TEXTS])))
    return argv


def _parts(syntax: str) -> Iterator[str]:
    depth, start = 0, 0
    for at, char in enumerate(syntax + " "):
        depth += (char in "[<") - (char in "]>")
        if char == " " and not depth:
            if syntax[start:at]:
                yield syntax[start:at]
            start = at + 1


def _chosen(part: str, chance: random.Random) -> list[str]:
    inner = part.replace("...", "")
    choices = inner.split("|")
    return re.findall(r"[A-Za-z0-9_-]+", chance.choice(choices) if chance.random() < 0.8 else inner)


class HostileTests(SessionTests):
    def make_server(self) -> None:
        """Start a new server that has an AOF and a key of each type."""
        if self.server.persistence:
            self.server.persistence.stop()
        config = Config(
            appendonly="yes", dir=made_folder(self), enable_debug_command="yes", notify_keyspace_events="KEA", save=""
        )
        self.server = Server(config, self.clock.seconds)
        deque(self.server.persistence.start(), 0)
        self.session = self.connect()
        for argv in (
            ["SET", "string", "text"], ["SET", "number", "10"], ["SET", "huge", "1" * 5000], ["APPEND", "raw", "\xff"],
            ["SETBIT", "bits", 100, 1], ["PFADD", "hll", "a", "b"], ["RPUSH", "list", "a", "1", "", "c"],
            ["SADD", "set", "a", "b"], ["SADD", "numbers", 1, 2], ["HSET", "hash", "a", "1", "", "\xff"],
            ["ZADD", "zset", 1, "a", 1, "b", "inf", "c"], ["GEOADD", "geo", 1, 1, "a", 2, 2, "b"],
            ["XADD", "stream", "1-1", "a", "b"], ["XADD", "group", "1-1", "a", "b"],
            ["XGROUP", "CREATE", "group", "a", "0"], ["XREADGROUP", "GROUP", "a", "a", "STREAMS", "group", ">"],
            ["ACL", "SETUSER", "limited", "on", "nopass", "+@all", "~*", "-@blocking", "&a*", "(~x +get)"],
        ):  # fmt: skip
            self.send(*argv)

    def client(self, number: int) -> Session:
        """Return a client in one of the L{STATES}."""
        session = self.connect()
        for argv in STATES[number % len(STATES)]:
            self.send(*argv, session=session)
        return session

    def test_every_command(self) -> None:
        """Each command has well-formed replies, keeps its client connected, and raises no exception."""
        chance = random.Random(1)
        for command in iter_commands(COMMANDS):
            if command.run is None or command.name in LEFT_OUT:
                continue
            self.make_server()
            for number in range(ROUNDS):
                self.check(command, number, chance)
        self.server.persistence.stop()

    def check(self, command: Command, number: int, chance: random.Random) -> None:
        """Call a command once and check the outcome."""
        argv = (spelt if number % 2 else arguments)(command, chance)
        session = self.client(number)
        connection: Any = session.connection
        shown = [word if len(word) < 60 else word[:20] + b"..%d" % len(word) for word in argv]
        try:
            replies = self.send(*argv, session=session)
            if session.transaction is not None:
                replies += self.send("EXEC", session=session)
            self.server.run_deferred()
            self.server.persistence.commit()
            if command.name not in SILENT:
                decode(replies + connection.sent)
        except Exception as error:
            raise AssertionError(f"{shown} has raised {error!r}") from error
        if command.name not in CLOSING:
            self.assertFalse(connection.closed or session.closing, shown)
        self.server.disconnect(session)
        self.server.deliveries.clear()
