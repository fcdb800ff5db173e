"""Decompression of LZF strings (redis/src/lzf_d.c). tseep does not compress strings itself."""

from __future__ import annotations

from tseep.rdb.format import Corrupt

LITERAL = 32
"""A smaller control byte is followed by that number of literal bytes, plus one."""


def decompress(packed: bytes, size: int) -> bytes:
    """
    Decompress a string.

    @param size: its uncompressed size.
    @raise Corrupt: if it is damaged or has another size.
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
    """Append a back reference; return the offset of the next control byte."""
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
    else:  # the reference overlaps its own output
        out += (out[start:] * (count // back + 1))[:count]
    return at + 1
