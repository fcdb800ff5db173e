"""MONITOR: clients that receive every command that the server runs (https://redis.io/docs/latest/commands/monitor/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from tseep.protocol.inline import quote

if TYPE_CHECKING:
    from tseep.coordination.timers import DeferredCalls
    from tseep.registry.table import Command
    from tseep.session.session import Session


class Monitors:
    """
    The clients that called MONITOR.

    @param clock: returns the Unix time in seconds.
    @param deferred: functions that are called after the running command: here the lines are sent, when the command has
        redacted its secrets.
    @param changed: called when a client starts or stops monitoring.
    """

    def __init__(self, clock: Callable[[], float], deferred: DeferredCalls, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._deferred = deferred
        self._changed = changed
        self._sessions: dict[Session, None] = {}
        self._run: list[tuple[float, Session, list[bytes]]] = []

    def __bool__(self) -> bool:
        """True if any client monitors the server."""
        return bool(self._sessions)

    def add(self, session: Session) -> None:
        """Start to send every command to a client."""
        session.monitoring = True
        self._sessions[session] = None
        self._changed()

    def forget(self, session: Session) -> None:
        """Stop to send commands to a client."""
        session.monitoring = False
        del self._sessions[session]
        self._changed()

    def feed(self, session: Session, command: Command, argv: list[bytes]) -> None:
        """Queue a line for a command that a client runs, unless it is an admin command."""
        if "admin" not in command.flags:
            if not self._run:
                self._deferred.append(self.send)
            self._run.append((self._clock(), session, argv))

    def send(self) -> None:
        """Send the queued lines to the monitoring clients."""
        lines = b"".join([_line(*each) for each in self._run])
        self._run.clear()
        for session in list(self._sessions):
            session.push(lines)


def _line(moment: float, session: Session, argv: list[bytes]) -> bytes:
    peer = session.connection.peer
    source = f"unix:{peer[:-2]}" if peer.startswith("/") else peer
    return b"+%.6f [%d %b] %b\r\n" % (moment, session.db_index, source.encode(), b" ".join(map(quote, argv)))
