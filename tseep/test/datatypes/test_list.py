"""Tests for L{tseep.datatypes.list}, in comparison with a plain list."""

from __future__ import annotations

import random
from typing import Any, Callable

from twisted.trial.unittest import SynchronousTestCase

from tseep.datatypes.limits import LIMITS
from tseep.datatypes.list import MAX_END_ELEMENTS, RedisList
from tseep.datatypes.list_chunks import CHUNK_ELEMENTS, Compressed, Packed, compressed

MAX_CHUNK_BYTES = 8192
"""Total bytes of elements up to which they are packed, by default."""


def numbers(count: int) -> list[bytes]:
    """Return this number of different elements."""
    return [b"%d" % number for number in range(count)]


def pushed(count: int) -> RedisList:
    """Return a list to which the same elements were appended one by one."""
    value = RedisList()
    for element in numbers(count):
        value.append(element)
    return value


class PackedTests(SynchronousTestCase):
    def test_elements(self) -> None:
        """Iteration and indexing return the elements unchanged."""
        elements = [b"", b"one", b"\r\n\x00", b"", b"one", b""]
        packed = Packed(elements)
        self.assertEqual(elements, list(packed))
        self.assertEqual(elements, [packed[place] for place in range(len(packed))])

    def test_contains(self) -> None:
        """C{in} finds whole elements only, no parts or concatenations of them."""
        packed = Packed([b"one", b"two", b""])
        self.assertEqual([True, True, False, False], [e in packed for e in (b"two", b"", b"tw", b"onetwo")])

    def test_incompressible(self) -> None:
        """C{compressed} returns a chunk that compression makes no smaller, or that is compressed."""
        packed = Packed([random.Random(1).randbytes(1000)])
        self.assertIs(packed, compressed(packed))
        once = compressed(Packed([b"x" * 1000]))
        self.assertIsInstance(once, Compressed)
        self.assertIs(once, compressed(once))


