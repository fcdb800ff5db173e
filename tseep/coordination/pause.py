"""
Commands that are suspended for a while: by CLIENT PAUSE (https://redis.io/docs/latest/commands/client-pause/), or while
a script is debugged in the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from tseep.coordination.blocking import Wait

if TYPE_CHECKING:
    from tseep.coordination.blocking import Blocking
    from tseep.coordination.timers import Timer, Timers
    from tseep.registry.table import Command
    from tseep.session.session import Session


class PausedCommand(Wait):
    """A client that is blocked because its command is paused."""

    __slots__ = ()

    def __init__(self, session: Session, argv: list[bytes]) -> None:
        super().__init__(session, (), lambda key: None, None)
        self.argv = argv


class Pause:
    """
    The state of CLIENT PAUSE and of SCRIPT DEBUG SYNC, and the paused commands.

    @param changed: called when a pause begins or ends.
    @ivar until: end of the pause, in milliseconds of the server's timer; 0 if there is none.
    @ivar all: True if all commands are paused, not only writes.
    @ivar debugging: True while a script is debugged: all commands are paused but those that can end it.
    """

    def __init__(self, timers: Timers, blocking: Blocking, changed: Callable[[], None]) -> None:
        self.until = 0
        self.all = self.debugging = False
        self._timers = timers
        self._blocking = blocking
        self._changed = changed
        self._timer: Timer | None = None
        self._held: list[PausedCommand] = []

    def __bool__(self) -> bool:
        """True during a pause."""
        return bool(self.until)

    def begin(self, until: int, all: bool) -> None:
        """Pause commands until C{until}. Overlapping pauses combine to the later end and the stricter mode."""
        self.all = self.all or all
        if until > self.until:
            self.until = until
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._timers.set(until, self.end)
            self._changed()

    def end(self) -> None:
        """End the pause, and resume the paused clients."""
        if self._timer is not None:
            self._timer.cancel()
        self.until, self.all = 0, False
        self._changed()
        self._resume()

    def begin_debugging(self) -> None:
        """Pause commands until L{end_debugging}."""
        self.debugging = True

    def end_debugging(self) -> None:
        self.debugging = False
        self._resume()

    def _resume(self) -> None:
        held, self._held = self._held, []
        for each in held:
            if each.session.blocked is each:
                each.session.requeue(each.argv)
                self._blocking.release(each)

    def holds(self, session: Session, command: Command, argv: list[bytes]) -> bool:
        """True if a command must be paused now. EXEC is a write if a queued command is one."""
        if self.debugging:
            return "allow_busy" not in command.flags
        if not self.until:
            return False
        may_write = session.server.scripting.may_write
        if self.all or may_write(command, argv):
            return True
        queue = session.transaction.queue if session.transaction is not None and command.name == b"exec" else []
        return any(may_write(*queued) for queued in queue)

    def hold(self, session: Session, argv: list[bytes]) -> None:
        """Block a client with a command until the pause ends; its later commands stay pending."""
        session.blocked = held = PausedCommand(session, argv)
        self._held.append(held)
