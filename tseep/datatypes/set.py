"""The set data type (https://redis.io/docs/latest/develop/data-types/sets/)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from random import random
from typing import Any

from tseep.algorithms.numeric import is_integer
from tseep.datatypes.collection import Collection
from tseep.datatypes.limits import LIMITS
from tseep.datatypes.memory import of_bytes, of_dict, of_list

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
    """

    __slots__ = ("_members", "_places")

    type_name = b"set"
    encoding = b"hashtable"

    def __init__(self, members: Iterable[bytes] = ()) -> None:
        self._members: list[bytes] = list(members if type(members) is dict else dict.fromkeys(members))
        self._places: dict[bytes, int] = {member: place for place, member in enumerate(self._members)}

    @staticmethod
    def of(members: Iterable[bytes]) -> Set:
        """A set of members, which can repeat, in the encoding that Redis chooses for a new set."""
        distinct = dict.fromkeys(members)
        return IntSet(distinct) if fits_intset(distinct) else Set(distinct)

    @property
    def members(self) -> list[bytes]:
        """All members; callers must not change the list."""
        return self._members

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.members)

    def __contains__(self, member: object) -> bool:
        return member in self._places

    def add(self, member: bytes) -> bool:
        """Add a member. Return whether it is new."""
        places = self._places
        if member in places:
            return False
        places[member] = len(places)
        self._members.append(member)
        return True

    def discard(self, member: bytes) -> bool:
        """Remove a member. Return whether it existed."""
        place = self._places.pop(member, None)
        if place is None:
            return False
        last = self._members.pop()
        if place < len(self._members):
            self._members[place] = last
            self._places[last] = place
        return True

    def pop(self) -> bytes:
        """Remove and return a uniformly random member."""
        member = self.pick()
        self.discard(member)
        return member

    def pick(self) -> bytes:
        """A uniformly random member."""
        members = self._members or self.members
        return members[int(random() * len(members))]

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """
        Return the next members of an SSCAN, from the highest index down. Members only move to lower indexes, so those
        that exist during the whole iteration are returned.

        @param cursor: 0 to start; else the cursor that the previous call returned.
        @return: the next cursor (0 if the iteration is complete), and the members.
        """
        members = self.members
        end = min(cursor, len(members)) if cursor else len(members)
        start = max(0, end - count)
        return start, members[start:end]

    def size(self) -> int:
        sample = [of_bytes(member) for member in islice(self._places, SAMPLE)]
        count = len(self._places)
        numbers = INT_BYTES * max(0, len(self._members) - SHARED_INTS)
        return (
            OBJECT_BYTES
            + of_list(self._members)
            + of_dict(self._places)
            + numbers
            + sum(sample) * count // max(1, len(sample))
        )

    def copy(self) -> Set:
        return type(self)(self._places)

    def release(self, most: int) -> bool:
        members = self.members
        for _ in range(min(most, len(members))):
            del self._places[members.pop()]
        return bool(members)


_UNSORTED: list[bytes] = []
"""The list of an L{IntSet} whose members have changed since they were sorted; never changed."""


class IntSet(Set):
    """
    A set that is an intset in Redis: with few members, all integers. They are in the order of their numbers.

    The list of the members is made when it is needed. The dictionary has no indexes.
    """

    __slots__ = ()

    encoding = b"intset"

    def __init__(self, members: Iterable[bytes] = ()) -> None:
        self._members = _UNSORTED
        self._places = dict.fromkeys(members, 0)

    @property
    def members(self) -> list[bytes]:
        if not self._members:
            self._members = sorted(self._places, key=int)
        return self._members

    def add(self, member: bytes) -> bool:
        places = self._places
        if member in places:
            return False
        places[member] = 0
        self._members = _UNSORTED
        if not is_integer(member) or len(places) > LIMITS.set_max_intset_entries:
            self._convert()
        return True

    def discard(self, member: bytes) -> bool:
        if member not in self._places:
            return False
        del self._places[member]
        self._members = _UNSORTED
        return True

    def pop(self) -> bytes:
        members = self.members
        member = members.pop(int(random() * len(members)))
        del self._places[member]
        return member

    def _convert(self) -> None:
        self._members = list(self._places)
        self._places = {member: place for place, member in enumerate(self._members)}
        self.convert(Set)


def fits_intset(members: dict[bytes, Any]) -> bool:
    """True if a new set of these distinct members is an intset."""
    return len(members) <= LIMITS.set_max_intset_entries and all(map(is_integer, members))
