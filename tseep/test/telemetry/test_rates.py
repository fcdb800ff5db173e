"""Tests of L{tseep.telemetry.rates}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.telemetry.rates import Rates
from tseep.test.support import SessionTests


class RatesTests(SynchronousTestCase):
    """The growth of two counters."""

    def setUp(self) -> None:
        """No sample yet."""
        self.rates = Rates(2)

    def test_growth(self) -> None:
        """The rate is what a counter grew since the sample before, per second."""
        self.rates.sample(10.0, 100, 5)
        self.assertEqual([0.0, 0.0], self.rates.per_second)
        self.rates.sample(12.0, 300, 5)
        self.assertEqual([100.0, 0.0], self.rates.per_second)
        self.rates.sample(12.5, 301, 6)
        self.assertEqual([2.0, 2.0], self.rates.per_second)

    def test_clock_set_back(self) -> None:
        """A clock that stands still or was set back gives no rate; the one before stays."""
        self.rates.sample(10.0, 0, 0)
        self.rates.sample(11.0, 8, 8)
        self.rates.sample(11.0, 9, 9)
        self.rates.sample(5.0, 9, 9)
        self.assertEqual([8.0, 8.0], self.rates.per_second)
        self.rates.sample(6.0, 10, 11)
        self.assertEqual([1.0, 2.0], self.rates.per_second)

    def test_reset(self) -> None:
        """After a reset it takes two samples again."""
        self.rates.sample(10.0, 100, 100)
        self.rates.sample(11.0, 200, 200)
        self.rates.reset()
        self.assertEqual([0.0, 0.0], self.rates.per_second)
        self.rates.sample(12.0, 1, 1)
        self.assertEqual([0.0, 0.0], self.rates.per_second)


class SampledTests(SessionTests):
    """How the server samples."""

    def test_once_a_second(self) -> None:
        """The server's cron takes a sample each second, of commands and of bytes both ways."""
        self.server.cron.run()
        for _ in range(4):
            sent = self.send("PING")
        received = self.server.stats.input_bytes
        self.pass_time(0.5)
        self.server.cron.run()
        self.assertEqual([0.0, 0.0, 0.0], self.server.rates.per_second)
        self.clock.advance(-3600)
        self.pass_time(1.5)
        self.server.cron.run()
        rates = [round(rate, 3) for rate in self.server.rates.per_second]
        self.assertEqual([2.0, received / 2, 4 * len(sent) / 2], rates)
