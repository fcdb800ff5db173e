"""What is to be done at a certain time."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Callable, Deque, List, Tuple

FEW = 64
"""So many alarms that were taken back may stay in the heap, whatever the number of the others."""


LATE = 0.0005
"""Seconds by which an alarm is rung late, so that its millisecond is over."""

After = Deque[Callable[[], None]]
"""What is to be done once the command that runs has ended, the whole transaction or script with it."""

FARTHEST = 3600.0
"""Seconds after which whoever keeps the time looks again: longer sleeps are not for every reactor."""


def delay_until(when: int, now: int) -> float:
    """
    How long to sleep until an alarm, or until another look at it.

    @param when: when it is due, on the timer, and C{now}, both in milliseconds.
    @return: seconds.
    """
    return min(FARTHEST, max(0, when - now) / 1000 + LATE)


class Alarm:
    """One thing that is to be done. C{cancel} takes it back."""

    __slots__ = ("_alarms", "ring")

    def __init__(self, alarms: Alarms, ring: Callable[[], None]) -> None:
        self._alarms = alarms
        self.ring: Callable[[], None] | None = ring

    def cancel(self) -> None:
        """Let it not be done."""
        if self.ring is not None:
            self.ring = None
            self._alarms.count_cancelled()


class Alarms:
    """
    Everything that is to be done, in the order of time. It keeps no time itself; its times are milliseconds on the
    server's timer, L{Server.milliseconds <tseep.server.server.Server.milliseconds>}, since the wall clock may be set.

    @ivar wake: called with the time at which L{ring} is wanted, whenever that comes nearer.
        Whoever runs the server sets it.
    """

    def __init__(self) -> None:
        self.wake: Callable[[int], None] = lambda when: None
        self._heap: List[Tuple[int, int, Alarm]] = []
        self._numbers = count()  # those of one time are rung in the order of setting
        self._cancelled = 0

    def set(self, when: int, ring: Callable[[], None]) -> Alarm:
        """Let C{ring} be called at C{when}, in milliseconds of the timer."""
        alarm = Alarm(self, ring)
        heappush(self._heap, (when, next(self._numbers), alarm))
        if self._heap[0][2] is alarm:
            self.wake(when)
        return alarm

    def ring(self, now: int) -> None:
        """Do what is due at C{now}, and ask to be woken for what is next."""
        heap = self._heap
        while heap and (heap[0][0] <= now or heap[0][2].ring is None):
            alarm = heappop(heap)[2]
            if alarm.ring is None:
                self._cancelled -= 1
            else:
                ring, alarm.ring = alarm.ring, None
                ring()
        if heap:
            self.wake(heap[0][0])

    def count_cancelled(self) -> None:
        """An alarm was taken back; when most of the heap is such, it is made anew without them."""
        self._cancelled += 1
        if self._cancelled > FEW + len(self._heap) // 2:
            self._heap = [entry for entry in self._heap if entry[2].ring is not None]
            heapify(self._heap)
            self._cancelled = 0
