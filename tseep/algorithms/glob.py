"""
Redis's glob patterns on bytes (redis/src/util.c, stringmatchlen).

========== ==========================================================
C{*}       any bytes, or none; a pattern of nothing but stars does not match an empty text
C{?}       any one byte
C{[ab]}    one of these; C{[a-z]} and C{[z-a]} are ranges, C{[^a]} any other
C{\\x}      x itself, in a class as well
========== ==========================================================

An unclosed class extends to the end of the pattern. To ignore case, lower both pattern and text.
"""

from __future__ import annotations

import re
from typing import Callable

Match = Callable[[bytes], bool]

MAX_STARS = 1000
"""A pattern with more stars, of which adjacent ones count once and those at the end not at all, matches nothing."""

_SPECIAL = re.compile(rb"[?\[\\]")
_STARS = re.compile(rb"\*+(?!\*|\Z)")
_LITERAL = re.compile(rb"\\.|\[\^?(?:\\.|[^]])*", re.DOTALL)
"""An escaped byte or a class, in which a star is a byte like any other."""

_STAR, _QUESTION, _OPEN, _CLOSE, _BACKSLASH, _DASH, _CARET = b"*?[]\\-^"


def matcher(pattern: bytes) -> Match:
    """
    Compile a pattern.

    A match takes O(N*M) time for a pattern of N and a text of M bytes, so no pattern backtracks exponentially. Patterns
    of stars and plain bytes, such as C{user:*}, are the fastest.

    @return: a function that returns True if the pattern matches a whole text.
    """
    if pattern.count(b"*") > MAX_STARS and len(_STARS.findall(_LITERAL.sub(b"?", pattern))) > MAX_STARS:
        return lambda text: False
    if _SPECIAL.search(pattern) is None:
        return _plain_matcher(pattern)
    return lambda text: _matches(pattern, text)


def _plain_matcher(pattern: bytes) -> Match:
    """The function for a pattern without special bytes other than stars."""
    head, *others = pattern.split(b"*")
    if not others:
        return lambda text: text == pattern
    *middle, tail = others
    if not any(middle) and not tail:
        return lambda text: text.startswith(head) and len(text) > 0

    def match(text: bytes) -> bool:
        at, end = len(head), len(text) - len(tail)
        if at > end or not (text.startswith(head) and text.endswith(tail)):
            return False
        for piece in middle:
            at = text.find(piece, at, end) + len(piece)
            if at < len(piece):
                return False
        return True

    return match


def _matches(pattern: bytes, text: bytes) -> bool:
    """Match byte by byte. On a mismatch only the last star is extended, by a byte: the earlier ones need not be."""
    at = here = 0
    after_star = taken = -1
    while here < len(text):
        if at < len(pattern) and pattern[at] == _STAR:
            after_star, taken = at + 1, here
            end = at + 1
        else:
            end = _element_end(pattern, at, text[here]) if at < len(pattern) else 0
            here += 1
        if not end:
            if after_star < 0:
                return False
            taken += 1
            end, here = after_star, taken
        at = end
    return not pattern[at:].strip(b"*")


def _element_end(pattern: bytes, at: int, byte: int) -> int:
    """The end of the element at C{at}, which matches a single byte; 0 if it does not match this byte."""
    if pattern[at] == _QUESTION:
        return at + 1
    if pattern[at] == _OPEN:
        return _class_end(pattern, at + 1, byte)
    if pattern[at] == _BACKSLASH and at + 1 < len(pattern):
        at += 1
    return at + 1 if pattern[at] == byte else 0


def _class_end(pattern: bytes, at: int, byte: int) -> int:
    """The end of the class whose bracket is before C{at}; 0 if it does not match this byte."""
    size = len(pattern)
    negated = at < size and pattern[at] == _CARET
    found = False
    at += negated
    while at < size and pattern[at] != _CLOSE:
        if pattern[at] == _BACKSLASH and at + 1 < size:
            at += 1
            found = found or pattern[at] == byte
        elif at + 2 < size and pattern[at + 1] == _DASH:
            found = found or _between(pattern[at], byte, pattern[at + 2])
            at += 2
        else:
            found = found or pattern[at] == byte
        at += 1
    return at + 1 if found != negated else 0


def _between(first: int, byte: int, last: int) -> bool:
    """True if a byte is in a range. As in Redis bytes are signed: 0x80 to 0xff come before 0."""
    low, high = sorted((first ^ 0x80, last ^ 0x80))
    return low <= byte ^ 0x80 <= high
