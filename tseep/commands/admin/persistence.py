"""What is kept on the disk (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply, Status

if TYPE_CHECKING:
    from tseep.session.session import Session

_SAVING = "admin noscript no_async_loading"
_ALL_KEYS = "O(N) where N is the number of keys in all databases."


@command("SAVE", arity=1, flags=f"{_SAVING} no_multi", complexity=_ALL_KEYS)
def save(session: Session, argv: list[bytes]) -> Reply:
    """Writes all data to a snapshot, and answers when it is on the disk."""
    session.server.persistence.snapshots.save()
    return OK


@command("BGSAVE", arity=-1, flags=_SAVING, complexity="O(1)", syntax="[SCHEDULE]")
def bgsave(session: Session, argv: list[bytes]) -> Reply:
    """Begins to write all data to a snapshot, in the background."""
    schedule = len(argv) == 2 and argv[1].lower() == b"schedule"
    if len(argv) > 1 and not schedule:
        raise CommandError(SYNTAX)
    begun = session.server.persistence.snapshots.save_in_background(schedule)
    return Status(b"Background saving started" if begun else b"Background saving scheduled")


@command("BGREWRITEAOF", arity=1, flags=_SAVING, complexity="O(1)")
def bgrewriteaof(session: Session, argv: list[bytes]) -> Reply:
    """Begins to write the append-only file anew, in the background."""
    if session.server.persistence.log.rewrite():
        return Status(b"Background append only file rewriting started")
    return Status(b"Background append only file rewriting scheduled")


@command(
    "LASTSAVE", arity=1, flags="loading stale fast", acl="@admin @dangerous", tips="nondeterministic_output",
)  # fmt: skip
def lastsave(session: Session, argv: list[bytes]) -> Reply:
    """Answers the Unix time in seconds of the last snapshot that succeeded, or of the start."""
    return int(session.server.persistence.snapshots.saved_at)
