"""Tests of L{tseep.telemetry.slowlog}."""

from __future__ import annotations

from tseep.telemetry.slowlog import NEVER, SlowLog
from tseep.test.support import SessionTests


class SlowLogTests(SessionTests):
    """L{SlowLog} without a server's commands."""

    def setUp(self) -> None:
        """Use a log of three entries with a threshold of a millisecond."""
        super().setUp()
        self.log = SlowLog()
        self.log.configure(1000, 3)

    def note(self, nanoseconds: int, *argv: bytes) -> None:
        """Record a command of that duration."""
        self.log.note(5.75, nanoseconds, list(argv), self.session)

    def test_threshold(self) -> None:
        """A duration at or above the threshold is recorded."""
        self.note(999_999, b"FAST")
        self.note(1_000_000, b"SLOW", b"key")
        (entry,) = self.log.entries
        self.assertEqual((0, 5, 1000, [b"SLOW", b"key"]), entry[:4])
        self.assertEqual((b"127.0.0.1:50000", b""), entry[4:])

    def test_off(self) -> None:
        """A negative threshold records nothing, zero records every command."""
        self.log.configure(-1, 3)
        self.note(NEVER - 1, b"SLOW")
        self.assertEqual(0, len(self.log.entries))
        self.log.configure(0, 3)
        self.note(0, b"FAST")
        self.assertEqual(1, len(self.log.entries))

    def test_length(self) -> None:
        """The oldest entries are dropped and IDs keep ascending; a shorter log keeps the newest entries."""
        for number in range(5):
            self.note(1_000_000, b"%d" % number)
        self.assertEqual([4, 3, 2], [entry.id for entry in self.log.entries])
        self.log.configure(1000, 2)
        self.assertEqual([b"4", b"3"], [entry.argv[0] for entry in self.log.entries])
        self.log.configure(1000, 0)
        self.note(1_000_000, b"5")
        self.assertEqual(0, len(self.log.entries))

    def test_long_commands(self) -> None:
        """Long commands and arguments are cut, with the number of omitted bytes or arguments."""
        self.note(1_000_000, b"SET", b"key", b"x" * 129)
        self.assertEqual(b"x" * 128 + b"... (1 more bytes)", self.log.entries[0].argv[2])
        self.note(1_000_000, *[b"%d" % number for number in range(32)])
        self.assertEqual(b"31", self.log.entries[0].argv[-1])
        self.note(1_000_000, *[b"%d" % number for number in range(33)])
        self.assertEqual([b"30", b"... (2 more arguments)"], self.log.entries[0].argv[-2:])
        self.assertEqual(32, len(self.log.entries[0].argv))