class RedisListTests(SynchronousTestCase):
    def assertSame(self, plain: list[bytes], value: RedisList) -> None:
        """Assert that both hold the same elements, and that the chunks are within their bounds."""
        self.assertEqual(plain, list(value))
        self.assertEqual(plain[::-1], list(reversed(value)))
        self.assertEqual(len(plain), len(value))
        self.assertLess(len(value._left), MAX_END_ELEMENTS)
        self.assertLess(len(value._right), MAX_END_ELEMENTS)
        for chunk in value._between:
            self.assertTrue(0 < len(chunk) <= 2 * CHUNK_ELEMENTS)
            self.assertIs(sum(map(len, chunk)) <= MAX_CHUNK_BYTES, isinstance(chunk, Packed))

    def test_push(self) -> None:
        """Elements are added at both ends, one by one and many at once."""
        plain: list[bytes] = []
        value = RedisList()
        for element in numbers(3 * MAX_END_ELEMENTS):
            value.append(element)
            value.appendleft(element)
            plain = [element, *plain, element]
        self.assertSame(plain, value)
        value.extend(numbers(1000))
        value.extendleft(numbers(1000))
        self.assertSame(numbers(1000)[::-1] + plain + numbers(1000), value)

    def test_made_of_many(self) -> None:
        """A list that is created from many elements is divided into chunks."""
        for count in (
            0,
            1,
            MAX_END_ELEMENTS - 1,
            MAX_END_ELEMENTS,
            MAX_END_ELEMENTS + 1,
            2 * MAX_END_ELEMENTS,
            5000,
        ):
            self.assertSame(numbers(count), RedisList(numbers(count)))

    def test_pop(self) -> None:
        """Elements are popped at both ends until the list is empty; then it can grow again."""
        for plain, value in ((numbers(1000), RedisList(numbers(1000))), (numbers(200), pushed(200))):
            for number in range(len(plain)):
                if number % 7 < 3:
                    self.assertEqual(plain.pop(), value.pop())
                else:
                    self.assertEqual(plain.pop(0), value.popleft())
                self.assertSame(plain, value)
            value.append(b"again")
            self.assertSame([b"again"], value)

    def test_queue(self) -> None:
        """Elements that were pushed at one end are popped at the other in the same order."""
        for count in (1, 2, 100, 5000):
            value = pushed(count)
            self.assertEqual(numbers(count), [value.popleft() for _ in range(count)])
            value.extendleft(numbers(count))
            self.assertEqual(numbers(count), [value.pop() for _ in range(count)])
            self.assertSame([], value)

    def test_at_the_bound(self) -> None:
        """Alternating pushes and pops at the bound of a chunk neither pack nor unpack it."""
        value = pushed(MAX_END_ELEMENTS)
        (chunk,) = value._between
        for _ in range(CHUNK_ELEMENTS):
            value.pop()
        value.append(b"x")
        self.assertIs(chunk, value._between[0])
        self.assertEqual(1, len(value._right))

    def test_pop_at_other_end(self) -> None:
        """A pop at one end of a list that grew at the other unpacks only the chunk at that end."""
        value = pushed(50 * CHUNK_ELEMENTS)
        before = list(value._between)
        self.assertEqual(b"0", value.popleft())
        self.assertEqual(before[1:], list(value._between))

    def test_span(self) -> None:
        """C{span} returns any part of the list."""
        plain, value = numbers(1500), RedisList(numbers(1500))
        for first in range(0, 1500, 61):
            for last in (first, first + 1, first + 300, 1498, 1499):
                if first <= last < 1500:
                    self.assertEqual(plain[first : last + 1], value.span(first, last))

    def test_places(self) -> None:
        """C{places} yields the indices of an element from either end, within the given number of elements."""
        value = RedisList([*numbers(1000), *numbers(1000)])
        self.assertEqual([7, 1007], list(value.places(b"7", 2000)))
        self.assertEqual([1007, 7], list(value.places(b"7", 2000, backwards=True)))
        self.assertEqual([7], list(value.places(b"7", 1007)))
        self.assertEqual([7, 1007], list(value.places(b"7", 1008)))
        self.assertEqual([], list(value.places(b"7", 992, backwards=True)))
        self.assertEqual([1007], list(value.places(b"7", 993, backwards=True)))
        self.assertEqual([], list(value.places(b"none", 2000)))

    def test_merge(self) -> None:
        """Chunks that have become small are merged."""
        value = RedisList(numbers(10_000))
        for element in numbers(10_000)[300:9700]:
            if int(element) % 100:
                value.remove(element, 1)
        self.assertSame([e for e in numbers(10_000) if not 300 <= int(e) < 9700 or int(e) % 100 == 0], value)
        self.assertLess(len(value._between), 12)
        self.assertGreaterEqual(min(map(len, list(value._between)[:-1])), CHUNK_ELEMENTS // 4)

    def test_split(self) -> None:
        """A chunk that has become large is split, and all elements keep their order."""
        plain, value = numbers(1000), RedisList(numbers(1000))
        for number in range(500):
            plain.insert(500, b"new %d" % number)
            value.insert(500, b"new %d" % number)
        self.assertSame(plain, value)

    def test_sizes(self) -> None:
        """A positive list-max-listpack-size limits the elements of a chunk, a negative one the packed bytes."""
        for size, count, most in ((1, 1, 8192), (0, 1, 8192), (10, 10, 8192), (1000, 128, 8192), (-1, 64, 4096),
                                  (-2, 128, 8192), (-5, 128, 65536), (-9, 128, 65536)):  # fmt: skip
            self.patch(LIMITS, "list_max_listpack_size", size)
            value = RedisList([b"x" * 50] * 1024)
            value[500] = b"y"
            chunks = list(value._between)
            self.assertEqual(count, max(map(len, chunks)), size)
            self.assertTrue(all(isinstance(chunk, Packed) for chunk in chunks))
            large = RedisList([b"x" * (most // count)] * 1024)
            self.assertTrue(all(isinstance(chunk, Packed) for chunk in large._between))
            larger = RedisList([b"x" * (2 * most // count + 1)] * 1024)
            self.assertNotIsInstance(larger._between[0], Packed)

    def test_compress(self) -> None:
        """Chunks farther from the ends than list-compress-depth are compressed, if this makes them smaller."""
        for depth in range(4):
            self.patch(LIMITS, "list_compress_depth", depth)
            for large in (1, 300):
                plain = [number * large for number in numbers(1000)]
                value = RedisList(plain[500:])
                value.extendleft(plain[499::-1])
                value[500] = plain[500]
                self.assertEqual((plain, plain[::-1]), (list(value), list(reversed(value))))
                inner = [isinstance(chunk, Compressed) for chunk in value._between]
                outer = max(0, depth - 1)
                self.assertEqual(depth > 0 and len(inner) - 2 * outer, sum(inner))
                self.assertFalse(any(inner[:outer]) or any(inner[len(inner) - outer :]))
                self.assertIn(plain[500], value._between[len(inner) // 2])
                self.assertEqual([500], list(value.places(plain[500], 1000)))
                self.assertEqual(plain, [value.popleft() for _ in plain])

    def test_random_compressed(self) -> None:
        """After random changes a list with small, compressed chunks equals a plain list with the same changes."""
        self.patch(LIMITS, "list_compress_depth", 2)
        self.patch(LIMITS, "list_max_listpack_size", 7)
        self.test_random()

    def test_long_elements(self) -> None:
        """Chunks of long elements are not packed."""
        plain = [bytes([number % 256]) * 200 for number in range(2000)]
        value = RedisList(plain)
        self.assertSame(plain, value)
        self.assertIs(value._between[2][0], plain[len(value._left) + 2 * CHUNK_ELEMENTS])

    def test_random(self) -> None:
        """After random changes the list equals a plain list with the same changes."""
        for seed in range(6):
            chosen = random.Random(seed)
            plain = numbers(chosen.choice([0, 10, 700, 3000]))
            value = RedisList(plain)
            for _ in range(300):
                self.change(chosen, plain, value)
                self.assertSame(plain, value)
                for place in chosen.sample(range(-len(plain), len(plain)), min(9, len(plain))):
                    self.assertEqual(plain[place], value[place])

    def change(self, chosen: random.Random, plain: list[bytes], value: RedisList) -> None:
        """Apply the same random change to both."""
        element = b"%d" % chosen.randrange(500)
        place = chosen.randrange(len(plain) + 1)
        some = [b"%d" % chosen.randrange(500) for _ in range(chosen.choice([1, 5, 100, 700]))]
        if len(plain) < 5:
            plain += some
            return value.extend(some)
        changes: dict[str, Callable[[], Any]] = {
            "left": lambda: (plain.insert(0, element), value.appendleft(element)),
            "right": lambda: (plain.append(element), value.append(element)),
            "extend": lambda: (plain.extend(some), value.extend(some)),
            "extend left": lambda: (plain.__setitem__(slice(0, 0), some[::-1]), value.extendleft(some)),
            "insert": lambda: (plain.insert(place, element), value.insert(place, element)),
            "pop": lambda: self.assertEqual(plain.pop(), value.pop()),
            "pop left": lambda: self.assertEqual(plain.pop(0), value.popleft()),
            "set": lambda: self.set(plain, value, place - 1, element),
            "remove": lambda: self.remove(chosen, plain, value, element),
            "trim": lambda: self.trim(chosen, plain, value),
        }
        changes[chosen.choice(list(changes))]()
        return None

    def set(self, plain: list[bytes], value: RedisList, place: int, element: bytes) -> None:
        """Replace the element at an index in both."""
        plain[place] = value[place] = element

    def remove(self, chosen: random.Random, plain: list[bytes], value: RedisList, element: bytes) -> None:
        """Remove an element from both, a random number of times and from a random end."""
        most, backwards = chosen.choice([1, 2, 10_000]), chosen.random() < 0.5
        removed = min(most, plain.count(element))
        for _ in range(removed):
            at = plain.index(element) if not backwards else len(plain) - 1 - plain[::-1].index(element)
            del plain[at]
        self.assertEqual(removed, value.remove(element, most, backwards))

    def trim(self, chosen: random.Random, plain: list[bytes], value: RedisList) -> None:
        """Trim both by random numbers of elements, rarely to nothing."""
        size = len(plain)
        first = chosen.choice([0, 1, size // 9, size // 2])
        last = size - 1 - chosen.choice([0, 1, size // 9, size // 2])
        plain[:] = plain[first : last + 1]
        value.trim(first, last)

    def test_copy(self) -> None:
        """A change of a copy does not change the original."""
        for count in (1, 1000):
            for long in (b"", b"x" * 200):
                plain = [element + long for element in numbers(count)]
                value = RedisList(plain)
                copied = value.copy()
                copied.append(b"b")
                copied[0] = b"a"
                for _ in range(count // 2):
                    copied.popleft()
                self.assertSame(plain, value)
                self.assertSame([b"a", *plain[1:], b"b"][count // 2 :], copied)

    def test_size(self) -> None:
        """The size grows with the number and the length of elements; packed elements have little overhead."""
        self.assertEqual(RedisList([b"a"]).size() + 160, RedisList([b"a" * 161]).size())
        self.assertGreater(RedisList([b"a", b"b"]).size(), RedisList([b"a"]).size())
        many = RedisList([b"x" * 16] * 100_000)
        self.assertTrue(2_100_000 < many.size() < 2_400_000, many.size())

    def test_release(self) -> None:
        """C{release} removes a limited number of elements and returns whether some are left."""
        value = RedisList(numbers(1000))
        self.assertTrue(value.release(300))
        self.assertTrue(300 < len(value) <= 700)
        self.assertFalse(value.release(1000))
        self.assertSame([], value)
