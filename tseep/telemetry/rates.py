"""Rates of counters: INFO's instantaneous figures."""

from __future__ import annotations


class Rates:
    """
    The growth per second of some counters between the last two samples.

    @param count: number of counters.
    @ivar per_second: the rate of each counter; 0.0 until there are two samples.
    """

    def __init__(self, count: int) -> None:
        self.per_second = [0.0] * count
        self.reset()

    def reset(self) -> None:
        """Start again after the counters were set to 0: the rates are 0.0 until there are two new samples."""
        self.per_second = [0.0] * len(self.per_second)
        self._before: list[int] | None = None
        self._when = 0.0

    def sample(self, when: float, *counters: int) -> None:
        """Add the counters' values at the time C{when}, in seconds."""
        if self._before is not None and when > self._when:
            span = when - self._when
            self.per_second = [(after - before) / span for before, after in zip(self._before, counters)]
        self._before = list(counters)
        self._when = when
