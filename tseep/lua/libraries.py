"""Those parts of Redis's Lua libraries that do with bits and bytes: bit, struct, cmsgpack and the random numbers."""

from __future__ import annotations

import math
import struct
from typing import Any, Callable, Dict, Iterator, List, Tuple

_WORD = 0xFFFFFFFF


class Malformed(Exception):
    """What a script gave to a library makes no sense; the text says why."""


def number(value: Any) -> float:
    """An argument that Lua takes for a number: one, or a text of one."""
    if type(value) is bytes:
        text = value.strip().decode("latin-1")
        return float.fromhex(text) if text[:3].lower().lstrip("-").startswith("0x") else float(text)
    return value


# bit


def _word(value: Any) -> int:
    value = number(value)
    if value != value or value in (math.inf, -math.inf):
        return 0
    return round(value) & _WORD


def _signed(value: int) -> int:
    value &= _WORD
    return value - (1 << 32) if value >> 31 else value


def _fold(operation: Callable[[int, int], int]) -> Callable[..., int]:
    def fold(first: Any, *others: Any) -> int:
        total = _word(first)
        for other in others:
            total = operation(total, _word(other))
        return _signed(total)

    return fold


def _rotated(value: int, by: int) -> int:
    by &= 31
    return _signed(value << by | value >> (32 - by))


def _hexadecimal(value: Any, digits: Any = 8) -> bytes:
    """The last digits of a word, in capitals if their number is negative."""
    count = _signed(_word(digits))
    text = (b"%08x" % _word(value))[8 - min(abs(count), 8) :]
    return text if count > 0 else text.upper()


_BIT: Dict[bytes, Callable[..., Any]] = {
    b"tobit": lambda a, *_: _signed(_word(a)),
    b"bnot": lambda a, *_: _signed(~_word(a)),
    b"bswap": lambda a, *_: _signed(int.from_bytes(_word(a).to_bytes(4, "little"), "big")),
    b"tohex": lambda a, digits=8, *_: _hexadecimal(a, digits),
    b"band": _fold(int.__and__),
    b"bor": _fold(int.__or__),
    b"bxor": _fold(int.__xor__),
    b"lshift": lambda a, by, *_: _signed(_word(a) << (_word(by) & 31)),
    b"rshift": lambda a, by, *_: _signed(_word(a) >> (_word(by) & 31)),
    b"arshift": lambda a, by, *_: _signed(_word(a)) >> (_word(by) & 31),
    b"rol": lambda a, by, *_: _rotated(_word(a), _word(by)),
    b"ror": lambda a, by, *_: _rotated(_word(a), -_word(by)),
}


def bit(name: bytes, *arguments: Any) -> Any:
    """One function of LuaJIT's BitOp, whose results are signed words of 32 bits."""
    return _BIT[name](*arguments)


# math.random: a linear congruence of 48 bits, as drand48's


class Random:
    """Numbers that are the same after the same seed: those of Redis."""

    def __init__(self) -> None:
        self.seed(0)

    def seed(self, number: float) -> None:
        """Begin again."""
        self._state = (int(number) & _WORD) << 16 | 0x330E

    def next(self) -> float:
        """A number from 0 up to 1, that not included."""
        self._state = (self._state * 0x5DEECE66D + 0xB) & 0xFFFFFFFFFFFF
        return (self._state >> 17) % 0x7FFFFFFF / 0x7FFFFFFF


# struct

_NATIVE = {"b": 1, "B": 1, "h": 2, "H": 2, "l": 8, "L": 8, "T": 8, "i": 4, "I": 4, "f": 4, "d": 8, "x": 1}
_MOST_BYTES = 32
_Item = Tuple[str, int, str, int]


def _count(format: str, at: int) -> Tuple[int, int]:
    """The number at a place of a format, -1 for none, and what follows it."""
    end = at
    while end < len(format) and format[end].isdigit():
        end += 1
    if end - at > 9:
        raise Malformed("#1 to '%s' (integral size overflow)")
    return (int(format[at:end]) if end > at else -1), end


