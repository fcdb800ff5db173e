"""The reactor's side of timers: one delayed call, for the nearest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from tseep.coordination.timers import delay_until

if TYPE_CHECKING:
    from tseep.server.server import Server


class Waker:
    """
    Wakes a server when its nearest timer is due. To be called in the reactor's thread.

    @param fire: calls L{Server.fire}, under whatever lock there is.
    """

    def __init__(self, reactor: Any, server: Server, fire: Callable[[], None]) -> None:
        self._reactor = reactor
        self._server = server
        self._fire = fire
        self._call: Any = None  # the delayed call, if one is waited for

    def wake(self, when: int) -> None:
        """Call C{fire} at a time of the server's timer, in milliseconds, in place of the time that was set before."""
        self.stop()
        self._call = self._reactor.callLater(delay_until(when, self._server.milliseconds()), self._wake)

    def stop(self) -> None:
        """Do not call it."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _wake(self) -> None:
        self._call = None
        self._fire()
