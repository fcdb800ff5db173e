"""MULTI, EXEC, DISCARD, WATCH and UNWATCH (https://redis.io/docs/latest/commands/?group=transactions)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.coordination.transactions import Transaction, end_transaction
from tseep.errors import CommandError
from tseep.registry.table import command
from tseep.replies import NULL_ARRAY, OK, Reply
from tseep.session.execution import run_transaction

if TYPE_CHECKING:
    from tseep.session.session import Session


@command("MULTI")
def multi(session: Session, argv: list[bytes]) -> Reply:
    if session.transaction is not None:
        raise CommandError("ERR MULTI calls can not be nested")
    session.transaction = Transaction()
    return OK


@command("EXEC")
def exec_(session: Session, argv: list[bytes]) -> Reply:
    transaction = session.transaction
    if transaction is None:
        raise CommandError("ERR EXEC without MULTI")
    for db, key in session.watched:
        db.peek(key)  # deletes it if it has expired, which counts as a change
    dirty_cas = session.dirty_cas
    end_transaction(session)
    if transaction.refused:
        raise CommandError("EXECABORT Transaction discarded because of previous errors.")
    return NULL_ARRAY if dirty_cas else run_transaction(session, transaction.queue)


@command("DISCARD")
def discard(session: Session, argv: list[bytes]) -> Reply:
    if session.transaction is None:
        raise CommandError("ERR DISCARD without MULTI")
    end_transaction(session)
    return OK


@command("WATCH")
def watch(session: Session, argv: list[bytes]) -> Reply:
    if session.transaction is not None:
        raise CommandError("ERR WATCH inside MULTI is not allowed")
    changes = session.server.changes
    for key in argv[1:]:
        session.db.peek(key)  # deletes it if it has expired, so that this is not a change later
        changes.watching.watch(session, key)
    changes.update()
    return OK


@command("UNWATCH")
def unwatch(session: Session, argv: list[bytes]) -> Reply:
    session.server.changes.watching.forget(session)
    return OK
