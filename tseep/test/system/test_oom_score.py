"""Tests for L{tseep.system.oom_score}."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import oom_score
from tseep.system.oom_score import OomScore


class OomScoreTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.write_text("22\n")
        self.patch(oom_score, "PATH", self.path)
        self.score = OomScore()

    def apply(self, mode: str, value: int = 9) -> str:
        """Apply a score; return the content of the file."""
        self.score.apply(mode, value)
        return self.path.read_text()

    def test_modes(self) -> None:
        """C{yes} and C{relative} add to the score before, C{absolute} replaces it, and C{no} restores it."""
        self.assertEqual("22\n", self.apply("no"))
        for mode, expected in (("yes", "31"), ("relative", "31"), ("absolute", "9"), ("relative", "31"), ("no", "22")):
            self.assertEqual(expected, self.apply(mode))
        self.path.write_text("5")
        self.assertEqual("5", self.apply("no"))
        self.assertEqual("14", self.apply("yes"))

    def test_bounds(self) -> None:
        """The kernel's bounds are kept."""
        self.assertEqual("1000", self.apply("yes", 2000))
        self.assertEqual("-1000", self.apply("absolute", -2000))

    def test_missing(self) -> None:
        """A system without the file raises C{OSError}."""
        self.path.unlink()
        self.assertRaises(OSError, self.apply, "yes")
