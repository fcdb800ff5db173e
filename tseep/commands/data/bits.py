"""Bitmaps: the bits of strings, the highest of a byte first (https://redis.io/docs/latest/commands/?group=bitmap)."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from functools import reduce
from typing import TYPE_CHECKING, NamedTuple

from tseep.algorithms.numeric import count_ones, integer, require_integer
from tseep.commands.data.strings import String, read_string, require_string, span, string_to_change
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import Reply

if TYPE_CHECKING:
    from tseep.session.session import Session

_BAD_OFFSET = "ERR bit offset is not an integer or out of range"
_BAD_BIT = "ERR bit is not an integer or out of range"
_BAD_TYPE = "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is."

_NOT = bytes(byte ^ 0xFF for byte in range(256))
_OPERATIONS = {b"AND": operator.and_, b"OR": operator.or_, b"XOR": operator.xor}
_WITH = {0: re.compile(rb"[^\xff]"), 1: re.compile(rb"[^\0]")}
"""By bit, a pattern for a byte that contains it."""
_WITHOUT = {0: b"\xff" * 2**16, 1: bytes(2**16)}
"""By bit, a block of bytes that do not contain it. Skipping blocks is several times faster than the pattern."""

_UNITS = {b"BIT": True, b"BYTE": False}


@command("SETBIT")
def setbit(session: Session, argv: list[bytes]) -> Reply:
    offset = _offset(session, argv[2])
    bit = require_integer(argv[3], _BAD_BIT)
    if bit not in (0, 1):
        raise CommandError(_BAD_BIT)
    at, shift = offset >> 3, ~offset & 7
    present = require_string(session.db.get(argv[1]))
    if present is not None and at < len(present) and present[at] >> shift & 1 == bit:
        return bit
    value = string_to_change(session, argv[1], at + 1)
    byte = value[at]
    value[at] = byte & ~(1 << shift) | bit << shift
    session.db.replace(argv[1], value, b"setbit")
    return byte >> shift & 1


@command("GETBIT")
def getbit(session: Session, argv: list[bytes]) -> Reply:
    offset = _offset(session, argv[2])
    value = read_string(session, argv[1]) or b""
    return value[offset >> 3] >> (~offset & 7) & 1 if offset >> 3 < len(value) else 0


def _offset(session: Session, text: bytes) -> int:
    offset = integer(text)
    if offset is None or not 0 <= offset >> 3 < session.limits.bulk:
        raise CommandError(_BAD_OFFSET)
    return offset


@command("BITCOUNT")
def bitcount(session: Session, argv: list[bytes]) -> Reply:
    value = read_string(session, argv[1])
    if value is None:
        return 0
    if len(argv) == 2:
        return count_ones(value)
    if len(argv) not in (4, 5):
        raise CommandError(SYNTAX)
    start, end = require_integer(argv[2]), require_integer(argv[3])
    if end < start < 0:
        return 0
    first, last = _bit_span(value, start, end, len(argv) == 5 and _counts_bits(argv[4]))
    return _count_between(value, first, last) if first <= last else 0


def _counts_bits(unit: bytes) -> bool:
    counts_bits = _UNITS.get(unit.upper())
    if counts_bits is None:
        raise CommandError(SYNTAX)
    return counts_bits


def _bit_span(value: String, start: int, end: int, counts_bits: bool) -> tuple[int, int]:
    """Return the first and the last bit of a range in bits or in bytes."""
    if counts_bits:
        return span(start, end, 8 * len(value))
    first, last = span(start, end, len(value))
    return 8 * first, 8 * last + 7


def _count_between(value: String, first: int, last: int) -> int:
    """Count the set bits from bit C{first} to bit C{last}, both included."""
    before = value[first >> 3] >> (8 - (first & 7))
    after = value[last >> 3] & 0x7F >> (last & 7)
    return count_ones(value, first >> 3, (last >> 3) + 1) - count_ones(bytes((before, after)))


@command("BITPOS")
def bitpos(session: Session, argv: list[bytes]) -> Reply:
    bit = require_integer(argv[2])
    if bit not in (0, 1):
        raise CommandError("ERR The bit argument must be 1 or 0.")
    value = read_string(session, argv[1])
    if value is None:
        return -1 if bit else 0
    first, last = _bits_to_search(value, argv)
    if first > last:
        return -1
    found = _find_bit(value, bit, first, last)
    if found < 0 and not bit and len(argv) < 5:
        return 8 * len(value)  # without an end argument, zeros follow the string
    return found


def _bits_to_search(value: String, argv: list[bytes]) -> tuple[int, int]:
    if len(argv) > 6:
        raise CommandError(SYNTAX)
    start = require_integer(argv[3]) if len(argv) > 3 else 0
    counts_bits = len(argv) == 6 and _counts_bits(argv[5])
    end = require_integer(argv[4]) if len(argv) > 4 else -1
    return _bit_span(value, start, end, counts_bits)


def _find_bit(value: String, bit: int, first: int, last: int) -> int:
    """Return the position of the first C{bit} from bit C{first} to bit C{last}; -1 if there is none."""
    flip = 0 if bit else 0xFF
    at = first >> 3
    byte = (value[at] ^ flip) & 0xFF >> (first & 7)
    if not byte:
        at, end = at + 1, (last >> 3) + 1
        while value.startswith(_WITHOUT[bit], at, end):
            at += len(_WITHOUT[bit])
        match = _WITH[bit].search(value, at, end)
        if match is None:
            return -1
        at = match.start()
        byte = value[at] ^ flip
    found = 8 * at + 8 - byte.bit_length()
    return found if found <= last else -1


@command("BITOP")
def bitop(session: Session, argv: list[bytes]) -> Reply:
    name = argv[1].upper()
    if name != b"NOT" and name not in _OPERATIONS:
        raise CommandError(SYNTAX)
    if name == b"NOT" and len(argv) != 4:
        raise CommandError("ERR BITOP NOT must be called with a single source key.")
    values = [read_string(session, key) or b"" for key in argv[3:]]
    result = bytearray(values[0].translate(_NOT) if name == b"NOT" else _combined(name, values))
    if result:
        session.db.set(argv[2], result)
    else:
        session.db.delete(argv[2])
    return len(result)


def _combined(name: bytes, values: list[String]) -> bytes:
    """Combine strings, which are padded with zero bytes to the length of the longest."""
    numbers = (int.from_bytes(value, "little") for value in values)
    return reduce(_OPERATIONS[name], numbers).to_bytes(max(map(len, values)), "little")


class _Field(NamedTuple):
    """An operation of BITFIELD. C{overflow} determines the result if C{number} is out of range."""

    word: bytes
    signed: bool
    width: int
    offset: int
    number: int
    overflow: bytes

    @property
    def least(self) -> int:
        return -(1 << self.width - 1) if self.signed else 0

    @property
    def most(self) -> int:
        return (1 << self.width - self.signed) - 1


_ARGUMENTS = {b"GET": 2, b"SET": 3, b"INCRBY": 3, b"OVERFLOW": 1}


@command("BITFIELD")
def bitfield(session: Session, argv: list[bytes]) -> Reply:
    fields = list(_fields(session, argv))
    ends = [field.offset + field.width for field in fields if field.word != b"GET"]
    if not ends:
        return _read_fields(session, argv[1], fields)
    size = (max(ends) + 7) >> 3
    grows = len(require_string(session.db.get(argv[1])) or b"") < size
    value = string_to_change(session, argv[1], size)
    results = [_apply(value, field) for field in fields]
    changes = sum([changed or (grows and field.word != b"GET") for field, (_, changed) in zip(fields, results)])
    if changes:
        session.db.replace(argv[1], value, b"setbit", changes)
    return [reply for reply, _ in results]


@command("BITFIELD_RO")
def bitfield_ro(session: Session, argv: list[bytes]) -> Reply:
    fields = list(_fields(session, argv))
    if any(field.word != b"GET" for field in fields):
        raise CommandError("ERR BITFIELD_RO only supports the GET subcommand")
    return _read_fields(session, argv[1], fields)


def _read_fields(session: Session, key: bytes, fields: list[_Field]) -> list[int]:
    value = read_string(session, key) or b""
    return [_field_value(value, field) for field in fields]


def _fields(session: Session, argv: list[bytes]) -> Iterator[_Field]:
    """
    Parse the operations of BITFIELD.

    @raise CommandError: if one is invalid.
    """
    overflow = b"WRAP"
    at = 2
    while at < len(argv):
        word = argv[at].upper()
        end = at + 1 + _ARGUMENTS.get(word, len(argv))
        if end > len(argv):
            raise CommandError(SYNTAX)
        if word == b"OVERFLOW":
            overflow = _overflow(argv[at + 1])
        else:
            yield _field(session, word, argv[at + 1 : end], overflow)
        at = end


def _overflow(text: bytes) -> bytes:
    overflow = text.upper()
    if overflow not in (b"WRAP", b"SAT", b"FAIL"):
        raise CommandError("ERR Invalid OVERFLOW type specified")
    return overflow


def _field(session: Session, word: bytes, arguments: list[bytes], overflow: bytes) -> _Field:
    signed, width = _encoding(arguments[0])
    offset = _field_offset(session, arguments[1], width)
    number = require_integer(arguments[2]) if len(arguments) == 3 else 0
    return _Field(word, signed, width, offset, number, overflow)


def _encoding(text: bytes) -> tuple[bool, int]:
    """Parse a type such as C{i16}; return whether it is signed, and its number of bits."""
    signed = text[:1] == b"i"
    width = integer(text[1:])
    if not (signed or text[:1] == b"u") or width is None or not 1 <= width <= 63 + signed:
        raise CommandError(_BAD_TYPE)
    return signed, width


def _field_offset(session: Session, text: bytes, width: int) -> int:
    """Parse an offset in bits, or with the prefix C{#} in fields of C{width} bits; return it in bits."""
    if not text.startswith(b"#"):
        return _offset(session, text)
    return _offset(session, b"%d" % (require_integer(text[1:], _BAD_OFFSET) * width))


def _field_value(value: String, field: _Field) -> int:
    """Return the integer in a field; bits after the end of the string are 0."""
    first, end = field.offset >> 3, (field.offset + field.width + 7) >> 3
    number = int.from_bytes(value[first:end].ljust(end - first, b"\0"), "big")
    number = number >> (8 * end - field.offset - field.width) & ((1 << field.width) - 1)
    return _wrapped(field, number)


def _apply(value: bytearray, field: _Field) -> tuple[int | None, bool]:
    """
    Execute an operation.

    @return: the reply, which is None if the number is out of range with OVERFLOW FAIL; and whether the field changed.
    """
    old = _field_value(value, field)
    if field.word == b"GET":
        return old, False
    number = field.number
    if field.word == b"INCRBY":
        number += old
    elif not field.signed:
        number &= 2**64 - 1
    if not field.least <= number <= field.most:
        if field.overflow == b"FAIL":
            return None, False
        number = _fitted(field, number)
    _put(value, field, number)
    return (number if field.word == b"INCRBY" else old), _wrapped(field, number) != old


def _fitted(field: _Field, number: int) -> int:
    """Return the replacement of a number that is out of a field's range, for SAT and WRAP."""
    if field.overflow == b"SAT":
        return field.least if number < field.least else field.most
    return _wrapped(field, number)


def _wrapped(field: _Field, number: int) -> int:
    """Return the number in a field's range with the same lowest bits."""
    return (number - field.least) % (1 << field.width) + field.least


def _put(value: bytearray, field: _Field, number: int) -> None:
    """Write a field into a string, which must be long enough."""
    first, end = field.offset >> 3, (field.offset + field.width + 7) >> 3
    shift = 8 * end - field.offset - field.width
    mask = ((1 << field.width) - 1) << shift
    around = int.from_bytes(value[first:end], "big") & ~mask
    value[first:end] = (around | number << shift & mask).to_bytes(end - first, "big")
