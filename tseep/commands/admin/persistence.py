"""Snapshots and AOF rewrites (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply, Status

if TYPE_CHECKING:
    from tseep.session.session import Session


@command("SAVE")
def save(session: Session, argv: list[bytes]) -> Reply:
    session.server.persistence.snapshots.save()
    return OK


@command("BGSAVE")
def bgsave(session: Session, argv: list[bytes]) -> Reply:
    schedule = len(argv) == 2 and argv[1].lower() == b"schedule"
    if len(argv) > 1 and not schedule:
        raise CommandError(SYNTAX)
    begun = session.server.persistence.snapshots.save_in_background(schedule)
    return Status(b"Background saving started" if begun else b"Background saving scheduled")


@command("BGREWRITEAOF")
def bgrewriteaof(session: Session, argv: list[bytes]) -> Reply:
    if session.server.persistence.log.rewrite():
        return Status(b"Background append only file rewriting started")
    return Status(b"Background append only file rewriting scheduled")


@command("LASTSAVE")
def lastsave(session: Session, argv: list[bytes]) -> Reply:
    return int(session.server.persistence.snapshots.saved_at)
