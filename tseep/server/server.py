"""One server: the state that its clients share. No I/O, threads or reactor; its clocks and host are passed in."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Callable

from tseep.access.log import AclLog
from tseep.access.users import Users
from tseep.configuration.kinds import LOG_LEVELS
from tseep.configuration.parameters import Config
from tseep.coordination.blocking import Blocking
from tseep.coordination.monitor import Monitors
from tseep.coordination.pause import Pause
from tseep.coordination.pubsub import PubSub
from tseep.coordination.timers import DeferredCalls, Timers
from tseep.coordination.tracking import Tracking
from tseep.datatypes.limits import LIMITS
from tseep.interfaces import NullHost
from tseep.keyspace.events import read_classes
from tseep.keyspace.eviction import Eviction
from tseep.keyspace.keyspace import Keyspace
from tseep.keyspace.lazyfree import LazyFree
from tseep.persistence.persistence import Persistence
from tseep.protocol.resp import Limits
from tseep.registry.table import Command, Function
from tseep.scripting.scripts import Scripting, ScriptRun
from tseep.server.change_dispatcher import Changes
from tseep.server.client_memory import ClientMemory
from tseep.server.cron import Cron
from tseep.server.output_limits import OutputLimits
from tseep.server.stats import Stats
from tseep.server.table import CommandTable
from tseep.session.client_info import is_local
from tseep.session.session import Session
from tseep.system.title import expand
from tseep.telemetry.histogram import LoopLag
from tseep.telemetry.latency import LatencyMonitor
from tseep.telemetry.rates import Rates
from tseep.telemetry.slowlog import SlowLog

if TYPE_CHECKING:
    from tseep.interfaces import IConnection, ServerHost
    from tseep.persistence.aof_loader import Loader

REDIS_VERSION = "7.0.15"
"""The version that INFO and HELLO report: that of the Redis whose commands and replies tseep implements."""

TOO_MANY_CLIENTS = b"-ERR max number of clients reached\r\n"

PROTECTED = (
    b"-DENIED protected mode: this server has no password, so it serves its own machine alone. To let others in, set a "
    b"password for the default user (--requirepass-file, or ACL SETUSER). If nobody else can reach it, say "
    b"--protected-mode no, or CONFIG SET protected-mode no on its own machine.\r\n"
)

MAX_HZ = 500
"""Maximum runs of cron per second (CONFIG_MAX_HZ)."""

RESERVED_CLIENTS = 8
"""Connections beyond C{maxclients} for C{--operator-listen}."""

WRITER_GRACE_MS = 5000
"""Milliseconds that a shutdown waits for a script that has written: then it is ended, and not recorded."""


class Server:
    """
    The state of one server that its clients share: keyspace, sessions, configuration, statistics.

    Not thread-safe: a mode with several threads holds one lock around each call of the server and of its sessions.

    Two clocks: C{clock} is the wall clock in Unix seconds, for dates (expiry times, stream IDs, replies); it can jump.
    C{timer} is monotonic, in nanoseconds, for all intervals.

    @param host: what the server needs from its process; by default a L{NullHost}.

    @ivar sessions: the clients by ID.
    @ivar table: the commands, and the subset on the sessions' fast path.
    @ivar cron: the periodic tasks. C{outputs}: C{client-output-buffer-limit}. C{lag}: the event loop's lag, recorded by
        the process's heartbeat.

    @ivar deferred: calls to run when the current command, with its transaction or script, has finished.
    @ivar deliveries: pushes by session, sent when the current read is answered, in one write to each client.
    @ivar uncommitted: whether records are unwritten that must be on disk, as far as C{appendfsync} requires it, before
        any reply leaves. The mode holds its output until it has called
        L{Persistence.commit <tseep.persistence.persistence.Persistence.commit>}.
    @ivar refusal: the error for write commands while the data cannot be persisted; None otherwise.
    @ivar busy_script: the script that has run for longer than C{busy-reply-threshold}; None otherwise.
    @ivar loading: what loads the data at present; None otherwise. Few commands are allowed then.
    @ivar stopping: whether the shutdown has begun; long scripts are killed then.
    @ivar requested_shutdown: the options of the shutdown that a signal has requested and cron will begin; None if there
        is none.
    @ivar in_exec: whether the commands of a transaction run: children for snapshots and rewrites start after it.

    @ivar rates: commands, bytes received and bytes sent per second, sampled each second.
    @ivar ready_batch_histogram: number of ready clients per poll of v2's watcher: entry I{b} counts the polls with
        2**(b-1) to 2**b - 1 clients. Empty in modes without a watcher of clients.
    @ivar threads: v1's pool, L{Threads <tseep.modes.threads.Threads>}; None in other modes.
    @ivar workers: v3's processes, L{IWorker <tseep.interfaces.IWorker>}; empty in other modes.
    @ivar started: the time of the start, in seconds of L{monotonic}.
    @ivar checks_checksums: whether snapshots and RESTORE's payloads need a valid checksum (DEBUG
        SET-SKIP-CHECKSUM-VALIDATION).
    @ivar replication_id: C{master_replid} in INFO: replicas would compare it.
    @ivar slow: nanoseconds above which a call is passed to L{note_slow}.
    @ivar mode: for INFO: the name of the mode, C{addresses}: where it listens, C{config_file}: the path of the
        configuration file. The process sets all three.
    """

    redis_version = REDIS_VERSION

    def __init__(
        self,
        config: Config | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], int] = time.perf_counter_ns,
        host: ServerHost | None = None,
    ) -> None:
        self.config = Config() if config is None else config
        self.host = NullHost() if host is None else host
        self.clock = clock
        self.timer = timer
        self.keyspace = Keyspace(self.config["databases"], clock)
        self.keyspace.second = int(self.monotonic())
        self.limits = Limits()
        self.sessions: dict[int, Session] = {}
        self.timers = Timers(self.host.wake)
        self.deferred: DeferredCalls = deque()
        self.deliveries: dict[Session, list[bytes]] = {}
        self.blocking = Blocking(self.timers, self.deferred)
        self.pause = Pause(self.timers, self.blocking, self._pause_changed)
        self.pubsub = PubSub()
        self.tracking = Tracking(self.deferred)
        self.monitors = Monitors(clock, self.deferred, self.refresh_dispatch)
        self.lazyfree = LazyFree(timer, self.call_later)
        self.scripting = Scripting(self)
        self.busy_script: ScriptRun | None = None
        self.loading: Loader | None = None
        self.stopping = False
        self.requested_shutdown: Collection[str] | None = None
        self._requested_at = 0
        self.in_exec = False
        self._running_deferred = False
        self.stats = Stats()
        self.slowlog = SlowLog()
        self.latency = LatencyMonitor()
        self.rates = Rates(3)
        self.lag = LoopLag()
        self.ready_batch_histogram: list[int] = []
        self.threads: Any = None
        self.workers: Sequence[Any] = ()
        self.started = self.monotonic()
        self.run_id = os.urandom(20).hex()
        self.change_replication_id()
        self.checks_checksums = True
        self.mode = "none"
        self.config_file = ""
        self.addresses: list[str] = []
        self.table = CommandTable(self._wrapped)
        self.uncommitted = False
        self.refusal: str | None = None
        self.users = Users(self.table.commands, self.config, self.sessions, self.disconnect)
        self.acl_log = AclLog()
        self.persistence = Persistence(self)
        self.eviction = Eviction(
            self.config,
            self.keyspace,
            self.lazyfree,
            lambda: self.timer(),
            self.call_later,
            self.table.rewrap,
            self.deferred.append,
            lambda: self.client_memory.total,
            lambda: self.scripting.memory,
        )
        self.changes = Changes(self)
        self.outputs = OutputLimits(self)
        self.client_memory = ClientMemory(self)
        self.cron = Cron(self)
        self.refresh_dispatch()
        self._last_id = 0
        self._next_http = -math.inf
        self.apply_config()

    def change_replication_id(self) -> None:
        self.replication_id = os.urandom(20).hex()

    def monotonic(self) -> float:
        """Return the monotonic time in seconds."""
        return self.timer() / 1e9

    @property
    def hz(self) -> int:
        """Runs of cron per second."""
        return max(1, min(MAX_HZ, self.config["hz"]))

    def milliseconds(self) -> int:
        """Return the monotonic time in milliseconds, the unit of L{Timers}."""
        return self.timer() // 1_000_000

    def call_later(self, milliseconds: int, function: Callable[[], None]) -> None:
        """Call a function after a delay."""
        self.timers.set(self.milliseconds() + milliseconds, function)

    @property
    def uptime(self) -> float:
        return self.monotonic() - self.started

    def apply_config(self) -> None:
        """
        Apply the configuration. Call it after every change.

        @raise CommandError: if C{appendonly} was turned on and the file cannot be created.
        """
        config = self.config
        self.users.require(config["requirepass"])
        self.acl_log.max_entries = config["acllog-max-len"]
        self.host.set_log_level(LOG_LEVELS.index(config["loglevel"]))
        self.host.set_crash_log(config["crash-log-enabled"] == "yes")
        self.lag.expect(self.hz)
        self.limits.bulk = config["proto-max-bulk-len"]
        self.limits.query_buffer = config["client-query-buffer-limit"]
        self.slowlog.configure(config["slowlog-log-slower-than"], config["slowlog-max-len"])
        self.latency.threshold = config["latency-monitor-threshold"]
        self.slow = min(self.slowlog.threshold_ns, self.latency.threshold_ns)
        self.changes.notifications.classes = read_classes(config["notify-keyspace-events"])
        self.outputs.apply_config()
        self.client_memory.apply_config()
        LIMITS.apply(config)
        self.tracking.limit(config["tracking-table-max-keys"])
        self.host.set_keepalive(config["tcp-keepalive"])
        self.keyspace.free_expired = self.lazyfree.add_value if config["lazyfree-lazy-expire"] == "yes" else None
        self.host.change_addresses()
        self.host.change_title()
        self.persistence.apply_config()
        self.eviction.apply_config()
        self.changes.update()
        self.update_refusal()

    def _pause_changed(self) -> None:
        self.keyspace.keeps_expired = bool(self.pause)  # expiry and eviction are writes, too
        self.refresh_dispatch()

    def title(self, name: str) -> str:
        """Return the title of a process (C{proc-title-template}), which is empty if C{set-proc-title} is no."""
        config = self.config
        if config["set-proc-title"] == "no":
            return ""
        address = f"{config['bind'][0]}:{config['port']}" if config["port"] and config["bind"] else ""
        variables = {
            "title": name,
            "listen-addr": address or "".join(self.addresses[:1]),
            "server-mode": "",
            "port": str(config["port"]),
            "tls-port": config.show("tls-port"),
            "unixsocket": config["unixsocket"],
            "config-file": self.config_file or "-",
        }
        return expand(config["proc-title-template"], variables)

    def set_loading(self, loader: Loader | None) -> None:
        """Set L{loading}; None when the load has ended."""
        self.loading = loader
        self.refresh_dispatch()

    def set_oom_score(self, child: bool = False) -> bool:
        """Apply oom-score-adj to this process, or in a child to that. Return whether that succeeds."""
        return self.host.set_oom_score(self.config["oom-score-adj"], self.config["oom-score-adj-values"][2 * child])

    def refresh_dispatch(self) -> None:
        """Open or close the fast path. Call it when a state begins or ends that every command must check."""
        busy = self.busy_script is not None or self.loading is not None
        if busy or self.pause or self.monitors or self.refusal is not None:
            self.table.close()
        else:
            self.table.open()

    def _wrapped(self, command: Command, run: Function) -> Function:
        """Wrap a command's function, where needed, with eviction before it and recording for the AOF after it."""
        return self.eviction.wrap(command, self.persistence.recording.wrap(command, run))

    def update_refusal(self) -> None:
        """Update L{refusal}. Call it when the state of persistence may have changed."""
        refusal = self.persistence.refusal
        if refusal != self.refusal:
            self.refusal = refusal
            self.refresh_dispatch()

    def connect(self, connection: IConnection, reserved: bool = False) -> Session | bytes:
        """
        Add a client.

        @param reserved: whether it may use the L{RESERVED_CLIENTS}.
        @return: its session, or the encoded error to send before the connection is closed.
        """
        if len(self.sessions) >= self.config["maxclients"] + RESERVED_CLIENTS * reserved:
            self.stats.rejected_connections += 1
            return TOO_MANY_CLIENTS
        if self.config["protected-mode"] == "yes" and self.users.default.nopass and not is_local(connection):
            self.stats.rejected_connections += 1
            return PROTECTED
        self.stats.connections_received += 1
        self._last_id += 1
        session = Session(self, connection, self._last_id)
        self.sessions[session.id] = session
        return session

    def script_session(self, connection: IConnection) -> Session:
        """Return a session for the commands of scripts. It is not in L{sessions}, and its commands cannot block."""
        session = Session(self, connection, 0)
        session.authenticate(self.users.default)
        session.deny_blocking = True
        return session

    def disconnect(self, session: Session) -> None:
        """Remove a client whose connection is closed."""
        self.sessions.pop(session.id, None)
        self.outputs.forget(session)
        self.client_memory.forget(session)
        session.end()

    def run_deferred(self) -> None:
        """Run the deferred calls, and those that they defer in turn. Does nothing while a script is busy."""
        if self._running_deferred or self.busy_script is not None:
            return
        self._running_deferred = True
        deferred = self.deferred
        try:
            while deferred:
                deferred.popleft()()
        finally:
            self._running_deferred = False

    def deliver(self) -> None:
        """Send the pushes gathered in L{deliveries}."""
        deliveries, self.deliveries = self.deliveries, {}
        for session, pushed in deliveries.items():
            session.deliver(pushed)

    def yield_to_clients(self, run: ScriptRun, seconds: float = 0) -> None:
        """
        Serve other clients once, in the middle of a script that exceeds C{busy-reply-threshold} or is debugged. The
        script calls it repeatedly, then L{end_busy}. The keyspace's time is constant for the script.

        @param seconds: how long to wait for clients, if none is ready.
        """
        self.begin_requested_stop()
        if self.busy_script is None:
            self.busy_script = run
            self.refresh_dispatch()
        keyspace = self.keyspace
        now = keyspace.now
        self.host.serve_clients(seconds)
        self.persistence.sync()
        keyspace.now = now
        if self.stopping:
            run.kill()
            if self.persistence.discards or (run.wrote and not self.in_exec):
                self.persistence.recording.abandon()  # all or nothing

    def end_busy(self) -> None:
        """End the state that L{yield_to_clients} began, and defer the timers that became due in the meantime."""
        self.busy_script = None
        self.refresh_dispatch()
        self.deferred.append(self.fire)

    def detach(self) -> None:
        """Part from files and clients: this process is a forked copy of the server."""
        self.persistence.detach()
        self.host.detach()

    def request_stop(self, options: Collection[str]) -> None:
        """
        Begin an orderly shutdown at the next run of cron, until which SHUTDOWN ABORT can cancel it. It begins at once
        in the middle of the load of the data, where cron does not run. Called by signal handlers.

        @param options: as for L{stop}.
        """
        if self.loading is not None:
            self.stop(options)
        elif not self.stopping and self.requested_shutdown is None:
            self.requested_shutdown, self._requested_at = options, self.milliseconds()

    @property
    def shutdown_delay(self) -> int:
        """Milliseconds since the request of a shutdown that has not begun; 0 if there is none."""
        return 0 if self.requested_shutdown is None else self.milliseconds() - self._requested_at

    def begin_requested_stop(self) -> None:
        """
        Begin the requested shutdown, if there is one. A script that has written is given L{WRITER_GRACE_MS} from the
        request, as all of its changes must be kept, or none. Called by cron, and by slow scripts, during which cron may
        not run.
        """
        options, script = self.requested_shutdown, self.scripting.running
        if options is None:
            return
        waits = script is not None and script.wrote and "nosave" not in options
        if not waits or self.shutdown_delay > WRITER_GRACE_MS:
            self.stop(options)

    def stop(self, options: Collection[str] = ()) -> None:
        """
        Begin an orderly shutdown. Does nothing if one is in progress.

        @param options: as for L{Persistence.prepare_shutdown <tseep.persistence.persistence.Persistence>}.
        """
        self.requested_shutdown = None
        if not self.stopping:
            self.stopping = True
            self.persistence.shutdown_options = options
            self.scripting.kill_debuggers()
            self.host.log(3, "User requested shutdown...")
            self.host.shut_down()

    def fire(self) -> None:
        """Fire the timers that are due. The mode calls it at the time set by L{IMode.wake}."""
        if self.busy_script is not None:
            return
        self.keyspace.tick()
        self.timers.fire(self.milliseconds())
        self.run_deferred()
        self.deliver()

    def note_slow(self, session: Session, argv: list[bytes], command: Command, nanoseconds: int) -> None:
        """Record a call that took longer than L{slow} in the slow log and the latency monitor."""
        now = self.clock()
        if "skip_slowlog" not in command.flags:
            self.slowlog.note(now, nanoseconds, argv, session)
        event = "fast-command" if "fast" in command.flags else "command"
        self.latency.note(event, now, nanoseconds)

    def warn_of_http(self, session: Session) -> None:
        """Log that a client sent HTTP and is closed, at most once a minute."""
        now = self.monotonic()
        if now >= self._next_http:
            self._next_http = now + 60
            text = "Closed %s, which sent HTTP (POST or Host:): possibly a cross-protocol attack through a browser"
            self.host.log(3, text % session.connection.peer)
