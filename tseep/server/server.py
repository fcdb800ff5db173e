"""One server: what its clients share. It knows no socket, no thread and no reactor, only the clocks it is given."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable

from tseep.access.log import AclLog
from tseep.access.users import Users
from tseep.configuration.parameters import Config
from tseep.coordination.blocking import Blocking
from tseep.coordination.monitor import Monitors
from tseep.coordination.pause import Pause
from tseep.coordination.pubsub import PubSub
from tseep.coordination.timers import After, Timers
from tseep.coordination.tracking import Tracking
from tseep.keyspace.events import read_classes
from tseep.keyspace.eviction import Eviction
from tseep.keyspace.keyspace import Keyspace
from tseep.keyspace.lazyfree import LazyFree
from tseep.persistence.persistence import Persistence
from tseep.protocol.resp import Limits
from tseep.registry.table import Command, Function
from tseep.scripting.scripts import Running, Scripting
from tseep.server.change_dispatcher import Changes
from tseep.server.cron import Cron, OutputLimits
from tseep.server.stats import Stats
from tseep.server.table import CommandTable
from tseep.session.client_info import is_local
from tseep.session.session import Session
from tseep.system.process import resident_memory
from tseep.telemetry.histogram import LoopLag
from tseep.telemetry.latency import LatencyMonitor
from tseep.telemetry.rates import Rates
from tseep.telemetry.slowlog import SlowLog

if TYPE_CHECKING:
    from tseep.interfaces import IConnection

REDIS_VERSION = "7.0.15"
"""The Redis whose commands and replies these are; clients decide by it what they may send."""

TOO_MANY_CLIENTS = b"-ERR max number of clients reached\r\n"

PROTECTED = (
    b"-DENIED protected mode: this server has no password, so it serves its own machine alone. To let others in, set a "
    b"password for the default user (--requirepass-file, or ACL SETUSER). If nobody else can reach it, say "
    b"--protected-mode no, or CONFIG SET protected-mode no on its own machine.\r\n"
)

RESERVED_CLIENTS = 8
"""Clients of the operator's who get in when there are already as many as may be."""


