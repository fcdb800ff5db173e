"""
The keys of commands whose options determine them, where key specifications are not enough.

A command function reads its options with the same reader and the same table as its finder here: with two different
readers, a client could access keys that were never checked against its permissions.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Callable, Optional

from tseep.registry.keyspecs import KeyUse
from tseep.registry.options import REST, read_options

FindKeys = Callable[[list[bytes]], Iterable[KeyUse]]
AnyKeyOption = Callable[[list[bytes]], Optional[bytes]]

RADIUS_OPTIONS = {b"withdist": 0, b"withhash": 0, b"withcoord": 0, b"any": 0, b"asc": 0, b"desc": 0, b"count": 1}
RADIUS_STORE_OPTIONS = {**RADIUS_OPTIONS, b"store": 1, b"storedist": 1}
SORT_OPTIONS = {b"asc": 0, b"desc": 0, b"alpha": 0, b"limit": 2, b"by": 1, b"get": 1}
SORT_STORE_OPTIONS = {**SORT_OPTIONS, b"store": 1}
MIGRATE_OPTIONS = {b"copy": 0, b"replace": 0, b"auth": 1, b"auth2": 2, b"keys": REST}
XREAD_OPTIONS = {b"block": 1, b"count": 1, b"group": 2, b"noack": 0, b"streams": REST}
"""By option, the number of its parameters. X_OPTIONS belongs to the read-only command (XREAD: also to XREADGROUP)."""

_READ = ("RO", "access")
_STORED = ("OW", "update")
_REMOVED = ("RW", "access", "delete")
_CHANGED = ("RW", "access", "update")


def _bitfield(argv: list[bytes]) -> list[KeyUse]:
    changes = any(word.upper() in (b"SET", b"INCRBY") for word in argv[2:])
    return [KeyUse(1, _CHANGED if changes else _READ)]


def _migrate(argv: list[bytes]) -> list[KeyUse]:
    """Return the key, or if it is empty those after KEYS."""
    for option, place, parameters in read_options(argv, 6, MIGRATE_OPTIONS):
        if option == b"keys":
            return [] if argv[3] else [KeyUse(place + number, _REMOVED) for number in range(len(parameters))]
    return [KeyUse(3, _REMOVED)]


def _set(argv: list[bytes]) -> list[KeyUse]:
    reads = any(word.lower() == b"get" for word in argv[3:])
    return [KeyUse(1, _CHANGED if reads else _STORED)]


def _radius(argv: list[bytes], start: int) -> list[KeyUse]:
    """Return the source and, like Redis, the keys of all STORE and STOREDIST, although the command uses the last."""
    stores = [
        option for option in read_options(argv, start, RADIUS_STORE_OPTIONS) if option.name in (b"store", b"storedist")
    ]
    stores.sort(key=lambda option: option.name)
    return [KeyUse(1, _READ), *[KeyUse(option.place, _STORED) for option in stores]]


def _sort(argv: list[bytes]) -> list[KeyUse]:
    """Return the source and the destination: that of the last STORE, which the command uses."""
    places = [option.place for option in read_options(argv, 2, SORT_STORE_OPTIONS) if option.name == b"store"]
    return [KeyUse(1, _READ), *[KeyUse(place, _STORED) for place in places[-1:]]]


def _xread(argv: list[bytes]) -> list[KeyUse]:
    """Return the keys after STREAMS, where that is not the name of a group or consumer."""
    for option, place, parameters in read_options(argv, 1, XREAD_OPTIONS):
        if option == b"streams":
            return [KeyUse(place + number, _READ) for number in range(len(parameters) // 2)]
    return []


KEY_FINDERS: dict[str, FindKeys] = {
    "BITFIELD": _bitfield,
    "GEORADIUS": lambda argv: _radius(argv, 6),
    "GEORADIUSBYMEMBER": lambda argv: _radius(argv, 5),
    "MIGRATE": _migrate,
    "SET": _set,
    "SORT": _sort,
    "XREAD": _xread,
    "XREADGROUP": _xread,
}
"""By command, a function from a call to its keys and their use."""


def _pattern_option(argv: list[bytes], known: dict[bytes, int]) -> bytes | None:
    """Return the first BY or GET that reads keys of a pattern; None if an invalid option comes first."""
    for option, _, parameters in read_options(argv, 2, known):
        if option == b"get" or (option == b"by" and b"*" in parameters[0]):
            return option.upper()
        if not option:
            return None
    return None


ANY_KEY_OPTIONS: dict[str, AnyKeyOption] = {
    "SORT": lambda argv: _pattern_option(argv, SORT_STORE_OPTIONS),
    "SORT_RO": lambda argv: _pattern_option(argv, SORT_OPTIONS),
}
"""By command, a function from a call to the option by which it reads keys that it does not name, or None."""
