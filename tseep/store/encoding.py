"""What OBJECT tells of a value, in Redis's words: how it would be held there (redis/src/object.c)."""

from __future__ import annotations

from typing import Any, Callable, Dict

from ..numeric import integer

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


ENCODINGS: Dict[type, Callable[[Any], bytes]] = {bytes: _of_bytes, bytearray: lambda value: b"raw"}
"""By Python type of value, what names its encoding."""


def encoding(value: Any) -> bytes:
    """The name of a value's encoding."""
    return ENCODINGS[type(value)](value)


def references(value: Any) -> int:
    """How many hold the value: 1, if it is not one of the shared integers."""
    number = integer(value) if type(value) is bytes else None
    return 1 if number is None or not 0 <= number < SHARED_INTEGERS else SHARED_REFERENCES
