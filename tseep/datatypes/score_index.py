"""The sorted index of a sorted set: its members by score."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain

Pair = tuple[float, bytes]
"""A score and its member. Pairs are sorted by score, then by the bytes of the member."""

BLOCK_PAIRS = 512
"""Number of pairs of a new block. Above twice as many it is split, below a quarter it is merged with a neighbour."""

GROUP_BLOCKS = 32
"""Number of consecutive blocks whose sizes are summed, for L{ScoreIndex.rank}."""


class ScoreIndex:
    """
    A sorted sequence of distinct pairs of score and member.

    The pairs are in blocks: an array of scores and a list of members. The first pair of a new block is its fence:
    lesser pairs belong to earlier blocks, also after that pair has been removed. Finding a pair is a binary search in
    the fences and one in a block, both in arrays of doubles.

    Ranks start at 0. They are computed from the sizes of the groups of blocks, then of single blocks.
    """

    __slots__ = ("_fence_members", "_fence_scores", "_groups", "_members", "_scores")

    def __init__(self, pairs: Iterable[Pair] = ()) -> None:
        ordered = sorted(pairs)
        scores = array("d", [score for score, _ in ordered])
        members = [member for _, member in ordered]
        if len(members) <= BLOCK_PAIRS:
            self._scores, self._members = [scores], [members]
        else:
            starts = range(0, len(members), BLOCK_PAIRS)
            self._scores = [scores[start : start + BLOCK_PAIRS] for start in starts]
            self._members = [members[start : start + BLOCK_PAIRS] for start in starts]
        self._fence_scores = array("d", scores[BLOCK_PAIRS::BLOCK_PAIRS])  # for all blocks but the first
        self._fence_members = members[BLOCK_PAIRS::BLOCK_PAIRS]
        self._count()

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self._members)

    def __reversed__(self) -> Iterator[bytes]:
        return chain.from_iterable(map(reversed, reversed(self._members)))

    # Pairs

    def add(self, score: float, member: bytes) -> None:
        """Add a pair, which must be new."""
        block, at = self._find(score, member)
        members = self._members[block]
        members.insert(at, member)
        self._scores[block].insert(at, score)
        self._groups[block // GROUP_BLOCKS] += 1
        if len(members) > 2 * BLOCK_PAIRS:
            self._split(block)

    def remove(self, score: float, member: bytes) -> None:
        """Remove a pair, which must exist."""
        block, at = self._find(score, member)
        members = self._members[block]
        del members[at]
        del self._scores[block][at]
        self._groups[block // GROUP_BLOCKS] -= 1
        if len(members) < BLOCK_PAIRS // 4:
            self._join(block)

    def rank(self, score: float, member: bytes) -> int:
        """The number of lesser pairs. The pair itself need not exist."""
        return self._place(*self._find(score, member))

    def below(self, score: float) -> int:
        """The number of pairs with a lower score."""
        block = bisect_left(self._fence_scores, score)
        return self._place(block, bisect_left(self._scores[block], score))

    def up_to(self, score: float) -> int:
        """The number of pairs with this or a lower score."""
        block = bisect_right(self._fence_scores, score)
        return self._place(block, bisect_right(self._scores[block], score))

    # Ranges of ranks

    def members(self, start: int, stop: int) -> list[bytes]:
        """The members from rank C{start} to before C{stop}; both must not be negative."""
        block, at = self._locate(start)
        found = self._members[block][at : at + max(0, stop - start)]
        while len(found) < stop - start and block + 1 < len(self._members):
            block += 1
            found += self._members[block][: stop - start - len(found)]
        return found

    def remove_part(self, start: int, stop: int) -> None:
        """Remove the pairs from rank C{start} to before C{stop}, which must be in range and in order."""
        first, at = self._locate(start)
        last, end = self._locate(stop)
        if first == last:
            del self._members[first][at:end], self._scores[first][at:end]
            self._groups[first // GROUP_BLOCKS] -= end - at
        else:
            del self._members[first][at:], self._scores[first][at:]
            del self._members[last][:end], self._scores[last][:end]
            del self._members[first + 1 : last], self._scores[first + 1 : last]
            del self._fence_members[first : last - 1], self._fence_scores[first : last - 1]
            self._count()
        self._join(first)
        if first + 1 < len(self._members):
            self._join(first + 1)

    # Blocks

    def _find(self, score: float, member: bytes) -> tuple[int, int]:
        """The block to which a pair belongs, and its position there."""
        fences = self._fence_scores
        block = bisect_right(fences, score)
        if block and fences[block - 1] == score:
            block = bisect_right(self._fence_members, member, bisect_left(fences, score), block)
        scores = self._scores[block]
        at = bisect_left(scores, score)
        if at < len(scores) and scores[at] == score:
            at = bisect_left(self._members[block], member, at, bisect_right(scores, score, at))
        return block, at

    def _place(self, block: int, at: int) -> int:
        """The rank of position C{at} in a block."""
        group = block // GROUP_BLOCKS
        return sum(self._groups[:group]) + sum(map(len, self._members[group * GROUP_BLOCKS : block])) + at

    def _locate(self, place: int) -> tuple[int, int]:
        """The block of a rank, and the position there; the end of the last block for higher ranks."""
        block = 0
        for count in self._groups:
            if place < count:
                break
            place -= count
            block += GROUP_BLOCKS
        for members in self._members[block : block + GROUP_BLOCKS]:
            if place < len(members):
                return block, place
            place -= len(members)
            block += 1
        return len(self._members) - 1, len(self._members[-1])

    def _count(self) -> None:
        """Recompute the sizes of the groups, after blocks were added or removed."""
        sizes = list(map(len, self._members))
        self._groups = [sum(sizes[first : first + GROUP_BLOCKS]) for first in range(0, len(sizes), GROUP_BLOCKS)]

    def _split(self, block: int) -> None:
        """Split a block in the middle; the last one at three quarters, as many sets grow only at the end."""
        scores, members = self._scores[block], self._members[block]
        is_last = block == len(self._members) - 1
        middle = len(members) * 3 // 4 if is_last else len(members) // 2
        self._scores.insert(block + 1, scores[middle:])
        self._members.insert(block + 1, members[middle:])
        self._fence_scores.insert(block, scores[middle])
        self._fence_members.insert(block, members[middle])
        del scores[middle:], members[middle:]
        self._count()

    def _join(self, block: int) -> None:
        """Merge a block with its neighbours while it is too small."""
        while len(self._members[block]) < BLOCK_PAIRS // 4 and len(self._members) > 1:
            block = min(block, len(self._members) - 2)
            self._scores[block] += self._scores.pop(block + 1)
            self._members[block] += self._members.pop(block + 1)
            del self._fence_scores[block], self._fence_members[block]
            self._count()
