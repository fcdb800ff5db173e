"""One server: what its clients share. It knows no socket, no thread and no reactor, only the clocks it is given."""

from __future__ import annotations

import math
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, Dict, List, Protocol, Sequence, Set

from tseep.access.log import AclLog
from tseep.access.users import Users
from tseep.commands import COMMANDS
from tseep.commands.data.strings import write
from tseep.configuration.parameters import Config
from tseep.coordination.blocking import Blocking
from tseep.coordination.monitor import Monitors
from tseep.coordination.pause import Pause
from tseep.coordination.pubsub import PubSub
from tseep.coordination.timers import Alarms
from tseep.coordination.tracking import Tracking
from tseep.errors import CommandError, wrong_arguments
from tseep.keyspace.events import read_classes
from tseep.keyspace.eviction import Eviction
from tseep.keyspace.keyspace import Keyspace
from tseep.keyspace.lazyfree import Garbage
from tseep.persistence.persistence import Persistence
from tseep.protocol.resp import Limits
from tseep.registry.table import Command, every
from tseep.scripting.scripts import Scripting
from tseep.server.change_dispatcher import Changes
from tseep.session.client_info import describe, is_local
from tseep.session.session import Session
from tseep.system.process import release_memory, resident_memory
from tseep.system.repeated import Repeated
from tseep.telemetry.histogram import Lag
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

LARGE_OUTPUT = 16 * 1024 * 1024
"""Bytes that wait for one client from which on it is worth while to give memory back when they are taken."""

RESERVED_CLIENTS = 8
"""Clients of the operator's who get in when there are already as many as may be."""

SWEEP_BATCH = 64
SWEEP_BUDGET = 2_000_000
"""Nanoseconds that one L{Server.cron} may spend on expired keys."""


_UNUSUAL = frozenset({"admin", "no_auth", "noscript", "blocking"})
"""Flags of commands that may change what a client is, let it wait, or end it: they go the long way."""


After = Deque[Callable[[], None]]
"""What is to be done once the command that runs has ended, the whole transaction or script with it."""


class Busy(Protocol):
    """
    A script that has been running for long.

    @ivar error: what the others are answered in the meantime.
    """

    error: str

    def kill(self) -> None:
        """End it as soon as may be, whatever it has done by then."""


