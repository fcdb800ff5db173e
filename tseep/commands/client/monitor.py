"""MONITOR, a stream of all commands (https://redis.io/docs/latest/commands/monitor/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.errors import CommandError
from tseep.registry.table import command
from tseep.replies import NO_REPLY, OK, Reply

if TYPE_CHECKING:
    from tseep.session.session import Session


@command("MONITOR")
def monitor(session: Session, argv: list[bytes]) -> Reply:
    if session.deny_blocking:
        raise CommandError("ERR MONITOR isn't allowed for DENY BLOCKING client")
    if session.monitoring:
        return NO_REPLY
    session.server.monitors.add(session)
    return OK
