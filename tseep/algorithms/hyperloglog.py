"""
HyperLogLog: estimates the number of distinct elements, in a string of at most 12 KB.

The format is that of Redis, byte for byte (redis/src/hyperloglog.c): a header of 16 bytes (C{HYLL}, the encoding, three
unused bytes, and the cached count) and 16384 registers. The dense encoding has six bits for each register, the sparse
one an opcode for each run of equal registers:

====================== ================================================================
C{00xxxxxx}            up to 64 registers that are zero
C{01xxxxxx xxxxxxxx}   up to 16384 registers that are zero
C{1vvvvvxx}            up to 4 registers with a value from 1 to 32
====================== ================================================================

Such a string is called a sketch here. Functions that change it need a C{bytearray}.
"""

from __future__ import annotations

import random
import re
from binascii import a2b_base64, b2a_base64
from collections.abc import Iterator
from math import sqrt
from operator import length_hint
from struct import iter_unpack
from typing import Union

from tseep.errors import CommandError

Sketch = Union[bytes, bytearray]

CORRUPTED = "INVALIDOBJ Corrupted HLL object detected"
"""The error if the opcodes of a sparse sketch do not cover exactly 16384 registers."""

HEADER = 16
REGISTERS = 16384
DENSE, SPARSE = 0, 1
DENSE_SIZE = HEADER + REGISTERS * 6 // 8
SPARSE_MAX_SIZE = 3000
"""Default maximum size of a sparse sketch, with its header, in bytes (hll-sparse-max-bytes)."""

_SEED = 0xADC83B19
_MULTIPLIER = 0xC6A4A7935BD1E995
_64_BITS = 2**64 - 1

_INDEX_BITS = 14
_PATTERN_BITS = 50
_ALPHA = 0.721347520444481703680  # 1 / (2 ln 2)
_INFINITY = float("inf")

_SPARSE_MAX_VALUE = 32  # the largest value that an opcode can hold
_SKIP_BYTES = 1000  # size in bytes above which skipping many opcodes at once is faster
_JOIN_OPCODES = 5  # opcodes that are checked for a neighbour of the same value

_PIECES = re.compile(rb"[\x40-\x7f].?|[^\x40-\x7f]{1,128}", re.DOTALL)
"""Splits opcodes into those of two bytes, and sequences of one-byte opcodes, which are processed by bytes.translate."""

_VALUES = [0] * 128 + [(opcode >> 2 & 31) + 1 for opcode in range(128)]
_SPANS = bytes([*range(1, 65), *[0] * 64, *[(opcode & 3) + 1 for opcode in range(128)]])
_RUNS = [bytes([value]) * span for value, span in zip(_VALUES, _SPANS)]
"""By the first byte of an opcode its value, span and registers; the span is 0 if the opcode has two bytes."""

_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_TO_LETTERS = _LETTERS + bytes(192)
_FROM_LETTERS = bytes.maketrans(_LETTERS, bytes(range(64)))

_HIGH_BITS = int.from_bytes(b"\x80" * REGISTERS, "little")


def empty() -> bytearray:
    """A new sparse sketch without elements."""
    return bytearray(b"HYLL" + bytes([SPARSE]) + bytes(11) + _run(0, REGISTERS))


def is_sketch(value: Sketch) -> bool:
    """True if the header is a sketch's and the size fits. The opcodes are not validated."""
    if len(value) < HEADER or value[:4] != b"HYLL":
        return False
    return value[4] == SPARSE or (value[4] == DENSE and len(value) == DENSE_SIZE)


# Elements


