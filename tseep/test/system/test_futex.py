"""Tests for L{tseep.system.futex}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import futex


class SlotsTests(SynchronousTestCase):
    """The size of the futex hash, set by a fake prctl(2) that records its arguments."""

    def answering(self, answer: int) -> list[tuple[int, ...]]:
        """Make prctl return C{answer}; return the list of its calls' arguments."""
        asked: list[tuple[int, ...]] = []

        def prctl(*arguments: Any) -> int:
            asked.append(tuple(getattr(argument, "value", argument) for argument in arguments))
            return answer

        self.patch(futex.ctypes, "CDLL", lambda name: SimpleNamespace(prctl=prctl))
        return asked

    def test_set(self) -> None:
        """C{set_slots} calls prctl with the constants of linux/prctl.h."""
        asked = self.answering(0)
        futex.set_slots(4096)
        self.assertEqual([(78, 1, 4096, 0)], asked)

    def test_get(self) -> None:
        """C{slots} returns the number of slots of the kernel."""
        asked = self.answering(4096)
        self.assertEqual(4096, futex.slots())
        self.assertEqual([(78, 2, 0, 0)], asked)

    def test_unknown(self) -> None:
        """On a kernel without support C{set_slots} is ignored and C{slots} returns 0."""
        self.answering(-1)
        futex.set_slots(4096)
        self.assertEqual(0, futex.slots())

    def test_no_prctl(self) -> None:
        """Without prctl(2) C{set_slots} is ignored and C{slots} returns 0."""
        self.patch(futex.ctypes, "CDLL", lambda name: SimpleNamespace())
        futex.set_slots(4096)
        self.assertEqual(0, futex.slots())
