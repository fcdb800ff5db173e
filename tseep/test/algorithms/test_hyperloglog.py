"""Tests for L{tseep.algorithms.hyperloglog}; the strings and the counts are those of redis-server 7.0.15."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.algorithms import hyperloglog
from tseep.algorithms.hyperloglog import (
    DENSE,
    HEADER,
    REGISTERS,
    SPARSE,
    SPARSE_MAX_SIZE,
    add,
    cached_count,
    empty,
    estimate,
    fill,
    find_fault,
    forget_count,
    is_sketch,
    larger,
    murmur64a,
    opcodes,
    place,
    raise_register,
    registers,
    remember_count,
    to_dense,
)
from tseep.errors import CommandError


def sketch_of(elements: Iterable[int]) -> bytearray:
    """A sketch with the decimal texts of some numbers in it."""
    sketch = empty()
    for element in elements:
        add(sketch, b"%d" % element)
    return sketch


def raised(*steps: tuple[int, int]) -> bytes:
    """The opcodes of a new sketch after some registers were raised, one after the other."""
    sketch = empty()
    for index, value in steps:
        raise_register(sketch, index, value)
    return bytes(sketch[HEADER:])


class HashTests(SynchronousTestCase):
    """L{murmur64a} and L{place}."""

    def test_lengths(self) -> None:
        """Every length of the rest after whole words is hashed."""
        hashes = [murmur64a(b"abcdefghijklmnop"[:length]) for length in (0, 1, 7, 8, 9, 16)]
        self.assertEqual(hashes, HASHES)

    def test_place(self) -> None:
        """The low 14 bits choose the register, and the zeros above them its value, of which 51 is the largest."""
        self.patch(hyperloglog, "murmur64a", lambda element: int(element, 2))
        self.assertEqual(place(b"1"), (1, 51))
        self.assertEqual(place(b"1" + b"0" * 14), (0, 1))
        self.assertEqual(place(b"101000" + b"1" * 14), (16383, 4))


class SparseTests(SynchronousTestCase):
    """Runs of registers, and how they are cut and joined."""

    def test_empty(self) -> None:
        """A new sketch is one run of zeros, and remembers that nothing was counted."""
        self.assertEqual(bytes(empty()), b"HYLL\x01" + bytes(11) + b"\x7f\xff")
        self.assertEqual(cached_count(empty()), 0)

    def test_cut(self) -> None:
        """A register in a run of zeros leaves one on each side, in one byte if that is enough."""
        self.assertEqual(raised((0, 1)), b"\x80\x7f\xfe")
        self.assertEqual(raised((16383, 2)), b"\x7f\xfe\x84")
        self.assertEqual(raised((64, 1)), b"\x3f\x80\x7f\xbe")
        self.assertEqual(raised((65, 32)), b"\x40\x40\xfc\x7f\xbd")

    def test_join(self) -> None:
        """Up to four neighbours of one value become one run."""
        steps = [(index, 3) for index in range(5)]
        self.assertEqual(raised(*steps[:4]), b"\x8b\x7f\xfb")
        self.assertEqual(raised(*steps), b"\x8b\x88\x7f\xfa")
        self.assertEqual(raised((0, 3), (2, 3), (1, 3)), b"\x8a\x7f\xfc")

    def test_cut_run(self) -> None:
        """A register in a run that is raised further leaves the run on both sides."""
        run = [(index, 1) for index in range(4)]
        self.assertEqual(raised(*run, (1, 5)), b"\x80\x90\x81\x7f\xfb")
        self.assertEqual(raised(*run, (1, 1)), b"\x83\x7f\xfb")

    def test_changed(self) -> None:
        """It is told whether a register has changed, and if so the count is forgotten."""
        sketch = empty()
        self.assertTrue(raise_register(sketch, 7, 2))
        self.assertIsNone(cached_count(sketch))
        remember_count(sketch, 1)
        self.assertFalse(raise_register(sketch, 7, 2))
        self.assertEqual(cached_count(sketch), 1)

    def test_value_too_large(self) -> None:
        """A value over 32 makes it dense."""
        sketch = empty()
        raise_register(sketch, 5, 1)
        self.assertTrue(raise_register(sketch, 9, 33))
        self.assertEqual((sketch[4], registers(sketch)[:11]), (DENSE, bytes([0, 0, 0, 0, 0, 1, 0, 0, 0, 33, 0])))

    def test_size(self) -> None:
        """It stays sparse up to 3000 bytes."""
        sketch = empty()
        longest = number = 0
        while sketch[4] == SPARSE:
            longest = len(sketch)
            number += 1
            add(sketch, b"%d" % number)
        self.assertEqual(longest, SPARSE_MAX_SIZE)
        self.assertEqual(len(sketch), hyperloglog.DENSE_SIZE)
        expected = bytearray(REGISTERS)
        for index, value in (place(b"%d" % each) for each in range(1, number + 1)):
            expected[index] = max(expected[index], value)
        self.assertEqual(registers(sketch), expected)

    def test_opcodes(self) -> None:
        """L{opcodes} tells the runs."""
        sketch = empty()
        raise_register(sketch, 64, 7)
        self.assertEqual(list(opcodes(sketch)), [(0, 64, False), (7, 1, False), (0, 16319, True)])

    def test_corrupted(self) -> None:
        """Runs that make up too few or too many registers are refused."""
        for codes in (b"", b"\x7f\xfe", b"\x7f\xff\x00", b"\x00" * 20000, b"\x7f\xff" * 1000, b"\x7f\xff\x40"):
            sketch = bytearray(b"HYLL\x01" + bytes(11) + codes)
            self.assertRaises(CommandError, registers, sketch)
            self.assertRaises(CommandError, to_dense, sketch)
            self.assertEqual(sketch[HEADER:], codes)
        for codes in (b"", b"\x7f\xfe", b"\x00" * 2000, b"\x40", b"\x40\x00\x7f"):
            sketch = bytearray(b"HYLL\x01" + bytes(11) + codes)
            self.assertRaises(CommandError, raise_register, sketch, 16383, 1)


class RegisterTests(SynchronousTestCase):
    """Dense sketches, and all registers at once."""

    def setUp(self) -> None:
        self.values = bytes((index * 7 + index // 64) % 64 for index in range(REGISTERS))

    def test_fill(self) -> None:
        """All registers are stored and read back, six bits each, the first in the lowest bits."""
        sketch = empty()
        fill(sketch, self.values)
        self.assertEqual((sketch[4], len(sketch)), (DENSE, hyperloglog.DENSE_SIZE))
        self.assertEqual(registers(sketch), self.values)
        fill(sketch, b"\x01\x02\x03\x04" + bytes(REGISTERS - 4))
        self.assertEqual(sketch[HEADER : HEADER + 4], bytes([0x81, 0x30, 0x10, 0]))

    def test_raise(self) -> None:
        """A register is raised and no other is changed, up to the last one."""
        sketch = empty()
        fill(sketch, self.values)
        expected = bytearray(self.values)
        for index in (0, 1, 2, 3, 16383):
            self.assertTrue(raise_register(sketch, index, 63 if self.values[index] < 63 else 64))
            self.assertFalse(raise_register(sketch, index, 63))
            expected[index] = 63
        self.assertEqual(registers(sketch), expected)
        self.assertEqual(len(sketch), hyperloglog.DENSE_SIZE)

    def test_to_dense(self) -> None:
        """A sparse sketch becomes dense with the same registers, and what it remembers stays."""
        sketch = sketch_of(range(500))
        remember_count(sketch, 500)
        values, header = registers(sketch), sketch[5:HEADER]
        self.assertEqual(sketch[4], SPARSE)
        to_dense(sketch)
        self.assertEqual((sketch[4], registers(sketch), sketch[5:HEADER]), (DENSE, values, header))

    def test_larger(self) -> None:
        """The larger of each two registers is taken."""
        other = self.values[::-1]
        self.assertEqual(larger(self.values, other), bytes(map(max, self.values, other)))

    def test_sketch(self) -> None:
        """Only what begins as a sketch and has its size is one."""
        dense = empty()
        to_dense(dense)
        self.assertTrue(is_sketch(empty()) and is_sketch(dense) and is_sketch(bytes(dense)))
        self.assertTrue(is_sketch(b"HYLL\x01" + bytes(11)))
        for text in (b"", b"HYLL", b"HYLX\x01" + bytes(13), b"HYLL\x02" + bytes(13), dense + b"\0", dense[:-1]):
            self.assertFalse(is_sketch(text))

    def test_count(self) -> None:
        """A count is remembered in eight bytes until it is forgotten."""
        sketch = empty()
        remember_count(sketch, 0x010203)
        self.assertEqual(sketch[8:16], b"\x03\x02\x01\0\0\0\0\0")
        self.assertEqual(cached_count(sketch), 0x010203)
        forget_count(sketch)
        self.assertIsNone(cached_count(sketch))


class EstimateTests(SynchronousTestCase):
    """L{estimate}."""

    def test_none(self) -> None:
        """Nothing is counted as nothing."""
        self.assertEqual(estimate(bytes(REGISTERS)), 0)

    def test_some(self) -> None:
        """The counts are Redis's, whatever the encoding."""
        counts = [estimate(registers(sketch_of(range(count)))) for count in (1, 10, 100, 1000, 10000)]
        self.assertEqual(counts, COUNTS)

    def test_overflow(self) -> None:
        """What no integer of 64 bits can hold is the lowest of them."""
        for value in (50, 51, 63):
            self.assertEqual(estimate(bytes([value]) * REGISTERS), -(2**63))
        self.assertEqual(estimate(bytes([40]) * REGISTERS), 12994641697113596)


