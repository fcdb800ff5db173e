"""
Tables of the differential test for each family of commands. A module can define any of these:

================ =====================================================================================
C{GROUP}         the family's group in COMMAND DOCS
C{POOLS}         words for arguments: by command and name, else by name, else by type
C{BEGIN}         calls that a sequence of the family can begin with, to create data
C{LOOSE}         the part of a reply that is compared, where that is not all of it
C{BY_HAND}       commands that no random sequence calls, and where they are tested instead
C{LISTED}        calls that random sequences rarely contain, one per line, run in order
================ =====================================================================================
"""

from __future__ import annotations

from typing import Any

from . import geo, hashes, hyperloglog, lists, scripting, sets, sort, sorted_sets, streams

FAMILIES = [geo, hashes, hyperloglog, lists, scripting, sets, sort, sorted_sets, streams]

GROUPS = [family.GROUP for family in FAMILIES if hasattr(family, "GROUP")]


def merged(name: str) -> dict[Any, Any]:
    """A table of all families together."""
    return {key: value for family in FAMILIES for key, value in getattr(family, name, {}).items()}


def begin(group: str) -> list[list[bytes]]:
    """The calls that a sequence of a family can begin with."""
    return [
        call for family in FAMILIES if getattr(family, "GROUP", "") == group for call in getattr(family, "BEGIN", [])
    ]


def listed() -> str:
    """The listed calls of all families, one per line."""
    return "\n".join(getattr(family, "LISTED", "") for family in FAMILIES)
