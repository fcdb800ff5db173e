"""Timers, in a heap ordered by time. The mode wakes the server when the earliest one is due."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Callable

CANCELLED_SLACK = 64
"""Number of cancelled timers that stay in the heap, however few others there are."""

LATE_S = 0.0005
"""Seconds by which a timer fires late, so that its millisecond has passed."""

DeferredCalls = deque[Callable[[], None]]
"""Functions that are called after the running command, or after the whole transaction or script that it is part of."""

MAX_SLEEP_S = 3600.0
"""Maximum seconds until the mode checks the timers again, as some reactors reject longer sleeps."""


def delay_until(when: int, now: int) -> float:
    """
    Return the seconds until a timer is due, L{MAX_SLEEP_S} at most.

    @param when: due time, in milliseconds of the server's timer.
    @param now: present time, in milliseconds of the server's timer.
    """
    return min(MAX_SLEEP_S, max(0, when - now) / 1000 + LATE_S)


class Timer:
    """A function that is called once, unless cancelled."""

    __slots__ = ("_timers", "fire")

    def __init__(self, timers: Timers, fire: Callable[[], None]) -> None:
        self._timers = timers
        self.fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        """Cancel the call; no effect if it has been made."""
        if self.fire is not None:
            self.fire = None
            self._timers.count_cancelled()


class Timers:
    """
    All timers of a server, by their times in milliseconds.

    @param wake: called with the time of the earliest timer, when one is set that is earlier than all others.
    """

    def __init__(self, wake: Callable[[int], None]) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = count()  # timers of equal time fire in the order in which they were set
        self._cancelled = 0
        self._wake = wake

    def set(self, when: int, fire: Callable[[], None]) -> Timer:
        """Call C{fire} at a time, in milliseconds of the server's timer."""
        timer = Timer(self, fire)
        heappush(self._heap, (when, next(self._numbers), timer))
        if self._heap[0][2] is timer:
            self._wake(when)
        return timer

    def fire(self, now: int) -> None:
        """Fire the timers that are due at C{now}, in milliseconds, and request to be woken for the next one."""
        heap = self._heap
        while heap and (heap[0][0] <= now or heap[0][2].fire is None):
            timer = heappop(heap)[2]
            if timer.fire is None:
                self._cancelled -= 1
            else:
                fire, timer.fire = timer.fire, None
                fire()
        if heap:
            self._wake(heap[0][0])

    def count_cancelled(self) -> None:
        """Count a cancelled timer. The heap is rebuilt when most of its timers are cancelled."""
        self._cancelled += 1
        if self._cancelled > CANCELLED_SLACK + len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].fire is not None]
            heapify(self._heap)
            self._cancelled = 0
