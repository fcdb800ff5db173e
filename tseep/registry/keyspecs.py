"""
Key specifications: where the keys of a command are, and what happens to them.

Source: https://redis.io/docs/latest/develop/reference/key-specs/
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from tseep.algorithms.numeric import integer

Places = tuple[int, int, int]

_KEYWORD = re.compile(r"([A-Z]+) (-?\d+)( half)?")
_KEYNUM = re.compile(r"numkeys (\d+)")


class KeyUse(NamedTuple):
    """
    What a call does with one of its keys.

    @ivar place: where in the call the key is.
    @ivar flags: as L{KeySpecification} has them.
    """

    place: int
    flags: tuple[str, ...]


class KeySpecification(NamedTuple):
    """
    One specification.

    @ivar flags: the first says how a key is used, in capitals, the others why.
    @ivar place: where it begins; 0 if only a keyword tells.
    @ivar last: the last key's place as Redis writes it: from the first one, or from the end if it is negative.
    @ivar step: from key to key.
    @ivar half: whether keys are half of the arguments that follow, as in XREAD.
    @ivar counted: whether the number of keys stands at C{place}, before them.
    @ivar keyword: the word before the keys; empty for none.
    @ivar start: from where on the word is sought, from the end if it is negative.
    @ivar known: whether Redis tells of its place; it does not where the keyword may stand anywhere.
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
        """The places of the keys in a whole command."""
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
        """What COMMAND INFO tells of it, but for the flags."""
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
    Read what the command table says of a command's keys.

    @param access: the flags of its keys, for one specification after the other with C{;} between. The last one
        without an C{@} goes for all that follow in C{keys}. After an C{@}: C{numkeys 2} for as many keys as the
        argument number 2 says, C{STORE 6} for the key that follows that word, sought from argument 6 on,
        C{STREAMS 1 half} for half of what follows it, C{?} for what Redis does not tell.
    @param keys: the first, the last and the step of those at fixed places; zeros for none.
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
    return KeySpecification(flags, last=last, half=bool(keyword[3]), keyword=keyword[1], start=int(keyword[2]))
