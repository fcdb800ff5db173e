"""The execution of commands outside the fast path: MONITOR, tracking, CLIENT NO-TOUCH, and EXEC's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.errors import READS_ANY_KEY, CommandError
from tseep.replies import Encoded, Reply
from tseep.session.admission import admit_again

if TYPE_CHECKING:
    from tseep.registry.table import Command
    from tseep.session.session import Session


def run(session: Session, command: Command, argv: list[bytes]) -> Reply:
    """
    Run a command, admitted or inside another one, and return its reply. MONITOR's clients get it; keys that it reads
    are tracked; with CLIENT NO-TOUCH it keeps their access times.

    @raise CommandError: the command's error, not counted yet.
    """
    monitors = session.server.monitors
    is_exec = command.name == b"exec"  # MONITOR shows EXEC after its commands
    if monitors and not is_exec:
        monitors.feed(session, command, argv)
    try:
        return _run_tracked(session, command, argv)
    finally:
        if monitors and is_exec:
            monitors.feed(session, command, argv)


def _run_tracked(session: Session, command: Command, argv: list[bytes]) -> Reply:
    if session.tracking is None:
        return _run_untouched(session, command, argv)
    tracking = session.server.tracking
    tracking.begin(session)
    try:
        return _run_untouched(session, command, argv)
    finally:
        tracking.end(session, command, argv)


def _run_untouched(session: Session, command: Command, argv: list[bytes]) -> Reply:
    assert command.run is not None
    if session.user.restricted:
        option = session.user.forbidden_option(command, argv)
        if option is not None:
            raise CommandError(b"ERR " + READS_ANY_KEY % option)
    if not session.no_touch or command.name == b"touch":
        return command.run(session, argv)
    accessed = session.db.accessed
    before = {key: accessed[key] for key in command.keys_in(argv) if key in accessed}
    try:
        return command.run(session, argv)
    finally:
        accessed.update((key, when) for key, when in before.items() if key in accessed)


def run_transaction(session: Session, queue: list[tuple[Command, list[bytes]]]) -> Encoded:
    """Run queued commands and return their replies as an array. An error is a reply, too, and stops nothing."""
    session.deny_blocking = session.server.in_exec = True
    replies = [b"*%d\r\n" % len(queue)]
    try:
        for command, argv in queue:
            reply = _call_queued(session, command, argv)
            replies.append(session.encode(reply))
            if session.silent or session.reply_skip:  # and EXEC's reply is omitted
                session.push(session.encode(session.unsilenced(reply)))
    finally:
        session.deny_blocking = session.server.in_exec = False
    return Encoded(b"".join(replies))


def _call_queued(session: Session, command: Command, argv: list[bytes]) -> Reply:
    try:
        admit_again(session, command, argv)
        return session.call(command, argv)
    except CommandError as error:
        return error
