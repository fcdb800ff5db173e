"""Histograms of durations or sizes, with a bucket for each power of two."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

BUCKETS = 65
"""Buckets for the numbers of 64 bits, by bit length."""

RECENT_VALUES = 10
"""Number of values in one second, of a L{heartbeat <tseep.net.heartbeat.Heartbeat>} with the default interval."""


class Histogram:
    """
    A histogram of durations.

    @ivar buckets: counts: bucket I{b} counts durations from 2**(b-1) to under 2**b nanoseconds.
    @ivar nanoseconds: sum of all durations.
    """

    __slots__ = ("buckets", "nanoseconds")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.buckets = [0] * BUCKETS
        self.nanoseconds = 0

    def note(self, nanoseconds: int) -> None:
        """Add a duration."""
        self.buckets[nanoseconds.bit_length()] += 1
        self.nanoseconds += nanoseconds

    @property
    def count(self) -> int:
        """Number of durations."""
        return sum(self.buckets)

    def percentile(self, percentile: float) -> float:
        """An estimate of a percentile in nanoseconds: see L{estimate}."""
        return estimate(self.buckets, percentile)


class LoopLag(Histogram):
    """A histogram of event-loop lag, with the worst of the last second."""

    __slots__ = ("_frequency", "_recent")

    def __init__(self) -> None:
        self._frequency = RECENT_VALUES
        super().__init__()

    def reset(self) -> None:
        super().reset()
        self._recent: deque[int] = deque(maxlen=self._frequency)

    def expect(self, frequency: int) -> None:
        """Set the number of values in one second."""
        if frequency != self._frequency:
            self._frequency = frequency
            self._recent = deque(self._recent, maxlen=frequency)

    def note(self, nanoseconds: int) -> None:
        super().note(nanoseconds)
        self._recent.append(nanoseconds)

    @property
    def worst(self) -> int:
        """Worst lag in the last second, in nanoseconds."""
        return max(self._recent, default=0)


def estimate(buckets: Sequence[int], percentile: float) -> float:
    """
    The value that C{percentile} percent of a histogram's values do not exceed; 0.0 for an empty histogram.

    Interpolates linearly inside a bucket, as Prometheus's C{histogram_quantile}
    (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
    """
    rank = sum(buckets) * percentile / 100
    below = 0
    for bucket, count in enumerate(buckets):
        if count and below + count >= rank:
            end = 1 << bucket
            begin = end >> 1 if bucket else 0
            return begin + (end - begin) * (rank - below) / count
        below += count
    return 0.0


def added(histograms: Iterable[Sequence[int]]) -> list[int]:
    """The sum of several histograms' buckets."""
    return [sum(counts) for counts in zip(*histograms)] or [0] * BUCKETS
