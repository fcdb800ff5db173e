"""Tests of L{tseep.telemetry.histogram}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.telemetry.histogram import BUCKETS, Histogram, LoopLag, added, estimate


class DurationsTests(SynchronousTestCase):
    """A histogram of times."""

    def test_note(self) -> None:
        """A time falls into the bucket of its power of two, and counts to the sum."""
        durations = Histogram()
        for nanoseconds in (0, 1, 7, 8, 2**63):
            durations.note(nanoseconds)
        found = {bucket: count for bucket, count in enumerate(durations.buckets) if count}
        self.assertEqual({0: 1, 1: 1, 3: 1, 4: 1, 64: 1}, found)
        self.assertEqual((5, 16 + 2**63), (durations.count, durations.nanoseconds))

    def test_reset(self) -> None:
        """A reset forgets all."""
        durations = Histogram()
        durations.note(5)
        durations.reset()
        self.assertEqual((0, 0, 0.0), (durations.count, durations.nanoseconds, durations.percentile(50)))

    def test_percentile(self) -> None:
        """Inside of a bucket times count as spread evenly."""
        durations = Histogram()
        durations.buckets[3], durations.buckets[10] = 99, 1
        found = [durations.percentile(each) for each in (0, 49.5, 99, 99.5, 100)]
        self.assertEqual([4.0, 6.0, 8.0, 768.0, 1024.0], found)

    def test_percentile_of_nothing(self) -> None:
        """Times of 0 are in a bucket without width."""
        durations = Histogram()
        durations.note(0)
        self.assertEqual(0.5, durations.percentile(50))


class EstimateTests(SynchronousTestCase):
    """Percentiles beside the true ones."""

    def test_within_a_factor_of_two(self) -> None:
        """An estimate is never off by more than its bucket is wide."""
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
        """They are added bucket by bucket."""
        self.assertEqual([4, 6], added([[1, 2], [3, 4]]))

    def test_none(self) -> None:
        """Of none the sum is empty."""
        self.assertEqual([0] * BUCKETS, added([]))


class LagTests(SynchronousTestCase):
    """What is kept of how late something was."""

    def test_worst(self) -> None:
        """The worst is that of the last ten times, for everyone who asks."""
        lag = LoopLag()
        self.assertEqual(0, lag.worst)
        lag.note(5)
        for _ in range(9):
            lag.note(3)
        self.assertEqual((5, 5), (lag.worst, lag.worst))
        lag.note(2)
        self.assertEqual((3, 11), (lag.worst, lag.count))

    def test_reset(self) -> None:
        """After a reset there was nothing."""
        lag = LoopLag()
        lag.note(5)
        lag.reset()
        self.assertEqual((0, 0), (lag.worst, lag.count))
