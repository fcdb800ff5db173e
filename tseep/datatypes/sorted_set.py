"""Sorted sets: members with a score each, in the order of their scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Union

from tseep.datatypes.collection import Collection
from tseep.datatypes.memory import ENTRY_BYTES, of_bytes
from tseep.datatypes.score_index import Pair, ScoreIndex

MAX_LISTPACK_ENTRIES = 128
MAX_LISTPACK_VALUE = 64
"""Up to so many members of so many bytes Redis packs (zset-max-listpack-entries and -value)."""

SAMPLE = 5
"""Elements that are measured in place of all."""

OBJECT_BYTES = 900
"""Bytes of an empty sorted set: its own, its dictionary's and its order's."""

INDEX_BYTES = 32 + 18
"""Bytes of a score, and of the places of score and member in the order."""


class SortedSet(Collection):
    """
    A dictionary from members to their scores, and the same in order: by score, and by bytes where scores are equal.

    @ivar scores: by member, in the order in which they came; not to be changed from outside.
    """

    __slots__ = ("_order", "scores")

    type_name = b"zset"

    def __init__(self, scores: Union[Mapping[bytes, float], Iterable[tuple[bytes, float]]] = ()) -> None:
        self.scores: dict[bytes, float] = dict(scores)
        self._order = ScoreIndex(zip(self.scores.values(), self.scores))

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[bytes]:
        """The members, in order."""
        return iter(self._order)

    def __reversed__(self) -> Iterator[bytes]:
        return reversed(self._order)

    def __contains__(self, member: object) -> bool:
        return member in self.scores

    # One member

    def score(self, member: bytes) -> float | None:
        """A member's score; None if it is none."""
        return self.scores.get(member)

    def set(self, member: bytes, score: float) -> None:
        """Give a member, old or new, a score, which is not NaN."""
        previous = self.scores.get(member)
        if previous is not None:
            if previous == score:  # also 0 and -0
                return
            self._order.remove(previous, member)
        self.scores[member] = score
        self._order.add(score, member)

    def remove(self, member: bytes) -> bool:
        """Remove a member. Returns whether it was there."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        self._order.remove(score, member)
        return True

    def rank(self, member: bytes) -> int | None:
        """A member's place in the order, from 0 on; None if it is none. O(log N)."""
        score = self.scores.get(member)
        return None if score is None else self._order.rank(score, member)

    # Places, from 0 on

    def below(self, score: float) -> int:
        """How many have a lower score: the place of the first that does not. O(log N)."""
        return self._order.below(score)

    def up_to(self, score: float) -> int:
        """How many have this or a lower score: the place of the first with a higher one. O(log N)."""
        return self._order.up_to(score)

    def before(self, member: bytes) -> int:
        """How many members come before one by their bytes, where all have the same score. O(log N)."""
        return self._order.rank(self.scores[next(iter(self))], member) if self.scores else 0

    def is_level(self) -> bool:
        """Whether all have the same score."""
        scores = self.scores
        return not scores or scores[next(iter(self))] == scores[next(reversed(self))]

    def members(self, start: int, stop: int) -> list[bytes]:
        """The members from one place to before another, which are not negative. O(log N + M)."""
        return self._order.members(start, stop)

    def remove_part(self, start: int, stop: int) -> list[Pair]:
        """Remove from one place to before another, neither beyond the end; return what was there. O(log N + M)."""
        members = self._order.members(start, stop)
        self._order.remove_part(start, max(start, stop))
        pop = self.scores.pop
        return [(pop(member), member) for member in members]

    # As every collection

    def encoding(self) -> bytes:
        """C{listpack} if it is short, C{skiplist} if not."""
        if len(self) > MAX_LISTPACK_ENTRIES:
            return b"skiplist"
        return b"skiplist" if any(len(member) > MAX_LISTPACK_VALUE for member in self.scores) else b"listpack"

    def size(self) -> int:
        """Estimate the bytes that it takes, from the first few members."""
        sample = [of_bytes(member) for member in islice(self.scores, SAMPLE)]
        return OBJECT_BYTES + (ENTRY_BYTES + INDEX_BYTES) * len(self) + sum(sample) * len(self) // max(1, len(sample))

    def copy(self) -> SortedSet:
        """Another one with the same members and scores."""
        return SortedSet(self.scores)

    def release(self, most: int) -> bool:
        """Give back up to C{most} members; return whether there are more."""
        size = len(self)
        self.remove_part(max(0, size - most), size)
        return bool(self.scores)
