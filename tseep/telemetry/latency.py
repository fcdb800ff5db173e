"""The latency monitor: by event, its slowest moments (https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/)."""

from __future__ import annotations

from collections import deque

HISTORY = 160
NEVER = 2**63


class Event:
    """
    One kind of thing that may take long.

    @ivar samples: the Unix second and the milliseconds of its slowest moment in that second, oldest first.
    @ivar worst: the most milliseconds that it ever took.
    """

    def __init__(self) -> None:
        self.samples: deque[tuple[int, int]] = deque(maxlen=HISTORY)
        self.worst = 0

    def note(self, second: int, milliseconds: int) -> None:
        """It took so long; of several times in one second the longest is kept."""
        self.worst = max(self.worst, milliseconds)
        if self.samples and self.samples[-1][0] == second:
            milliseconds = max(milliseconds, self.samples.pop()[1])
        self.samples.append((second, milliseconds))


class LatencyMonitor:
    """
    What took longer than a threshold.

    @ivar threshold: milliseconds from which on an event is noted; 0 for none.
    @ivar events: by name.
    """

    def __init__(self) -> None:
        self.threshold = 0
        self.events: dict[str, Event] = {}

    @property
    def threshold_ns(self) -> int:
        """The threshold in nanoseconds; beyond everything if there is none."""
        return self.threshold * 1_000_000 or NEVER

    def note(self, event: str, when: float, nanoseconds: int) -> None:
        """An event took C{nanoseconds} at the Unix time C{when}; it is kept if that is long."""
        if nanoseconds >= self.threshold_ns:
            self.events.setdefault(event, Event()).note(int(when), nanoseconds // 1_000_000)

    def reset(self, names: list[str]) -> int:
        """Forget some events, or all if none is named. Returns how many were forgotten."""
        forgotten = [name for name in names or list(self.events) if self.events.pop(name, None)]
        return len(forgotten)