def murmur64a(data: bytes, seed: int = _SEED) -> int:
    """The 64-bit MurmurHash64A of the data, read as little-endian words."""
    mixed = seed ^ (len(data) * _MULTIPLIER & _64_BITS)
    rest = len(data) & 7
    for (word,) in iter_unpack("<Q", data[:-rest] if rest else data):
        word = word * _MULTIPLIER & _64_BITS
        mixed = (mixed ^ ((word ^ word >> 47) * _MULTIPLIER)) * _MULTIPLIER & _64_BITS
    if rest:
        mixed = (mixed ^ int.from_bytes(data[-rest:], "little")) * _MULTIPLIER & _64_BITS
    mixed = (mixed ^ mixed >> 47) * _MULTIPLIER & _64_BITS
    return mixed ^ mixed >> 47


def place(element: bytes) -> tuple[int, int]:
    """The register index of an element, and its value: 1 plus the number of trailing zeros in the rest of its hash."""
    hashed = murmur64a(element)
    pattern = hashed >> _INDEX_BITS | 1 << _PATTERN_BITS
    return hashed & (REGISTERS - 1), (pattern & -pattern).bit_length()


def add(sketch: bytearray, element: bytes, sparse_max_size: int = SPARSE_MAX_SIZE) -> bool:
    """
    Add an element.

    @param sparse_max_size: size in bytes above which a sparse sketch is made dense.
    @return: True if a register has changed.
    @raise CommandError: L{CORRUPTED}, if no opcode covers the register.
    """
    index, value = place(element)
    return raise_register(sketch, index, value, sparse_max_size)


def raise_register(sketch: bytearray, index: int, value: int, sparse_max_size: int = SPARSE_MAX_SIZE) -> bool:
    """
    Set a register to the maximum of its value and C{value}.

    @param sparse_max_size: as in L{add}.
    @return: True if it has changed.
    @raise CommandError: L{CORRUPTED}, if no opcode covers the register.
    """
    if sketch[4] == DENSE:
        return _raise_dense(sketch, index, value)
    return _raise_sparse(sketch, index, value, sparse_max_size)


# The cached count


def cached_count(sketch: Sketch) -> int | None:
    """The cached count; None if it is invalid because registers have changed."""
    return None if sketch[15] & 0x80 else int.from_bytes(sketch[8:16], "little")


def remember_count(sketch: bytearray, count: int) -> None:
    sketch[8:16] = (count & _64_BITS).to_bytes(8, "little")


def forget_count(sketch: bytearray) -> None:
    """Mark the cached count as invalid."""
    sketch[15] |= 0x80


# Registers


def registers(sketch: Sketch) -> bytes:
    """
    All registers, a byte each.

    @raise CommandError: L{CORRUPTED}
    """
    if sketch[4] == DENSE:
        # base64 also splits bytes into groups of six bits, but starting at the other end
        return b2a_base64(sketch[:15:-1], newline=False).translate(_FROM_LETTERS)[::-1]
    return b"".join(_unpack(sketch))


def to_dense(sketch: bytearray) -> None:
    """
    Convert a sketch to the dense encoding, in place. The cached count is kept.

    @raise CommandError: L{CORRUPTED}
    """
    if sketch[4] != DENSE:
        fill(sketch, registers(sketch))


def fill(sketch: bytearray, values: bytes) -> None:
    """Set all registers, a byte each, and make the sketch dense."""
    sketch[4] = DENSE
    sketch[HEADER:] = a2b_base64(values[::-1].translate(_TO_LETTERS))[::-1]


def larger(first: bytes, second: bytes) -> bytes:
    """The element-wise maximum of two sets of registers (PFMERGE)."""
    one, other = int.from_bytes(first, "little"), int.from_bytes(second, "little")
    at_least = ((one | _HIGH_BITS) - other) & _HIGH_BITS
    mask = at_least - (at_least >> 7)
    return (other ^ ((one ^ other) & mask)).to_bytes(REGISTERS, "little")


