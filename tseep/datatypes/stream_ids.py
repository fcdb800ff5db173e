"""Ids of stream entries, as clients write them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tseep.algorithms.numeric import integer
from tseep.datatypes.stream import HIGHEST_ID, SEQUENCE
from tseep.errors import CommandError

INVALID = "ERR Invalid stream ID specified as stream command argument"

_USUAL = re.compile(rb"(\d{1,19})(?:-(\d{1,19}))?")
_NUMBER = re.compile(rb"[ \t\n\v\f\r]*([+-]?)0*(\d{1,20})")
_LONGEST = 127


def read_id(text: bytes, missing: int = 0) -> int:
    """
    Read an id.

    @param missing: its sequence number, if only the milliseconds are given.
    @return: C{milliseconds << 64 | sequence}.
    @raise CommandError: if it is none.
    """
    match = _USUAL.fullmatch(text)
    if match is None:
        return _read_unusual(text, missing)
    milliseconds, sequence = match.groups()
    return int(milliseconds) << 64 | (missing if sequence is None else int(sequence))


def _read_unusual(text: bytes, missing: int) -> int:
    milliseconds, dash, sequence = text.partition(b"\0")[0].partition(b"-")
    high, low = _unsigned(milliseconds), _unsigned(sequence) if dash else missing
    if high is None or low is None or len(text) > _LONGEST:
        raise CommandError(INVALID)
    return high << 64 | low


def _unsigned(text: bytes) -> int | None:
    """What C's strtoull reads of a whole text; it takes negative numbers, but not those that are written properly."""
    match = _NUMBER.fullmatch(text)
    if match is None or (integer(text) or 0) < 0:
        return None
    number = int(match[2])
    if number > SEQUENCE:
        return None
    return -number & SEQUENCE if match[1] == b"-" else number


def read_milliseconds(text: bytes) -> int | None:
    """The id C{x-0} that C{x-*} begins at; None if the text has another form."""
    milliseconds, _, sequence = text.partition(b"-")
    return read_id(milliseconds) if sequence == b"*" else None


def read_bound(text: bytes, missing: int = 0) -> int:
    """Read an id that may be C{-} for the lowest or C{+} for the highest."""
    if text == b"-":
        return 0
    return HIGHEST_ID if text == b"+" else read_id(text, missing)


def read_start(text: bytes) -> int:
    """
    Read where an interval begins; an id after a C{(} is not in it.

    @return: the first id of the interval.
    """
    if text[:1] != b"(" or len(text) == 1:
        return read_bound(text)
    id = read_id(text[1:])
    if id == HIGHEST_ID:
        raise CommandError("ERR invalid start ID for the interval")
    return id + 1


def read_end(text: bytes) -> int:
    """
    Read where an interval ends; an id after a C{(} is not in it.

    @return: the last id of the interval.
    """
    if text[:1] != b"(" or len(text) == 1:
        return read_bound(text, SEQUENCE)
    id = read_id(text[1:], SEQUENCE)
    if id == 0:
        raise CommandError("ERR invalid end ID for the interval")
    return id - 1


def leading_ids(words: list[bytes]) -> Iterator[int]:
    """The ids up to the first word that is none."""
    for word in words:
        try:
            yield read_id(word)
        except CommandError:
            return
