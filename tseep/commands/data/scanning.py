"""Common part of SCAN, HSCAN, SSCAN and ZSCAN (https://redis.io/docs/latest/commands/scan/)."""

from __future__ import annotations

from typing import Callable, Union

from tseep.datatypes.hash import Hash
from tseep.datatypes.set import Set
from tseep.datatypes.sorted_set import SortedSet

COMPACT = (b"listpack", b"intset")
"""The encodings of small values."""

_FACTOR = 65_521

Walk = Callable[[int, int], tuple[int, list[bytes]]]
"""
Function from a position, 0 to start, and a number of elements to the next position, 0 at the end, and the elements.
"""


def step(walk: Walk, cursor: int, count: int) -> tuple[bytes, list[bytes]]:
    """
    Return the next cursor and the elements of a step.

    A cursor is a multiple of C{_FACTOR}, so that nearly all numbers are known not to be one. Such a number ends the
    iteration without elements, while Redis returns the elements of some buckets, or none.
    """
    position, rest = divmod(cursor, _FACTOR)
    if rest:
        return b"0", []
    position, elements = walk(position, count)
    return b"%d" % (position * _FACTOR), elements


def step_of_value(value: Union[Hash, Set, SortedSet], walk: Walk, cursor: int, count: int) -> tuple[bytes, list[bytes]]:
    """As L{step}; but a step returns all of a value in a compact encoding, whatever the cursor and COUNT are."""
    return (b"0", list(value)) if value.encoding in COMPACT else step(walk, cursor, count)
