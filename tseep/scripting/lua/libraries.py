"""The parts of Redis's Lua libraries that work on bits and bytes: bit, struct, cmsgpack and the random numbers."""

from __future__ import annotations

import struct
from typing import Any, Callable

from tseep.errors import CommandError
from tseep.scripting.lua.arguments import MOST_RESULTS, LibraryError, as_long, low_word
from tseep.scripting.lua.structs import struct_function

__all__ = ["Random", "bit", "pack_scalar", "struct_function", "unpack_messages"]

_WORD = 0xFFFFFFFF
_BESIDE = 2.0**52 + 2.0**51


# bit


def _word(value: float) -> int:
    """The lowest 32 bits of a number, computed as in BitOp: by adding a large number, which aligns the mantissa."""
    bits: int = struct.unpack("<Q", struct.pack("<d", value + _BESIDE))[0]
    return bits & _WORD


def _signed(value: int) -> int:
    value &= _WORD
    return value - (1 << 32) if value >> 31 else value


def _fold(operation: Callable[[int, int], int]) -> Callable[..., int]:
    def fold(first: float, *others: float) -> int:
        total = _word(first)
        for other in others:
            total = operation(total, _word(other))
        return _signed(total)

    return fold


def _rotated(value: int, by: int) -> int:
    by &= 31
    return _signed(value << by | value >> (32 - by))


def _hexadecimal(value: float, digits: float = 8) -> bytes:
    count = _signed(_word(digits))
    text = b"%08x" % _word(value)
    text = text[8 - min(abs(count), 8) :]
    return text.upper() if count < 0 else text


_BIT: dict[bytes, Callable[..., Any]] = {
    b"tobit": lambda a: _signed(_word(a)),
    b"bnot": lambda a: _signed(~_word(a)),
    b"bswap": lambda a: _signed(int.from_bytes(_word(a).to_bytes(4, "little"), "big")),
    b"tohex": _hexadecimal,
    b"band": _fold(int.__and__),
    b"bor": _fold(int.__or__),
    b"bxor": _fold(int.__xor__),
    b"lshift": lambda a, by: _signed(_word(a) << (_word(by) & 31)),
    b"rshift": lambda a, by: _signed(_word(a) >> (_word(by) & 31)),
    b"arshift": lambda a, by: _signed(_word(a)) >> (_word(by) & 31),
    b"rol": lambda a, by: _rotated(_word(a), _word(by)),
    b"ror": lambda a, by: _rotated(_word(a), -_word(by)),
}


def bit(name: bytes, *arguments: Any) -> Any:
    """Call a function of LuaJIT's BitOp, whose results are signed 32-bit integers."""
    return _BIT[name](*arguments)


# math.random: the 48-bit linear congruential generator of drand48


class Random:
    """Redis's pseudo-random number generator: the same numbers for the same seed."""

    def __init__(self) -> None:
        self.seed(0)

    def seed(self, number: float) -> None:
        self._state = (as_long(number) & _WORD) << 16 | 0x330E

    def next(self) -> float:
        """The next number, from 0 up to but not including 1."""
        self._state = (self._state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
        return (self._state >> 17) % 0x7FFFFFFF / 0x7FFFFFFF


# cmsgpack


def pack_scalar(value: Any, kind: bytes) -> bytes:
    """Encode a value other than a table as MessagePack; types without an encoding become nil."""
    if kind == b"string":
        return _pack_text(value)
    if kind == b"boolean":
        return b"\xc3" if value else b"\xc2"
    if kind != b"number":
        return b"\xc0"
    if value == value and -(2.0**63) <= value < 2.0**63 and value == int(value):
        return _pack_integer(int(value))
    try:
        short = struct.pack(">f", value)
        if struct.unpack(">f", short)[0] == value:
            return b"\xca" + short
    except OverflowError:
        pass
    return b"\xcb" + struct.pack(">d", value)


def _pack_text(text: bytes) -> bytes:
    size = len(text)
    if size < 32:
        return bytes([0xA0 + size]) + text
    for mark, width in ((0xD9, 1), (0xDA, 2)):
        if size < 1 << 8 * width:
            return bytes([mark]) + size.to_bytes(width, "big") + text
    return b"\xdb" + size.to_bytes(4, "big") + text


def _pack_integer(value: int) -> bytes:
    if -32 <= value < 128:
        return bytes([value & 0xFF])
    for power, width in enumerate((1, 2, 4, 8)):
        if 0 <= value < 1 << 8 * width:
            return bytes([0xCC + power]) + value.to_bytes(width, "big")
        if value < 0 and -value <= 1 << (8 * width - 1):
            return bytes([0xD0 + power]) + value.to_bytes(width, "big", signed=True)
    raise AssertionError(value)


_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
    0xD3: ">q",
}  # fmt: skip
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}
_ARRAYS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}

