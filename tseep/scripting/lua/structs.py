"""C structs in strings: Roberto Ierusalimschy's C{struct} library, as in Redis."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, Callable

from tseep.scripting.lua.arguments import (
    MOST_RESULTS,
    LibraryError,
    as_long,
    bad_argument,
    number,
    require_number,
    require_text,
)

_SIZES = {"b": 1, "B": 1, "h": 2, "H": 2, "l": 8, "L": 8, "T": 8, "f": 4, "d": 8, "x": 1}
_INTEGERS = frozenset("bBhHlLTiI")
_DIGITS = frozenset("0123456789")
_MOST_BYTES = 32
_MAX_INT = 2**31 - 1
_WORD = (1 << 64) - 1
_LOWEST = -(2.0**63)


class _Format:
    """
    Parser of a format string.

    @ivar order: byte order of the next numbers.
    @ivar alignment: maximum alignment of a number.
    """

    def __init__(self, text: bytes, function: str) -> None:
        self.order: Any = "little"
        self.alignment = 1
        self._text = text.partition(b"\0")[0].decode("latin-1")
        self._function = function
        self._at = 0

    def options(self) -> Iterator[tuple[str, int]]:
        """The option letters, each with its size in bytes; 0 for options without a fixed size."""
        while self._at < len(self._text):
            letter = self._text[self._at]
            self._at += 1
            yield letter, self._size(letter)

    def padding(self, at: int, letter: str, size: int) -> int:
        """Bytes of padding before an option at offset C{at}."""
        if size == 0 or letter == "c":
            return 0
        size = min(size, self.alignment)
        return (size - (at & (size - 1))) & (size - 1)

    def control(self, letter: str) -> None:
        """
        Apply an option that changes byte order or alignment.

        @raise LibraryError: if the letter is not an option.
        """
        if letter in "<>":
            self.order = "little" if letter == "<" else "big"
        elif letter == "!":
            self.alignment = self._number(8)
            if self.alignment < 1 or self.alignment & (self.alignment - 1):
                raise LibraryError(f"alignment {self.alignment} is not a power of 2")
        elif letter != " ":
            raise bad_argument(1, self._function, f"invalid format option '{letter}'")

    def _size(self, letter: str) -> int:
        if letter == "c":
            return self._number(1)
        if letter not in "iI":
            return _SIZES.get(letter, 0)
        size = self._number(4)
        if size > _MOST_BYTES:
            raise LibraryError(f"integral size {size} is larger than limit of {_MOST_BYTES}")
        return size

    def _number(self, default: int) -> int:
        """The number at the current position, or C{default}."""
        first = self._at
        while self._text[self._at : self._at + 1] in _DIGITS:
            self._at += 1
        digits = self._text[first : self._at].lstrip("0")
        if len(digits) > 10 or int(digits or 0) > _MAX_INT:
            raise LibraryError("integral size overflow")
        return int(digits or 0) if self._at > first else default


def _pack(text: bytes, *values: Any) -> bytes:
    format, packed = _Format(text, "pack"), bytearray()
    rest = iter([*enumerate(values, 2), (len(values) + 2, None)])  # a missing argument is nil, as in Redis
    for letter, size in format.options():
        packed += bytes(format.padding(len(packed), letter, size))
        if letter in _INTEGERS:
            packed += _integer(*next(rest), size, format.order)
        elif letter in "fd":
            packed += _float(*next(rest), _code(letter, format))
        elif letter in "cs":
            packed += _text(*next(rest), size) + (b"\0" if letter == "s" else b"")
        elif letter == "x":
            packed.append(0)
        else:
            format.control(letter)
    return bytes(packed)


def _code(letter: str, format: _Format) -> str:
    """The format of a float for Python's C{struct}."""
    return (">" if format.order == "big" else "<") + letter


def _integer(place: int, value: Any, size: int, order: Any) -> bytes:
    whole = _as_c(require_number(place, "pack", value))
    return (whole & ((1 << 8 * size) - 1)).to_bytes(size, order)


def _as_c(value: float) -> int:
    """The number as C converts it to 64 bits on x86-64."""
    if value != value or value < _LOWEST:
        return 1 << 63
    return 0 if value == math.inf else int(value) & _WORD


