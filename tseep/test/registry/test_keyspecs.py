"""Tests for L{tseep.registry.keyspecs}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry.keyspecs import read_specifications


def found(access: str, call: str, keys: tuple[int, int, int] = (0, 0, 0)) -> list[list[int]]:
    """Return the positions of the keys in a call, for each key specification."""
    argv = call.encode().split()
    return [specification.find(argv) for specification in read_specifications(access, keys)]


class KeySpecificationsTests(SynchronousTestCase):
    """Key specifications find the positions of a command's keys."""

    def test_fixed(self) -> None:
        """The last specification without a position covers all following keys."""
        self.assertEqual([[1]], found("RO", "GET a", (1, 1, 1)))
        self.assertEqual([[2], [3, 4]], found("OW UPDATE; RO", "BITOP AND d a b", (2, -1, 1)))
        self.assertEqual([[1, 3]], found("OW", "MSET a 1 b 2", (1, -1, 2)))

    def test_counted(self) -> None:
        """C{numkeys} is the number of keys; an invalid number finds none."""
        self.assertEqual([[2, 3]], found("RO @ numkeys 1", "SINTERCARD 2 a b"))
        for number in ("0", "-1", "3", "x"):
            self.assertEqual([[]], found("RO @ numkeys 1", f"SINTERCARD {number} a b"))

    def test_keyword(self) -> None:
        """
        A keyword is followed by the key, case-insensitively; without it, or at the end of the call, there is
        none.
        """
        self.assertEqual([[4]], found("OW @ STORE 2", "SORT a DESC store b"))
        self.assertEqual([[]], found("OW @ STORE 2", "SORT a DESC STORE"))
        self.assertEqual([[]], found("OW @ STORE 2", "SORT STORE b"))

    def test_half(self) -> None:
        """C{half} finds the first half of the arguments after a keyword."""
        self.assertEqual([[2, 3]], found("RO @ STREAMS 1 half", "XREAD STREAMS a b 0 0"))

    def test_rest(self) -> None:
        """C{rest} finds all arguments after a keyword."""
        self.assertEqual([[3, 4]], found("RW @ KEYS 1 rest", "MIGRATE x KEYS a b"))

    def test_unknown(self) -> None:
        """A specification that Redis declares unknown finds no keys."""
        (specification,) = read_specifications("OW UPDATE @ ?", (0, 0, 0))
        self.assertEqual(b"unknown", specification.describe()[b"begin_search"][b"type"])
        self.assertEqual([[]], found("RO @ ?", "SORT a BY w_*"))

    def test_flags(self) -> None:
        """The access flag is in upper case, the others are in lower case."""
        (specification,) = read_specifications("RW ACCESS UPDATE", (1, 1, 1))
        self.assertEqual(("RW", "access", "update"), specification.flags)
