"""MODULE, on a server that has no modules (https://redis.io/docs/latest/commands/module-list/)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.errors import CommandError, not_allowed
from tseep.registry.table import command
from tseep.replies import Reply
from tseep.session.client_info import is_allowed

if TYPE_CHECKING:
    from tseep.session.session import Session


def _check_allowed(session: Session) -> None:
    if not is_allowed(session, "enable-module-command"):
        raise not_allowed("MODULE")


@command("MODULE LIST")
def module_list(session: Session, argv: list[bytes]) -> Reply:
    return []


@command("MODULE LOAD")
def module_load(session: Session, argv: list[bytes]) -> Reply:
    return _load(session, argv)


@command("MODULE LOADEX")
def module_loadex(session: Session, argv: list[bytes]) -> Reply:
    return _load(session, argv)


def _load(session: Session, argv: list[bytes]) -> Reply:
    _check_allowed(session)
    path = argv[2].decode("utf-8", "replace")
    session.server.host.log(3, f"Module {path!r} failed to load: tseep has no modules")
    raise CommandError("ERR Error loading the extension. Please check the server logs.")


@command("MODULE UNLOAD")
def module_unload(session: Session, argv: list[bytes]) -> Reply:
    _check_allowed(session)
    raise CommandError("ERR Error unloading module: no such module with that name")