_SHORT = "Missing bytes in input."
_BAD = "Bad data format in input."
_TOO_MANY = "stack overflow (too many return values at once; use unpack_one or unpack_limit instead.)"
_DEEPEST = 200


class Unpacker:
    """
    Decoder of MessagePack.

    @param table: creates a Lua table of a dictionary.
    """

    def __init__(self, data: bytes, at: int, table: Callable[[dict[Any, Any]], Any]) -> None:
        self.data = data
        self.at = at
        self._table = table

    def value(self, depth: int = 0) -> Any:
        """
        Decode the next value.

        @raise LibraryError: if it is invalid or truncated.
        """
        mark = self._take(1)[0]
        if depth > _DEEPEST:
            raise LibraryError(_BAD)
        if mark < 0x80 or mark >= 0xE0:
            return mark if mark < 0x80 else mark - 256
        if mark in _CONSTANTS:
            return _CONSTANTS[mark]
        if mark in _NUMBERS:
            how = _NUMBERS[mark]
            return float(struct.unpack(how, self._take(struct.calcsize(how)))[0])
        return self._collection(mark, depth)

    def _collection(self, mark: int, depth: int) -> Any:
        if 0xA0 <= mark < 0xC0:
            return self._take(mark - 0xA0)
        if mark in _TEXTS:
            return self._take(self._length(_TEXTS[mark]))
        if 0x90 <= mark < 0xA0 or mark in _ARRAYS:
            count = self._length(_ARRAYS[mark]) if mark in _ARRAYS else mark - 0x90
            return self._table({place: self.value(depth + 1) for place in range(1, count + 1)})
        if mark < 0x90 or mark in _MAPS:
            count = self._length(_MAPS[mark]) if mark in _MAPS else mark - 0x80
            return self._table({self._key(depth + 1): self.value(depth + 1) for _ in range(count)})
        raise LibraryError(_BAD)

    def _key(self, depth: int) -> Any:
        """A key of a map. Raises for nil and NaN, which Lua rejects: lupa would deadlock when it reports that error."""
        key = self.value(depth)
        if key is None or key != key:
            raise CommandError(f"ERR table index is {'nil' if key is None else 'NaN'}")
        return key

    def _length(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise LibraryError(_SHORT)
        self.at += count
        return part


def unpack_messages(
    name: bytes, data: bytes, limit: float, offset: float, table: Callable[[dict[Any, Any]], Any]
) -> tuple[Any, ...]:
    """Call a function of cmsgpack's unpack family; return the error, or None and the results."""
    most, start = as_long(limit), as_long(offset)
    if start < 0 or most < 0:
        text = f"Invalid request to unpack with offset of {low_word(start)} and limit of {len(data)}."
        return (text.encode(),)
    if start > len(data):
        return (f"Start offset {low_word(start)} greater than input length {len(data)}.".encode(),)
    whole = not most and not start
    unpacker = Unpacker(data, start, table)
    values: list[Any] = []
    try:
        while unpacker.at < len(data) and (whole or len(values) < most):
            values.append(unpacker.value())
            if len(values) > MOST_RESULTS:
                raise LibraryError(_TOO_MANY)
    except LibraryError as problem:
        return (problem.message,)
    if whole:
        return (None, *values)
    return (None, -1 if unpacker.at == len(data) else unpacker.at, *values)