def estimate(values: bytes) -> int:
    """
    Estimate the number of distinct elements from all registers.

    @see: Otmar Ertl, New cardinality estimation algorithms for HyperLogLog sketches, arXiv:1702.01284
    """
    counts = _counts(values)
    size = float(REGISTERS)
    total = size * _tau((size - counts[_PATTERN_BITS + 1]) / size)
    for count in counts[_PATTERN_BITS:0:-1]:
        total = (total + count) * 0.5
    total += size * _sigma(counts[0] / size)
    estimated = _ALPHA * size * size / total if total else _INFINITY
    if estimated >= 2**63:
        return -(2**63)  # C's conversion of an out-of-range double
    whole = int(estimated)
    return whole + (estimated - whole >= 0.5)


def _counts(values: bytes) -> list[int]:
    """A histogram of the registers' values: the number of registers by value."""
    counts = [0] * (_PATTERN_BITS + 2)
    left = REGISTERS
    for value in range(len(counts)):
        counts[value] = values.count(value)
        left -= counts[value]
        if not left:
            break
    return counts


def _sigma(x: float) -> float:
    if x == 1:
        return _INFINITY
    factor, total, before = 1.0, x, -1.0
    while total != before:
        x *= x
        before = total
        total += x * factor
        factor += factor
    return total


def _tau(x: float) -> float:
    if x in (0, 1):
        return 0.0
    factor, total, before = 1.0, 1 - x, -1.0
    while total != before:
        x = sqrt(x)
        before = total
        factor *= 0.5
        total -= (1 - x) ** 2 * factor
    return total / 3


# Dense


def _raise_dense(sketch: bytearray, index: int, value: int) -> bool:
    at, shift = HEADER + (index >> 2) * 3, (index & 3) * 6  # four registers in three bytes
    four = int.from_bytes(sketch[at : at + 3], "little")
    increase = value - (four >> shift & 63)
    if increase <= 0:
        return False
    sketch[at : at + 3] = (four + (increase << shift)).to_bytes(3, "little")
    return True


# Sparse


def opcodes(sketch: Sketch) -> Iterator[tuple[int, int, bool]]:
    """For each opcode of a sparse sketch its value, its number of registers, and whether it has two bytes."""
    for match in _PIECES.finditer(bytes(sketch), HEADER):
        piece = match.group()
        if not _SPANS[piece[0]]:
            yield 0, _span(piece), True
        else:
            yield from ((_VALUES[opcode], _SPANS[opcode], False) for opcode in piece)


def _span(piece: bytes) -> int:
    """The number of registers that a match of L{_PIECES} covers."""
    if not _SPANS[piece[0]]:
        return (int.from_bytes(piece.ljust(2, b"\0"), "big") & 0x3FFF) + 1
    return sum(piece.translate(_SPANS))


def _unpack(sketch: Sketch) -> Iterator[bytes]:
    """The registers of a sparse sketch, in one C{bytes} for each match of L{_PIECES}."""
    left = REGISTERS
    for match in _PIECES.finditer(bytes(sketch), HEADER):
        piece = match.group()
        span = _span(piece)
        left -= span
        if left < 0:
            break
        yield b"".join([_RUNS[opcode] for opcode in piece]) if _SPANS[piece[0]] else bytes(span)
    if left:
        raise CommandError(CORRUPTED)


def _run(value: int, length: int) -> bytes:
    """The opcode for C{length} registers of one value; empty if C{length} is 0."""
    if not length:
        return b""
    if value:
        return bytes([0x80 | (value - 1) << 2 | length - 1])
    return bytes([length - 1]) if length <= 64 else (0x4000 | length - 1).to_bytes(2, "big")


def _find(sketch: bytearray, index: int) -> tuple[int, int, int]:
    """
    Find the opcode that covers a register.

    @return: its offset, the first register that it covers, and the offset of the opcode before it (its own if it is
        the first).
    """
    start, first, before = _skip(sketch, index) if len(sketch) > _SKIP_BYTES else (HEADER, 0, HEADER)
    rest = iter(bytes(sketch[start:]))
    left = index - first
    wide_end = 0
    for opcode in rest:
        span = _SPANS[opcode]
        if span:
            if left < span:
                at = len(sketch) - length_hint(rest) - 1
                break
        else:
            span = ((opcode & 63) << 8 | next(rest, -1)) + 1
            if left < span:
                at = len(sketch) - length_hint(rest) - 2
                break
            wide_end = length_hint(rest)
        left -= span
    else:
        raise CommandError(CORRUPTED)
    if at > start:
        before = at - (2 if len(sketch) - wide_end == at else 1)
    return at, index - left, before


