"""Tests for L{tseep.commands.arguments}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.commands.arguments import scan_options
from tseep.errors import CommandError


def call(text: str) -> list[bytes]:
    """A whole command."""
    return text.encode().split()


class ScanOptionsTests(SynchronousTestCase):
    """The options of a scan of one key."""

    def test_options(self) -> None:
        """COUNT and MATCH in any order and case; ten and everything without."""
        self.assertEqual((10, None), scan_options(call("HSCAN k 0")))
        self.assertEqual((5, None), scan_options(call("HSCAN k 0 count 5 MATCH *")))
        count, matches = scan_options(call("HSCAN k 0 match a* COUNT 7"))
        assert matches is not None
        self.assertEqual((7, True, False), (count, matches(b"ab"), matches(b"b")))

    def test_wrong(self) -> None:
        """What makes no sense is refused."""
        for text in ("COUNT", "COUNT 0", "COUNT x", "NONSENSE 1", "MATCH"):
            self.assertRaises(CommandError, scan_options, call(f"HSCAN k 0 {text}"))
