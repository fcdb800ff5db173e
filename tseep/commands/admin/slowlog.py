"""The slow log: the subcommands of SLOWLOG (https://redis.io/docs/latest/commands/slowlog/)."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tseep.algorithms.numeric import integer
from tseep.errors import CommandError, wrong_subcommand
from tseep.registry.table import command
from tseep.replies import OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session
    from tseep.telemetry.slowlog import Entry

_USUAL_COUNT = 10


@command("SLOWLOG GET")
def slowlog_get(session: Session, argv: list[bytes]) -> Reply:
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


@command("SLOWLOG LEN")
def slowlog_len(session: Session, argv: list[bytes]) -> Reply:
    return len(session.server.slowlog.entries)


@command("SLOWLOG RESET")
def slowlog_reset(session: Session, argv: list[bytes]) -> Reply:
    session.server.slowlog.entries.clear()
    return OK
