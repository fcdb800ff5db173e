"""DEBUG, for tests of servers and clients (https://redis.io/docs/latest/commands/debug/)."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Callable, NamedTuple

from tseep.datatypes.encoding import encoding, references
from tseep.errors import NO_SUCH_KEY, CommandError, not_allowed, wrong_subcommand
from tseep.registry.table import command
from tseep.replies import OK, Attributed, BigNumber, Push, Reply, SetReply, Several, Status, Verbatim
from tseep.session.client_info import is_allowed

if TYPE_CHECKING:
    from tseep.session.session import Session

_LONGEST_SLEEP = 1_000_000_000
_NUMBER = re.compile(rb"\s*\+?(\d+\.?\d*|\.\d+)")

TYPES: dict[bytes, Reply] = {
    b"string": b"Hello World",
    b"integer": 12345,
    b"double": 3.141,
    b"bignum": BigNumber(b"1234567999999999999999999999999999999"),
    b"null": None,
    b"array": [0, 1, 2],
    b"set": SetReply([0, 1, 2]),
    b"map": {0: False, 1: True, 2: False},
    b"attrib": Attributed({b"key-popularity": [b"key:123", 90]}, b"Some real reply following the attribute"),
    b"push": Several([Push([b"server-cpu-usage", 42]), b"Some real reply following the push reply"]),
    b"verbatim": Verbatim(b"This is a verbatim\nstring"),
    b"true": True,
    b"false": False,
}
"""By type, the example that DEBUG PROTOCOL returns."""


class Subcommand(NamedTuple):
    """
    A subcommand of DEBUG.

    @ivar run: the function, with the session and the arguments after the subcommand's name as arguments.
    @ivar arguments: their names in HELP. Their number is fixed.
    """

    run: Callable[[Session, list[bytes]], Reply]
    arguments: list[str]
    summary: str


@command("DEBUG")
def debug(session: Session, argv: list[bytes]) -> Reply:
    if not is_allowed(session, "enable-debug-command"):
        raise not_allowed("DEBUG")
    subcommand = _SUBCOMMANDS.get(argv[1].lower())
    if subcommand is None or len(argv) - 2 != len(subcommand.arguments):
        raise wrong_subcommand(argv)
    return subcommand.run(session, argv[2:])


def _sleep(session: Session, arguments: list[bytes]) -> Reply:
    time.sleep(min(_number(arguments[0]), _LONGEST_SLEEP))
    return OK


def _number(text: bytes) -> float:
    """Return the number at the start of a text like C's atof; 0 if there is none."""
    match = _NUMBER.match(text)
    return float(match[1]) if match else 0.0


def _object(session: Session, arguments: list[bytes]) -> Reply:
    db, key = session.db, arguments[0]
    value = db.peek(key)
    if value is None:
        raise CommandError(NO_SUCH_KEY)
    idle = 0 if session.server.keyspace.frequency is not None else db.idle(key)
    text = f"Value at:{id(value):#x} refcount:{references(value)} encoding:{encoding(value).decode()}"
    return Status(f"{text} lru_seconds_idle:{idle}".encode())


def _set_active_expire(session: Session, arguments: list[bytes]) -> Reply:
    session.server.cron.active_expire = _number(arguments[0]) >= 1
    return OK


def _error(session: Session, arguments: list[bytes]) -> Reply:
    raise CommandError(arguments[0])


def _protocol(session: Session, arguments: list[bytes]) -> Reply:
    name = arguments[0].lower()
    if name not in TYPES:
        raise CommandError(
            "ERR Wrong protocol type name. Please use one of the following: "
            "string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
        )
    if name == b"push" and session.protocol < 3:
        raise CommandError("ERR RESP2 is not supported by this command")
    return TYPES[name]


def _help(session: Session, arguments: list[bytes]) -> Reply:
    lines = ["DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"]
    for name, subcommand in _SUBCOMMANDS.items():
        lines += [" ".join([name.decode().upper(), *subcommand.arguments]), f"    {subcommand.summary}"]
    return [Status(line.encode()) for line in lines]


_SUBCOMMANDS: dict[bytes, Subcommand] = {
    b"error": Subcommand(_error, ["message"], "Returns an error with this message."),
    b"object": Subcommand(_object, ["key"], "Returns the encoding and other properties of a value."),
    b"protocol": Subcommand(_protocol, ["type"], "Returns an example of a type of reply."),
    b"set-active-expire": Subcommand(_set_active_expire, ["0|1"], "Stops (0) or resumes (1) active expiry."),
    b"sleep": Subcommand(_sleep, ["seconds"], "Blocks the server, and so every client."),
    b"help": Subcommand(_help, [], "Lists the subcommands."),
}