def _items(format: str, name: str) -> Iterator[_Item]:
    """The options of a format: letter, size, byte order, and what is to be skipped before it for C{!}."""
    order, most_aligned, at = "little", 1, 0
    while at < len(format):
        letter = format[at]
        size, at = _count(format, at + 1) if letter in "!iIcs" else (-1, at + 1)
        if letter in "<>":
            order = "little" if letter == "<" else "big"
        elif letter == "!":
            most_aligned = size if size > 0 else 8
            if most_aligned & (most_aligned - 1):
                raise Malformed(f"#1 to '{name}' (alignment is not a power of 2)")
        elif letter == "c":
            yield letter, 1 if size < 0 else size, order, 1
        elif letter == "s":
            yield letter, 0, order, 1
        elif letter in _NATIVE:
            size = _NATIVE[letter] if size <= 0 else size
            if size > _MOST_BYTES:
                raise Malformed(f"#1 to '{name}' (integral size {size} is larger than limit of {_MOST_BYTES})")
            yield letter, size, order, 1 if letter == "x" else min(size, most_aligned)
        elif letter != " ":
            raise Malformed(f"#1 to '{name}' (invalid format option '{letter}')")


def _padding(at: int, aligned: int) -> int:
    return -at % aligned if aligned > 1 else 0


def _struct_pack(format: bytes, *values: Any) -> Tuple[Any, ...]:
    packed = bytearray()
    rest = iter(enumerate(values, 2))
    for letter, size, order, aligned in _items(format.decode("latin-1"), "pack"):
        packed += bytes(_padding(len(packed), aligned))
        if letter == "x":
            packed.append(0)
            continue
        place, value = next(rest, (len(values) + 2, Malformed))
        if letter in "cs":
            packed += _packed_text(letter, size, value, place)
        else:
            packed += _packed_number(letter, size, order, value, place)
    return None, bytes(packed)


def _packed_text(letter: str, size: int, value: Any, place: int) -> bytes:
    if type(value) in (int, float):
        value = b"%.14g" % value
    if type(value) is not bytes:
        raise Malformed(f"#{place} to 'pack' (string expected, got {_type_name(value)})")
    if letter == "s":
        return value + b"\0"
    if len(value) < size:
        raise Malformed(f"#{place} to 'pack' (string too short)")
    return value[: size or len(value)]


def _packed_number(letter: str, size: int, order: str, value: Any, place: int) -> bytes:
    try:
        value = number(value)
        if letter in "fd":
            return struct.pack((">" if order == "big" else "<") + letter, value)
        whole = int(value) & ((1 << 64) - 1)
    except OverflowError:
        return (
            struct.pack((">" if order == "big" else "<") + letter, math.copysign(math.inf, value))
            if letter == "f"
            else bytes(size)
        )
    except (TypeError, ValueError, struct.error):
        raise Malformed(f"#{place} to 'pack' (number expected, got {_type_name(value)})") from None
    return (whole & ((1 << 8 * size) - 1)).to_bytes(size, order)  # type: ignore[arg-type]


def _type_name(value: Any) -> str:
    if value is Malformed:
        return "no value"
    return {bytes: "string", bool: "boolean", int: "number", float: "number", type(None): "nil"}.get(
        type(value), "table"
    )


def _struct_unpack(format: bytes, data: bytes, start: Any = 1, *_: Any) -> Tuple[Any, ...]:
    if type(data) is not bytes:
        raise Malformed(f"#2 to 'unpack' (string expected, got {_type_name(data)})")
    at = int(number(start)) - 1
    if at < 0:
        raise Malformed("#3 to 'unpack' (offset must be 1 or greater)")
    values: List[Any] = []
    for letter, size, order, aligned in _items(format.decode("latin-1"), "unpack"):
        at += _padding(at, aligned)
        if letter == "c" and size == 0:
            if not values or type(values[-1]) not in (int, float):
                raise Malformed("#1 to 'unpack' (format 'c0' needs a previous size)")
            size = int(values.pop())
        end = data.find(b"\0", at) + 1 if letter == "s" else at + size
        if letter == "s" and not end:
            raise Malformed("#2 to 'unpack' (unfinished string in data)")
        if size < 0 or end > len(data):
            raise Malformed("#2 to 'unpack' (data string too short)")
        if letter != "x":
            values.append(_unpacked(letter, order, data[at:end]))
        at = end
    return (None, *values, at + 1)


