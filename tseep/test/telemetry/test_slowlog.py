"""Tests of L{tseep.telemetry.slowlog}."""

from __future__ import annotations

from tseep.telemetry.slowlog import NEVER, SlowLog
from tseep.test.support import SessionTests


class SlowLogTests(SessionTests):
    """The slow log, by itself."""

    def setUp(self) -> None:
        """A log of three entries, for what takes a millisecond."""
        super().setUp()
        self.log = SlowLog()
        self.log.configure(1000, 3)

    def note(self, nanoseconds: int, *argv: bytes) -> None:
        """A command took so long."""
        self.log.note(5.75, nanoseconds, list(argv), self.session)

    def test_threshold(self) -> None:
        """What takes as long as the threshold is kept, what is faster is not."""
        self.note(999_999, b"FAST")
        self.note(1_000_000, b"SLOW", b"key")
        (entry,) = self.log.entries
        self.assertEqual((0, 5, 1000, [b"SLOW", b"key"]), entry[:4])
        self.assertEqual((b"127.0.0.1:50000", b""), entry[4:])

    def test_off(self) -> None:
        """A negative threshold keeps nothing, zero keeps everything."""
        self.log.configure(-1, 3)
        self.note(NEVER - 1, b"SLOW")
        self.assertEqual(0, len(self.log.entries))
        self.log.configure(0, 3)
        self.note(0, b"FAST")
        self.assertEqual(1, len(self.log.entries))

    def test_length(self) -> None:
        """The oldest entries make room, and numbers go on; a shorter log keeps the youngest."""
        for number in range(5):
            self.note(1_000_000, b"%d" % number)
        self.assertEqual([4, 3, 2], [entry.id for entry in self.log.entries])
        self.log.configure(1000, 2)
        self.assertEqual([b"4", b"3"], [entry.argv[0] for entry in self.log.entries])
        self.log.configure(1000, 0)
        self.note(1_000_000, b"5")
        self.assertEqual(0, len(self.log.entries))

    def test_long_commands(self) -> None:
        """Of long commands and arguments the beginning is kept, and how much more there was."""
        self.note(1_000_000, b"SET", b"key", b"x" * 129)
        self.assertEqual(b"x" * 128 + b"... (1 more bytes)", self.log.entries[0].argv[2])
        self.note(1_000_000, *[b"%d" % number for number in range(32)])
        self.assertEqual(b"31", self.log.entries[0].argv[-1])
        self.note(1_000_000, *[b"%d" % number for number in range(33)])
        self.assertEqual([b"30", b"... (2 more arguments)"], self.log.entries[0].argv[-2:])
        self.assertEqual(32, len(self.log.entries[0].argv))