class Stats:
    """What INFO stats counts, but for what the keyspace and the commands count themselves."""

    __slots__ = (
        "connections_received", "errors", "evicted_clients", "input_bytes", "output_bytes", "rejected_connections",
    )  # fmt: skip

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again at nothing, as CONFIG RESETSTAT asks."""
        self.connections_received = 0
        self.rejected_connections = 0
        self.evicted_clients = 0
        self.input_bytes = 0
        self.output_bytes = 0
        self.errors: Dict[bytes, int] = {}

    def count_error(self, code: bytes) -> None:
        """An error was answered, or met by a script."""
        self.errors[code] = self.errors.get(code, 0) + 1


class Server:
    """
    The keyspace, the clients, the configuration and the statistics of one server.

    It is not thread-safe: whoever calls it or its sessions from several threads holds one lock around each call.

    @param clock: the wall clock, which tells the Unix time in seconds; it may be set back or forth at any time. Dates
        come from it: when keys expire, the ids of streams, and what people read.
    @param timer: tells the nanoseconds since whenever, and goes on evenly; every interval comes from it.
    @ivar sessions: the clients, by id.
    @ivar commands: every command by its name in lower case, counting for this server.
    @ivar native_commands: the two commands of the native protocol.
    @ivar dispatch: the commands without those that have subcommands or change what a client is, by name in lower
        and in upper case: what clients send nearly all the time. C{native_dispatch}: the native protocol's. Both are
        empty while every command has to go the long way, through L{Session._examine <tseep.session.session.Session>}.
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
    @ivar sweep_ns: nanoseconds that were spent on expired keys that nobody asked for.
    @ivar lag: how late the event loop is; whoever runs the server tells it.
    @ivar batches: how many clients were ready at once: number I{b} counts the looks that found less than 2**b, and at
        least half of that; empty in a mode that does not look.
    @ivar threads: those that serve the clients, L{Threads <tseep.modes.threads.Threads>}; None but in v1.
    @ivar workers: the processes in front, L{IWorker <tseep.interfaces.IWorker>}; none but in v3.
    @ivar stopping: whether the server is about to end, so that what runs for long is not waited for.
    @ivar rates: commands, bytes read and bytes written per second, as of the last second.
    @ivar active_expire: whether L{cron} removes expired keys.
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
        self.sessions: Dict[int, Session] = {}
        self.alarms = Alarms()
        self.after: After = deque()
        self.deliveries: Dict[Session, List[bytes]] = {}
        self.blocking = Blocking(self.alarms, self.after)
        self.pause = Pause(self)
        self.pubsub = PubSub()
        self.tracking = Tracking(self.after)
        self.monitors = Monitors(clock, self.after)
        self.garbage = Garbage(self)
        self.scripting = Scripting(self)
        self.busy: Busy | None = None
        self.stopping = False
        self.log: Callable[[int, str], None] = lambda level, text: None
        self.serve_others: Callable[[], None] = lambda: None
        self.keep_alive: Callable[[int], None] = lambda seconds: None
        self._settling = False
        self.stats = Stats()
        self.sweep_ns = 0
        self.slowlog = SlowLog()
        self.latency = LatencyMonitor()
        self.rates = Rates(3)
        self.lag = Lag()
        self.batches: List[int] = []
        self.threads: Any = None
        self.workers: Sequence[Any] = ()
        self.active_expire = True
        self.started = self.monotonic()
        self.startup_memory = resident_memory()
        self.run_id = os.urandom(20).hex()
        self.mode = "none"
        self.config_file = ""
        self.addresses: list[str] = []
        self.shut_down: Callable[[], None] = lambda: None
        self.commands = {name: command.fresh() for name, command in COMMANDS.items()}
        self.uncommitted = False
        self.refusal: str | None = None
        self.native_commands = {b"GET": self.commands[b"get"], b"SET": self.commands[b"set"].running(write)}
        self._functions = {command: command.run for command in self._all_commands()}
        self.users = Users(self)
        self.acl_log = AclLog()
        self.persistence = Persistence(self)
        self.eviction = Eviction(self)
        self.changes = Changes(self)
        self.dispatch: Dict[bytes, Command] = {}
        self.native_dispatch: Dict[bytes, Command] = {}
        self.update_guard()
        self._last_id = 0
        self._next_second = self._next_http = -math.inf
        self._repeated = Repeated(lambda text: self.log(3, text))
        self._behind: Set[Session] = set()  # who did not take all that was sent, when that was looked at
        self._swollen = False  # whether one of them was sent much
        self.configured()

    def monotonic(self) -> float:
        """Seconds since whenever, for intervals; the wall clock, L{clock}, may be set back or forth at any time."""
        return self.timer() / 1e9

    def milliseconds(self) -> int:
        """The same in milliseconds, as L{Alarms} count."""
        return self.timer() // 1_000_000

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self.monotonic() - self.started

    def configured(self) -> None:
        """
        Take over what the configuration says by now. To be called after every change of it.

        @raise CommandError: if something cannot be as it says.
        """
        config = self.config
        self.users.require(config["requirepass"])
        self.acl_log.most = config["acllog-max-len"]
        self.limits.bulk = config["proto-max-bulk-len"]
        self.limits.query_buffer = config["client-query-buffer-limit"]
        self.slowlog.configure(config["slowlog-log-slower-than"], config["slowlog-max-len"])
        self.latency.threshold = config["latency-monitor-threshold"]
        self.slow = min(self.slowlog.threshold_ns, self.latency.threshold_ns)
        self.changes.notifications.classes = read_classes(config["notify-keyspace-events"])
        self.tracking.most = config["tracking-table-max-keys"]
        self.keep_alive(config["tcp-keepalive"])
        self.persistence.configured()
        self.eviction.configured()
        self.changes.update()
        self.update_refusal()

    def update_guard(self) -> None:
        """To be called when a state begins or ends that every command has to ask for."""
        self.dispatch.clear()
        self.native_dispatch.clear()
        if self.busy is None and not self.pause and not self.monitors and self.refusal is None:
            self.native_dispatch.update(self.native_commands)
            for name, command in self.commands.items():
                if command.run is not None and not command.subcommands and command.flags.isdisjoint(_UNUSUAL):
                    self.dispatch[name] = self.dispatch[name.upper()] = command

    def _all_commands(self) -> List[Command]:
        return [*every(self.commands), *self.native_commands.values()]

    def rewrap(self) -> None:
        """Put around the commands' functions what is to stand there by now: recording, and making room before."""
        for command, run in self._functions.items():
            if run is not None:
                command.run = self.eviction.wrap(command, self.persistence.recording.wrap(command, run))

    def update_refusal(self) -> None:
        """To be called when there may be a reason to change nothing, or no more."""
        refusal = self.persistence.refusal
        if refusal != self.refusal:
            self.refusal = refusal
            self.update_guard()

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

    def describe(self, session: Session) -> bytes:
        """A client as CLIENT LIST shows it."""
        return describe(session)

    def script_session(self, connection: IConnection) -> Session:
        """A session for scripts, which is no client's: nothing that it runs can wait."""
        session = Session(self, connection, 0)
        session.authenticate(self.users.default)
        session.deny_blocking = True
        return session

    def disconnect(self, session: Session) -> None:
        """The client is gone."""
        self.sessions.pop(session.id, None)
        self._behind.discard(session)
        session.end()

    def settle(self) -> None:
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

    def breathe(self, busy: Busy) -> None:
        """
        Let other clients be answered for a moment, in the middle of a command that runs for long. To be called again
        and again until its end, which L{recover} tells. For what runs, no time passes.
        """
        if self.busy is None:
            self.busy = busy
            self.update_guard()
        keyspace = self.keyspace
        now = keyspace.now
        self.serve_others()
        self.persistence.sync()
        keyspace.now = now
        if self.stopping:
            busy.kill()

    def recover(self) -> None:
        """What ran for long has ended; what has become due by now is done after the command."""
        self.busy = None
        self.update_guard()
        self.after.append(self.ring)

    def stop(self) -> None:
        """Ask whoever runs the server to end it, soon."""
        if not self.stopping:
            self.stopping = True
            self.shut_down()

    def ring(self) -> None:
        """Do what is due by now. To be called when L{Alarms.wake} has asked for it."""
        if self.busy is not None:
            return
        self.keyspace.tick()
        self.alarms.ring(self.milliseconds())
        self.settle()
        self.deliver()

    def check_output(self, session: Session, unsent: int) -> None:
        """
        Close a client that does not take what it is sent, once that is more than it may be. To be called when
        something remains unsent; it is looked at again each second, as long as something does.
        """
        if session.id not in self.sessions:
            return  # it is closed already
        kind = "pubsub" if session.subscriptions else "normal"
        hard, soft, seconds = self.config["client-output-buffer-limit"][kind]
        now = self.monotonic()
        if not soft or unsent < soft:
            session.soft_since = None
        elif session.soft_since is None:
            session.soft_since = now
        too_long = session.soft_since is not None and now - session.soft_since > seconds
        if (hard and unsent >= hard) or too_long:
            self.log(
                3,
                f"Client {describe(session).decode('utf-8', 'replace')} closed for overcoming of output buffer limits.",
            )
            self.disconnect(session)
            session.connection.close()
        elif unsent:
            self._behind.add(session)
            self._swollen = self._swollen or unsent >= LARGE_OUTPUT
        else:
            self._behind.discard(session)

    def _check_outputs(self) -> None:
        """Look again at those clients that did not take all; what large replies have taken is given back after that."""
        for session in list(self._behind):
            self.check_output(session, session.connection.unsent)
        if self._swollen and not self._behind:
            self._swollen = False
            release_memory()

    def find(self, argv: list[bytes]) -> Command | None:
        """The command, or the subcommand, that C{argv} names; None if there is none."""
        command = self.commands.get(argv[0].lower())
        if command is not None and command.subcommands and len(argv) > 1:
            return command.subcommands.get(argv[1].lower())
        return command

    def lookup(self, argv: list[bytes]) -> Command:
        """
        The command, or the subcommand, that a client calls by C{argv}.

        @raise CommandError: if there is none, or not for that number of arguments.
        """
        command = self.find(argv)
        if command is None:
            raise self._unknown(argv)
        if command.run is None or not command.takes(len(argv)):
            command.calls.rejected += 1
            raise wrong_arguments(command.name)
        return command

    def _unknown(self, argv: list[bytes]) -> CommandError:
        container = self.commands.get(argv[0].lower())
        if container is None:
            return _unknown_command(argv)
        text = b"ERR unknown subcommand '%b'. Try %b HELP."
        return CommandError(text % (_as_shown(argv[1]), container.name.upper()))

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

    @property
    def calls(self) -> int:
        """How many commands ran."""
        return sum([command.calls.count for command in every(self.commands)])

    def cron(self) -> None:
        """What is to be done every now and then, ten times a second in a running server."""
        if self.busy is not None:
            return
        run = self._repeated.run
        self.keyspace.tick()
        if self.active_expire:
            run("Removing expired keys", self._expire)
        run("Saving", self.persistence.cron)
        run("Evicting keys", self.eviction.look)
        now = self.monotonic()
        if now >= self._next_second:
            self._next_second = now + 1
            self.keyspace.second = int(now)
            run("Closing idle clients", self._close_idle)
            run("Looking at clients' output buffers", self._check_outputs)
            run("Evicting clients", self._evict_clients)
            run("Looking at who wants to hear of changes", self.changes.update)
            run("Taking the rates", lambda: self._sample(now))

    def _expire(self) -> None:
        self._sweep()
        self.settle()
        self.deliver()

    def _sample(self, now: float) -> None:
        self.rates.sample(now, self.calls, self.stats.input_bytes, self.stats.output_bytes)

    def _sweep(self) -> None:
        """Remove expired keys that nobody asked for, for a bounded time."""
        start = self.timer()
        spent = 0
        while spent < SWEEP_BUDGET and self.keyspace.sweep(SWEEP_BATCH) == SWEEP_BATCH:
            spent = self.timer() - start
        self.sweep_ns += spent
        if spent > self.latency.threshold_ns:
            self.latency.note("expire-cycle", self.clock(), spent)

    def _evict_clients(self) -> None:
        """Close those clients that take most memory, as long as all together take more than they may."""
        limit = self.config["maxmemory-clients"]
        if not limit:
            return
        clients = sorted(self.sessions.values(), key=lambda session: session.memory)
        total = sum(session.memory for session in clients)
        evictable = [session for session in clients if not session.no_evict]
        while total > limit and evictable:
            session = evictable.pop()
            total -= session.memory
            self.stats.evicted_clients += 1
            self.disconnect(session)
            session.connection.close()

    def _close_idle(self) -> None:
        """Close the clients that have been silent for longer than the timeout allows."""
        timeout = self.config["timeout"]
        if timeout:
            latest = self.timer() - timeout * 1_000_000_000
            for session in list(self.sessions.values()):
                waits = session.blocked is not None or bool(session.subscriptions)
                if not waits and session.last_seen < latest:
                    session.connection.close()


def _unknown_command(argv: list[bytes]) -> CommandError:
    """Redis's words: the name and the first arguments, each list cut near 128 bytes."""
    shown = b""
    for argument in argv[1:]:
        if len(shown) >= 128:
            break
        shown += b"'%b' " % _as_shown(argument)[: 128 - len(shown)]
    text = b"ERR unknown command '%b', with args beginning with: %b"
    return CommandError(text % (_as_shown(argv[0]), shown))


def _as_shown(word: bytes) -> bytes:
    """What an error shows of a client's word: at most 128 bytes, and nothing after a NUL, where C's strings end."""
    return word[:128].partition(b"\0")[0]
