"""What HSCAN, SSCAN and ZSCAN share (https://redis.io/docs/latest/commands/scan/)."""

from __future__ import annotations

from typing import Any

from tseep.datatypes.collection import Collection

SCAN_SYNTAX = "key cursor [MATCH pattern] [COUNT count]"
SCANNING: dict[str, Any] = {
    "arity": -3,
    "flags": "readonly",
    "keys": (1, 1, 1),
    "access": "RO ACCESS",
    "since": "2.8.0",
    "complexity": "O(1) for a call, O(N) for a whole walk through N elements.",
    "tips": "nondeterministic_output",
    "syntax": SCAN_SYNTAX,
}
"""What the command table says of all three."""

COMPACT = (b"listpack", b"intset")
"""The encodings of small values."""


def step(value: Collection, cursor: int, count: int) -> tuple[int, int]:
    """
    Return where a step begins, and how many elements it has. As in Redis, a value in a compact encoding is returned
    whole, whatever the cursor and COUNT.
    """
    return (0, len(value)) if value.encoding() in COMPACT else (cursor, count)
