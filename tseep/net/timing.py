"""The reactor's idea of time."""

from __future__ import annotations

import time
from typing import Any


def keep_even_time(reactor: Any) -> None:
    """
    Let a reactor go by the monotonic clock. Twisted's go by the wall clock, so that every C{callLater} stands still for
    an hour when that is set back by one. To be called once, for a process of the server's own, before the reactor runs:
    C{seconds} of the instance is what C{callLater}, the delayed calls and the loop ask. What was to be called later
    already keeps its delay.
    """
    passed = time.monotonic() - reactor.seconds()
    for call in reactor.getDelayedCalls():
        call.time += passed
        call.seconds = time.monotonic
    reactor.seconds = time.monotonic
