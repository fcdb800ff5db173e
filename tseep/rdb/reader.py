"""Decoder of RDB's primitive types, the inverse of L{format}."""

from __future__ import annotations

from mmap import mmap
from struct import error, unpack_from
from typing import Union

from tseep.rdb.format import Corrupt
from tseep.rdb.lzf import decompress

Source = Union[bytes, mmap]

_INTEGERS = (1, 2, 4)
_COMPRESSED = 3
_TEXTS = {253: float("nan"), 254: float("inf"), 255: float("-inf")}


class Reader:
    """
    RDB data and a position in it.

    Every method raises L{Corrupt} or another error of L{DAMAGED} if the data are damaged or truncated.

    @ivar data: the whole data.
    @ivar at: the offset of the next byte.
    @ivar end: the offset after the last byte.
    """

    __slots__ = ("at", "data", "end")

    def __init__(self, data: Source, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = at
        self.end = len(data) if end is None else end

    def take(self, size: int) -> bytes:
        start = self.at
        self.at = stop = start + size
        if stop > self.end:
            raise Corrupt("unexpected end of data")
        return self.data[start:stop]

    def byte(self) -> int:
        at = self.at
        if at >= self.end:
            raise Corrupt("unexpected end of data")
        self.at = at + 1
        return self.data[at]

    def length(self) -> int:
        """A length or another non-negative integer."""
        first = self.byte()
        if first < 0x40:
            return first
        return self._longer(first)

    def _longer(self, first: int) -> int:
        if first < 0x80:
            return (first & 0x3F) << 8 | self.byte()
        if first == 0x80:
            return int.from_bytes(self.take(4), "big")
        if first == 0x81:
            return int.from_bytes(self.take(8), "big")
        raise Corrupt("a length has an unknown encoding")

    def string(self) -> bytes:
        """A string, whatever its encoding: plain, integer or LZF."""
        at = self.at
        first = self.data[at]
        if first < 0x40:
            self.at = stop = at + 1 + first
            if stop > self.end:
                raise Corrupt("unexpected end of data")
            return self.data[at + 1 : stop]
        self.at = at + 1
        if first < 0xC0:
            return self.take(self._longer(first))
        return self._special(first & 0x3F)

    def _special(self, kind: int) -> bytes:
        if kind < len(_INTEGERS):
            return b"%d" % int.from_bytes(self.take(_INTEGERS[kind]), "little", signed=True)
        if kind != _COMPRESSED:
            raise Corrupt("a string has an unknown encoding")
        packed, size = self.length(), self.length()
        return decompress(self.take(packed), size)

    def double(self) -> float:
        """A double in binary, as in ZSET_2."""
        value: float = unpack_from("<d", self.take(8))[0]
        return value

    def double_as_text(self) -> float:
        """A double as text, as in the old type ZSET."""
        size = self.byte()
        return _TEXTS[size] if size in _TEXTS else float(self.take(size))

    def milliseconds(self) -> int:
        """A Unix time in milliseconds."""
        when: int = unpack_from("<q", self.take(8))[0]
        return when


DAMAGED = (Corrupt, IndexError, ValueError, OverflowError, error)
"""The exceptions that damaged data can cause."""
