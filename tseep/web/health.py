"""Conditions in which a server does not serve all requests; C{/health}, the metrics and the live page report them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tseep.server.server import Server


class Problem(NamedTuple):
    """
    A condition in which requests are refused.

    @ivar reason: a constant text, which clients without permissions can read.
    @ivar details: a sentence with figures, for the live page.
    """

    reason: str
    details: str


def problems(server: Server) -> list[Problem]:
    """Return the present problems of a server; empty if it serves every request."""
    found = []
    loader = server.loading
    if loader is not None:
        details = f"Most commands are refused: {loader.loaded} of {loader.total} bytes of the dataset are loaded"
        found.append(Problem("loading the dataset", details))
    eviction, clients, most = server.eviction, len(server.sessions), server.config["maxclients"]
    if server.refusal is not None:
        found.append(Problem("writes are refused: persistence", server.refusal))
    if eviction.exhausted:
        sizes = f"the data use {eviction.used} bytes, maxmemory is {eviction.limit}"
        details = f"Writes are refused: {sizes}, and {server.config['maxmemory-policy']} has no key to evict"
        found.append(Problem("writes are refused: maxmemory", details))
    if clients >= most:
        details = f"New clients are refused: {clients} are connected, maxclients is {most}"
        found.append(Problem("clients are refused: maxclients", details))
    if server.stopping:
        found.append(Problem("shutting down", "The server is shutting down"))
    return found
