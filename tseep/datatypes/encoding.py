"""What OBJECT tells of a value, in Redis's words: how it would be held there (redis/src/object.c)."""

from __future__ import annotations

from typing import Any

from tseep.algorithms.numeric import integer
from tseep.datatypes.collection import Collection

LONGEST_EMBEDDED = 44
"""Bytes of the longest string that Redis allocates together with its header."""

SHARED_INTEGERS = 10_000
"""The integers from 0 on that Redis holds once for all."""

SHARED_REFERENCES = 2**31 - 1
"""The number of references that stands for "shared, and never freed"."""


def _of_bytes(value: bytes) -> bytes:
    if len(value) <= LONGEST_EMBEDDED:
        return b"embstr" if integer(value) is None else b"int"
    return b"raw"


def encoding(value: bytes | bytearray | Collection) -> bytes:
    """The name of a value's encoding."""
    if isinstance(value, Collection):
        return value.encoding()
    return b"raw" if isinstance(value, bytearray) else _of_bytes(value)


def references(value: Any) -> int:
    """How many hold the value: 1, if it is not one of the shared integers."""
    number = integer(value) if type(value) is bytes else None
    return 1 if number is None or not 0 <= number < SHARED_INTEGERS else SHARED_REFERENCES
