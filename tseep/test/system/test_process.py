"""Tests of L{tseep.system.process}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import process

MIB = 2**20


class MemoryTests(SynchronousTestCase):
    """What the process takes, as the system tells."""

    def test_resident(self) -> None:
        """The process takes the resident pages that Linux counts."""
        self.patch(process, "STATM", self.mktemp())
        with open(process.STATM, "w") as statm:
            statm.write("1000 25 10 1 0 500 0\n")
        self.assertEqual(25 * os.sysconf("SC_PAGE_SIZE"), process.resident_memory())

    def test_peak(self) -> None:
        """The peak is never below what the process takes, even where the system counts it later."""
        self.patch(process, "resident_memory", lambda: 2**60)
        self.assertEqual(2**60, process.peak_memory())
        self.patch(process, "resident_memory", lambda: 0)
        self.assertGreater(process.peak_memory(), MIB)

    def test_system(self) -> None:
        """The machine has more than this process takes."""
        self.assertGreater(process.system_memory(), process.resident_memory())

    def test_no_proc(self) -> None:
        """Where there is no /proc, the peak stands in; where that is not told either, zero does."""
        self.patch(process, "STATM", "/nosuch")
        self.assertEqual(process.resident_memory(), process.peak_memory())
        self.assertGreater(process.peak_memory(), MIB)
        self.patch(process, "resource", None)
        self.assertEqual(0, process.peak_memory())

    def test_no_sysconf(self) -> None:
        """A system that does not tell how large it is has no size."""

        def fail(name: str) -> int:
            raise ValueError(name)

        self.patch(process.os, "sysconf", fail)
        self.assertEqual(0, process.system_memory())
