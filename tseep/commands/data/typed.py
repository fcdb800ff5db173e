"""Values of one type: what the commands of the families ask of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Type, TypeVar

from tseep.errors import WRONG_TYPE, CommandError

if TYPE_CHECKING:
    from tseep.session.session import Session

Wanted = TypeVar("Wanted")


def require_type(value: Any, wanted: Type[Wanted]) -> Wanted | None:
    """
    Make sure that a value is of a type, or none at all.

    @raise CommandError: if it is of another type.
    """
    if value is None or type(value) is wanted:
        return value
    raise CommandError(WRONG_TYPE)


def read(session: Session, key: bytes, wanted: Type[Wanted]) -> Wanted | None:
    """The value at a key, for a command that only reads it; None if there is no such key."""
    return require_type(session.db.read(key), wanted)


def to_change(session: Session, key: bytes, wanted: Type[Wanted]) -> Wanted | None:
    """The value at a key, for a command that may change it; None if there is no such key."""
    return require_type(session.db.get(key), wanted)
