"""Tests of L{tseep.telemetry.rates}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.telemetry.rates import Rates
from tseep.test.support import SessionTests


class RatesTests(SynchronousTestCase):
    """Rates of two counters."""

    def setUp(self) -> None:
        self.rates = Rates(2)

    def test_growth(self) -> None:
        """A rate is a counter's growth since the previous sample, per second."""
        self.rates.sample(10.0, 100, 5)
        self.assertEqual([0.0, 0.0], self.rates.per_second)
        self.rates.sample(12.0, 300, 5)
        self.assertEqual([100.0, 0.0], self.rates.per_second)
        self.rates.sample(12.5, 301, 6)
        self.assertEqual([2.0, 2.0], self.rates.per_second)

    def test_clock_set_back(self) -> None:
        """If the clock stands still or is set back, the previous rates stay."""
        self.rates.sample(10.0, 0, 0)
        self.rates.sample(11.0, 8, 8)
        self.rates.sample(11.0, 9, 9)
        self.rates.sample(5.0, 9, 9)
        self.assertEqual([8.0, 8.0], self.rates.per_second)
        self.rates.sample(6.0, 10, 11)
        self.assertEqual([1.0, 2.0], self.rates.per_second)

    def test_reset(self) -> None:
        """After C{reset} a rate needs two samples."""
        self.rates.sample(10.0, 100, 100)
        self.rates.sample(11.0, 200, 200)
        self.rates.reset()
        self.assertEqual([0.0, 0.0], self.rates.per_second)
        self.rates.sample(12.0, 1, 1)
        self.assertEqual([0.0, 0.0], self.rates.per_second)


class SampledTests(SessionTests):
    """The server's samples for INFO's instantaneous rates."""

    def test_once_a_second(self) -> None:
        """Cron samples commands and bytes each second, also if the wall clock is set back."""
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
