"""
Parsers of arguments that commands of several families share: numbers, cursors, timeouts, databases.

All raise L{CommandError <tseep.errors.CommandError>} with Redis's text if an argument is invalid.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Callable

from tseep.algorithms.glob import matcher
from tseep.algorithms.numeric import HIGHEST, double, integer, require_int, require_integer
from tseep.errors import NO_SUCH_DATABASE, SYNTAX, CommandError

if TYPE_CHECKING:
    from tseep.session.session import Session

SCAN_COUNT = 10

_CURSOR = re.compile(rb"([+-]?)0*(\d{1,20})")

NO_KEYS = "ERR numkeys should be greater than 0"

REDACTED = b"(redacted)"
"""Replaces secrets in a command after execution, so that the slow log does not contain them."""


def require_seconds(text: bytes) -> int:
    """
    Parse the timeout of BLPOP: seconds, with fractions.

    @return: milliseconds, rounded up.
    @raise CommandError: if it is not a number, negative or too large.
    """
    seconds = double(text)
    if seconds is None:
        raise CommandError("ERR timeout is not a float or out of range")
    if seconds < 0 or seconds * 1000 > HIGHEST:  # in Redis 7.0 it overflows to a negative number
        raise CommandError("ERR timeout is negative")
    return math.ceil(seconds * 1000)


def require_milliseconds(text: bytes) -> int:
    """
    Parse the timeout of XREAD.

    @return: milliseconds.
    @raise CommandError: if it is not an integer, or negative.
    """
    milliseconds = require_integer(text, "ERR timeout is not an integer or out of range")
    if milliseconds < 0:
        raise CommandError("ERR timeout is negative")
    return milliseconds


def read_cursor(text: bytes) -> int:
    """
    Parse the cursor of SCAN like C's strtoul: a negative number wraps, an empty text is 0.

    @raise CommandError: if it is not a number of 64 bits.
    """
    match = _CURSOR.fullmatch(text.split(b"\0", 1)[0] or b"0")
    if match is None or int(match[2]) >= 2**64:
        raise CommandError("ERR invalid cursor")
    return (-int(match[2]) if match[1] == b"-" else int(match[2])) % 2**64


def database_index(session: Session, text: bytes) -> int:
    """
    Parse the index of a database.

    @raise CommandError: if there is no such database.
    """
    index = require_int(text)
    if not 0 <= index < len(session.server.keyspace.databases):
        raise CommandError(NO_SUCH_DATABASE)
    return index


def scan_options(argv: list[bytes]) -> tuple[int, Callable[[bytes], bool] | None]:
    """
    Parse the options of HSCAN, SSCAN or ZSCAN.

    @return: the COUNT, and a predicate for MATCH; None if all elements match.
    @raise CommandError: if an option is unknown or invalid.
    """
    count, matches = SCAN_COUNT, None
    for at in range(3, len(argv), 2):
        option = argv[at].lower()
        if at + 1 == len(argv) or option not in (b"count", b"match"):
            raise CommandError(SYNTAX)
        if option == b"match":
            matches = None if argv[at + 1] == b"*" else matcher(argv[at + 1])
            continue
        count = require_integer(argv[at + 1])
        if count < 1:
            raise CommandError(SYNTAX)
    return count, matches


def card_limit(options: list[bytes]) -> int:
    """Return the LIMIT of a SINTERCARD or ZINTERCARD; 0: none."""
    limit = 0
    for at in range(0, len(options), 2):
        if options[at].lower() != b"limit" or at + 1 == len(options):
            raise CommandError(SYNTAX)
        number = integer(options[at + 1])
        if number is None or number < 0:
            raise CommandError("ERR LIMIT can't be negative")
        limit = number
    return limit
