"""Admission of a command: permissions, the state of the client (MULTI, subscriptions) and of the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.access.log import Denial
from tseep.coordination.transactions import aborted, end_transaction
from tseep.errors import LOADING, NO_AUTH, NO_MORE, NO_MORE_REASONS, NOT_PERMITTED, OUT_OF_MEMORY, CommandError

if TYPE_CHECKING:
    from tseep.access.selector import Denied
    from tseep.registry.table import Command
    from tseep.session.session import Session

_WHILE_SUBSCRIBED = frozenset(
    b"ping subscribe ssubscribe psubscribe unsubscribe sunsubscribe punsubscribe quit reset".split()
)
"""The commands that a RESP2 subscriber may call, since RESP2 has no type that distinguishes messages from replies."""

_NEVER_QUEUED = frozenset({b"exec", b"discard", b"quit", b"reset"})
"""The commands that a client may call inside MULTI without memory."""


def admit(session: Session, command: Command, argv: list[bytes]) -> None:
    """
    Check that a client may call a command now. A refused call is counted as rejected.

    @raise CommandError: with Redis's text, if it may not.
    """
    refusal = _refusal(session, command, argv)
    if refusal is not None:
        command.calls.rejected += 1
        raise CommandError(refusal)


def _refusal(session: Session, command: Command, argv: list[bytes]) -> str | bytes | None:
    """Return the error for a call; None if it is allowed. The checks are in Redis's order (C{processCommand})."""
    server, flags, transaction = session.server, command.flags, session.transaction
    if not session.authenticated and "no_auth" not in flags and not server.users.open:
        return NO_AUTH
    if transaction is not None and "no_multi" in flags:
        return "ERR Command not allowed inside a transaction"
    if session.user.restricted:
        denied = _denied(session, command, argv, "toplevel" if transaction is None else "multi")
        if denied is not None:
            return NOT_PERMITTED[denied.reason] % denied.what
    if transaction is not None and command.name == b"exec":
        flags = flags | transaction.flags
    queued = transaction is not None and command.name not in _NEVER_QUEUED
    if transaction is not None and (queued or "denyoom" in flags) and not server.eviction.has_room():
        return OUT_OF_MEMORY
    if server.refusal is not None and ("write" in flags or command.name == b"ping"):
        return server.refusal
    if session.subscriptions and session.protocol == 2 and command.name not in _WHILE_SUBSCRIBED:
        text = b"ERR Can't execute '%b': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed "
        return (text + b"in this context") % command.name
    if session.monitoring and (command.may_write or "readonly" in flags):
        return "ERR Replica can't interact with the keyspace"
    if server.loading is not None and _denied_while_loading(session, command):
        return LOADING
    if server.busy_script is not None and "allow_busy" not in flags and not server.pause.debugging:
        return server.busy_script.error
    return None


def _denied_while_loading(session: Session, command: Command) -> bool:
    queue = [] if session.transaction is None or command.name != b"exec" else session.transaction.queue
    return any("loading" not in each.flags for each in (command, *[queued for queued, _ in queue]))


def admit_again(session: Session, command: Command, argv: list[bytes]) -> None:
    """
    Check a queued command's permission again when EXEC executes it.

    @raise CommandError: if the permission was revoked after the command was queued.
    """
    denied = _denied(session, command, argv, "multi") if session.user.restricted else None
    if denied is not None:
        raise CommandError(NO_MORE + NO_MORE_REASONS[denied.reason])


def _denied(session: Session, command: Command, argv: list[bytes], context: str) -> Denied | None:
    """Return why the user may not run a command, and add it to ACL LOG; None if it is allowed."""
    denied = session.user.check(command, argv)
    if denied is not None:
        session.note_denied(Denial(denied.reason, context, denied.what, session.user.name))
    return denied


def refused(session: Session, argv: list[bytes], error: CommandError) -> CommandError:
    """Return the error of a refused command. It makes EXEC fail later; a refused EXEC ends the transaction."""
    if argv[0].lower() == b"exec":
        end_transaction(session)
        return error if error.whole else aborted(error)
    if session.transaction is not None:
        session.transaction.refused = True
    return error
