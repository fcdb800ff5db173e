"""Checks of a configured server: errors that prevent a start, and the summary of C{--check-config}."""

from __future__ import annotations

import os

from tseep.configuration.file import as_directive
from tseep.configuration.parameters import PARAMETERS, Config
from tseep.server.server import Server

_SECRETS = ("requirepass",)


def unwritable(config: Config) -> list[str]:
    """Return an error if C{dir} must be writable for persistence and is not; empty otherwise."""
    if _persists(config) and not os.access(config["dir"], os.W_OK):
        return [f"dir {config['dir']}: the directory is not writable, so data cannot be persisted"]
    return []


def unused_password(server: Server) -> list[str]:
    """Return an error if an ACL rule makes C{requirepass} ineffective; empty otherwise. Call it with users loaded."""
    password = server.config["requirepass"]
    if password and server.users.open:
        return ["requirepass is set, but an ACL rule allows the default user without a password; remove one of the two"]
    default, from_elsewhere = server.users.default, server.config.is_default("requirepass")
    if password and from_elsewhere and default.enabled and not default.accepts(os.fsencode(password)):
        return [
            "the password of --requirepass-file or TSEEP_REQUIREPASS is none of the default user's, for which a line "
            "'user default' has others; remove one of the two"
        ]
    return []


def _persists(config: Config) -> bool:
    return bool(config["save"]) or config["appendonly"] == "yes"


def summary(server: Server) -> list[str]:
    """Return lines on access without a password, persistence, and each parameter that is not at its default."""
    return [
        f"clients without a password: {_without_password(server)}",
        f"kept on disk: {_kept(server.config)}",
        *_changed(server.config),
    ]


def _without_password(server: Server) -> str:
    users = server.users
    free = [os.fsdecode(name) for name, user in users.named.items() if user.enabled and user.nopass]
    if not users.open:
        return f"only as one of these users: {', '.join(free)}" if free else "none"
    if server.config["protected-mode"] == "yes":
        return "from this machine only (protected-mode yes)"
    return "ALL that reach the addresses (protected-mode no)"


def _kept(config: Config) -> str:
    kept = []
    if config["appendonly"] == "yes":
        path = os.path.join(config["dir"], config["appenddirname"])
        kept.append(f"every write, in the append-only file in {path} (appendfsync {config['appendfsync']})")
    if config["save"]:
        path = os.path.join(config["dir"], config["dbfilename"])
        kept.append(f"snapshots, in {path} (save {config.show('save')})")
    return "; ".join(kept) or "nothing; the data are lost when the server exits"


def _changed(config: Config) -> list[str]:
    changed = [parameter for parameter in PARAMETERS if not (parameter.inert or config.is_default(parameter.name))]
    return [
        f"set: {p.name} ..." if p.name in _SECRETS else f"set: {os.fsdecode(as_directive(config, p))}" for p in changed
    ]
