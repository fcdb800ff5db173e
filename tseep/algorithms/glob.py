"""
Redis's glob patterns, over bytes (redis/src/util.c, stringmatchlen).

========== ==========================================================
C{*}       any bytes, or none; but alone, or beside others, it does not match an empty text
C{?}       any one byte
C{[ab]}    one of these; C{[a-z]} and C{[z-a]} are ranges, C{[^a]} any other
C{\\x}      x itself, in a class as well
========== ==========================================================

A class that is not closed goes to the pattern's end. To ignore case, lower the pattern and the texts.
"""

from __future__ import annotations

import re
from typing import Callable

Match = Callable[[bytes], bool]

_SPECIAL = re.compile(rb"[?\[\\]")
_STAR, _QUESTION, _OPEN, _CLOSE, _BACKSLASH, _DASH, _CARET = b"*?[]\\-^"


def matcher(pattern: bytes) -> Match:
    """
    Prepare a pattern for many texts.

    It costs at most the product of the lengths of pattern and text, whatever they are, and next to nothing to
    prepare. Patterns of stars and plain bytes, such as C{user:*}, are the fastest.

    @return: a function that tells whether the whole of a text matches.
    """
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
    """Match byte by byte. After a mismatch only the last star may take one byte more: more cannot help."""
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
    """Where the element at C{at}, which stands for one byte, ends; 0 if it does not stand for this one."""
    if pattern[at] == _QUESTION:
        return at + 1
    if pattern[at] == _OPEN:
        return _class_end(pattern, at + 1, byte)
    if pattern[at] == _BACKSLASH and at + 1 < len(pattern):
        at += 1
    return at + 1 if pattern[at] == byte else 0


def _class_end(pattern: bytes, at: int, byte: int) -> int:
    """The same for a class, whose bracket is before C{at}."""
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
    """Whether a byte is in a range. Bytes are signed for Redis: 0x80 to 0xff come before 0."""
    low, high = sorted((first ^ 0x80, last ^ 0x80))
    return low <= byte ^ 0x80 <= high
