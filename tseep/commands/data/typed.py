"""Access to values of one type, which all commands on data types share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from tseep.errors import WRONG_TYPE, CommandError

if TYPE_CHECKING:
    from tseep.keyspace.database import Database
    from tseep.session.session import Session

Value = TypeVar("Value")


def require_type(value: Any, expected: type[Value]) -> Value | None:
    """
    Check that a value is of a type, or None.

    @raise CommandError: if it is of another type.
    """
    if value is None or isinstance(value, expected):
        return value
    raise CommandError(WRONG_TYPE)


def read(session: Session, key: bytes, expected: type[Value]) -> Value | None:
    """Return the value at a key, or None, for a command that only reads."""
    return require_type(session.db.read(key), expected)


def to_change(session: Session, key: bytes, expected: type[Value]) -> Value | None:
    """Return the value at a key, or None, for a command that can change it."""
    return require_type(session.db.get(key), expected)


def place(db: Database, key: bytes, value: Any, expires: int | None, event: bytes, changes: int = 1) -> None:
    """Set a key to a value, which expires at the Unix millisecond C{expires} unless that is None."""
    db.set(key, value, event, changes)
    if expires is not None:
        db.expire_at(key, expires, b"", 0)
