"""LZF, the compression of strings in RDB (redis/src/lzf_d.c, lzf_c.c)."""

from __future__ import annotations

from tseep.rdb.format import Corrupt

LITERAL = 32
"""A smaller control byte is followed by that number of literal bytes, plus one."""

MAX_BACK = 8192
"""The longest distance of a back reference, in bytes."""

MAX_MATCH = 264
"""The longest back reference, in bytes."""

SAMPLE = 64
"""Bytes of a sample that must recur in a string for L{compress} to try. The string has four times as many or more."""


def compress(text: bytes | bytearray) -> bytes:
    """
    Compress a string that repeats itself at length, such as one with padding or of equal records.

    Compression in Python takes a tenth of a microsecond or more for each match and literal byte. Other strings are not
    worth that: they have so many of them that a snapshot would take several times as long.

    @return: the compressed string; empty if the string does not repeat itself, or would hardly become shorter.
    """
    size = len(text)
    samples = () if size < 4 * SAMPLE else (size // 4, size // 2)
    if not samples or any(text.find(text[at : at + SAMPLE], at + 1, at + MAX_BACK) < 0 for at in samples):
        return b""
    packed = _compress(bytes(text))
    return packed if len(packed) < size // 2 else b""


def _compress(text: bytes) -> bytes:
    out = bytearray()
    last: dict[bytes, int] = {}  # where three bytes were seen last
    at = literals = 0
    while at < len(text) - 2:
        begin = text[at : at + 3]
        before = last.get(begin, -MAX_BACK)
        last[begin] = at
        back = at - before
        if back > MAX_BACK or before < 0:
            at += 1
            continue
        _add_literals(out, text[literals:at])
        count = _match(text, before, at)
        if count < 9:
            out.append(count - 2 << 5 | back - 1 >> 8)
        else:
            out += bytes([7 << 5 | back - 1 >> 8, count - 9])
        out.append(back - 1 & 0xFF)
        at = literals = at + count
    _add_literals(out, text[literals:])
    return bytes(out)


def _add_literals(out: bytearray, text: bytes) -> None:
    for at in range(0, len(text), LITERAL):
        part = text[at : at + LITERAL]
        out.append(len(part) - 1)
        out += part


def _match(text: bytes, before: int, at: int) -> int:
    """The number of equal bytes at two offsets, which is 3 at least, up to L{MAX_MATCH}."""
    count, most = 3, min(MAX_MATCH, len(text) - at)
    step = most
    while step:
        while (
            count + step <= most
            and text[before + count : before + count + step] == text[at + count : at + count + step]
        ):
            count += step
        step >>= 1
    return count


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
