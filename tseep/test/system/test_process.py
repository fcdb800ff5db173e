"""Tests of L{tseep.system.process}."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import process

MIB = 2**20


class MemoryTests(SynchronousTestCase):
    """Memory figures of the process and the machine."""

    def test_resident(self) -> None:
        """C{resident_memory} is the resident pages of /proc/self/statm."""
        self.patch(process, "STATM", self.mktemp())
        with open(process.STATM, "w") as statm:
            statm.write("1000 25 10 1 0 500 0\n")
        self.assertEqual(25 * os.sysconf("SC_PAGE_SIZE"), process.resident_memory())

    def test_peak(self) -> None:
        """C{peak_memory} is at least C{resident_memory}, even if the kernel updates it later."""
        self.patch(process, "resident_memory", lambda: 2**60)
        self.assertEqual(2**60, process.peak_memory())
        self.patch(process, "resident_memory", lambda: 0)
        self.assertGreater(process.peak_memory(), MIB)

    def test_system(self) -> None:
        """C{system_memory} exceeds C{resident_memory}."""
        self.assertGreater(process.system_memory(), process.resident_memory())

    def test_no_proc(self) -> None:
        """Without /proc the resident memory is the peak; without C{resource} both are 0."""
        self.patch(process, "STATM", "/nosuch")
        self.assertEqual(process.resident_memory(), process.peak_memory())
        self.assertGreater(process.peak_memory(), MIB)
        self.patch(process, "resource", None)
        self.assertEqual(0, process.peak_memory())

    def test_no_sysconf(self) -> None:
        """C{system_memory} is 0 if sysconf(3) does not support it."""

        def fail(name: str) -> int:
            raise ValueError(name)

        self.patch(process.os, "sysconf", fail)
        self.assertEqual(0, process.system_memory())
