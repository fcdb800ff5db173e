"""CLUSTER, ASKING, READONLY and READWRITE, which are errors on a server outside a cluster, as in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.errors import CommandError
from tseep.registry.table import COMMANDS
from tseep.replies import Reply

if TYPE_CHECKING:
    from tseep.session.session import Session


def _refuse(session: Session, argv: list[bytes]) -> Reply:
    raise CommandError("ERR This instance has cluster support disabled")


for _command in (
    *COMMANDS[b"cluster"].subcommands.values(), COMMANDS[b"asking"], COMMANDS[b"readonly"], COMMANDS[b"readwrite"]
):  # fmt: skip
    _command.run = _refuse
