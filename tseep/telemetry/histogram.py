"""Histograms: how long things took, or how large they were, in a bucket for each power of two."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

BUCKETS = 65
"""So many powers of two a number of 64 bits can be near."""

RECENT = 10
"""So many times are the last second of a L{heartbeat <tseep.net.heartbeat.Heartbeat>}."""


class Histogram:
    """
    How often something took how long.

    @ivar buckets: numbers of times: bucket I{b} holds those that took under 2**b nanoseconds, and at least half of
        that.
    @ivar nanoseconds: what all of them took together.
    """

    __slots__ = ("buckets", "nanoseconds")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again at nothing."""
        self.buckets = [0] * BUCKETS
        self.nanoseconds = 0

    def note(self, nanoseconds: int) -> None:
        """It took so long once more."""
        self.buckets[nanoseconds.bit_length()] += 1
        self.nanoseconds += nanoseconds

    @property
    def count(self) -> int:
        """How many times."""
        return sum(self.buckets)

    def percentile(self, percentile: float) -> float:
        """Within how many nanoseconds so many percent stayed, as near as L{estimate} can tell."""
        return estimate(self.buckets, percentile)


class LoopLag(Histogram):
    """How late something came, time after time; and the worst of the last L{RECENT} times."""

    __slots__ = ("_recent",)

    def reset(self) -> None:
        """Begin again at nothing."""
        super().reset()
        self._recent: deque[int] = deque(maxlen=RECENT)

    def note(self, nanoseconds: int) -> None:
        """It was so late once more."""
        super().note(nanoseconds)
        self._recent.append(nanoseconds)

    @property
    def worst(self) -> int:
        """The most nanoseconds of late."""
        return max(self._recent, default=0)


def estimate(buckets: Sequence[int], percentile: float) -> float:
    """
    The value under which so many percent of a histogram's values are; 0.0 if it has none.

    Inside of a bucket values count as spread evenly, as in Prometheus's C{histogram_quantile}
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
    """The sum of some histograms, bucket by bucket."""
    return [sum(counts) for counts in zip(*histograms)] or [0] * BUCKETS
