"""
What the differential test knows of each family of commands. A module may have any of these:

================ =====================================================================================
C{GROUP}         the family's group in COMMAND DOCS
C{POOLS}         words for arguments: by command and name, else by name, else by type
C{BEGIN}         calls that a sequence of the family may begin with, so that there is something to work on
C{LOOSE}         what of a reply is compared, where that is not all of it
C{BY_HAND}       commands that no random sequence calls, and where they are tried instead
C{NOT_THERE}     commands that redis-server has and tseep does not, and why
C{LISTED}        calls that random sequences would hardly find, a line each, tried one after the other
================ =====================================================================================
"""

from __future__ import annotations

from typing import Any

from . import geo, hashes, hyperloglog, lists, scripting, sets, sort, sorted_sets, streams

FAMILIES = [geo, hashes, hyperloglog, lists, scripting, sets, sort, sorted_sets, streams]

GROUPS = [family.GROUP for family in FAMILIES if hasattr(family, "GROUP")]


def merged(name: str) -> dict[Any, Any]:
    """One of the families' tables, those of all families together."""
    return {key: value for family in FAMILIES for key, value in getattr(family, name, {}).items()}


def begin(group: str) -> list[list[bytes]]:
    """The calls that a sequence of a family may begin with."""
    return [
        call for family in FAMILIES if getattr(family, "GROUP", "") == group for call in getattr(family, "BEGIN", [])
    ]


def listed() -> str:
    """The calls to be tried one after the other, a line each."""
    return "\n".join(getattr(family, "LISTED", "") for family in FAMILIES)
