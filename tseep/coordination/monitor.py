"""Clients that see every command that the server runs (https://redis.io/docs/latest/commands/monitor/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from tseep.protocol.inline import quote

if TYPE_CHECKING:
    from tseep.coordination.timers import After
    from tseep.registry.table import Command
    from tseep.session.session import Session


class Monitors:
    """
    The clients that called MONITOR.

    @param clock: returns the Unix time in seconds.
    @param after: what is done after a command: the commands are sent then, without their secrets.
    @param changed: called when a client begins or ends to monitor.
    """

    def __init__(self, clock: Callable[[], float], after: After, changed: Callable[[], None]) -> None:
        self._clock = clock
        self._after = after
        self._changed = changed
        self._sessions: dict[Session, None] = {}
        self._run: list[tuple[float, Session, list[bytes]]] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._sessions)

    def add(self, session: Session) -> None:
        """Let a client see every command from now on."""
        session.monitoring = True
        self._sessions[session] = None
        self._changed()

    def forget(self, session: Session) -> None:
        """A client sees them no more."""
        session.monitoring = False
        del self._sessions[session]
        self._changed()

    def feed(self, session: Session, command: Command, argv: list[bytes]) -> None:
        """A client runs a command."""
        if "admin" not in command.flags:
            if not self._run:
                self._after.append(self.send)
            self._run.append((self._clock(), session, argv))

    def send(self) -> None:
        """Show what was run."""
        lines = b"".join([_line(*each) for each in self._run])
        self._run.clear()
        for session in list(self._sessions):
            session.push(lines)


def _line(moment: float, session: Session, argv: list[bytes]) -> bytes:
    peer = session.connection.peer
    source = f"unix:{peer[:-2]}" if peer.startswith("/") else peer
    return b"+%.6f [%d %b] %b\r\n" % (moment, session.db_index, source.encode(), b" ".join(map(quote, argv)))
