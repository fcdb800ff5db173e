"""The periodic tasks of one server, ten times a second or once a second, and C{client-output-buffer-limit}."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tseep.session.client_info import describe
from tseep.system.process import release_memory
from tseep.system.repeated import Repeated

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

LARGE_OUTPUT = 16 * 1024 * 1024
"""Bytes of unsent output of one client after which freed memory is returned to the system (malloc_trim)."""

SWEEP_BATCH = 64
"""Number of expired keys to remove before the elapsed time is checked."""

SWEEP_BUDGET_NS = 2_000_000
"""Time limit of one run of active expiry, in nanoseconds."""


class OutputLimits:
    """C{client-output-buffer-limit}: closes clients that do not read their output."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._behind: set[Session] = set()  # the clients with unsent output
        self._large = False  # whether one of them had LARGE_OUTPUT

    def check(self, session: Session, unsent: int) -> None:
        """
        Close a client if its unsent output exceeds a limit. Called when output remains unsent, then once a second.

        @param unsent: bytes.
        """
        server = self._server
        if session.id not in server.sessions:
            return  # already closed
        kind = "pubsub" if session.subscriptions else "normal"
        hard, soft, seconds = server.config["client-output-buffer-limit"][kind]
        now = server.monotonic()
        if not soft or unsent < soft:
            session.soft_since = None
        elif session.soft_since is None:
            session.soft_since = now
        too_long = session.soft_since is not None and now - session.soft_since > seconds
        if (hard and unsent >= hard) or too_long:
            client = describe(session).decode("utf-8", "replace")
            server.host.log(3, f"Client {client} closed for overcoming of output buffer limits.")
            server.disconnect(session)
            session.connection.close()
        elif unsent:
            self._behind.add(session)
            self._large = self._large or unsent >= LARGE_OUTPUT
        else:
            self._behind.discard(session)

    def check_all(self) -> None:
        """Check all clients with unsent output; return memory to the system when the last large output was sent."""
        for session in list(self._behind):
            self.check(session, session.connection.unsent)
        if self._large and not self._behind:
            self._large = False
            release_memory()

    def forget(self, session: Session) -> None:
        self._behind.discard(session)


class Cron:
    """
    The periodic tasks. A task that fails does not stop the others; its first failure and its recovery are logged.

    @ivar active_expire: whether expired keys are removed that no client accesses (DEBUG SET-ACTIVE-EXPIRE).
    @ivar sweep_ns: total time of active expiry, in nanoseconds.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._repeated = Repeated(lambda text: server.host.log(3, text))
        self._next_second = -math.inf
        self.active_expire = True
        self.sweep_ns = 0

    def run(self) -> None:
        """Run the tasks that are due. The heartbeat calls it ten times a second."""
        server = self._server
        if server.busy_script is not None:
            return
        run = self._repeated.run
        server.keyspace.tick()
        if self.active_expire:
            run("Active expiry", self._expire)
        run("Persistence", server.persistence.cron)
        run("Eviction of keys", server.eviction.update)
        now = server.monotonic()
        if now >= self._next_second:
            self._next_second = now + 1
            server.keyspace.second = int(now)
            run("Closing of idle clients", self._close_idle)
            run("Check of output buffer limits", server.outputs.check_all)
            run("Eviction of clients", self._evict_clients)
            run("Update of the keyspace observer", server.changes.update)
            run("Sampling of rates", lambda: self._sample(now))

    def _expire(self) -> None:
        self._sweep()
        self._server.run_deferred()
        self._server.deliver()

    def _sample(self, now: float) -> None:
        server = self._server
        server.rates.sample(now, server.table.calls, server.stats.input_bytes, server.stats.output_bytes)

    def _sweep(self) -> None:
        server = self._server
        start = server.timer()
        spent = 0
        while spent < SWEEP_BUDGET_NS and server.keyspace.sweep(SWEEP_BATCH) == SWEEP_BATCH:
            spent = server.timer() - start
        self.sweep_ns += spent
        if spent > server.latency.threshold_ns:
            server.latency.note("expire-cycle", server.clock(), spent)

    def _evict_clients(self) -> None:
        """Close the clients with most memory while all together exceed C{maxmemory-clients}."""
        server = self._server
        limit = server.config["maxmemory-clients"]
        if not limit:
            return
        clients = sorted(server.sessions.values(), key=lambda session: session.memory)
        total = sum(session.memory for session in clients)
        evictable = [session for session in clients if not session.no_evict]
        while total > limit and evictable:
            session = evictable.pop()
            total -= session.memory
            server.stats.evicted_clients += 1
            server.disconnect(session)
            session.connection.close()

    def _close_idle(self) -> None:
        """Close clients that have been idle for longer than C{timeout}."""
        server = self._server
        timeout = server.config["timeout"]
        if timeout:
            latest = server.timer() - timeout * 1_000_000_000
            for session in list(server.sessions.values()):
                waits = session.blocked is not None or bool(session.subscriptions)
                if not waits and session.last_seen < latest:
                    session.connection.close()
