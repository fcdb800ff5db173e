"""What HSCAN, SSCAN and ZSCAN share (https://redis.io/docs/latest/commands/scan/)."""

from __future__ import annotations

from tseep.datatypes.collection import Collection

COMPACT = (b"listpack", b"intset")
"""The encodings of small values."""


def step(value: Collection, cursor: int, count: int) -> tuple[int, int]:
    """
    Return where a step begins, and how many elements it has. As in Redis, a value in a compact encoding is returned
    whole, whatever the cursor and COUNT.
    """
    return (0, len(value)) if value.encoding() in COMPACT else (cursor, count)
