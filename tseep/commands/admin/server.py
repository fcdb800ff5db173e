"""The server as a whole (https://redis.io/docs/latest/commands/?group=server)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.algorithms.numeric import require_integer
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import NO_REPLY, Reply

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

_SHUTDOWN_OPTIONS = {b"nosave", b"save", b"now", b"force", b"abort"}


@command("TIME", arity=1, flags="loading stale fast", since="2.6.0", tips="nondeterministic_output")
def time_(session: Session, argv: list[bytes]) -> Reply:
    """Tells the server's time: the Unix seconds, and the microseconds of the second."""
    seconds, microseconds = divmod(round(session.server.clock() * 1_000_000), 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]


@command("ROLE", arity=1, flags="noscript loading stale fast", since="2.8.12", acl="@admin @dangerous")
def role(session: Session, argv: list[bytes]) -> Reply:
    """Tells the server's part in replication: a master without replicas."""
    return [b"master", 0, []]


@command(
    "WAIT",
    arity=3,
    flags="noscript",
    since="3.0.0",
    acl="@connection",
    group="generic",
    syntax="numreplicas timeout",
    tips="request_policy:all_shards response_policy:agg_min",
)
def wait(session: Session, argv: list[bytes]) -> Reply:
    """Tells how many replicas have the writes of this connection: none, and waiting would not change it."""
    require_integer(argv[1])
    if require_integer(argv[2], "ERR timeout is not an integer or out of range") < 0:
        raise CommandError("ERR timeout is negative")
    return 0


@command(
    "SHUTDOWN",
    arity=-1,
    flags="admin noscript loading stale no_multi allow_busy",
    complexity="O(1)",
    syntax="[NOSAVE | SAVE] [NOW] [FORCE] [ABORT]",
)
def shutdown(session: Session, argv: list[bytes]) -> Reply:
    """Stops the server; nothing answers after that."""
    options = {option.lower() for option in argv[1:]}
    if not options <= _SHUTDOWN_OPTIONS or options > {b"abort"} or options >= {b"save", b"nosave"}:
        raise CommandError(SYNTAX)
    if b"abort" in options:
        raise CommandError("ERR No shutdown in progress.")
    server = session.server
    if server.busy is not None and b"nosave" not in options:
        raise CommandError(server.busy.error)
    _save(server, options)
    session.closing = True
    server.stop()
    server.persistence.commit()  # the client is let go, and may end the process, before the log is closed
    return NO_REPLY


def _save(server: Server, options: set[bytes]) -> None:
    """Write a snapshot before the end, if there should be one."""
    if b"nosave" in options:
        server.persistence.saves_at_end = False
        return
    try:
        server.persistence.before_end(True if b"save" in options else None)
    except CommandError as error:
        if b"force" not in options:
            raise CommandError("ERR Errors trying to SHUTDOWN. Check logs.") from error
        server.persistence.saves_at_end = False
