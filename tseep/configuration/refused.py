"""
Redis's directives with which the server does not start, except with values that are tseep's behaviour anyway: each
affects access, results or durability.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Refusal(NamedTuple):
    """
    The reason why the server does not start with a directive.

    @ivar harmless: the accepted values, in lower case, which request tseep's behaviour anyway.
    @ivar why: what tseep lacks or does differently.
    @ivar remedy: what the user can do.
    """

    harmless: tuple[str, ...]
    why: str
    remedy: str


_REPLICA = Refusal(("no one",), "tseep cannot be a replica", "remove the line, and copy the data once by a dump.rdb")
_TO_WRITE = Refusal(("0",), "tseep has no replicas, so every write would be refused", "remove the line")

REFUSED: dict[str, Refusal] = {
    "cluster-enabled": Refusal(("no",), "tseep has no cluster", "remove the line; clients must not be in cluster mode"),
    "loadmodule": Refusal((), "tseep has no modules", "remove the line"),
    "min-replicas-to-write": _TO_WRITE,
    "min-slaves-to-write": _TO_WRITE,
    "rename-command": Refusal(
        (),
        "tseep renames no commands",
        "deny the command to users, such as: user default on >PASSWORD ~* &* +@all -flushall",
    ),
    "replicaof": _REPLICA,
    "sentinel": Refusal((), "tseep is no Sentinel", "remove the line"),
    "slaveof": _REPLICA,
    "socket-mark-id": Refusal(("0",), "tseep marks no sockets for packet filters", "remove the line"),
    "tls-port": Refusal(
        ("0",),
        "TLS is an endpoint",
        "write listen ssl:PORT:privateKey=FILE:certKey=FILE, or mtls: with clientCA=FILE for clients with certificates",
    ),
}  # fmt: skip
"""The directives with which the server does not start, by name."""


def refusal(name: str, words: Sequence[str]) -> str:
    """Return the reason why the server does not start with a directive; empty if it does."""
    if name not in REFUSED:
        return ""
    harmless, why, remedy = REFUSED[name]
    return "" if " ".join(words).lower() in harmless else f"{why}; {remedy}"
