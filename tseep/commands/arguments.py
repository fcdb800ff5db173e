"""
Readers of arguments that commands of several families share: numbers, cursors, timeouts, databases.

All raise L{CommandError <tseep.errors.CommandError>} with Redis's text if an argument is not valid.
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
"""What takes a secret's place in a command once it ran, so that the slow log cannot tell it."""


def require_seconds(text: bytes) -> int:
    """
    Read the timeout of a BLPOP: seconds, with fractions.

    @return: milliseconds, rounded up.
    @raise CommandError: if it is no number, negative or too large.
    """
    seconds = double(text)
    if seconds is None:
        raise CommandError("ERR timeout is not a float or out of range")
    if seconds < 0 or seconds * 1000 > HIGHEST:  # Redis 7.0 takes what overflows for negative
        raise CommandError("ERR timeout is negative")
    return math.ceil(seconds * 1000)


def require_milliseconds(text: bytes) -> int:
    """
    Read the timeout of an XREAD.

    @return: milliseconds.
    @raise CommandError: if it is no integer, or negative.
    """
    milliseconds = require_integer(text, "ERR timeout is not an integer or out of range")
    if milliseconds < 0:
        raise CommandError("ERR timeout is negative")
    return milliseconds


def read_cursor(text: bytes) -> int:
    """
    Read the cursor of any SCAN as C's strtoul does: a negative one wraps, and none at all is 0.

    @raise CommandError: if it is not a number of 64 bits.
    """
    match = _CURSOR.fullmatch(text.split(b"\0", 1)[0] or b"0")
    if match is None or int(match[2]) >= 2**64:
        raise CommandError("ERR invalid cursor")
    return (-int(match[2]) if match[1] == b"-" else int(match[2])) % 2**64


def database_index(session: Session, text: bytes) -> int:
    """
    Read an argument that must be the number of a database.

    @raise CommandError: if it is not.
    """
    index = require_int(text)
    if not 0 <= index < len(session.server.keyspace.databases):
        raise CommandError(NO_SUCH_DATABASE)
    return index


def scan_options(argv: list[bytes]) -> tuple[int, Callable[[bytes], bool] | None]:
    """
    The options of a scan of one key.

    @return: the COUNT, and what tells whether an element matches; None if all do.
    @raise CommandError: if they make no sense.
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
    """The LIMIT of a SINTERCARD or ZINTERCARD, 0 for none."""
    limit = 0
    for at in range(0, len(options), 2):
        if options[at].lower() != b"limit" or at + 1 == len(options):
            raise CommandError(SYNTAX)
        number = integer(options[at + 1])
        if number is None or number < 0:
            raise CommandError("ERR LIMIT can't be negative")
        limit = number
    return limit
