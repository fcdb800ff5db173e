"""What C{--check-config} says of a server that was configured and not started."""

from __future__ import annotations

import os

from tseep.configuration.parameters import PARAMETERS, Config
from tseep.server.server import Server

_SECRETS = ("requirepass",)


def unwritable(config: Config) -> list[str]:
    """Why the data cannot be kept as the configuration says; empty if they can, as far as permissions tell."""
    if _keeps(config) and not os.access(config["dir"], os.W_OK):
        return [f"dir {config['dir']}: data cannot be kept in a folder that may not be written to"]
    return []


def without_its_password(server: Server) -> list[str]:
    """Why the password that was given is not asked for; empty if it is, or none was given. The users are loaded."""
    if server.config["requirepass"] and server.users.open:
        return ["requirepass is set, but a rule lets the default user in without a password; remove one of both"]
    return []


def _keeps(config: Config) -> bool:
    return bool(config["save"]) or config["appendonly"] == "yes"


def summary(server: Server) -> list[str]:
    """Who may connect, what is kept, and which parameters are not at their default, a line each."""
    return [f"without a password: {_without_password(server)}", f"kept on disk: {_kept(server.config)}", *_set(server)]


def _without_password(server: Server) -> str:
    users = server.users
    free = [os.fsdecode(name) for name, user in users.named.items() if user.enabled and user.nopass]
    if not users.open:
        return f"whoever names one of these users: {', '.join(free)}" if free else "nobody"
    if server.config["protected-mode"] == "yes":
        return "everybody on this machine, and nobody else (protected-mode yes)"
    return "EVERYBODY who reaches the addresses (protected-mode no)"


def _kept(config: Config) -> str:
    kept = []
    if config["appendonly"] == "yes":
        path = os.path.join(config["dir"], config["appenddirname"])
        kept.append(f"every write, in the append-only file in {path} (appendfsync {config['appendfsync']})")
    if config["save"]:
        path = os.path.join(config["dir"], config["dbfilename"])
        kept.append(f"snapshots, in {path} (save {config.show('save')})")
    return "; ".join(kept) or "nothing; the data are lost when the server exits"


def _set(server: Server) -> list[str]:
    config = server.config
    names = [p.name for p in PARAMETERS if not config.is_default(p.name)]
    return [f"set: {name} {'...' if name in _SECRETS else config.show(name)}" for name in names]
