"""Tests for L{tseep.commands.admin.slowlog}: SLOWLOG GET, LEN and RESET."""

from __future__ import annotations

from itertools import count

from tseep.test.support import START, SessionTests


class SlowLogCommandTests(SessionTests):
    """SLOWLOG, with every command running for 20 ms."""

    def setUp(self) -> None:
        """Install a timer that advances by 20 ms with every reading."""
        super().setUp()
        self.server.timer = count(0, 20_000_000).__next__

    def test_get(self) -> None:
        """SLOWLOG GET returns id, time, duration, arguments, address and client name of each entry."""
        self.run_command("CLIENT", "SETNAME", "me")
        self.pass_time(3)
        self.run_command("SET", "key", "value")
        self.assertReply(
            [
                [1, START + 3, 20_000, [b"SET", b"key", b"value"], b"127.0.0.1:50000", b"me"],
                [0, START, 20_000, [b"CLIENT", b"SETNAME", b"me"], b"127.0.0.1:50000", b"me"],
            ],
            "SLOWLOG",
            "GET",
        )

    def test_count(self) -> None:
        """SLOWLOG GET returns ten entries by default, or the given number; -1 stands for all."""
        for _ in range(12):
            self.run_command("PING")
        self.assertEqual(10, len(self.run_command("SLOWLOG", "GET")))
        self.assertEqual(2, len(self.run_command("SLOWLOG", "GET", 2)))
        self.assertEqual(0, len(self.run_command("SLOWLOG", "GET", 0)))
        self.assertEqual(15, len(self.run_command("SLOWLOG", "GET", -1)))
        self.assertEqual(16, len(self.run_command("SLOWLOG", "GET", 2**62)))

    def test_wrong_count(self) -> None:
        """SLOWLOG GET refuses an invalid count and further arguments."""
        for text in ("-2", "x", str(2**64)):
            self.assertError("ERR count should be greater than or equal to -1", "SLOWLOG", "GET", text)
        text = "ERR unknown subcommand or wrong number of arguments for 'get'. Try SLOWLOG HELP."
        self.assertError(text, "SLOWLOG", "get", 1, 2)

    def test_reset(self) -> None:
        """SLOWLOG RESET removes all entries, and is then logged itself."""
        self.run_command("PING")
        self.assertReply("OK", "SLOWLOG", "RESET")
        self.assertReply(1, "SLOWLOG", "LEN")