def _skip(sketch: bytearray, index: int) -> tuple[int, int, int]:
    """As L{_find}, for the match of L{_PIECES} that covers a register."""
    first, before = 0, HEADER
    for match in _PIECES.finditer(bytes(sketch), HEADER):
        piece = match.group()
        span = _span(piece)
        if index < first + span:
            return match.start(), first, before
        first += span
        before = match.end() - (1 if _SPANS[piece[0]] else 2)
    raise CommandError(CORRUPTED)


def _raise_sparse(sketch: bytearray, index: int, value: int, sparse_max_size: int) -> bool:
    if value > _SPARSE_MAX_VALUE:
        return _raise_promoted(sketch, index, value)
    at, first, before = _find(sketch, index)
    held = _VALUES[sketch[at]]
    if held >= value:
        return False
    old = bytes(sketch[at : at + (1 if _SPANS[sketch[at]] else 2)])
    end = first + _span(old)
    new = _run(held, index - first) + _run(value, 1) + _run(held, end - index - 1)
    if len(new) > len(old) and len(sketch) + len(new) - len(old) > sparse_max_size:
        return _raise_promoted(sketch, index, value)
    sketch[at : at + len(old)] = new
    _join(sketch, before)
    forget_count(sketch)
    return True


def _raise_promoted(sketch: bytearray, index: int, value: int) -> bool:
    to_dense(sketch)
    return _raise_dense(sketch, index, value)


def _join(sketch: bytearray, at: int) -> None:
    """Merge adjacent runs of equal value, within as many opcodes as Redis checks."""
    for _ in range(_JOIN_OPCODES):
        if at >= len(sketch):
            break
        opcode, following = sketch[at], sketch[at + 1] if at + 1 < len(sketch) else 0
        length = (opcode & 3) + (following & 3) + 2
        if opcode < 0x80:
            at += 1 if _SPANS[opcode] else 2
        elif opcode ^ following < 4 and length <= 4:
            sketch[at : at + 2] = bytes([opcode & ~3 | length - 1])
        else:
            at += 1


# PFSELFTEST


def find_fault(chance: random.Random) -> str:
    """PFSELFTEST: compare the encodings with each other, and estimates with true counts. Return the fault, or empty."""
    dense, sparse = empty(), empty()
    values = bytes(chance.randrange(64) for _ in range(REGISTERS))
    fill(dense, values)
    if registers(dense) != values:
        return "registers differ from the stored values"
    fill(dense, bytes(REGISTERS))
    start = chance.getrandbits(64)
    for number in range(1, 10001):
        element = (start ^ number).to_bytes(8, "little")
        add(dense, element)
        add(sparse, element)
        fault = _compare(dense, sparse, number) if number in (1, 10, 100, 1000, 10000) else ""
        if fault:
            return fault
    return ""


def _compare(dense: bytearray, sparse: bytearray, count: int) -> str:
    """Compare a dense and a sparse sketch of the same elements. Return the fault; empty if none."""
    if count < SPARSE_MAX_SIZE // 2 and sparse[4] != SPARSE:
        return "sparse encoding not used"
    estimated = estimate(registers(dense))
    if estimate(registers(sparse)) != estimated:
        return "dense/sparse disagree"
    error = abs(estimated - count)
    most = 1 + 6 * 1.04 / sqrt(REGISTERS) * count
    return f"Too big error. card:{count} abserr:{error}" if error > most else ""
