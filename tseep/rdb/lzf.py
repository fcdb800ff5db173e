"""Strings that Redis has compressed with LZF (redis/src/lzf_d.c). Nothing is compressed here."""

from __future__ import annotations

from tseep.rdb.format import Corrupt

LITERAL = 32
"""A control byte below this says how many bytes, less one, follow as they are."""


def decompress(packed: bytes, size: int) -> bytes:
    """
    What C{packed} was made of.

    @param size: how long that is.
    @raise Corrupt: if it is not.
    """
    out = bytearray()
    at, end = 0, len(packed)
    while at < end and len(out) <= size:
        control = packed[at]
        at += 1
        if control < LITERAL:
            out += packed[at : at + control + 1]
            at += control + 1
        else:
            at = _repeat(packed, at, control, out)
    if at != end or len(out) != size:
        raise Corrupt("a compressed string is damaged")
    return bytes(out)


def _repeat(packed: bytes, at: int, control: int, out: bytearray) -> int:
    """Add what stands further back once more; return where the next control byte is."""
    count = (control >> 5) + 2
    if count == 9:
        count += packed[at]
        at += 1
    back = ((control & 31) << 8 | packed[at]) + 1
    start = len(out) - back
    if start < 0:
        raise Corrupt("a compressed string is damaged")
    if back >= count:
        out += out[start : start + count]
    else:  # it overlaps with what it makes
        out += (out[start:] * (count // back + 1))[:count]
    return at + 1
