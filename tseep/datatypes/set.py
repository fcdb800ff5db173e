"""Sets: members without an order."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice

from tseep.algorithms.numeric import integer
from tseep.datatypes.collection import Collection
from tseep.datatypes.memory import of_bytes, of_dict, of_list

MAX_INTSET_ENTRIES = 512
"""Up to so many integers alone Redis keeps as an intset (set-max-intset-entries)."""

SAMPLE = 5
"""Elements that are measured in place of all."""

OBJECT_BYTES = 48
"""Bytes of a set, beside its list and its dictionary."""

INT_BYTES, SHARED_INTS = 32, 257
"""Bytes of the number of a member's place, and how many of them Python holds once for all."""


class Set(Collection):
    """
    A set whose members can be picked at random in constant time: a list of them, and the place of each in it.

    Where one is removed the last one takes its place, so members only ever move to lower places.

    @ivar members: all of them; not to be changed from outside.
    """

    __slots__ = ("members", "_places")

    type_name = b"set"

    def __init__(self, members: Iterable[bytes] = ()) -> None:
        self.members: list[bytes] = list(dict.fromkeys(members))
        self._places: dict[bytes, int] = {member: place for place, member in enumerate(self.members)}

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.members)

    def __contains__(self, member: object) -> bool:
        return member in self._places

    def add(self, member: bytes) -> bool:
        """Add a member. Returns whether it is new."""
        places = self._places
        if member in places:
            return False
        places[member] = len(self.members)
        self.members.append(member)
        return True

    def discard(self, member: bytes) -> bool:
        """Remove a member. Returns whether it was there."""
        place = self._places.pop(member, None)
        if place is None:
            return False
        last = self.members.pop()
        if place < len(self.members):
            self.members[place] = last
            self._places[last] = place
        return True

    def pop(self) -> bytes:
        """Remove any member, each with the same chance, and return it."""
        member = random.choice(self.members)
        self.discard(member)
        return member

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """
        Walk a step from the highest place down. As members move to lower places only, all that stay are met.

        @param cursor: 0 to begin; else what the step before returned.
        @return: the next cursor, 0 at the end, and the members.
        """
        end = min(cursor, len(self.members)) if cursor else len(self.members)
        start = max(0, end - count)
        return start, self.members[start:end]

    def encoding(self) -> bytes:
        """C{intset} for a few integers, else C{hashtable}."""
        few = len(self.members) <= MAX_INTSET_ENTRIES
        return b"intset" if few and all(integer(member) is not None for member in self.members) else b"hashtable"

    def size(self) -> int:
        """Estimate the bytes that it takes, from the first few members."""
        sample = [of_bytes(member) for member in islice(self.members, SAMPLE)]
        count = len(self.members)
        numbers = INT_BYTES * max(0, count - SHARED_INTS)
        return (
            OBJECT_BYTES
            + of_list(self.members)
            + of_dict(self._places)
            + numbers
            + sum(sample) * count // max(1, len(sample))
        )

    def copy(self) -> Set:
        """Another one with the same members."""
        return Set(self.members)

    def release(self, most: int) -> bool:
        """Give back up to C{most} members; return whether there are more."""
        for _ in range(min(most, len(self.members))):
            del self._places[self.members.pop()]
        return bool(self.members)
