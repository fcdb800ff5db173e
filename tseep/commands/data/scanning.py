"""What HSCAN, SSCAN and ZSCAN share (https://redis.io/docs/latest/commands/scan/)."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Tuple

from tseep.algorithms.glob import matcher
from tseep.algorithms.numeric import require_integer
from tseep.commands.data.keys import SCAN_COUNT
from tseep.errors import SYNTAX, CommandError

SCAN_SYNTAX = "key cursor [MATCH pattern] [COUNT count]"
SCANNING: Dict[str, Any] = {
    "arity": -3,
    "flags": "readonly",
    "keys": (1, 1, 1),
    "access": "RO ACCESS",
    "since": "2.8.0",
    "complexity": "O(1) for a call, O(N) for a whole walk through N elements.",
    "tips": "nondeterministic_output",
    "syntax": SCAN_SYNTAX,
}
"""What the command table says of all three."""


def scan_options(argv: List[bytes]) -> Tuple[int, Callable[[bytes], bool] | None]:
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
