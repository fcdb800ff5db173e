"""
The options of a command, read in one way by the command itself and by what finds its keys: if those two read them
differently, a client touches keys that nobody has asked about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

REST = -1
"""In place of a number of parameters: all that is left, at least one."""


class Option(NamedTuple):
    """
    One option.

    @ivar name: in lower case; empty for a word that is no option here, or has too few parameters after it.
    @ivar place: where in the command its first parameter is, or would be.
    """

    name: bytes
    place: int
    parameters: list[bytes]


def read_options(argv: list[bytes], start: int, known: dict[bytes, int]) -> Iterator[Option]:
    """
    The options of a command, in their order. After a word that is none, the next word is looked at.

    @param argv: the whole command.
    @param start: where its options begin.
    @param known: by option, in lower case, how many parameters follow it; or L{REST}.
    """
    at = start
    while at < len(argv):
        name = argv[at].lower()
        left = len(argv) - at - 1
        count = known.get(name, left + 1)
        if count == REST:
            count = max(1, left)
        if count > left:
            name, count = b"", 0
        at += 1
        yield Option(name, at, argv[at : at + count])
        at += count
