"""Tests for L{tseep.registry.keyspecs}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tseep.registry.keyspecs import read_specifications


def found(access: str, call: str, keys: tuple[int, int, int] = (0, 0, 0)) -> list[list[int]]:
    """The places of the keys in a call, for each specification."""
    argv = call.encode().split()
    return [specification.find(argv) for specification in read_specifications(access, keys)]


class KeySpecificationsTests(SynchronousTestCase):
    """Where the keys of a command are."""

    def test_fixed(self) -> None:
        """The last specification without a place goes for all keys that follow."""
        self.assertEqual([[1]], found("RO", "GET a", (1, 1, 1)))
        self.assertEqual([[2], [3, 4]], found("OW UPDATE; RO", "BITOP AND d a b", (2, -1, 1)))
        self.assertEqual([[1, 3]], found("OW", "MSET a 1 b 2", (1, -1, 2)))

    def test_counted(self) -> None:
        """As many keys as an argument says; none if that is nonsense."""
        self.assertEqual([[2, 3]], found("RO @ numkeys 1", "SINTERCARD 2 a b"))
        for number in ("0", "-1", "3", "x"):
            self.assertEqual([[]], found("RO @ numkeys 1", f"SINTERCARD {number} a b"))

    def test_keyword(self) -> None:
        """The key after a word, whatever its case; none if it is not there, or the last one."""
        self.assertEqual([[4]], found("OW @ STORE 2", "SORT a DESC store b"))
        self.assertEqual([[]], found("OW @ STORE 2", "SORT a DESC STORE"))
        self.assertEqual([[]], found("OW @ STORE 2", "SORT STORE b"))

    def test_half(self) -> None:
        """Half of what follows a word."""
        self.assertEqual([[2, 3]], found("RO @ STREAMS 1 half", "XREAD STREAMS a b 0 0"))

    def test_unknown(self) -> None:
        """What Redis does not tell is not told."""
        (specification,) = read_specifications("OW UPDATE @ ?", (0, 0, 0))
        self.assertEqual(b"unknown", specification.describe()[b"begin_search"][b"type"])
        self.assertEqual([[]], found("RO @ ?", "SORT a BY w_*"))

    def test_flags(self) -> None:
        """The first flag stays in capitals, the others are in small letters."""
        (specification,) = read_specifications("RW ACCESS UPDATE", (1, 1, 1))
        self.assertEqual(("RW", "access", "update"), specification.flags)
