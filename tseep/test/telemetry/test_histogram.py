"""Tests of L{tseep.telemetry.histogram}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.telemetry.histogram import BUCKETS, Histogram, LoopLag, added, estimate


class DurationsTests(SynchronousTestCase):
    """A histogram of durations in powers of two."""

    def test_note(self) -> None:
        """A duration is counted in the bucket of its bit length and added to the sum."""
        durations = Histogram()
        for nanoseconds in (0, 1, 7, 8, 2**63):
            durations.note(nanoseconds)
        found = {bucket: count for bucket, count in enumerate(durations.buckets) if count}
        self.assertEqual({0: 1, 1: 1, 3: 1, 4: 1, 64: 1}, found)
        self.assertEqual((5, 16 + 2**63), (durations.count, durations.nanoseconds))

    def test_reset(self) -> None:
        """C{reset} clears buckets, count and sum."""
        durations = Histogram()
        durations.note(5)
        durations.reset()
        self.assertEqual((0, 0, 0.0), (durations.count, durations.nanoseconds, durations.percentile(50)))

    def test_percentile(self) -> None:
        """Within a bucket durations are assumed to be evenly distributed."""
        durations = Histogram()
        durations.buckets[3], durations.buckets[10] = 99, 1
        found = [durations.percentile(each) for each in (0, 49.5, 99, 99.5, 100)]
        self.assertEqual([4.0, 6.0, 8.0, 768.0, 1024.0], found)

    def test_percentile_of_nothing(self) -> None:
        """Durations of 0 are in a bucket of their own."""
        durations = Histogram()
        durations.note(0)
        self.assertEqual(0.5, durations.percentile(50))


class EstimateTests(SynchronousTestCase):
    """Estimated percentiles compared with exact ones."""

    def test_within_a_factor_of_two(self) -> None:
        """An estimate differs from the exact percentile by at most a factor of two."""
        values = sorted((7919 * number) % 100_003 for number in range(5000))
        durations = Histogram()
        for value in values:
            durations.note(value)
        for percentile in range(1, 101):
            true = values[len(values) * percentile // 100 - 1]
            self.assertLessEqual(true / 2, estimate(durations.buckets, percentile))
            self.assertGreaterEqual(true * 2, estimate(durations.buckets, percentile))


class AddedTests(SynchronousTestCase):
    """Sums of histograms."""

    def test_sum(self) -> None:
        """Histograms are added bucket by bucket."""
        self.assertEqual([4, 6], added([[1, 2], [3, 4]]))

    def test_none(self) -> None:
        """The sum of no histograms has all buckets 0."""
        self.assertEqual([0] * BUCKETS, added([]))


class LagTests(SynchronousTestCase):
    """L{LoopLag}: the event loop's lag."""

    def test_worst(self) -> None:
        """C{worst} is the maximum of the last ten lags; reading it does not reset it."""
        lag = LoopLag()
        self.assertEqual(0, lag.worst)
        lag.note(5)
        for _ in range(9):
            lag.note(3)
        self.assertEqual((5, 5), (lag.worst, lag.worst))
        lag.note(2)
        self.assertEqual((3, 11), (lag.worst, lag.count))

    def test_reset(self) -> None:
        """C{reset} clears the maximum and the count."""
        lag = LoopLag()
        lag.note(5)
        lag.reset()
        self.assertEqual((0, 0), (lag.worst, lag.count))
