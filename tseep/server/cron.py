"""The periodic tasks of one server, ten times a second or once a second."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tseep.system.repeated import Repeated

if TYPE_CHECKING:
    from tseep.server.server import Server

SWEEP_BATCH = 64
"""Number of expired keys to remove before the elapsed time is checked."""

SWEEP_BUDGET_NS = 2_000_000
"""Time limit of one run of active expiry with C{active-expire-effort} 1, in nanoseconds."""


class Cron:
    """
    The periodic tasks. A task that fails does not stop the others; its first failure and its recovery are logged.

    @ivar active_expire: whether expired keys are removed that no client accesses (DEBUG SET-ACTIVE-EXPIRE).
    @ivar paused: whether all tasks are stopped (DEBUG PAUSE-CRON).
    @ivar sweep_ns: total time of active expiry, in nanoseconds.
    @ivar interrupted_sweeps: number of sweeps that ended for lack of time.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._repeated = Repeated(lambda text: server.host.log(3, text))
        self._next_second = -math.inf
        self.active_expire = True
        self.paused = False
        self.sweep_ns = 0
        self.interrupted_sweeps = 0

    def run(self) -> None:
        """Run the tasks that are due. The heartbeat calls it ten times a second."""
        server = self._server
        if self.paused:
            return
        server.begin_requested_stop()
        if server.busy_script is not None or server.loading is not None:
            return
        run = self._repeated.run
        server.keyspace.tick()
        if self.active_expire:
            run("Active expiry", self._expire)
        run("Persistence", server.persistence.cron)
        run("Eviction of clients", server.client_memory.refresh)
        run("Eviction of keys", server.eviction.update)
        now = server.monotonic()
        if now >= self._next_second:
            self._next_second = now + 1
            server.keyspace.second = int(now)
            run("Closing of idle clients", self._close_idle)
            run("Measuring memory", self._measure_memory)
            run("Check of output buffer limits", server.outputs.check_all)
            run("Count of clients' memory", server.client_memory.recount)
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
        spent, batch = 0, SWEEP_BATCH
        budget = SWEEP_BUDGET_NS * server.config["active-expire-effort"]
        while spent < budget and batch == SWEEP_BATCH:
            batch = server.keyspace.sweep(SWEEP_BATCH)
            spent = server.timer() - start
        self.interrupted_sweeps += batch == SWEEP_BATCH
        self.sweep_ns += spent
        if spent > server.latency.threshold_ns:
            server.latency.note("expire-cycle", server.clock(), spent)

    def _measure_memory(self) -> None:
        """Measure what counts for C{maxmemory} and is not counted at each change."""
        if self._server.eviction:
            self._server.eviction.measured()

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
