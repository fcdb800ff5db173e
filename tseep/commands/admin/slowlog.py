"""The slow log's commands (https://redis.io/docs/latest/commands/slowlog/)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tseep.algorithms.numeric import integer
from tseep.errors import CommandError, wrong_subcommand
from tseep.registry.table import command, container
from tseep.replies import OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session
    from tseep.telemetry.slowlog import Entry

_ADMIN = "admin loading stale"
_USUAL_COUNT = 10

container("SLOWLOG", __name__, "Holds the commands of the slow log.", help_since="6.2.0", since="2.2.12")


@command(
    "SLOWLOG GET",
    arity=-2,
    flags=_ADMIN,
    since="2.2.12",
    complexity="O(N) where N is the number of entries that it answers.",
    syntax="[count]",
    tips="request_policy:all_nodes nondeterministic_output",
)
def slowlog_get(session: Session, argv: list[bytes]) -> Reply:
    """Answers the last slow commands, youngest first."""
    if len(argv) > 3:
        raise wrong_subcommand(argv)
    count = integer(argv[2]) if len(argv) == 3 else _USUAL_COUNT
    if count is None or count < -1:
        raise CommandError("ERR count should be greater than or equal to -1")
    entries = session.server.slowlog.entries
    if not 0 <= count < len(entries):
        count = len(entries)
    return [_fields(entry) for entry in islice(entries, count)]


def _fields(entry: Entry) -> list[Reply]:
    return [entry.id, entry.when, entry.microseconds, entry.argv, entry.peer, entry.name]


@command(
    "SLOWLOG LEN",
    arity=2,
    flags=_ADMIN,
    since="2.2.12",
    tips="request_policy:all_nodes response_policy:agg_sum nondeterministic_output",
)
def slowlog_len(session: Session, argv: list[bytes]) -> Reply:
    """Counts the entries of the slow log."""
    return len(session.server.slowlog.entries)


@command(
    "SLOWLOG RESET",
    arity=2,
    flags=_ADMIN,
    since="2.2.12",
    complexity="O(N) where N is the number of entries.",
    tips="request_policy:all_nodes response_policy:all_succeeded",
)
def slowlog_reset(session: Session, argv: list[bytes]) -> Reply:
    """Empties the slow log."""
    session.server.slowlog.entries.clear()
    return OK
