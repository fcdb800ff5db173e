"""
Key specifications: the positions of a command's keys, and their use.

Source: https://redis.io/docs/latest/develop/reference/key-specs/
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tseep.algorithms.numeric import integer

Places = tuple[int, int, int]

_KEYWORD = re.compile(r"([A-Z]+) (-?\d+)( half| rest)?")
_KEYNUM = re.compile(r"numkeys (\d+)")


class KeyUse(NamedTuple):
    """
    The use of a key in a call.

    @ivar place: index of the key in the call.
    @ivar flags: as in L{KeySpecification}.
    """

    place: int
    flags: tuple[str, ...]


class KeySpecification(NamedTuple):
    """
    The positions of a command's keys, as an index or after a keyword, and their use.

    @ivar flags: the access in capitals (C{RO}, C{RW}, C{OW} or C{RM}), and its effects in small letters.
    @ivar place: index of the first key; 0: C{keyword} determines it.
    @ivar last: the last key as Redis writes it: relative to the first, or if negative to the end of the call.
    @ivar step: from key to key.
    @ivar half: True if keys are the first half of the arguments that follow, as in XREAD.
    @ivar counted: True if C{place} is the index of the number of keys, which precedes them.
    @ivar keyword: the word before the keys; empty: none.
    @ivar start: index at which the search for C{keyword} starts; negative: relative to the end.
    @ivar known: False if Redis does not publish the position, as the keyword can be anywhere.
    """

    flags: tuple[str, ...]
    place: int = 0
    last: int = 0
    step: int = 1
    half: bool = False
    counted: bool = False
    keyword: str = ""
    start: int = 0
    known: bool = True

    def find(self, argv: list[bytes]) -> list[int]:
        """Return the indexes of the keys in a whole command."""
        first = self.place or self._after_keyword(argv)
        if not first or first >= len(argv):
            return []
        if self.counted:
            count = integer(argv[first])
            return list(range(first + 1, first + 1 + count)) if count and 0 < count < len(argv) - first else []
        if self.half:
            return list(range(first, first + (len(argv) - first) // 2))
        last = first + self.last if self.last >= 0 else len(argv) + self.last
        return list(range(first, min(last, len(argv) - 1) + 1, self.step))

    def _after_keyword(self, argv: list[bytes]) -> int:
        keyword = self.keyword.encode()
        for place in range(self.start if self.start > 0 else len(argv) + self.start, len(argv) - 1):
            if keyword and argv[place].upper() == keyword:
                return place + 1
        return 0

    def describe(self) -> dict[bytes, Any]:
        """Return its fields in COMMAND INFO, except for the flags."""
        if not self.known:
            unknown: dict[bytes, Any] = {b"type": b"unknown", b"spec": {}}
            return {b"begin_search": unknown, b"find_keys": unknown}
        return {b"begin_search": self._begin_search(), b"find_keys": self._find_keys()}

    def _begin_search(self) -> dict[bytes, Any]:
        if self.keyword:
            spec: dict[bytes, Any] = {b"keyword": self.keyword.encode(), b"startfrom": self.start}
            return {b"type": b"keyword", b"spec": spec}
        return {b"type": b"index", b"spec": {b"index": self.place}}

    def _find_keys(self) -> dict[bytes, Any]:
        if self.counted:
            return {b"type": b"keynum", b"spec": {b"keynumidx": 0, b"firstkey": 1, b"keystep": 1}}
        limit = 2 if self.half else 0
        return {b"type": b"range", b"spec": {b"lastkey": self.last, b"keystep": self.step, b"limit": limit}}


def read_specifications(access: str, keys: Places) -> list[KeySpecification]:
    """
    Parse C{access} and C{keys} of an entry of the command table.

    @param access: the flags of each specification, separated by C{;}. Specifications without C{@} are the keys at
        C{keys}, in order; the last of them describes all that remain. C{@} is followed by the position of others:
        C{numkeys 2}: the number of keys is argument 2; C{STORE 6}: the key follows that word, at argument 6 or later;
        C{STREAMS 1 half}: the first half of the arguments after that word; C{KEYS -2 rest}: all of them; C{?}: unknown
        to Redis.
    @param keys: the first, the last and the step of those at fixed positions; zeros: none.
    """
    parts = [part.partition("@") for part in access.split(";") if part.strip()]
    plain = [flags for flags, at, _ in parts if not at]
    specifications, number = [], 0
    for words, at, place in parts:
        first, *rest = words.split()
        flags = (first, *map(str.lower, rest))
        if at:
            specifications.append(_elsewhere(flags, place.strip()))
        else:
            specifications.append(_at_fixed_places(flags, keys, number, number == len(plain) - 1))
            number += 1
    return specifications


def _at_fixed_places(flags: tuple[str, ...], keys: Places, number: int, is_last: bool) -> KeySpecification:
    first, last, step = keys
    index = first + number * step
    relative = (last if last < 0 else last - index) if is_last else 0
    return KeySpecification(flags, index, relative, step)


def _elsewhere(flags: tuple[str, ...], place: str) -> KeySpecification:
    if place == "?":
        return KeySpecification(flags, known=False)
    keynum, keyword = _KEYNUM.fullmatch(place), _KEYWORD.fullmatch(place)
    if keynum:
        return KeySpecification(flags, int(keynum[1]), counted=True)
    assert keyword is not None, place
    last = -1 if keyword[3] else 0
    return KeySpecification(flags, last=last, half=keyword[3] == " half", keyword=keyword[1], start=int(keyword[2]))
