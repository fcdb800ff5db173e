"""The wall clock and the timer are turned independently: which of the two each thing goes by."""

from __future__ import annotations

from tseep.test.support import SessionTests

HOUR = 3600


class SetBackTests(SessionTests):
    """The wall clock is set back by an hour: no interval is longer for that."""

    def set_clock(self) -> None:
        """Turn the wall clock."""
        self.clock.advance(-HOUR)

    def test_blocked(self) -> None:
        """A client that waits is answered when its time is over."""
        self.send("BLPOP", "nothing", "0.3")
        self.set_clock()
        self.advance(0.31)
        self.assertEqual([None], self.sent(self.session))

    def test_paused(self) -> None:
        """A pause ends."""
        self.run_command("CLIENT", "PAUSE", 200)
        self.set_clock()
        self.send("SET", "key", "value")
        self.advance(0.21)
        self.assertEqual(["OK"], self.sent(self.session))

    def test_idle(self) -> None:
        """CLIENT LIST tells how long clients have been there and silent, and the silent ones are closed."""
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
        """A key has not been used for as long as it has not been used."""
        self.run_command("SET", "key", "value")
        self.set_clock()
        self.pass_time(5)
        self.server.cron.run()
        self.assertReply(5, "OBJECT", "IDLETIME", "key")

    def test_uptime(self) -> None:
        """The server has been running for as long as it has."""
        self.set_clock()
        self.pass_time(5)
        self.assertIn(b"uptime_in_seconds:5\r\n", self.run_command("INFO", "server"))

    def test_expiry(self) -> None:
        """Keys expire by the date."""
        self.run_command("SET", "key", "value", "EX", 100)
        self.set_clock()
        self.assertReply(HOUR + 100, "TTL", "key")

    def test_ids(self) -> None:
        """The ids of a stream go on."""
        first = self.run_command("XADD", "stream", "*", "a", 1)
        self.set_clock()
        second = self.run_command("XADD", "stream", "*", "a", 1)
        self.assertEqual(first.split(b"-")[0], second.split(b"-")[0])
        self.assertGreater(second, first)


class SetForthTests(SetBackTests):
    """The wall clock is set forth by an hour: no interval is over for that."""

    def set_clock(self) -> None:
        """Turn the wall clock."""
        self.clock.advance(HOUR)

    def test_not_yet(self) -> None:
        """Who waits goes on waiting."""
        self.send("BLPOP", "nothing", "0.3")
        self.set_clock()
        self.advance(0.1)
        self.assertEqual([], self.sent(self.session))

    def test_expiry(self) -> None:
        """Keys expire by the date."""
        self.run_command("SET", "key", "value", "EX", 100)
        self.set_clock()
        self.assertReply(None, "GET", "key")

    def test_ids(self) -> None:
        """The ids of a stream are dates."""
        first = self.run_command("XADD", "stream", "*", "a", 1)
        self.set_clock()
        second = self.run_command("XADD", "stream", "*", "a", 1)
        self.assertEqual(HOUR * 1000, int(second.split(b"-")[0]) - int(first.split(b"-")[0]))
