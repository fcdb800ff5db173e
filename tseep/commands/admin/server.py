"""TIME, LOLWUT and SHUTDOWN (https://redis.io/docs/latest/commands/?group=server)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.algorithms.numeric import require_integer
from tseep.coordination.blocking import NOT_YET, block
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply, Verbatim

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

_SHUTDOWN_OPTIONS = {b"nosave", b"save", b"now", b"force", b"abort"}


@command("TIME")
def time_(session: Session, argv: list[bytes]) -> Reply:
    seconds, microseconds = divmod(round(session.server.clock() * 1_000_000), 1_000_000)
    return [b"%d" % seconds, b"%d" % microseconds]


@command("LOLWUT")
def lolwut(session: Session, argv: list[bytes]) -> Reply:
    """Return the version, as Redis 7 does. Redis draws for VERSION 5 and 6."""
    if len(argv) > 2 and argv[1].lower() == b"version":
        require_integer(argv[2])
    return Verbatim(b"Redis ver. %b\n" % session.server.redis_version.encode())


@command("SHUTDOWN")
def shutdown(session: Session, argv: list[bytes]) -> Reply:
    options = {option.lower() for option in argv[1:]}
    if not options <= _SHUTDOWN_OPTIONS or options > {b"abort"} or options >= {b"save", b"nosave"}:
        raise CommandError(SYNTAX)
    server = session.server
    if b"abort" in options:
        return _abort(server)
    if server.busy_script is not None and b"nosave" not in options:
        raise CommandError(server.busy_script.error)
    try:
        server.persistence.prepare_shutdown([option.decode() for option in options])
    except CommandError as error:
        raise CommandError("ERR Errors trying to SHUTDOWN. Check logs.") from error
    server.stop()
    server.persistence.commit()  # the client is disconnected, and can end the process, before the log is closed
    return block(session, [], 0, lambda key: NOT_YET)  # until the mode closes it, after the ports


def _abort(server: Server) -> Reply:
    """Cancel the shutdown that a signal has requested, before cron begins it."""
    if server.requested_shutdown is None:
        raise CommandError("ERR No shutdown in progress.")
    server.requested_shutdown = None
    server.host.log(2, "Shutdown manually aborted.")
    return OK
