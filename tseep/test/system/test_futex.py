"""Tests for L{tseep.system.futex}."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import futex


class SlotsTests(SynchronousTestCase):
    """The table of the threads that sleep, with a prctl(2) that only writes down what it is asked."""

    def answering(self, answer: int) -> list[tuple[int, ...]]:
        """Let prctl answer so; return what it will be asked."""
        asked: list[tuple[int, ...]] = []

        def prctl(*arguments: Any) -> int:
            asked.append(tuple(getattr(argument, "value", argument) for argument in arguments))
            return answer

        self.patch(futex.ctypes, "CDLL", lambda name: SimpleNamespace(prctl=prctl))
        return asked

    def test_set(self) -> None:
        """The kernel is asked for so many slots, with the numbers of its header."""
        asked = self.answering(0)
        futex.set_slots(4096)
        self.assertEqual([(78, 1, 4096, 0)], asked)

    def test_get(self) -> None:
        """The kernel tells how many slots there are."""
        asked = self.answering(4096)
        self.assertEqual(4096, futex.slots())
        self.assertEqual([(78, 2, 0, 0)], asked)

    def test_unknown(self) -> None:
        """A kernel that knows nothing of it has the system's table alone, and nothing is said."""
        self.answering(-1)
        futex.set_slots(4096)
        self.assertEqual(0, futex.slots())

    def test_no_prctl(self) -> None:
        """So it is where there is no prctl(2)."""
        self.patch(futex.ctypes, "CDLL", lambda name: SimpleNamespace())
        futex.set_slots(4096)
        self.assertEqual(0, futex.slots())