class FaultTests(SynchronousTestCase):
    """L{find_fault}."""

    def test_none(self) -> None:
        """All is well."""
        self.assertEqual(find_fault(random.Random(1)), "")

    def assertFault(self, message: str, name: str, broken: Any) -> None:
        """With something broken, that is what is found."""
        self.patch(hyperloglog, name, broken)
        self.assertEqual(find_fault(random.Random(1)), message)

    def test_registers(self) -> None:
        """Registers that are not what was stored are found."""
        self.assertFault("registers differ from the stored values", "registers", lambda sketch: bytes(REGISTERS))

    def test_dense_too_early(self) -> None:
        """A sketch that is dense too early is found."""
        self.assertFault("sparse encoding not used", "_SPARSE_MAX_VALUE", 0)

    def test_disagreement(self) -> None:
        """Encodings that do not agree are found."""
        self.assertFault("dense/sparse disagree", "_raise_sparse", lambda *arguments: True)

    def test_estimate(self) -> None:
        """An estimate that is too far from the truth is found."""
        self.assertFault(
            "Too big error. card:10 abserr:10", "estimate", lambda values: 2 * (REGISTERS - values.count(0))
        )


HASHES = [
    0xD8DFEA6585BC9732,
    0x53D2470A9B43B1A7,
    0x22FE613BB08C9602,
    0xF3A65DF559914567,
    0x834FBA4D9152DAF7,
    0xD006E2F88C34E470,
]
COUNTS = [1, 10, 100, 1001, 9987]
