"""The sorted set data type (https://redis.io/docs/latest/develop/data-types/sorted-sets/)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from types import MappingProxyType

from tseep.datatypes.collection import Collection
from tseep.datatypes.limits import LIMITS
from tseep.datatypes.memory import ENTRY_BYTES, of_bytes
from tseep.datatypes.score_index import Pair, ScoreIndex

SAMPLE = 5
"""Number of members that the memory estimate measures."""

OBJECT_BYTES = 900
"""Bytes of an empty sorted set with its dictionary and its index."""

INDEX_BYTES = 32 + 18
"""Bytes of a score, and of the entries of score and member in the index."""


_NO_SCORES: Mapping[bytes, float] = MappingProxyType({})


class SortedSet(Collection):
    """
    A dictionary from members to scores, and a L{ScoreIndex} of both.

    @ivar scores: scores by member, in order of insertion; callers must not change it.
    """

    __slots__ = ("_order", "scores")

    type_name = b"zset"
    encoding = b"skiplist"

    def __init__(self, scores: Mapping[bytes, float] = _NO_SCORES) -> None:
        self.scores: dict[bytes, float] = dict(scores)
        self._order = ScoreIndex(zip(self.scores.values(), self.scores))

    @staticmethod
    def of(scores: Mapping[bytes, float]) -> SortedSet:
        """A sorted set with these scores, in the encoding that Redis chooses for a new one."""
        if len(scores) > LIMITS.zset_max_listpack_entries or (
            scores and max(map(len, scores)) > LIMITS.zset_max_listpack_value
        ):
            return SortedSet(scores)
        return ListpackSortedSet(scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._order)

    def __reversed__(self) -> Iterator[bytes]:
        return reversed(self._order)

    def __contains__(self, member: object) -> bool:
        return member in self.scores

    # One member

    def score(self, member: bytes) -> float | None:
        """The score of a member; None if it does not exist."""
        return self.scores.get(member)

    def set(self, member: bytes, score: float) -> None:
        """Set the score of a member, new or not. The score must not be NaN."""
        previous = self.scores.get(member)
        if previous is not None:
            if previous == score:  # also 0 and -0
                return
            self._order.remove(previous, member)
        self.scores[member] = score
        self._order.add(score, member)

    def remove(self, member: bytes) -> bool:
        """Remove a member. Return whether it existed."""
        score = self.scores.pop(member, None)
        if score is None:
            return False
        self._order.remove(score, member)
        return True

    def rank(self, member: bytes) -> int | None:
        """The rank of a member, from 0; None if it does not exist. O(log N)."""
        score = self.scores.get(member)
        return None if score is None else self._order.rank(score, member)

    # Ranges of ranks, from 0

    def below(self, score: float) -> int:
        """The number of members with a lower score: the first rank of this or a higher score. O(log N)."""
        return self._order.below(score)

    def up_to(self, score: float) -> int:
        """The number of members with this or a lower score: the first rank of a higher score. O(log N)."""
        return self._order.up_to(score)

    def before(self, member: bytes) -> int:
        """The number of members whose bytes sort before C{member}; all scores must be equal. O(log N)."""
        return self._order.rank(self.scores[next(iter(self))], member) if self.scores else 0

    def is_level(self) -> bool:
        """True if all scores are equal. O(1)."""
        scores = self.scores
        return not scores or scores[next(iter(self))] == scores[next(reversed(self))]

    def members(self, start: int, stop: int) -> list[bytes]:
        """The members from rank C{start} to before C{stop}; both must not be negative. O(log N + M)."""
        return self._order.members(start, stop)

    def remove_part(self, start: int, stop: int) -> list[Pair]:
        """Remove and return the pairs from rank C{start} to before C{stop}, which must be in range. O(log N + M)."""
        members = self._order.members(start, stop)
        self._order.remove_part(start, max(start, stop))
        pop = self.scores.pop
        return [(pop(member), member) for member in members]

    # Collection

    def size(self) -> int:
        sample = [of_bytes(member) for member in islice(self.scores, SAMPLE)]
        return OBJECT_BYTES + (ENTRY_BYTES + INDEX_BYTES) * len(self) + sum(sample) * len(self) // max(1, len(sample))

    def copy(self) -> SortedSet:
        return type(self)(self.scores)

    def release(self, most: int) -> bool:
        size = len(self)
        self.remove_part(max(0, size - most), size)
        return bool(self.scores)


class ListpackSortedSet(SortedSet):
    """A sorted set that is a listpack in Redis: with few members, all short. It keeps the score -0 as 0."""

    __slots__ = ()

    encoding = b"listpack"

    def __init__(self, scores: Mapping[bytes, float] = _NO_SCORES) -> None:
        self.scores = {member: score + 0.0 for member, score in scores.items()}
        self._order = ScoreIndex(zip(self.scores.values(), self.scores))

    def set(self, member: bytes, score: float) -> None:
        scores = self.scores
        previous = scores.get(member)
        if previous is not None:
            if previous == score:
                return
            self._order.remove(previous, member)
        elif len(scores) >= LIMITS.zset_max_listpack_entries or len(member) > LIMITS.zset_max_listpack_value:
            self.convert(SortedSet)
            self.set(member, score)
            return
        score += 0.0
        scores[member] = score
        self._order.add(score, member)
