"""Information about a client: the line of CLIENT LIST, its type and memory, and whether it is local."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tseep.datatypes.memory import of_bytes

if TYPE_CHECKING:
    from tseep.interfaces import IConnection
    from tseep.session.session import Session

OVERHEAD = 1300
"""Memory of an idle client in bytes, as part of its C{tot-mem}."""

WATCH_BYTES, SUBSCRIPTION_BYTES, PREFIX_BYTES = 300, 250, 250
"""Memory of a watched key, a subscription and a prefix of CLIENT TRACKING, in bytes, as part of C{tot-mem}."""


def describe(session: Session, argv: Sequence[bytes] = ()) -> bytes:
    """
    Return the line of CLIENT LIST, without a line end.

    @param argv: the command that the client executes at present.
    """
    fields = facts(session, argv).items()
    return " ".join([f"{name}={value}" for name, value in fields]).encode("utf-8", "surrogateescape")


def facts(session: Session, argv: Sequence[bytes] = ()) -> dict[str, object]:
    """
    Return the fields of CLIENT LIST by name. Those of buffers that a client of tseep does not have are 0: spare bytes
    of a query buffer (C{qbuf-free}), and a reply buffer of fixed size (C{rbs} and C{rbp}).

    @param argv: the command that the client executes at present.
    """
    arguments, replies = sum(map(of_bytes, argv)), session.reply_memory
    now = session.server.timer()
    connection, last, own = session.connection, session.last_command, session.subscriptions
    tracked = session.tracking
    return {
        "id": session.id,
        "addr": connection.peer,
        "laddr": connection.host,
        "fd": connection.fileno,
        "name": _text(session.name),
        "age": (now - session.connected_at) // 1_000_000_000,
        "idle": (now - session.last_seen) // 1_000_000_000,
        "flags": _flags(session),
        "db": session.db_index,
        "sub": len(own.channels) if own else 0,
        "psub": len(own.patterns) if own else 0,
        "ssub": len(own.shards) if own else 0,
        "multi": len(session.transaction.queue) if session.transaction is not None else -1,
        "qbuf": session.query_memory + _request_bytes(argv),
        "qbuf-free": 0,
        "argv-mem": arguments,
        "multi-mem": session.queue_memory,
        "rbs": 0,
        "rbp": 0,
        "obl": replies,
        "oll": int(connection.unsent > 0),
        "omem": connection.unsent,
        "tot-mem": memory_of(session) + arguments + replies,
        "events": "r" * (session.pending_commands is None) + "w" * (connection.unsent > 0),
        "cmd": _text(last.name) if last is not None else "NULL",
        "user": _text(session.user.name),
        "redir": tracked.redirect if tracked is not None else -1,
        "resp": session.protocol,
        "lib-name": _text(session.library_name),
        "lib-ver": _text(session.library_version),
        **({} if connection.worker is None else {"worker": connection.worker}),
    }


def _request_bytes(argv: Sequence[bytes]) -> int:
    """Return the bytes of a command in RESP; 0 for none."""
    return (
        len(b"*%d\r\n" % len(argv)) + sum([len(b"$%d\r\n\r\n" % len(word)) + len(word) for word in argv]) if argv else 0
    )


def is_allowed(session: Session, parameter: str) -> bool:
    """Return whether a parameter of the values no, yes and local (the clients of this machine) permits a client."""
    allowed = session.server.config[parameter]
    return allowed == "yes" or (allowed == "local" and is_local(session.connection))


def is_local(connection: IConnection) -> bool:
    """Return whether a client is on this machine: connected through loopback or a Unix socket."""
    return connection.peer.startswith(("127.", "[::1]:")) or connection.host.startswith("/")


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _flags(session: Session) -> str:
    """Return CLIENT LIST's flags; C{N} without any."""
    tracked = session.tracking
    states = {
        "O": session.monitoring,
        "P": bool(session.subscriptions),
        "x": session.transaction is not None,
        "b": session.blocked is not None,
        "d": session.dirty_cas,
        "t": tracked is not None,
        "R": tracked is not None and tracked.broken,
        "B": tracked is not None and tracked.prefixes is not None,
        "U": session.connection.host.startswith("/"),
        "e": session.no_evict,
        "T": session.no_touch,
    }
    return "".join([letter for letter, state in states.items() if state]) or "N"


def type_of(session: Session) -> str:
    """Return the client type: C{pubsub} with subscriptions, otherwise C{normal}; tseep has no replicas."""
    return "pubsub" if session.subscriptions else "normal"


def memory_of(session: Session) -> int:
    """Return the estimated memory in bytes, with input and output buffers: C{tot-mem} in CLIENT LIST."""
    own, tracked = session.subscriptions, session.tracking
    subscriptions = len(own.channels) + len(own.patterns) + len(own.shards) if own else 0
    prefixes = len(tracked.prefixes or ()) if tracked is not None else 0
    names = len(session.watched) * WATCH_BYTES + subscriptions * SUBSCRIPTION_BYTES + prefixes * PREFIX_BYTES
    return OVERHEAD + names + session.query_memory + session.queue_memory + session.connection.unsent
