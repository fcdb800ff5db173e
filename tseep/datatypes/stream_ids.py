"""Parsing of stream IDs in commands (redis/src/t_stream.c, streamGenericParseIDOrReply)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tseep.algorithms.numeric import integer
from tseep.datatypes.stream import HIGHEST_ID
from tseep.datatypes.stream_entries import SEQUENCE
from tseep.errors import CommandError

INVALID = "ERR Invalid stream ID specified as stream command argument"

_CANONICAL = re.compile(rb"(\d{1,19})(?:-(\d{1,19}))?")
_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)0*(\d{1,20})")
_MAX_TEXT_BYTES = 127


def read_id(text: bytes, missing: int = 0) -> int:
    """
    Parse an ID.

    @param missing: the sequence number, if the text has only the milliseconds.
    @return: C{milliseconds << 64 | sequence}.
    @raise CommandError: if the text is not an ID.
    """
    match = _CANONICAL.fullmatch(text)
    if match is None:
        return _read_other(text, missing)
    milliseconds, sequence = match.groups()
    return int(milliseconds) << 64 | (missing if sequence is None else int(sequence))


def _read_other(text: bytes, missing: int) -> int:
    milliseconds, dash, sequence = text.partition(b"\0")[0].partition(b"-")
    high, low = _unsigned(milliseconds), _unsigned(sequence) if dash else missing
    if high is None or low is None or len(text) > _MAX_TEXT_BYTES:
        raise CommandError(INVALID)
    return high << 64 | low


def _unsigned(text: bytes) -> int | None:
    """Parse a text as Redis's string2ull: strtoull allows a minus sign, but canonical negative integers are invalid."""
    match = _NUMBER.fullmatch(text)
    if match is None or (integer(text) or 0) < 0:
        return None
    number = int(match[2])
    if number > SEQUENCE:
        return None
    return -number & SEQUENCE if match[1] == b"-" else number


def read_milliseconds(text: bytes) -> int | None:
    """The ID C{x-0} for a text C{x-*}; None if the text has another form."""
    milliseconds, _, sequence = text.partition(b"-")
    return read_id(milliseconds) if sequence == b"*" else None


def read_bound(text: bytes, missing: int = 0) -> int:
    """Parse an ID, or C{-} for the lowest and C{+} for the highest."""
    if text == b"-":
        return 0
    return HIGHEST_ID if text == b"+" else read_id(text, missing)


def read_start(text: bytes) -> int:
    """
    Parse the start of an interval, which C{(} makes exclusive.

    @return: the first ID of the interval.
    @raise CommandError: if the text is invalid, or no ID follows.
    """
    if text[:1] != b"(" or len(text) == 1:
        return read_bound(text)
    id = read_id(text[1:])
    if id == HIGHEST_ID:
        raise CommandError("ERR invalid start ID for the interval")
    return id + 1


def read_end(text: bytes) -> int:
    """
    Parse the end of an interval, which C{(} makes exclusive.

    @return: the last ID of the interval.
    @raise CommandError: if the text is invalid, or no ID precedes.
    """
    if text[:1] != b"(" or len(text) == 1:
        return read_bound(text, SEQUENCE)
    id = read_id(text[1:], SEQUENCE)
    if id == 0:
        raise CommandError("ERR invalid end ID for the interval")
    return id - 1


def leading_ids(words: list[bytes]) -> Iterator[int]:
    """Yield the IDs up to the first word that is not an ID."""
    for word in words:
        try:
            yield read_id(word)
        except CommandError:
            return
