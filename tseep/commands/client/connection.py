"""State of a connection: HELLO, AUTH, SELECT and so on (https://redis.io/docs/latest/commands/?group=connection)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tseep.access.log import Denial
from tseep.algorithms.numeric import integer
from tseep.commands.arguments import REDACTED, database_index
from tseep.errors import SYNTAX, WRONG_PASSWORD, CommandError, wrong_arguments
from tseep.registry.table import command
from tseep.replies import OK, PONG, Reply, Status

if TYPE_CHECKING:
    from tseep.session.session import Session

_PROTOCOLS = (2, 3)
_RESET = Status(b"RESET")
_PLAIN = re.compile(rb"[!-~]*")

_NO_PASSWORD_SET = (
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)
_HELLO_FIRST = (
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> "
    "<pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)


@command("PING")
def ping(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 2:
        raise wrong_arguments(b"ping")
    if session.subscriptions and session.protocol == 2:  # in the format of a message
        return [b"pong", argv[1] if len(argv) > 1 else b""]
    return PONG if len(argv) == 1 else argv[1]


@command("ECHO")
def echo(session: Session, argv: list[bytes]) -> Reply:
    return argv[1]


@command("SELECT")
def select(session: Session, argv: list[bytes]) -> Reply:
    session.select(database_index(session, argv[1]))
    return OK


@command("AUTH")
def auth(session: Session, argv: list[bytes]) -> Reply:
    credentials = argv[1:]
    argv[1:] = [REDACTED] * len(credentials)
    if len(credentials) > 2:
        raise CommandError(SYNTAX)
    if len(credentials) == 1:
        if session.server.users.default.nopass:
            raise CommandError(_NO_PASSWORD_SET)
        credentials.insert(0, b"default")
    _authenticate(session, argv[0], *credentials)
    return OK


@command("HELLO")
def hello(session: Session, argv: list[bytes]) -> Reply:
    protocol = _protocol(argv[1]) if len(argv) > 1 else session.protocol
    _apply_options(session, argv)
    if not session.trusted:
        raise CommandError(_HELLO_FIRST)
    if protocol != session.protocol:
        session.set_protocol(protocol)
    return {
        b"server": b"redis",
        b"version": session.server.redis_version.encode(),
        b"proto": protocol,
        b"id": session.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": [],
    }


def _protocol(text: bytes) -> int:
    """Return the protocol version that HELLO requests."""
    protocol = integer(text)
    if protocol is None:
        raise CommandError("ERR Protocol version is not an integer or out of range")
    if protocol not in _PROTOCOLS:
        raise CommandError("NOPROTO unsupported protocol version")
    return protocol


def _apply_options(session: Session, argv: list[bytes]) -> None:
    """Apply the AUTH and SETNAME options of HELLO in order."""
    at = 2
    while at < len(argv):
        option, more = argv[at].lower(), len(argv) - at - 1
        if option == b"auth" and more >= 2:
            username, password = argv[at + 1 : at + 3]
            argv[at + 1 : at + 3] = [REDACTED, REDACTED]
            _authenticate(session, argv[0], username, password)
            at += 3
        elif option == b"setname" and more:
            set_name(session, argv[at + 1])
            at += 2
        else:
            raise CommandError(b"ERR Syntax error in HELLO option '%b'" % argv[at])


def _authenticate(session: Session, command: bytes, username: bytes, password: bytes) -> None:
    user = session.server.users.find(username, password)
    if user is None:
        session.note_denied(Denial("auth", "toplevel", command, username))
        raise CommandError(WRONG_PASSWORD)
    session.authenticate(user)


def set_name(session: Session, name: bytes) -> None:
    """Set the name of the connection; an empty name removes it."""
    require_plain(name, b"Client names")
    session.name = name


def require_plain(text: bytes, what: bytes) -> None:
    """
    Check that a text can be a value in CLIENT LIST.

    @param what: its description in the error.
    @raise CommandError: if it contains anything but printable ASCII characters without spaces.
    """
    if not _PLAIN.fullmatch(text):
        raise CommandError(b"ERR %b cannot contain spaces, newlines or special characters." % what)


@command("QUIT")
def quit_(session: Session, argv: list[bytes]) -> Reply:
    session.closing = True
    return OK


@command("RESET")
def reset(session: Session, argv: list[bytes]) -> Reply:
    session.reset()
    return _RESET
