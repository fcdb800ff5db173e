"""The reset of a server between two tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tseep.commands.admin.config import reset_statistics
from tseep.coordination.blocking import UNBLOCKED
from tseep.coordination.pause import PausedCommand
from tseep.errors import CommandError
from tseep.telemetry.latency import LatencyMonitor
from tseep.telemetry.slowlog import SlowLog

if TYPE_CHECKING:
    from tseep.session.session import Session
    from tseep.testing.server import ServerUnderTest


class Discarding:
    """The parser of a client that was disconnected: what it has sent before is not executed."""

    partial = False
    error = None
    held = 0

    def feed(self, data: bytes) -> list[list[bytes]]:
        """Discard input."""
        return []


def reset(server: ServerUnderTest, first: dict[str, Any], keep_connections: bool) -> None:
    """
    Bring a server into the state of its start. Connections that stay open keep their database, protocol and user.

    @param first: the parameters at the start, of L{Config.copy_values <tseep.configuration.parameters.Config>}.
    """
    for session in list(server.sessions.values()):
        (_reset_session if keep_connections else _close)(session)
    server.faults.clear()
    if server.test_clock.moved:
        server.move_clock(server.test_clock.reset)
    server.pause.end()
    server.scripting.kill_debuggers()
    server.run_deferred()
    _empty(server)
    _restore_settings(server, first)
    _clear_records(server)
    server.run_deferred()
    server.deliver()


def _close(session: Session) -> None:
    """
    Close a connection. Commands that v1's thread has read, or that follow a script, are discarded. A blocking command
    gets its reply, as a client that has lost it, such as redis-py's, connects and sends it again.
    """
    _end_blocking(session)
    session.closing = True
    session.pass_input(Discarding())  # type: ignore[arg-type]
    session.server.disconnect(session)
    session.connection.close()


def _reset_session(session: Session) -> None:
    """
    End MULTI, WATCH, subscriptions, MONITOR, tracking and blocking commands.
    """
    _end_blocking(session)
    session.transaction = None
    session.unregister()
    session.refresh_dispatch()


def _end_blocking(session: Session) -> None:
    """
    Give a blocking command the reply on timeout. A command that a fault or CLIENT PAUSE holds gets an error: v1's
    thread would execute it after the reset.
    """
    wait = session.blocked
    if wait is not None:
        reply = CommandError(UNBLOCKED) if isinstance(wait, PausedCommand) else wait.timeout_reply
        session.server.blocking.end(wait, reply)


def _empty(server: ServerUnderTest) -> None:
    server.persistence.job.end()
    server.keyspace.flush()
    server.scripting.forget()
    server.scripting.functions.clear()
    server.users.clear()


def _restore_settings(server: ServerUnderTest, first: dict[str, Any]) -> None:
    """Restore the parameters, and what DEBUG changes."""
    server.config.restore(first)
    server.cron.active_expire, server.cron.paused = True, False
    server.scripting.allows_noscript = False
    server.checks_checksums = True
    server.slowlog, server.latency = SlowLog(), LatencyMonitor()
    server.apply_config()


def _clear_records(server: ServerUnderTest) -> None:
    server.acl_log.clear()
    server.recorder.clear()
    reset_statistics(server)
