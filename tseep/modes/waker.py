"""One delayed call of the reactor, for the earliest of the server's timers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from tseep.coordination.timers import delay_until

if TYPE_CHECKING:
    from tseep.server.server import Server


class Waker:
    """
    Calls a function when the server's earliest timer is due. Its methods must be called in the reactor's thread.

    @param fire: calls L{Server.fire <tseep.server.server.Server>}, with the lock of the mode if it has one.
    """

    def __init__(self, reactor: Any, server: Server, fire: Callable[[], None]) -> None:
        self._reactor = reactor
        self._server = server
        self._fire = fire
        self._call: Any = None  # the delayed call, if one is scheduled

    def wake(self, when: int) -> None:
        """
        Schedule C{fire}, in place of the time that was set before.

        @param when: milliseconds of the server's timer.
        """
        self.stop()
        self._call = self._reactor.callLater(delay_until(when, self._server.milliseconds()), self._wake)

    def stop(self) -> None:
        """Cancel the scheduled call, if there is one."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wake(self) -> None:
        self._call = None
        self._fire()
