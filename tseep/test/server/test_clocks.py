"""Tests with wall clock and timer moved independently: which of the two each feature uses."""

from __future__ import annotations

from tseep.test.support import SessionTests

HOUR = 3600


class SetBackTests(SessionTests):
    """The wall clock is set back by an hour: intervals and timeouts do not change."""

    def set_clock(self) -> None:
        """Set the wall clock back an hour."""
        self.clock.advance(-HOUR)

    def test_blocked(self) -> None:
        """A blocked client's timeout expires in time."""
        self.send("BLPOP", "nothing", "0.3")
        self.set_clock()
        self.advance(0.31)
        self.assertEqual([None], self.sent(self.session))

    def test_paused(self) -> None:
        """CLIENT PAUSE ends in time."""
        self.run_command("CLIENT", "PAUSE", 200)
        self.set_clock()
        self.send("SET", "key", "value")
        self.advance(0.21)
        self.assertEqual(["OK"], self.sent(self.session))

    def test_idle(self) -> None:
        """CLIENT LIST's C{age} and C{idle} are right, and idle clients are closed in time."""
        self.run_command("CONFIG", "SET", "timeout", 10)
        other = self.connect()
        self.set_clock()
        self.pass_time(7)
        line = self.run_command("CLIENT", "LIST", "ID", self.session.id)
        self.assertIn(b" age=7 idle=", line)
        line = self.run_command("CLIENT", "LIST", "ID", other.id)
        self.assertIn(b" age=7 idle=7 ", line)
        self.pass_time(4)
        self.server.cron.run()
        self.assertTrue(other.connection.closed)

    def test_unused_key(self) -> None:
        """OBJECT IDLETIME counts from the last access by the timer."""
        self.run_command("SET", "key", "value")
        self.set_clock()
        self.pass_time(5)
        self.server.cron.run()
        self.assertReply(5, "OBJECT", "IDLETIME", "key")

    def test_uptime(self) -> None:
        """INFO's C{uptime_in_seconds} is elapsed time."""
        self.set_clock()
        self.pass_time(5)
        self.assertIn(b"uptime_in_seconds:5\r\n", self.run_command("INFO", "server"))

    def test_expiry(self) -> None:
        """A key's expiry follows the wall clock."""
        self.run_command("SET", "key", "value", "EX", 100)
        self.set_clock()
        self.assertReply(HOUR + 100, "TTL", "key")

    def test_ids(self) -> None:
        """Stream IDs keep increasing when the wall clock is set back."""
        first = self.run_command("XADD", "stream", "*", "a", 1)
        self.set_clock()
        second = self.run_command("XADD", "stream", "*", "a", 1)
        self.assertEqual(first.split(b"-")[0], second.split(b"-")[0])
        self.assertGreater(second, first)


class SetForthTests(SetBackTests):
    """The wall clock is set forward by an hour: intervals and timeouts do not change."""

    def set_clock(self) -> None:
        """Set the wall clock forward an hour."""
        self.clock.advance(HOUR)

    def test_not_yet(self) -> None:
        """A blocked client does not time out early."""
        self.send("BLPOP", "nothing", "0.3")
        self.set_clock()
        self.advance(0.1)
        self.assertEqual([], self.sent(self.session))

    def test_expiry(self) -> None:
        """A key's expiry follows the wall clock."""
        self.run_command("SET", "key", "value", "EX", 100)
        self.set_clock()
        self.assertReply(None, "GET", "key")

    def test_ids(self) -> None:
        """Stream IDs follow the wall clock forward."""
        first = self.run_command("XADD", "stream", "*", "a", 1)
        self.set_clock()
        second = self.run_command("XADD", "stream", "*", "a", 1)
        self.assertEqual(HOUR * 1000, int(second.split(b"-")[0]) - int(first.split(b"-")[0]))
