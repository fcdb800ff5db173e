"""Listpacks, and decoders of the older packed encodings: ziplists, intsets and zipmaps."""

from __future__ import annotations

from collections.abc import Iterable
from struct import pack, unpack_from
from typing import Union

from tseep.rdb.format import Corrupt

Element = Union[int, bytes]

_END = 0xFF
_HEADER = 6  # of a listpack: its size and its number of elements
_MOST_COUNTED = 0xFFFF


def as_bytes(element: Element) -> bytes:
    """The element as a string, as clients see it."""
    return element if isinstance(element, bytes) else b"%d" % element


# Listpacks


def write_listpack(elements: Iterable[Element]) -> bytes:
    """Encode strings, and integers of up to 64 bits, as a listpack."""
    entries = [_entry(element) for element in elements]
    body = b"".join(entries)
    return pack("<IH", _HEADER + len(body) + 1, min(len(entries), _MOST_COUNTED)) + body + b"\xff"


def _entry(element: Element) -> bytes:
    entry = _string(element) if type(element) is bytes else _integer(element)  # type: ignore[arg-type]
    return entry + _back_length(len(entry))


def _integer(number: int) -> bytes:
    if 0 <= number < 128:
        return bytes([number])
    if -4096 <= number < 4096:
        return pack(">H", 0xC000 | number & 0x1FFF)
    for mark, size in ((0xF1, 2), (0xF2, 3), (0xF3, 4), (0xF4, 8)):
        if -(1 << 8 * size - 1) <= number < 1 << 8 * size - 1:
            return bytes([mark]) + number.to_bytes(size, "little", signed=True)
    raise ValueError(f"{number} does not fit into 64 bits")


def _string(text: bytes) -> bytes:
    size = len(text)
    if size < 64:
        return bytes([0x80 | size]) + text
    if size < 4096:
        return pack(">H", 0xE000 | size) + text
    return b"\xf0" + pack("<I", size) + text


def _back_length(size: int) -> bytes:
    """The size of an entry, for reverse iteration: 7 bits per byte, the high bit set in all but the first."""
    groups = 1 + (size > 127) + (size >= 16383) + (size >= 2097151) + (size >= 268435455)
    marked = [size >> 7 * group & 127 | 128 for group in range(groups)]
    marked[-1] &= 127
    return bytes(reversed(marked))


def read_listpack(data: bytes) -> list[Element]:
    """
    Decode a listpack.

    @raise Corrupt: if it is damaged.
    """
    if len(data) <= _HEADER or unpack_from("<I", data)[0] != len(data):
        raise Corrupt("a listpack's size is not the one in its header")
    elements: list[Element] = []
    at = _HEADER
    while data[at] != _END:
        start, at = at, _read_entry(data, at, elements)
        back = _back_length(at - start)
        if not data.startswith(back, at):
            raise Corrupt("a listpack has an entry with a wrong size")
        at += len(back)
    counted = unpack_from("<H", data, 4)[0]
    if at + 1 != len(data) or counted not in (len(elements), _MOST_COUNTED):
        raise Corrupt("a listpack's end does not match its header")
    return elements


def _read_entry(data: bytes, at: int, elements: list[Element]) -> int:
    """Decode the entry at an offset; return the offset after it."""
    mark = data[at]
    if mark < 0x80:
        elements.append(mark)
        return at + 1
    if mark < 0xC0:
        return _take(data, at + 1, mark & 0x3F, elements)
    if mark < 0xE0:
        number = (mark & 0x1F) << 8 | data[at + 1]
        elements.append(number - 8192 if number >= 4096 else number)
        return at + 2
    if mark < 0xF0:
        return _take(data, at + 2, (mark & 0x0F) << 8 | data[at + 1], elements)
    if mark == 0xF0:
        return _take(data, at + 5, unpack_from("<I", data, at + 1)[0], elements)
    if mark > 0xF4:
        raise Corrupt("a listpack has an entry of unknown encoding")
    return _take_integer(data, at + 1, (2, 3, 4, 8)[mark - 0xF1], elements)