class Server:
    """
    The keyspace, the clients, the configuration and the statistics of one server.

    It is not thread-safe: a mode with several threads holds one lock around each call of it and of its sessions.

    @param clock: the wall clock, which tells the Unix time in seconds; it may be set back or forth at any time. Dates
        come from it: when keys expire, the ids of streams, and what people read.
    @param timer: tells the nanoseconds since whenever, and goes on evenly; every interval comes from it.
    @ivar sessions: the clients, by id.
    @ivar table: the commands, and those of them that take the quick path at present.
    @ivar cron: the periodic tasks, C{outputs}: the limits on what clients do not take.
    @ivar after: what is to be done once the command that runs has ended.
    @ivar deliveries: what clients are to be sent unasked, at the end of the read that is being answered: so that the
        messages of many commands leave in one write to each.
    @ivar busy: what has been running for so long that others are answered in the meantime; None most of the time.
    @ivar serve_others: lets the mode answer other clients for a moment, in the middle of a command; whoever runs the
        server sets it.
    @ivar keep_alive: lets the kernel ask the clients that will come, when they have been silent for so many seconds,
        whether they are there; 0 for never. The mode sets it.
    @ivar log: writes what a script wants to be written; takes Redis's level, from 0 to 3, and a text. Whoever runs the
        server sets it.
    @ivar uncommitted: whether something was recorded that must be written before anybody is answered: a mode holds back
        what leaves until it has called L{Persistence.commit <tseep.persistence.persistence.Persistence>}.
    @ivar refusal: why nothing may be changed at present; None if it may.
    @ivar lag: how late the event loop is; whoever runs the server tells it.
    @ivar batches: how many clients were ready at once: number I{b} counts the looks that found less than 2**b, and at
        least half of that; empty in a mode that does not look.
    @ivar threads: those that serve the clients, L{Threads <tseep.modes.threads.Threads>}; None but in v1.
    @ivar workers: the processes in front, L{IWorker <tseep.interfaces.IWorker>}; none but in v3.
    @ivar stopping: whether the server is about to end, so that what runs for long is not waited for.
    @ivar rates: commands, bytes read and bytes written per second, as of the last second.
    @ivar started: when the server began, in seconds of L{monotonic}.
    @ivar startup_memory: bytes that the process took when the server began.
    @ivar slow: from how many nanoseconds on L{note_slow} wants to see a command.
    @ivar shut_down: called when a client asks for SHUTDOWN; whoever runs the server sets it.
    @ivar mode: how connections are handled, C{addresses} where, and C{config_file} the path of the file that it was
        set by, for INFO; whoever runs the server sets them.
    """

    redis_version = REDIS_VERSION

    def __init__(
        self,
        config: Config | None = None,
        clock: Callable[[], float] = time.time,
        timer: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self.config = Config() if config is None else config
        self.clock = clock
        self.timer = timer
        self.keyspace = Keyspace(self.config["databases"], clock)
        self.keyspace.second = int(self.monotonic())
        self.limits = Limits()
        self.sessions: dict[int, Session] = {}
        self.timers = Timers()
        self.after: After = deque()
        self.deliveries: dict[Session, list[bytes]] = {}
        self.blocking = Blocking(self.timers, self.after)
        self.pause = Pause(self.timers, self.blocking, self.refresh_dispatch)
        self.pubsub = PubSub()
        self.tracking = Tracking(self.after)
        self.monitors = Monitors(clock, self.after, self.refresh_dispatch)
        self.lazyfree = LazyFree(timer, self.call_later)
        self.scripting = Scripting(self)
        self.busy: Running | None = None
        self.stopping = False
        self.log: Callable[[int, str], None] = lambda level, text: None
        self.serve_others: Callable[[], None] = lambda: None
        self.keep_alive: Callable[[int], None] = lambda seconds: None
        self._settling = False
        self.stats = Stats()
        self.slowlog = SlowLog()
        self.latency = LatencyMonitor()
        self.rates = Rates(3)
        self.lag = LoopLag()
        self.batches: list[int] = []
        self.threads: Any = None
        self.workers: Sequence[Any] = ()
        self.started = self.monotonic()
        self.startup_memory = resident_memory()
        self.run_id = os.urandom(20).hex()
        self.mode = "none"
        self.config_file = ""
        self.addresses: list[str] = []
        self.shut_down: Callable[[], None] = lambda: None
        self.table = CommandTable(self._wrapped)
        self.uncommitted = False
        self.refusal: str | None = None
        self.users = Users(self.table.commands, self.config, self.sessions, self.disconnect)
        self.acl_log = AclLog()
        self.persistence = Persistence(self)
        self.eviction = Eviction(
            self.config, self.keyspace, self.lazyfree, lambda: self.timer(), self.call_later, self.table.rewrap
        )
        self.changes = Changes(self)
        self.outputs = OutputLimits(self)
        self.cron = Cron(self)
        self.refresh_dispatch()
        self._last_id = 0
        self._next_http = -math.inf
        self.apply_config()

    def monotonic(self) -> float:
        """Seconds since whenever, for intervals; the wall clock, L{clock}, may be set back or forth at any time."""
        return self.timer() / 1e9

    def milliseconds(self) -> int:
        """The same in milliseconds, as L{Timers} count."""
        return self.timer() // 1_000_000

    def call_later(self, milliseconds: int, function: Callable[[], None]) -> None:
        """Call a function after so many milliseconds, by the mode's timer."""
        self.timers.set(self.milliseconds() + milliseconds, function)

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self.monotonic() - self.started

    def apply_config(self) -> None:
        """
        Take over what the configuration says by now. To be called after every change of it.

        @raise CommandError: if something cannot be as it says.
        """
        config = self.config
        self.users.require(config["requirepass"])
        self.acl_log.max_entries = config["acllog-max-len"]
        self.limits.bulk = config["proto-max-bulk-len"]
        self.limits.query_buffer = config["client-query-buffer-limit"]
        self.slowlog.configure(config["slowlog-log-slower-than"], config["slowlog-max-len"])
        self.latency.threshold = config["latency-monitor-threshold"]
        self.slow = min(self.slowlog.threshold_ns, self.latency.threshold_ns)
        self.changes.notifications.classes = read_classes(config["notify-keyspace-events"])
        self.tracking.max_keys = config["tracking-table-max-keys"]
        self.keep_alive(config["tcp-keepalive"])
        self.persistence.apply_config()
        self.eviction.apply_config()
        self.changes.update()
        self.update_refusal()

    def refresh_dispatch(self) -> None:
        """To be called when a state begins or ends that every command has to ask for."""
        if self.busy is None and not self.pause and not self.monitors and self.refusal is None:
            self.table.open()
        else:
            self.table.close()

    def _wrapped(self, command: Command, run: Function) -> Function:
        """What is to be called in place of a command's function: it makes room before and records after, if need be."""
        return self.eviction.wrap(command, self.persistence.recording.wrap(command, run))

    def update_refusal(self) -> None:
        """To be called when there may be a reason to change nothing, or no more."""
        refusal = self.persistence.refusal
        if refusal != self.refusal:
            self.refusal = refusal
            self.refresh_dispatch()

    def connect(self, connection: IConnection, reserved: bool = False) -> Session | bytes:
        """
        A session for a new client, or what it is to be told before it is closed.

        @param reserved: whether L{RESERVED_CLIENTS} more are let in.
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
        """A session for scripts, which is no client's: nothing that it runs can wait."""
        session = Session(self, connection, 0)
        session.authenticate(self.users.default)
        session.deny_blocking = True
        return session

    def disconnect(self, session: Session) -> None:
        """The client is gone."""
        self.sessions.pop(session.id, None)
        self.outputs.forget(session)
        session.end()

    def run_deferred(self) -> None:
        """Do what is to be done after a command, until nothing is left: that may be the cause of more."""
        if self._settling or self.busy is not None:
            return
        self._settling = True
        after = self.after
        try:
            while after:
                after.popleft()()
        finally:
            self._settling = False

    def deliver(self) -> None:
        """Send what clients are to be sent unasked."""
        deliveries, self.deliveries = self.deliveries, {}
        for session, pushed in deliveries.items():
            session.deliver(pushed)

    def yield_to_clients(self, busy: Running) -> None:
        """
        Let other clients be answered for a moment, in the middle of a command that runs for long. To be called again
        and again until its end, which L{end_busy} tells. For what runs, no time passes.
        """
        if self.busy is None:
            self.busy = busy
            self.refresh_dispatch()
        keyspace = self.keyspace
        now = keyspace.now
        self.serve_others()
        self.persistence.sync()
        keyspace.now = now
        if self.stopping:
            busy.kill()

    def end_busy(self) -> None:
        """What ran for long has ended; what has become due by now is done after the command."""
        self.busy = None
        self.refresh_dispatch()
        self.after.append(self.fire)

    def stop(self) -> None:
        """Ask whoever runs the server to end it, soon."""
        if not self.stopping:
            self.stopping = True
            self.shut_down()

    def fire(self) -> None:
        """Do what is due by now. To be called when L{Timers.wake} has asked for it."""
        if self.busy is not None:
            return
        self.keyspace.tick()
        self.timers.fire(self.milliseconds())
        self.run_deferred()
        self.deliver()

    def note_slow(self, session: Session, argv: list[bytes], command: Command, nanoseconds: int) -> None:
        """A command took longer than L{slow}."""
        now = self.clock()
        self.slowlog.note(now, nanoseconds, argv, session)
        event = "fast-command" if "fast" in command.flags else "command"
        self.latency.note(event, now, nanoseconds)

    def warn_of_http(self, session: Session) -> None:
        """A client speaks HTTP: say so in the log, once a minute at most."""
        now = self.monotonic()
        if now >= self._next_http:
            self._next_http = now + 60
            text = "%s sent POST or Host: and was closed: a page may have led a browser here to harm this server"
            self.log(3, text % session.connection.peer)
