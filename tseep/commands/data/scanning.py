"""Common part of HSCAN, SSCAN and ZSCAN (https://redis.io/docs/latest/commands/scan/)."""

from __future__ import annotations

from tseep.datatypes.collection import Collection

COMPACT = (b"listpack", b"intset")
"""The encodings of small values."""


def step(value: Collection, cursor: int, count: int) -> tuple[int, int]:
    """
    Return the position and the number of elements of a step. As in Redis, a step returns all elements of a value in a
    compact encoding, regardless of the cursor and COUNT.
    """
    return (0, len(value)) if value.encoding() in COMPACT else (cursor, count)
