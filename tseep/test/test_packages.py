"""Tests of L{tseep.test.packages}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tseep.test.packages import COMPLETE, skip_without


class SkipTests(SynchronousTestCase):
    """L{skip_without}."""

    def setUp(self) -> None:
        self.patch(os, "environ", {})

    def test_installed(self) -> None:
        """Tests run if the package is installed."""
        self.assertIs(None, skip_without("twisted"))

    def test_missing(self) -> None:
        """Without the package they are skipped; the reason names it."""
        self.assertEqual("needs the package no_such: pip install 'tseep[test]'", skip_without("no_such"))

    def test_complete(self) -> None:
        """With C{TSEEP_TEST_COMPLETE} they run, and fail."""
        os.environ[COMPLETE] = "1"
        self.assertIs(None, skip_without("no_such"))
