"""
Inline commands: words separated by spaces, quoted as in a shell or a C string (redis/src/sds.c, sdssplitargs and
sdscatrepr).
"""

from __future__ import annotations

import re

_WORD = re.compile(
    rb"""
    " (?P<double> (?: \\. | [^"\\] )* ) " (?= [\s\0] | \Z )
  | ' (?P<single> (?: \\' | \\ (?! ') | [^'\\] )* ) ' (?= [\s\0] | \Z )
  | (?P<quote> ["'] )
  | (?P<plain> [^\ \n\r\t\0"']+ )
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{2}|.)", re.DOTALL)
_CONTROLS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"a": b"\a"}
_QUOTED = [bytes([code]) if 32 <= code < 127 else b"\\x%02x" % code for code in range(256)]
_QUOTED[ord("\\")], _QUOTED[ord('"')] = b"\\\\", b'\\"'
for _letter, _control in _CONTROLS.items():
    _QUOTED[ord(_control)] = b"\\" + _letter


class UnbalancedQuotes(ValueError):
    """A quote is not closed, or is closed in the middle of a word."""


def split_words(line: bytes) -> list[bytes]:
    """
    Split a line into words.

    @raise UnbalancedQuotes: if a quote is not closed, or is closed in the middle of a word.
    """
    words: list[bytes] = []
    at = 0
    while True:
        while at < len(line) and line[at : at + 1].strip(b" \t\n\v\f\r\0") == b"":
            at += 1
        if at == len(line):
            return words
        word, at = _read_word(line, at)
        words.append(word)


def quote(word: bytes) -> bytes:
    """The word in double quotes; the inverse of L{split_words}."""
    return b'"%b"' % b"".join([_QUOTED[code] for code in word])


def _read_word(line: bytes, at: int) -> tuple[bytes, int]:
    """One word, which can consist of several quoted and plain parts, and the offset after it."""
    parts = []
    match = _WORD.match(line, at)
    while match is not None:
        parts.append(_unquote(match))
        at = match.end()
        match = None if match["plain"] is None else _WORD.match(line, at)
    return b"".join(parts), at


def _unquote(match: re.Match[bytes]) -> bytes:
    if match["quote"] is not None:
        raise UnbalancedQuotes
    if match["plain"] is not None:
        return match["plain"]
    if match["single"] is not None:
        return match["single"].replace(b"\\'", b"'")
    return _ESCAPE.sub(_unescape, match["double"])


def _unescape(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if len(code) == 3:
        return bytes([int(code[1:], 16)])
    return _CONTROLS.get(code, code)
