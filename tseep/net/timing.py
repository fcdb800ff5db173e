"""A monotonic clock for Twisted's reactor."""

from __future__ import annotations

import time
from typing import Any


def keep_even_time(reactor: Any) -> None:
    """
    Make a reactor use the monotonic clock. Twisted's reactors use the wall clock: if it is set back by an hour, every
    C{callLater} is delayed by an hour.

    Must be called once, before the reactor runs, and only in a process of tseep's own. C{callLater}, the delayed calls
    and the loop all call C{seconds} of the reactor instance, which is replaced. Calls that are already scheduled keep
    their delay.
    """
    passed = time.monotonic() - reactor.seconds()
    for call in reactor.getDelayedCalls():
        call.time += passed
        call.seconds = time.monotonic
    reactor.seconds = time.monotonic