def _take(data: bytes, at: int, size: int, elements: list[Element]) -> int:
    if at + size >= len(data):
        raise Corrupt("packed elements are truncated")
    elements.append(bytes(data[at : at + size]))
    return at + size


def _take_integer(data: bytes, at: int, size: int, elements: list[Element]) -> int:
    if at + size >= len(data):
        raise Corrupt("packed elements are truncated")
    elements.append(int.from_bytes(data[at : at + size], "little", signed=True))
    return at + size


# Ziplists (before Redis 7.0)


def read_ziplist(data: bytes) -> list[Element]:
    """
    Decode a ziplist.

    @raise Corrupt: if it is damaged.
    """
    if len(data) < 11 or unpack_from("<I", data)[0] != len(data):
        raise Corrupt("a ziplist's size is not the one in its header")
    elements: list[Element] = []
    at = last = 10
    while data[at] != _END:
        if _previous_size(data, at) != at - last:
            raise Corrupt("a ziplist has an entry with a wrong size of the entry before it")
        last = at
        at += 5 if data[at] == 0xFE else 1
        at = _read_ziplist_entry(data, at, elements)
    tail, counted = unpack_from("<IH", data, 4)
    if at + 1 != len(data) or tail != last or counted not in (len(elements), _MOST_COUNTED):
        raise Corrupt("a ziplist's end does not match its header")
    return elements


def _previous_size(data: bytes, at: int) -> int:
    """The size of the entry before the one at an offset, as this one has it."""
    return int(unpack_from("<I", data, at + 1)[0]) if data[at] == 0xFE else data[at]


def _read_ziplist_entry(data: bytes, at: int, elements: list[Element]) -> int:
    mark = data[at]
    if mark < 0x40:
        return _take(data, at + 1, mark, elements)
    if mark < 0x80:
        return _take(data, at + 2, (mark & 0x3F) << 8 | data[at + 1], elements)
    if mark == 0x80:
        return _take(data, at + 5, unpack_from(">I", data, at + 1)[0], elements)
    size = {0xC0: 2, 0xD0: 4, 0xE0: 8, 0xF0: 3, 0xFE: 1}.get(mark)
    if size is not None:
        return _take_integer(data, at + 1, size, elements)
    if not 0xF1 <= mark <= 0xFD:
        raise Corrupt("a ziplist has an entry of unknown encoding")
    elements.append(mark - 0xF1)
    return at + 1


# Intsets and zipmaps


def read_intset(data: bytes) -> list[bytes]:
    """
    Decode an intset.

    @raise Corrupt: if it is damaged.
    """
    if len(data) < 8:
        raise Corrupt("an intset is truncated")
    size, count = unpack_from("<II", data)
    if size not in (2, 4, 8) or len(data) != 8 + size * count:
        raise Corrupt("an intset's size does not match its header")
    places = range(8, len(data), size)
    return [b"%d" % int.from_bytes(data[at : at + size], "little", signed=True) for at in places]


def read_zipmap(data: bytes) -> list[Element]:
    """
    Decode a zipmap (before Redis 2.6): the fields of a hash, each followed by its value.

    @raise Corrupt: if it is damaged.
    """
    elements: list[Element] = []
    at = 1
    while data[at] != _END:
        at = _read_zipmap_text(data, at, 0, elements)
        at = _read_zipmap_text(data, at, 1, elements)
    if at + 1 != len(data) or not elements:
        raise Corrupt("a zipmap is empty, or its end does not match its header")
    return elements


def _read_zipmap_text(data: bytes, at: int, spare: int, elements: list[Element]) -> int:
    """Decode a string; if C{spare} is 1, a byte before it has the number of unused bytes after it."""
    size = data[at]
    at += 1
    if size == 0xFE:
        size = unpack_from("<I", data, at)[0]
        at += 4
        if size < 0xFE:
            raise Corrupt("a zipmap has a short string with a long size")
    free = data[at] if spare else 0
    return _take(data, at + spare, size, elements) + free
