"""Tests for L{tseep.algorithms.glob}."""

from __future__ import annotations

from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from tseep.algorithms import glob
from tseep.algorithms.glob import matcher
from tseep.test.properties import given, settings, st

QUICK = settings(derandomize=True, database=None, deadline=None, max_examples=300)

EXAMPLES = [
    # pattern, what it matches, what it does not (as redis-server 7.0.15 says)
    (b"", [b""], [b"a"]),
    (b"*", [b"a", b"\xff\0\n"], [b""]),
    (b"**", [b"a", b"ab"], [b""]),
    (b"a", [b"a"], [b"", b"A", b"aa"]),
    (b"a*", [b"a", b"ab"], [b"", b"ba"]),
    (b"*a", [b"a", b"ba"], [b"", b"ab"]),
    (b"a*a", [b"aa", b"aba"], [b"a", b"ab"]),
    (b"a*b*c", [b"abc", b"a-b-c", b"abbcc"], [b"acb", b"abcd"]),
    (b"*ab*ab*", [b"abab", b"xabxabx"], [b"ab", b"aba"]),
    (b"h?llo", [b"hello", b"h?llo", b"h\nllo"], [b"hllo", b"heello"]),
    (b"?", [b"a", b"\xff"], [b"", b"ab"]),
    (b"*?", [b"a", b"ab"], [b""]),
    (b"h[ae]llo", [b"hello", b"hallo"], [b"hillo", b"h[ae]llo"]),
    (b"h[^e]llo", [b"hallo", b"h^llo"], [b"hello", b"hllo"]),
    (b"[a-c]", [b"a", b"b", b"c"], [b"d", b"-", b""]),
    (b"[c-a]", [b"a", b"b", b"c"], [b"d", b"-"]),
    (b"[^a-c]", [b"d", b"-"], [b"a", b"b"]),
    (b"[a-cx-z]", [b"b", b"y"], [b"d"]),
    (b"[a-]", [b"a", b"]", b"^"], [b"-"]),  # up to the bracket, which does not close it then
    (b"[-a]", [b"-", b"a"], [b"b"]),
    (b"[a\\-c]", [b"a", b"-", b"c"], [b"b"]),
    (b"[\\]]", [b"]"], [b"\\"]),
    (b"[]", [], [b"", b"]", b"[]"]),
    (b"[^]", [b"a", b"]"], [b""]),
    (b"[", [], [b"", b"["]),
    (b"[^", [b"a", b"^"], [b"", b"aa"]),
    (b"[ab", [b"a", b"b"], [b"[ab", b"ab"]),
    (b"[a-", [b"a", b"-"], [b"b"]),
    (b"[\\", [b"\\"], [b"["]),
    (b"\\*", [b"*"], [b"a", b"\\*"]),
    (b"\\a\\\\", [b"a\\"], [b"\\a\\\\"]),
    (b"a\\", [b"a\\"], [b"a"]),
    (b"[\x80-\xff]", [b"\x80", b"\xff"], [b"\x7f", b"a"]),
    (b"[a-\xff]", [b"\xff", b"\0", b"a"], [b"b", b"\xfe"]),
]
"""With signed bytes, as those of Redis are on x86, the last range goes down from C{a} over 0 to 0xff, which is -1."""


def simple_match(pattern: bytes, text: bytes) -> bool:
    """What a pattern of stars, question marks and plain bytes means, said in the shortest way."""
    if not pattern:
        return not text
    if pattern[:1] == b"*":
        return simple_match(pattern[1:], text) or (bool(text) and simple_match(pattern, text[1:]))
    return bool(text) and pattern[:1] in (b"?", text[:1]) and simple_match(pattern[1:], text[1:])


class GlobTests(SynchronousTestCase):
    """Patterns match what they match in Redis."""

    def test_many_stars(self) -> None:
        """A pattern with more than 1000 stars that are not at its end matches nothing, as in redis-server 7.0.15."""
        text = b"a" * 3000
        for pattern in (b"*a" * 1000, b"*a" * 1000 + b"***", b"*?" * 1000, b"**a" * 1000, b"a*" * 1001):
            self.assertTrue(matcher(pattern)(text), pattern[-4:])
        for pattern in (b"*a" * 1001, b"*?" * 1001, b"a*" * 1002, b"[a]*" * 1002, b"\\a*" * 1002):
            self.assertFalse(matcher(pattern)(text), pattern[-4:])
        stars = b"*" * 1100
        self.assertTrue(matcher(b"[*]" * 1100)(stars))
        self.assertTrue(matcher(b"\\*" * 1100)(stars))

    def test_examples(self) -> None:
        """Each kind of element matches what it stands for, and nothing else."""
        for pattern, matched, others in EXAMPLES:
            match = matcher(pattern)
            for text in matched:
                self.assertTrue(match(text), f"{pattern!r} must match {text!r}")
            for text in others:
                self.assertFalse(match(text), f"{pattern!r} must not match {text!r}")

    @QUICK
    @given(st.text("ab*?", max_size=8), st.text("ab", min_size=1, max_size=8))
    def test_stars_and_question_marks(self, pattern: str, text: str) -> None:
        """Stars and question marks in any order match what their definition says."""
        expected = simple_match(pattern.encode(), text.encode())
        self.assertEqual(expected, matcher(pattern.encode())(text.encode()))

    @QUICK
    @given(st.binary(max_size=12), st.binary(min_size=1, max_size=12))
    def test_escaped_is_plain(self, text: bytes, other: bytes) -> None:
        """A text with every byte escaped matches that text only."""
        match = matcher(b"".join(b"\\%c" % byte for byte in text))
        self.assertTrue(match(text))
        self.assertEqual(text == other, match(other))

    @QUICK
    @given(st.binary(max_size=12), st.binary(max_size=6))
    def test_any_bytes(self, pattern: bytes, text: bytes) -> None:
        """Any pattern can be asked about any text."""
        self.assertIn(matcher(pattern)(text), (True, False))

    def test_bounded_cost(self) -> None:
        """Many stars look at no more elements than the lengths' product."""
        pattern, text = b"*?a" * 30 + b"b", b"a" * 300
        with mock.patch.object(glob, "_element_end", wraps=glob._element_end) as element_end:
            self.assertFalse(matcher(pattern)(text))
        self.assertLessEqual(element_end.call_count, len(pattern) * len(text))

    def test_many_plain_stars(self) -> None:
        """The same holds without question marks: it comes to an end."""
        self.assertFalse(matcher(b"*a" * 999 + b"*b")(b"a" * 5000))
        self.assertTrue(matcher(b"*a" * 999 + b"*b")(b"a" * 5000 + b"b"))
