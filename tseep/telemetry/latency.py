"""The latency monitor: the latency spikes of each event (https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/)."""

from __future__ import annotations

from collections import deque

HISTORY = 160
NEVER = 2**63


class Event:
    """
    The spikes of one kind of event.

    @ivar samples: Unix second and worst latency of that second in milliseconds, oldest first.
    @ivar worst: the all-time worst latency in milliseconds.
    """

    def __init__(self) -> None:
        self.samples: deque[tuple[int, int]] = deque(maxlen=HISTORY)
        self.worst = 0

    def note(self, second: int, milliseconds: int) -> None:
        """Add a latency; a sample keeps the worst one of its second."""
        self.worst = max(self.worst, milliseconds)
        if self.samples and self.samples[-1][0] == second:
            milliseconds = max(milliseconds, self.samples.pop()[1])
        self.samples.append((second, milliseconds))


class LatencyMonitor:
    """
    Records events that take longer than latency-monitor-threshold.

    @ivar threshold: in milliseconds; 0 turns the monitor off.
    @ivar events: the events by name.
    """

    def __init__(self) -> None:
        self.threshold = 0
        self.events: dict[str, Event] = {}

    @property
    def threshold_ns(self) -> int:
        """The threshold in nanoseconds; a number that is never reached if the monitor is off."""
        return self.threshold * 1_000_000 or NEVER

    def note(self, event: str, when: float, nanoseconds: int) -> None:
        """Record an event of C{nanoseconds} at the Unix time C{when}, if it took at least the threshold."""
        if nanoseconds >= self.threshold_ns:
            self.events.setdefault(event, Event()).note(int(when), nanoseconds // 1_000_000)

    def reset(self, names: list[str]) -> int:
        """
        Delete the samples of the named events, or of all if there are no names.

        @return: the number of events deleted.
        """
        forgotten = [name for name in names or list(self.events) if self.events.pop(name, None)]
        return len(forgotten)
