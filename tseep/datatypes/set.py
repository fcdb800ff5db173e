"""The set data type (https://redis.io/docs/latest/develop/data-types/sets/)."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import islice

from tseep.algorithms.numeric import integer
from tseep.datatypes.collection import Collection
from tseep.datatypes.memory import of_bytes, of_dict, of_list

MAX_INTSET_ENTRIES = 512
"""Maximum number of members of an intset, whose members are integers (set-max-intset-entries)."""

SAMPLE = 5
"""Number of members that the memory estimate measures."""

OBJECT_BYTES = 48
"""Bytes of a set without its list and its dictionary."""

INT_BYTES, SHARED_INTS = 32, 257
"""Bytes of an int, here a member's index, and number of ints that CPython shares."""


class Set(Collection):
    """
    A set with random selection in O(1): a list of the members, and a dictionary of their indexes.

    The last member replaces a removed one, so members only move to lower indexes.

    @ivar members: all members; callers must not change the list.
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
        """Add a member. Return whether it is new."""
        places = self._places
        if member in places:
            return False
        places[member] = len(self.members)
        self.members.append(member)
        return True

    def discard(self, member: bytes) -> bool:
        """Remove a member. Return whether it existed."""
        place = self._places.pop(member, None)
        if place is None:
            return False
        last = self.members.pop()
        if place < len(self.members):
            self.members[place] = last
            self._places[last] = place
        return True

    def pop(self) -> bytes:
        """Remove and return a uniformly random member."""
        member = random.choice(self.members)
        self.discard(member)
        return member

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """
        Return the next members of an SSCAN, from the highest index down. Members only move to lower indexes, so those
        that exist during the whole iteration are returned.

        @param cursor: 0 to start; else the cursor that the previous call returned.
        @return: the next cursor (0 if the iteration is complete), and the members.
        """
        end = min(cursor, len(self.members)) if cursor else len(self.members)
        start = max(0, end - count)
        return start, self.members[start:end]

    def encoding(self) -> bytes:
        few = len(self.members) <= MAX_INTSET_ENTRIES
        return b"intset" if few and all(integer(member) is not None for member in self.members) else b"hashtable"

    def size(self) -> int:
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
        return Set(self.members)

    def release(self, most: int) -> bool:
        for _ in range(min(most, len(self.members))):
            del self._places[self.members.pop()]
        return bool(self.members)
