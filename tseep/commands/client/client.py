"""Client connections: most subcommands of CLIENT (https://redis.io/docs/latest/commands/client-list/)."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import zip_longest
from typing import TYPE_CHECKING, Callable

from tseep.algorithms.numeric import integer, require_integer
from tseep.commands.arguments import require_milliseconds
from tseep.commands.client.connection import require_plain, set_name
from tseep.coordination.blocking import UNBLOCKED
from tseep.coordination.pause import PausedCommand
from tseep.errors import SYNTAX, CommandError, wrong_subcommand
from tseep.registry.table import command
from tseep.replies import NO_REPLY, OK, Reply, Verbatim
from tseep.session.client_info import _text, describe, type_of

if TYPE_CHECKING:
    from tseep.session.session import Session

Test = Callable[["Session"], bool]

_TYPES = {
    b"normal": "normal",
    b"master": "master",
    b"replica": "replica",
    b"slave": "replica",
    b"pubsub": "pubsub",
}
_UNBLOCK_REASON = "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"
_PAUSE_MODE = "ERR CLIENT PAUSE mode must be WRITE or ALL"


@command("CLIENT ID")
def client_id(session: Session, argv: list[bytes]) -> Reply:
    return session.id


@command("CLIENT GETNAME")
def client_getname(session: Session, argv: list[bytes]) -> Reply:
    return session.name or None


@command("CLIENT SETNAME")
def client_setname(session: Session, argv: list[bytes]) -> Reply:
    set_name(session, argv[2])
    return OK


@command("CLIENT SETINFO")
def client_setinfo(session: Session, argv: list[bytes]) -> Reply:
    attribute = argv[2].lower()
    if attribute not in (b"lib-name", b"lib-ver"):
        raise CommandError(b"ERR Unrecognized option '%b'" % argv[2])
    require_plain(argv[3], argv[2])
    if attribute == b"lib-name":
        session.library_name = argv[3]
    else:
        session.library_version = argv[3]
    return OK


@command("CLIENT NO-EVICT")
def client_no_evict(session: Session, argv: list[bytes]) -> Reply:
    session.no_evict = _on(argv[2])
    return OK


@command("CLIENT NO-TOUCH")
def client_no_touch(session: Session, argv: list[bytes]) -> Reply:
    session.no_touch = _on(argv[2])
    return OK


def _on(word: bytes) -> bool:
    return _choose(word, {b"on": True, b"off": False})


def _choose(word: bytes, states: dict[bytes, bool], error: str = SYNTAX) -> bool:
    state = states.get(word.lower())
    if state is None:
        raise CommandError(error)
    return state


@command("CLIENT REPLY")
def client_reply(session: Session, argv: list[bytes]) -> Reply:
    word = argv[2].lower()
    if word == b"on":
        session.silent = session.reply_skip = False
        return OK
    if word == b"off":
        session.silent = True
    elif word == b"skip":
        session.reply_skip_next = not session.silent
    else:
        raise CommandError(SYNTAX)
    return NO_REPLY


@command("CLIENT INFO")
def client_info(session: Session, argv: list[bytes]) -> Reply:
    return _listing(session, argv, [session])


@command("CLIENT LIST")
def client_list(session: Session, argv: list[bytes]) -> Reply:
    sessions = session.server.sessions
    if len(argv) == 2:
        return _listing(session, argv, sessions.values())
    filter = argv[2].lower()
    if filter == b"type" and len(argv) == 4:
        client_type = _type(argv[3])
        return _listing(session, argv, [one for one in sessions.values() if type_of(one) == client_type])
    if filter == b"id" and len(argv) > 3:
        ids = [require_integer(text, "ERR Invalid client ID") for text in argv[3:]]
        return _listing(session, argv, [sessions[id] for id in ids if id in sessions])
    raise CommandError(SYNTAX)


def _listing(session: Session, argv: list[bytes], sessions: Iterable[Session]) -> Verbatim:
    return Verbatim(b"".join([describe(one, argv if one is session else ()) + b"\n" for one in sessions]))


def _type(word: bytes) -> str:
    """Return the client type of a TYPE filter."""
    type = _TYPES.get(word.lower())
    if type is None:
        raise CommandError(b"ERR Unknown client type '%b'" % word)
    return type


@command("CLIENT KILL")
def client_kill(session: Session, argv: list[bytes]) -> Reply:
    sessions = session.server.sessions
    if len(argv) == 3:
        victims = list(filter(_is_at(argv[2], "peer"), sessions.values()))
        if not victims:
            raise CommandError("ERR No such client")
        _kill(session, victims)
        return OK
    id, tests, spared = _kill_filters(session, argv[2:])
    candidates = list(sessions.values()) if id is None else [sessions[id]] if id in sessions else []
    victims = [one for one in candidates if one is not spared and all(test(one) for test in tests)]
    _kill(session, victims)
    return len(victims)


def _kill(session: Session, victims: list[Session]) -> None:
    """Disconnect clients at once; the calling client after its reply."""
    for victim in victims:
        if victim is session:
            session.closing = True
        else:
            session.server.disconnect(victim)
            victim.connection.close()


def _kill_filters(session: Session, options: list[bytes]) -> tuple[int | None, list[Test], Session | None]:
    """
    Parse the filters of CLIENT KILL.

    @return: the ID of the only candidate, or None; the tests of the other filters; the session to skip, or None.
    """
    id: int | None = None
    spared: Session | None = session
    tests: dict[bytes, Test] = {}
    for name, value in zip_longest(options[::2], options[1::2]):
        name = name.lower()
        if name == b"user" and value not in (None, *session.server.users.named):
            raise CommandError(b"ERR No such user '%b'" % value)
        if value is not None and name == b"id":
            id = _client_id(value)
        elif value is not None and name in _FILTERS:
            tests[name] = _FILTERS[name](value)
        elif value is not None and name == b"skipme":
            spared = session if _yes(value) else None
        else:
            raise CommandError(SYNTAX)
    return id, list(tests.values()), spared


def _yes(word: bytes) -> bool:
    return _choose(word, {b"yes": True, b"no": False})


def _is_at(address: bytes, end: str) -> Test:
    text = _text(address)
    return lambda session: bool(getattr(session.connection, end) == text)


def _client_id(text: bytes) -> int:
    id = integer(text)
    if id is None or id <= 0:
        raise CommandError("ERR client-id should be greater than 0")
    return id


def _has_type(word: bytes) -> Test:
    client_type = _type(word)
    return lambda session: type_of(session) == client_type


def _has_user(name: bytes) -> Test:
    return lambda session: session.user.name == name


@command("CLIENT UNBLOCK")
def client_unblock(session: Session, argv: list[bytes]) -> Reply:
    as_error = len(argv) > 3 and _choose(argv[3], {b"timeout": False, b"error": True}, _UNBLOCK_REASON)
    if len(argv) > 4:
        raise wrong_subcommand(argv)
    server = session.server
    other = server.sessions.get(require_integer(argv[2]))
    if other is None or other.blocked is None or isinstance(other.blocked, PausedCommand):
        return 0
    wait = other.blocked
    if not as_error and other.last_command is not None:
        other.last_command.calls.failed += 1  # as in Redis, though the reply is not an error
    server.blocking.end(wait, CommandError(UNBLOCKED) if as_error else wait.timeout_reply)
    return 1


@command("CLIENT PAUSE")
def client_pause(session: Session, argv: list[bytes]) -> Reply:
    if len(argv) > 4:
        raise wrong_subcommand(argv)
    all = len(argv) == 3 or _choose(argv[3], {b"write": False, b"all": True}, _PAUSE_MODE)
    milliseconds = require_milliseconds(argv[2])
    session.server.pause.begin(session.server.milliseconds() + milliseconds, all)
    return OK


@command("CLIENT UNPAUSE")
def client_unpause(session: Session, argv: list[bytes]) -> Reply:
    session.server.pause.end()
    return OK


_FILTERS: dict[bytes, Callable[[bytes], Test]] = {
    b"type": _has_type,
    b"user": _has_user,
    b"addr": lambda address: _is_at(address, "peer"),
    b"laddr": lambda address: _is_at(address, "host"),
}
