"""Positions in a dictionary: SCAN's iteration without state, and random keys."""

from __future__ import annotations

import random
from itertools import islice
from typing import Any

SCAN_STEPS = 1000
"""Approximate maximum number of SCAN calls that iterate over a large database, however small their COUNT."""


def walk(entries: dict[bytes, Any], cursor: int, count: int) -> tuple[int, list[bytes]]:
    """
    Return the next keys of a SCAN, which iterates over a dictionary from its newest entry to its oldest.

    The cursor is the number of entries that are left. New entries are added at the end that was already visited, and
    removals only move the others further down. So entries that exist during the whole iteration are returned at least
    once: the guarantee of SCAN (https://redis.io/docs/latest/commands/scan/), without any state. An entry that is
    removed before it was returned moves one that was returned below the cursor, which is returned again.

    Skipping to a position costs a few nanoseconds an entry from the nearer end, so a call returns at least a
    L{SCAN_STEPS}th of a large dictionary.

    @return: the next cursor (0 if the iteration is complete), and the keys.
    """
    size = len(entries)
    end = min(cursor, size) if cursor > 0 else size
    start = max(0, end - max(count, size // SCAN_STEPS))
    return start, _between(entries, start, end)


def pick(entries: dict[bytes, Any]) -> bytes:
    """A uniformly random key of a dictionary. O(N) steps of a few nanoseconds."""
    at = random.randrange(len(entries))
    return _between(entries, at, at + 1)[0]


def _between(entries: dict[bytes, Any], start: int, end: int) -> list[bytes]:
    """The keys from position C{start} to before C{end}, in order from the nearer end of the dictionary."""
    size = len(entries)
    if start < size - end:
        return list(islice(entries, start, end))
    return list(islice(reversed(entries), size - end, size - start))
