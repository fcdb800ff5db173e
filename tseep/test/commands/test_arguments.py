"""Tests for L{tseep.commands.arguments}: the options of HSCAN, SSCAN and ZSCAN."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.commands.arguments import scan_options
from tseep.errors import CommandError


def call(text: str) -> list[bytes]:
    """Return the arguments of a command line."""
    return text.encode().split()


class ScanOptionsTests(SynchronousTestCase):
    def test_options(self) -> None:
        """COUNT and MATCH are accepted in any order and case; the defaults are ten and no filter."""
        self.assertEqual((10, None), scan_options(call("HSCAN k 0")))
        self.assertEqual((5, None), scan_options(call("HSCAN k 0 count 5 MATCH *")))
        count, matches = scan_options(call("HSCAN k 0 match a* COUNT 7"))
        assert matches is not None
        self.assertEqual((7, True, False), (count, matches(b"ab"), matches(b"b")))

    def test_wrong(self) -> None:
        """Unknown options, missing values and invalid counts are refused."""
        for text in ("COUNT", "COUNT 0", "COUNT x", "NONSENSE 1", "MATCH"):
            self.assertRaises(CommandError, scan_options, call(f"HSCAN k 0 {text}"))
