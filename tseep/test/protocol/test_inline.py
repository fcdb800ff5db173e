"""Tests for L{tseep.protocol.inline}: words and quotes of inline commands."""

from __future__ import annotations

from typing import Optional

from twisted.trial.unittest import SynchronousTestCase

from tseep.protocol.inline import UnbalancedQuotes, split_words
from tseep.test.properties import example, given, settings, st

ALPHABET = [
    b"a",
    b"n",
    b"x",
    b"4",
    b"1",
    b"g",
    b" ",
    b"\t",
    b"\v",
    b"'",
    b'"',
    b"\\",
    b"\xff",
    b"\\x41",
    b"\\'",
    b'\\"',
]


def split_slowly(line: bytes) -> Optional[list[bytes]]:
    """Split a line as L{sdssplitargs} of redis/src/sds.c does, a character at a time; None for unbalanced quotes."""
    words: list[bytes] = []
    at = 0
    while True:
        while line[at : at + 1].isspace():
            at += 1
        if at == len(line):
            return words
        word, quote = b"", b""
        while True:
            here, rest = line[at : at + 1], line[at + 1 : at + 2]
            if quote and not here:
                return None
            if quote == b'"' and here == b"\\" and rest == b"x" and _is_hex(line[at + 2 : at + 4]):
                word += bytes.fromhex(line[at + 2 : at + 4].decode())
                at += 4
            elif quote == b'"' and here == b"\\" and rest:
                word += {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}.get(rest, rest)
                at += 2
            elif quote == b"'" and here == b"\\" and rest == b"'":
                word += rest
                at += 2
            elif quote and here == quote:
                if rest and not rest.isspace():
                    return None
                at += 1
                break
            elif not quote and (not here or here in b" \n\r\t"):
                break
            elif not quote and here in b"\"'":
                quote = here
                at += 1
            else:
                word += here
                at += 1
        words.append(word)


def _is_hex(digits: bytes) -> bool:
    return len(digits) == 2 and all(digit in b"0123456789abcdefABCDEF" for digit in digits)


class SplitWordsTests(SynchronousTestCase):
    """C{split_words} splits inline commands like Redis's C{sdssplitargs}."""

    def test_plain(self) -> None:
        """Words are separated by white space; leading and trailing white space is ignored."""
        self.assertEqual([b"SET", b"a", b"1"], split_words(b" SET\ta  1 "))
        self.assertEqual([], split_words(b""))
        self.assertEqual([], split_words(b" \t "))

    def test_double_quotes(self) -> None:
        """Double quotes allow C's escapes; an unknown escape is the character itself."""
        self.assertEqual([b'a b\n\r\t\b\a"\\zA'], split_words(rb'"a b\n\r\t\b\a\"\\\z\x41"'))
        self.assertEqual([b"xg1"], split_words(rb'"\xg1"'))

    def test_single_quotes(self) -> None:
        """In single quotes only the single quote can be escaped."""
        self.assertEqual([b"it's \\n"], split_words(rb"'it\'s \n'"))

    def test_empty(self) -> None:
        """An empty pair of quotes is an empty word."""
        self.assertEqual([b"", b""], split_words(b"\"\" ''"))

    def test_quotes_inside_a_word(self) -> None:
        """Quotes can start inside a word."""
        self.assertEqual([b"ab c"], split_words(b'a"b c"'))

    def test_unbalanced(self) -> None:
        """Unclosed quotes, or quotes closed inside a word, raise C{UnbalancedQuotes}."""
        for line in (b'"', b"'", b'"a', b"'a", b'"a"b', b"'a'b", b'a"b', b'"\\"', b"'\\'", b"'a\\' b"):
            self.assertRaises(UnbalancedQuotes, split_words, line)

    @settings(deadline=None, derandomize=True, database=None, max_examples=300)
    @given(st.lists(st.sampled_from(ALPHABET), max_size=12).map(b"".join))
    @example(b"'a\\' b'")
    def test_as_redis(self, line: bytes) -> None:
        """Any line is split as by the reference implementation, C{split_slowly}."""
        try:
            words: Optional[list[bytes]] = split_words(line)
        except UnbalancedQuotes:
            words = None
        self.assertEqual(split_slowly(line), words)
