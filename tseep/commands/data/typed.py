"""Values of one type: what the commands of the families ask of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tseep.errors import WRONG_TYPE, CommandError

if TYPE_CHECKING:
    from tseep.keyspace.keyspace import Database
    from tseep.session.session import Session

Wanted = TypeVar("Wanted")


def require_type(value: Any, wanted: type[Wanted]) -> Wanted | None:
    """
    Make sure that a value is of a type, or none at all.

    @raise CommandError: if it is of another type.
    """
    if value is None or type(value) is wanted:
        return value
    raise CommandError(WRONG_TYPE)


def read(session: Session, key: bytes, wanted: type[Wanted]) -> Wanted | None:
    """The value at a key, for a command that only reads it; None if there is no such key."""
    return require_type(session.db.read(key), wanted)


def to_change(session: Session, key: bytes, wanted: type[Wanted]) -> Wanted | None:
    """The value at a key, for a command that may change it; None if there is no such key."""
    return require_type(session.db.get(key), wanted)


def place(db: Database, key: bytes, value: Any, expires: int | None, event: bytes) -> None:
    """Put a value at a key, in place of any other, with its time to expire."""
    db.set(key, value, event)
    if expires is not None:
        db.expire_at(key, expires, b"")
