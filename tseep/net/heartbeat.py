"""The heartbeat: a periodic call that also measures the lag of the event loop."""

from __future__ import annotations

from typing import Any, Callable

from twisted.logger import Logger

from tseep.system.repeated import Repeated
from tseep.telemetry.histogram import LoopLag

_log = Logger("tseep.heartbeat.Heartbeat")

INTERVAL_S = 0.1
"""Default of seconds between two calls."""


class Heartbeat:
    """
    Calls a function periodically, even if it raises. The log reports when it begins to fail and when it works
    again (see L{Repeated}).

    @param reactor: an C{IReactorTime}.
    @param timer: returns nanoseconds of a monotonic clock.
    @param lag: records how late each call is. Any other event was delayed as much.
    @param beat: the function.
    @param interval: returns the seconds until the next call.
    """

    def __init__(
        self,
        reactor: Any,
        timer: Callable[[], int],
        lag: LoopLag,
        beat: Callable[[], None],
        interval: Callable[[], float] = lambda: INTERVAL_S,
    ) -> None:
        self._interval = interval
        self._reactor = reactor
        self._timer = timer
        self._lag = lag
        self._function = beat
        self._repeated = Repeated(lambda text: _log.error("{text}", text=text))

    def start(self) -> None:
        """Schedule the next call."""
        seconds = self._interval()
        self._due = self._timer() + int(seconds * 1e9)
        self._call = self._reactor.callLater(seconds, self._beat)

    def stop(self) -> None:
        self._call.cancel()

    def _beat(self) -> None:
        self._lag.note(max(0, self._timer() - self._due))
        self._repeated.run("The periodic task (cron)", self._function)
        self.start()