def _unpacked(letter: str, order: str, part: bytes) -> Any:
    if letter in "cs":
        return part[:-1] if letter == "s" else part
    if letter in "fd":
        return struct.unpack((">" if order == "big" else "<") + letter, part)[0]
    return float(int.from_bytes(part, order, signed=letter in "bhli"))  # type: ignore[arg-type]


def _struct_size(format: bytes, *_: Any) -> Tuple[Any, ...]:
    size = 0
    for letter, length, _order, aligned in _items(format.decode("latin-1"), "size"):
        if letter == "s" or (letter == "c" and not length):
            shown = "s" if letter == "s" else "c0"
            raise Malformed(f"#1 to 'size' (option '{shown}' has no fixed size)")
        size += _padding(size, aligned) + length
    return None, size


_STRUCT: Dict[bytes, Callable[..., Tuple[Any, ...]]] = {
    b"pack": _struct_pack,
    b"unpack": _struct_unpack,
    b"size": _struct_size,
}


def struct_function(name: bytes, *arguments: Any) -> Tuple[Any, ...]:
    """One function of Roberto Ierusalimschy's struct: what was wrong, or None and the results."""
    function = name.decode()
    if not arguments or type(arguments[0]) is not bytes:
        got = _type_name(arguments[0]) if arguments else "no value"
        return (f"#1 to '{function}' (string expected, got {got})".encode(),)
    if name == b"unpack" and len(arguments) < 2:
        return (b"#2 to 'unpack' (string expected, got no value)",)
    try:
        return _STRUCT[name](*arguments)
    except Malformed as problem:
        return (str(problem).replace("%s", function).encode(),)


# cmsgpack


def pack_scalar(value: Any, kind: bytes) -> bytes:
    """A value that is no table, in MessagePack; what it has nothing for becomes nil."""
    if kind == b"string":
        return _pack_text(value)
    if kind == b"boolean":
        return b"\xc3" if value else b"\xc2"
    if kind != b"number":
        return b"\xc0"
    if value == value and abs(value) < 2**63 and value == int(value):
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
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
    0xD3: ">q",
}  # fmt: skip
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4, 0xC4: 1, 0xC5: 2, 0xC6: 4}
_ARRAYS = {0xDC: 2, 0xDD: 4}
_MAPS = {0xDE: 2, 0xDF: 4}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}

_SHORT = "Missing bytes in input."
_BAD = "Bad data format in input."
_DEEPEST = 200


class Unpacker:
    """
    Reads MessagePack.

    @param table: makes a table of keys and values.
    """

    def __init__(self, data: bytes, at: int, table: Callable[[Dict[Any, Any]], Any]) -> None:
        self.data = data
        self.at = at
        self._table = table

    def value(self, depth: int = 0) -> Any:
        """
        The next value.

        @raise Malformed: if there is none, or not all of it.
        """
        mark = self._take(1)[0]
        if depth > _DEEPEST:
            raise Malformed(_BAD)
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
            return self._table({self.value(depth + 1): self.value(depth + 1) for _ in range(count)})
        raise Malformed(_BAD)

    def _length(self, width: int) -> int:
        return int.from_bytes(self._take(width), "big")

    def _take(self, count: int) -> bytes:
        part = self.data[self.at : self.at + count]
        if len(part) < count:
            raise Malformed(_SHORT)
        self.at += count
        return part


def unpack_messages(
    name: bytes, data: bytes, limit: int, offset: int, table: Callable[[Dict[Any, Any]], Any]
) -> Tuple[Any, ...]:
    """One of cmsgpack's unpack functions: what was wrong, or None and the results."""
    if offset < 0 or limit < 0:
        text = f"Invalid request to unpack with offset of {offset} and limit of {len(data)}."
        return (text.encode(),)
    if offset > len(data):
        return (f"Start offset {offset} greater than input length {len(data)}.".encode(),)
    whole = name == b"unpack"
    unpacker = Unpacker(data, offset, table)
    values: List[Any] = []
    try:
        while unpacker.at < len(data) and (whole or len(values) < limit):
            values.append(unpacker.value())
    except Malformed as problem:
        return (str(problem).encode(),)
    if whole:
        return (None, *values)
    return (None, -1 if unpacker.at == len(data) else unpacker.at, *values)
