"""The memory of all clients, and its limit C{maxmemory-clients}."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tseep.session.client_info import OVERHEAD, describe, memory_of

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

LEAST_LIMIT = 128 * 1024
"""The lowest effective C{maxmemory-clients}, in bytes, as in Redis: with less no client could connect."""


class ClientMemory:
    """
    The memory of all clients (https://redis.io/docs/latest/develop/reference/clients/, "Client eviction").

    It is updated when a buffer of a client changes; of clients that have more than L{OVERHEAD} ten times a second, too.

    @ivar limit: C{maxmemory-clients} in bytes; 0 for no limit.
    """

    def __init__(self, server: Server) -> None:
        self.limit = 0
        self._server = server
        self._beyond = 0  # bytes of all clients beyond OVERHEAD
        self._larger: set[Session] = set()  # the clients that have more than OVERHEAD

    @property
    def total(self) -> int:
        """Bytes of all clients."""
        return OVERHEAD * len(self._server.sessions) + self._beyond

    def apply_config(self) -> None:
        """Apply C{maxmemory-clients}, and evict clients if it is exceeded now."""
        config = self._server.config
        limit = config["maxmemory-clients"]
        if limit < 0:  # a percentage
            limit = config["maxmemory"] * -limit // 100
        self.limit = max(limit, LEAST_LIMIT) if limit else 0
        self.recount()

    def update(self, session: Session, received: int = 0) -> None:
        """
        Measure a client again, and evict clients if all together exceed the limit.

        @param received: bytes of input that are not in its buffers yet.
        """
        if session.id in self._server.sessions:
            self._measure(session, received)
            self._evict()
            self._relieve()

    def refresh(self) -> None:
        """L{update} those that have more than L{OVERHEAD}: they may have read their output."""
        for session in list(self._larger):
            self._measure(session)
        self._evict()

    def recount(self) -> None:
        """L{update} all clients if there is a limit: subscriptions and watched keys count, too."""
        if self.limit:
            for session in self._server.sessions.values():
                self._measure(session)
            self._evict()

    def forget(self, session: Session) -> None:
        """Subtract a client that has disconnected."""
        self._beyond -= session.extra_memory
        session.extra_memory = 0
        self._larger.discard(session)

    def _measure(self, session: Session, received: int = 0) -> None:
        extra = memory_of(session) - OVERHEAD + received
        if extra != session.extra_memory:
            self._beyond += extra - session.extra_memory
            session.extra_memory = extra
            if extra:
                self._larger.add(session)
            else:
                self._larger.discard(session)

    def _relieve(self) -> None:
        """Evict keys if the memory of clients makes the whole exceed C{maxmemory}."""
        eviction = self._server.eviction
        if self._server.busy_script is None and 0 < eviction.limit < eviction.used:
            eviction.make_room()

    def _evict(self) -> None:
        """Close the largest clients until the limit is met, except those with CLIENT NO-EVICT."""
        if not self.limit or self.total <= self.limit:
            return
        server = self._server
        evictable = [session for session in server.sessions.values() if not session.no_evict]
        evictable.sort(key=lambda session: session.extra_memory)
        while evictable and self.total > self.limit:
            session = evictable.pop()
            server.host.log(2, f"Evicting client: {describe(session).decode('utf-8', 'replace')}")
            server.stats.evicted_clients += 1
            server.disconnect(session)
            session.connection.close()
