"""Timers: functions that are called at a certain time. The mode wakes the server when the nearest one is due."""

from __future__ import annotations

from collections import deque
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Callable

CANCELLED_SLACK = 64
"""Number of cancelled timers that stay in the heap, however few others there are."""

LATE_S = 0.0005
"""Seconds by which a timer fires late, so that its millisecond has passed."""

After = deque[Callable[[], None]]
"""What is to be done after the running command, or after the whole transaction or script that it is part of."""

MAX_SLEEP_S = 3600.0
"""Seconds after which the mode looks again at the timers, as not every reactor takes longer sleeps."""


def delay_until(when: int, now: int) -> float:
    """
    Return for how many seconds to sleep until a timer is due, L{MAX_SLEEP_S} at most.

    @param when: when it is due, C{now}: the time; both in milliseconds of the server's timer.
    """
    return min(MAX_SLEEP_S, max(0, when - now) / 1000 + LATE_S)


class Timer:
    """A function that will be called once."""

    __slots__ = ("_timers", "fire")

    def __init__(self, timers: Timers, fire: Callable[[], None]) -> None:
        self._timers = timers
        self.fire: Callable[[], None] | None = fire

    def cancel(self) -> None:
        """Do not call it. Does nothing if it has been called already."""
        if self.fire is not None:
            self.fire = None
            self._timers.count_cancelled()


class Timers:
    """
    All timers of a server, by their times in milliseconds.

    @ivar wake: called with the time of the nearest timer when that becomes an earlier one. The mode sets it.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Timer]] = []
        self._numbers = count()  # timers of one time fire in the order in which they were set
        self._cancelled = 0
        self.wake: Callable[[int], None] = lambda when: None

    def set(self, when: int, fire: Callable[[], None]) -> Timer:
        """Call C{fire} at a time, in milliseconds of the server's timer."""
        timer = Timer(self, fire)
        heappush(self._heap, (when, next(self._numbers), timer))
        if self._heap[0][2] is timer:
            self.wake(when)
        return timer

    def fire(self, now: int) -> None:
        """Call what is due at C{now}, and have the mode wake the server for the next timer."""
        heap = self._heap
        while heap and (heap[0][0] <= now or heap[0][2].fire is None):
            timer = heappop(heap)[2]
            if timer.fire is None:
                self._cancelled -= 1
            else:
                fire, timer.fire = timer.fire, None
                fire()
        if heap:
            self.wake(heap[0][0])

    def count_cancelled(self) -> None:
        """A timer was cancelled. When most of the heap is such, it is built again without them."""
        self._cancelled += 1
        if self._cancelled > CANCELLED_SLACK + len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].fire is not None]
            heapify(self._heap)
            self._cancelled = 0
