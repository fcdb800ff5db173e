"""The heartbeat: calls what is to be done ten times a second, and so finds out how late the event loop is."""

from __future__ import annotations

from typing import Any, Callable

from twisted.logger import Logger

from tseep.system.repeated import Repeated
from tseep.telemetry.histogram import LoopLag

_log = Logger("tseep.heartbeat.Heartbeat")

INTERVAL = 0.1
"""Seconds between beats."""


class Heartbeat:
    """
    Calls a function again and again, whatever becomes of it; the log hears when it begins to fail, and when it ends to.

    @param reactor: whose C{callLater} it uses, and whose loop it looks at.
    @param timer: tells the nanoseconds since whenever.
    @param lag: told how much later than it should each beat came: so long anything else would have waited, too.
    @param beat: what is called.
    """

    def __init__(self, reactor: Any, timer: Callable[[], int], lag: LoopLag, beat: Callable[[], None]) -> None:
        self._reactor = reactor
        self._timer = timer
        self._lag = lag
        self._function = beat
        self._repeated = Repeated(lambda text: _log.error("{text}", text=text))

    def start(self) -> None:
        """Beat from now on."""
        self._due = self._timer() + int(INTERVAL * 1e9)
        self._call = self._reactor.callLater(INTERVAL, self._beat)

    def stop(self) -> None:
        """Beat no more."""
        self._call.cancel()

    def _beat(self) -> None:
        self._lag.note(max(0, self._timer() - self._due))
        self._repeated.run("What is done ten times a second", self._function)
        self.start()
