"""How fast counters grow: what INFO calls instantaneous."""

from __future__ import annotations


class Rates:
    """
    The growth of some counters between the last two samples.

    @param count: how many counters.
    @ivar per_second: one figure for each counter; 0.0 until there are two samples.
    """

    def __init__(self, count: int) -> None:
        self.per_second = [0.0] * count
        self.reset()

    def reset(self) -> None:
        """The counters begin again at nothing; what they grew before is not known any more."""
        self.per_second = [0.0] * len(self.per_second)
        self._before: list[int] | None = None
        self._when = 0.0

    def sample(self, when: float, *counters: int) -> None:
        """At the time C{when}, in seconds, the counters stood so."""
        if self._before is not None and when > self._when:
            span = when - self._when
            self.per_second = [(after - before) / span for before, after in zip(self._before, counters)]
        self._before = list(counters)
        self._when = when
