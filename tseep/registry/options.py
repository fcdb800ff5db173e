"""
The reader of a command's options, which command functions share with L{key finders <tseep.registry.key_finders>}.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

REST = -1
"""In place of a number of parameters: all remaining arguments, at least one."""


class Option(NamedTuple):
    """
    An option in a call.

    @ivar name: in lower case; empty for an unknown word, or if there are too few parameters.
    @ivar place: index in the call at which its parameters start.
    """

    name: bytes
    place: int
    parameters: list[bytes]


def read_options(argv: list[bytes], start: int, known: dict[bytes, int]) -> Iterator[Option]:
    """
    Yield the options of a call in order. An unknown word is one option without parameters.

    @param argv: the whole command.
    @param start: index of the first option.
    @param known: by option, in lower case, the number of its parameters, or L{REST}.
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
