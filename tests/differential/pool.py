"""Pools of words for the arguments of commands."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

Words = list[bytes]


class Pool(NamedTuple):
    """Words for an argument: C{usual} ones, which are mostly valid, and C{odd} ones, which are mostly invalid."""

    usual: list[bytes]
    odd: list[bytes] = []

    def words(self) -> st.SearchStrategy[Words]:
        """A strategy for one word, rarely an odd one."""
        usual = st.sampled_from(self.usual).map(_alone)
        return st.one_of([usual] * 4 + [st.sampled_from(self.odd).map(_alone)]) if self.odd else usual


def _alone(word: bytes) -> Words:
    return [word]