def _float(place: int, value: Any, code: str) -> bytes:
    value = require_number(place, "pack", value)
    try:
        return struct.pack(code, value)
    except OverflowError:
        return struct.pack(code, math.copysign(math.inf, value))


def _text(place: int, value: Any, size: int) -> bytes:
    text = require_text(place, "pack", value)
    if len(text) < size:
        raise bad_argument(place + 1, "pack", "string too short")
    return text[: size or len(text)]


def _unpack(text: bytes, *rest: Any) -> list[Any]:
    data = require_text(2, "unpack", *rest[:1])
    start = as_long(require_number(3, "unpack", rest[1])) if rest[1:] and rest[1] is not None else 1
    if start == 0:
        raise bad_argument(3, "unpack", "offset must be 1 or greater")
    format, reader = _Format(text, "unpack"), _Reader(data, start - 1)
    for letter, size in format.options():
        reader.require(size)
        reader.at += format.padding(reader.at, letter, size)
        reader.require(size)
        if letter in _INTEGERS:
            reader.values.append(_read_integer(reader.take(size), format.order, letter.islower()))
        elif letter in "fd":
            reader.values.append(struct.unpack(_code(letter, format), reader.take(size))[0])
        elif letter == "c":
            reader.values.append(reader.take(size or reader.previous_size()))
        elif letter == "s":
            reader.values.append(reader.take_line())
        elif letter == "x":
            reader.take(1)
        else:
            format.control(letter)
        if len(reader.values) > MOST_RESULTS:
            raise LibraryError("stack overflow (too many results)")
    return [*reader.values, reader.at + 1]


class _Reader:
    """
    A string to unpack, and the values unpacked so far.

    @ivar at: the offset of the next byte.
    """

    def __init__(self, data: bytes, at: int) -> None:
        self.at = at
        self.values: list[Any] = []
        self._data = data

    def require(self, size: int) -> None:
        """Raise an error if fewer than C{size} bytes are left."""
        if size < 0 or self.at < 0 or self.at + size > len(self._data):
            raise bad_argument(2, "unpack", "data string too short")

    def take(self, size: int) -> bytes:
        self.require(size)
        self.at += size
        return self._data[self.at - size : self.at]

    def take_line(self) -> bytes:
        """The bytes before the next zero byte."""
        end = self._data.find(b"\0", self.at)
        if end < 0:
            raise LibraryError("unfinished string in data")
        line = self._data[self.at : end]
        self.at = end + 1
        return line

    def previous_size(self) -> int:
        """Remove the last value, and return it as a size."""
        size = number(self.values.pop()) if self.values else None
        if size is None:
            raise LibraryError("format 'c0' needs a previous size")
        return _as_c(size)


def _read_integer(part: bytes, order: Any, signed: bool) -> float:
    value = int.from_bytes(part, order) & _WORD
    if not signed:
        return float(value)
    mask = _WORD << ((len(part) * 8 - 1) & 63) & _WORD
    if value & mask:
        value |= mask
    return float(value - (1 << 64) if value >> 63 else value)


def _size(text: bytes, *_: Any) -> int:
    format, total = _Format(text, "size"), 0
    for letter, size in format.options():
        total += format.padding(total, letter, size)
        if letter == "s" or (letter == "c" and size == 0):
            raise bad_argument(1, "size", f"option '{'s' if letter == 's' else 'c0'}' has no fixed size")
        if not (letter.isascii() and letter.isalnum()):
            format.control(letter)
        total += size
    return total


_FUNCTIONS: dict[bytes, Callable[..., Any]] = {b"pack": _pack, b"unpack": _unpack, b"size": _size}


def struct_function(name: bytes, *arguments: Any) -> tuple[Any, ...]:
    """
    Call a function of the C{struct} library.

    @return: the error, or None and the results.
    """
    try:
        text = require_text(1, name.decode(), *arguments[:1])
        result = _FUNCTIONS[name](text, *arguments[1:])
    except LibraryError as problem:
        return (problem.message,)
    return (None, *result) if type(result) is list else (None, result)
