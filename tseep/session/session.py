"""
One client's session: request bytes in, reply bytes out.

The same class serves every mode. It uses no socket, thread or reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import TYPE_CHECKING, Union

from tseep.errors import CommandError
from tseep.protocol import native, resp
from tseep.replies import BLOCKED, NO_REPLY, QUEUED, Push, Reply, Several
from tseep.session.admission import admit, refused
from tseep.session.client_info import describe
from tseep.session.execution import run

if TYPE_CHECKING:
    from tseep.access.log import Denial
    from tseep.access.users import User
    from tseep.coordination.blocking import Wait
    from tseep.coordination.pubsub import Subscriptions
    from tseep.coordination.tracking import Tracked
    from tseep.coordination.transactions import Transaction
    from tseep.interfaces import IConnection
    from tseep.keyspace.database import Database
    from tseep.registry.table import Command
    from tseep.scripting.debugging import Relay
    from tseep.server.server import Server

Parser = Union[resp.Parser, native.Parser, "Relay"]

_HTTP = frozenset({b"post", b"host:"})
"""HTTP from a browser (cross-protocol attack): the client is closed without a reply, as in Redis."""

_AT_ONCE = frozenset({b"exec", b"discard", b"multi", b"watch", b"quit", b"reset"})
"""Commands that are executed, not queued, inside MULTI."""

SLOW_ENOUGH = 1_000_000
"""Nanoseconds that no quick command needs: with a higher slow log threshold, runs of them are timed as one."""


class Session:
    """
    The state of one client, and the path of its bytes to the replies.

    A mode passes input to L{receive} and sends the replies that it returns. While L{pending_commands} is not None, the
    mode calls L{resume} whenever the client has accepted the output so far; a client that sends without reading
    therefore costs bounded memory. When L{closing} is true, the mode closes the connection after the replies.

    @ivar limits: the server's limits on requests; others apply while files are loaded.
    @ivar db: the selected database, C{db_index} its number.
    @ivar protocol: the RESP version, 2 or 3.
    @ivar pending_commands: parsed commands that wait for L{resume}; None if there are none.
    @ivar user: the authenticated user, or the default user.
    @ivar silent: CLIENT REPLY OFF. C{reply_skip_next}: CLIENT REPLY SKIP, for the next command; C{reply_skip}: for the
        current one.
    @ivar transaction: the commands queued since MULTI; None outside a transaction.
    @ivar watched: the keys of WATCH with their databases. C{dirty_cas}: whether one of them has changed.
    @ivar subscriptions: the channels and patterns; None before the first subscription.
    @ivar blocked: what a blocking command waits for; None otherwise. C{deny_blocking}: blocking is not allowed, as
        in MULTI and scripts.
    @ivar tracking: client-side caching; None if it is off.
    @ivar monitoring: whether the client receives MONITOR's output.
    @ivar extra_memory: bytes beyond L{OVERHEAD <tseep.session.client_info.OVERHEAD>} that L{ClientMemory} has counted.
    @ivar debugging: the mode of SCRIPT DEBUG (L{tseep.scripting.debugging}); 0 if it is off.
    @ivar ended: True after L{end}: replies are discarded.
    @ivar connected_at: the time of the connection, C{last_seen}: of the last read; nanoseconds of the server's timer.
    """

    __slots__ = (
        "server", "connection", "limits", "id", "db", "db_index", "protocol", "pending_commands", "closing",
        "authenticated", "user", "name", "library_name", "library_version", "no_evict", "no_touch", "silent",
        "reply_skip_next", "reply_skip", "connected_at", "last_seen", "last_command", "transaction", "watched",
        "dirty_cas", "subscriptions", "blocked", "deny_blocking", "tracking", "monitoring", "extra_memory",
        "soft_since", "ended", "debugging", "_left", "_unread", "_replies", "_parser", "_encoders", "_dispatch",
        "_native", "_relayed",
    )  # fmt: skip

    def __init__(self, server: Server, connection: IConnection, id: int) -> None:
        self.server = server
        self.connection = connection
        self.limits = server.limits
        self.id = id
        self.connected_at = self.last_seen = server.timer()
        self.closing = False
        self.pending_commands: Iterator[list[bytes]] | None = None
        self.last_command: Command | None = None
        self.library_name = self.library_version = b""
        self.no_evict = False
        self.transaction: Transaction | None = None
        self.watched: tuple[tuple[Database, bytes], ...] = ()
        self.dirty_cas = False
        self.subscriptions: Subscriptions | None = None
        self.blocked: Wait | None = None
        self.deny_blocking = False
        self.tracking: Tracked | None = None
        self.monitoring = False
        self.extra_memory = 0
        self.ended = False
        self.debugging = 0
        self.soft_since: float | None = None  # since when the output exceeds the soft limit
        self._left: Iterator[list[bytes]] | None = None  # the commands after the blocking one
        self._unread: deque[bytes] | None = None  # input while commands are pending or blocked
        self._replies: list[bytes] | None = None  # of the current read; None outside of _answer
        self._parser: Parser | None = None  # chosen by the first byte
        self._native = False
        self._relayed = False  # whether the input goes to a process that debugs a script
        self.reset()

    def reset(self) -> None:
        """Reset the state (RESET): no authentication if a password is required, RESP2, database 0, no subscriptions."""
        self.name = b""
        self.no_touch = False
        self.silent = self.reply_skip_next = self.reply_skip = False
        self.transaction = None
        self.unregister()
        self.select(0)
        self.set_protocol(2)
        self.user = self.server.users.default
        self.authenticated = self.server.users.open
        self.refresh_dispatch()

    def authenticate(self, user: User) -> None:
        self.user = user
        self.authenticated = True

    def select(self, index: int) -> None:
        self.db_index = index
        self.db = self.server.keyspace.databases[index]

    def set_protocol(self, protocol: int) -> None:
        self.protocol = protocol
        self._encoders = resp.ENCODERS[protocol]

    def refresh_dispatch(self) -> None:
        """Choose the fast or the slow path. Call it after every change of a state that L{_dispatch_slow} checks."""
        guarded = not self.authenticated or self.no_touch or self.silent or self.reply_skip_next or self._restricted
        guarded = guarded or self.user.restricted
        plain = self.server.table.native_dispatch if self._native else self.server.table.dispatch
        self._dispatch = {} if guarded else plain
        if isinstance(self._parser, resp.Parser):
            self._parser.trusted = self.trusted

    @property
    def _restricted(self) -> bool:
        """Whether the state requires the slow path: MULTI, tracking, MONITOR, or subscriptions in RESP2."""
        if self.transaction is not None or self.tracking is not None or self.monitoring:
            return True
        return bool(self.subscriptions) and self.protocol == 2

    @property
    def trusted(self) -> bool:
        """Whether the client is authenticated, or no password is required."""
        return self.authenticated or self.server.users.open

    @property
    def partial_bytes(self) -> int:
        """Bytes of an incomplete command in the parser."""
        return self._parser.held if self._parser is not None else 0

    @property
    def awaited(self) -> int:
        """Missing bytes of an incomplete argument; 0 if there is none."""
        parser = self._parser
        return parser.awaited if isinstance(parser, resp.Parser) else 0

    @property
    def query_memory(self) -> int:
        """Bytes of input that is not executed yet: C{qbuf} in CLIENT LIST."""
        return self.partial_bytes + sum(map(len, self._unread or ()))

    @property
    def queue_memory(self) -> int:
        """Bytes of the commands queued in MULTI: C{multi-mem} in CLIENT LIST."""
        transaction = self.transaction
        return 0 if transaction is None else transaction.bytes

    @property
    def reply_memory(self) -> int:
        """Bytes of the replies of the current read, which are sent after it: C{obl} in CLIENT LIST."""
        return sum(map(len, self._replies or ()))

    def receive(self, data: bytes) -> bytes:
        """
        Process input, in pieces of any size.

        @return: the replies to the complete commands, up to L{OutputLimits.batch} bytes and one reply; empty while
            commands are pending or blocked.
        """
        parser = self._parser or self._open(data)
        stats = self.server.stats
        stats.reads += 1
        stats.input_bytes += len(data)
        if self.pending_commands is not None or self.blocked is not None or self._replies is not None:
            self._keep(data)
            return b""
        if parser.partial:
            self.server.client_memory.update(self, len(data))
            if self.ended:
                return b""
            if self.awaited > len(data):  # a part of an argument: no command can end, and the memory is counted
                return self._answer(iter(parser.feed(data)))
        if self.authenticated:
            replies = self._answer(iter(parser.feed(data)))
        else:
            self.refresh_dispatch()  # the password may have been removed
            replies = self._answer(_lazily(parser, data))
        if parser.partial or self.extra_memory:
            self.server.client_memory.update(self)
        return replies

    def resume(self) -> bytes:
        """Execute L{pending_commands}, up to L{OutputLimits.batch} bytes of replies, and return the replies."""
        assert self.pending_commands is not None
        commands, self.pending_commands = self.pending_commands, None
        return self._answer(commands)

    def push(self, data: bytes) -> None:
        """Send an encoded message that is not the reply to a request of this client."""
        if self._replies is not None:
            self._replies.append(data)  # in order with the replies of the current read
        else:
            self.server.deliveries.setdefault(self, []).append(data)

    def send_blocked_reply(self, reply: Reply) -> None:
        """Send the reply of the L{blocked} command. The commands after it become L{pending_commands}."""
        if isinstance(reply, CommandError):
            self._failed(reply, self.last_command)
        if not self.reply_skip and not self.silent:
            self.server.deliver()
            self._send(self._encoders[type(reply)](reply))
        self.pending_commands, self._left = self._left, None

    def send_now(self, data: bytes) -> None:
        """Send data in the middle of a command, after the replies of the current read so far."""
        replies = self._replies
        if replies:
            data = b"".join(replies) + data
            replies.clear()
        self._send(data)

    def take_input(self) -> bytes:
        """Return what has been received in the middle of a command, as the command's own."""
        data = b"".join(self._unread or ())
        self._unread = None
        return data

    def pass_input(self, relay: Relay) -> None:
        """
        Pass further input to the process that debugs a script, in place of parsing it. The commands that were received
        with the script are dropped, as in Redis: they would run here, on the data that the process has a copy of.
        """
        self._parser = relay
        self._relayed = True

    def call(self, command: Command, argv: list[bytes]) -> Reply:
        """
        Run a command inside another one: EXEC or a script.

        @raise CommandError: the command's error, already counted.
        """
        start = self.server.timer()
        try:
            return run(self, command, argv)
        except CommandError as error:
            self._failed(error, command)
            raise
        finally:
            self._count(command, 1, start, argv)

    def requeue(self, argv: list[bytes]) -> None:
        """Make the command that CLIENT PAUSE held, and those after it, L{pending_commands}."""
        assert self._left is not None
        self.pending_commands, self._left = chain([argv], self._left), None

    def encode(self, reply: Reply) -> bytes:
        """Encode a reply in the client's current protocol."""
        return self._encoders[type(reply)](reply)

    def end(self) -> None:
        """
        Remove all references to and from a closed session. A reference cycle, for example through the pending
        commands, would keep it and its unsent output until the next run of the garbage collector.
        """
        if self.blocked is not None:
            self.server.blocking.forget(self.blocked)
        self.ended = True
        self.blocked = self.pending_commands = self._left = None
        self.server.deliveries.pop(self, None)
        self.unregister()

    def unregister(self) -> None:
        """End WATCH, subscriptions, tracking and MONITOR."""
        server = self.server
        server.changes.watching.forget(self)
        server.pubsub.forget(self)
        if self.tracking is not None:
            server.tracking.stop(self)
        if self.monitoring:
            server.monitors.forget(self)

    def deliver(self, pushed: list[bytes]) -> None:
        self._send(b"".join(pushed))

    def _send(self, data: bytes) -> None:
        if len(data) >= self.server.outputs.batch and not self.server.outputs.admits(self, len(data)):
            return
        self.server.stats.writes += 1
        self.server.stats.output_bytes += len(data)
        unsent = self.connection.send(data)
        if unsent:
            self.server.outputs.check(self, unsent)

    def _keep(self, data: bytes) -> None:
        """Buffer input for later; close the client if it exceeds C{client-query-buffer-limit}."""
        if self._unread is None:
            self._unread = deque()
        self._unread.append(data)
        if sum(map(len, self._unread)) > self.limits.query_buffer:
            self.connection.close()
        self.server.client_memory.update(self)

    def _rest(self, commands: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        """Return an iterator of the remaining commands and those of input buffered by then."""
        return commands if isinstance(commands, chain) else chain(commands, self._later())

    def _later(self) -> Iterator[list[bytes]]:
        assert self._parser is not None
        while self._unread:
            yield from _lazily(self._parser, self._unread.popleft())

    def _open(self, data: bytes) -> Parser:
        """Choose the protocol by the first byte."""
        if data[0] in (native.READ, native.WRITE):
            self._native = True
            self._encoders = native.ENCODERS
            self._parser = native.Parser()
            self.refresh_dispatch()
        else:
            self._parser = resp.Parser(self.limits, self.trusted)
        return self._parser

    def _answer(self, commands: Iterator[list[bytes]]) -> bytes:
        """
        Run commands and join their replies. Every request passes this loop: each line counts.

        Reading the timer costs as much as a GET, so consecutive calls of one quick command are timed together, unless
        the slow log's threshold is below L{SLOW_ENOUGH}.
        """
        server = self.server
        server.keyspace.tick()
        dispatch, encoders, singly, timer = self._dispatch, self._encoders, server.slow < SLOW_ENOUGH, server.timer
        timed: Command | None = None  # the command called run times since start
        run = size = 0
        most = batch = server.outputs.batch
        first: list[bytes] = []
        deferred = server.deferred
        self._replies = replies = []
        self.last_seen = start = timer()
        for argv in commands:
            command = dispatch.get(argv[0])
            if command is not None and len(argv) != command.arity and not len(argv) >= -command.arity > 0:
                command = None
            if command is not timed:
                if run:
                    start = self._count(timed, run, start, first)
                    run = 0
                timed, first = command, argv
            if command is not None:
                try:
                    reply = command.run(self, argv)  # type: ignore[misc]
                except CommandError as error:
                    reply = self._failed(error, command)
                    run -= error.rejected
                    if error.size:
                        most = 0
            else:
                timed, reply = self._dispatch_slow(argv)
                dispatch, encoders, singly = self._dispatch, self._encoders, server.slow < SLOW_ENOUGH
                if self.closing or self.blocked is not None or self._relayed:
                    most = 0  # stop after this reply
            encoded = encoders[type(reply)](reply)
            replies.append(encoded)
            size += len(encoded)
            run += 1
            if singly or command is None or not command.quick:
                start = self._count(timed, run, start, argv)
                timed, run = None, 0
            if deferred:
                server.run_deferred()
            if size >= most:
                self._stop(commands)
                break
        else:
            if self._parser.partial:  # type: ignore[union-attr]
                self._check_protocol(replies)
        if run:
            self._count(timed, run, start, first)
        self._replies = None
        if server.deliveries:
            server.deliver()
        if self._unread and self.pending_commands is None and self.blocked is None:  # came during a script
            self.pending_commands = self._later()
        if self.ended or (size >= batch and not server.outputs.admits(self, size)):
            return b""
        output = b"".join(replies)
        if output:
            server.stats.writes += 1
            server.stats.output_bytes += len(output)
        return output

    def _stop(self, commands: Iterator[list[bytes]]) -> None:
        """Keep the remaining commands for later, unless the session is closing or debugs a script."""
        if self.blocked is not None:
            self._left = self._rest(commands)
        elif not self.closing and not self.ended and not self._relayed:
            self.pending_commands = self._rest(commands)

    def _count(self, command: Command | None, run: int, start: int, argv: list[bytes]) -> int:
        """
        Add to a command's statistics: C{run} calls since C{start}, the first one as C{argv}. None for no command.

        @return: the current time, in nanoseconds of the server's timer.
        """
        server = self.server
        end = server.timer()
        if command is not None and run:
            self.last_command = command
            spent = end - start
            calls = command.calls
            calls.nanoseconds += spent
            spent //= run
            calls.buckets[spent.bit_length()] += run
            if spent > server.slow:
                if self.blocked is None:
                    server.note_slow(self, argv, command, spent)
                else:
                    self.blocked.spent = spent
        return end

    def count_served(self, wait: Wait, start: int) -> None:
        """Add the time since C{start}, in which the L{blocked} command was served, to its statistics."""
        server, command = self.server, self.last_command
        if command is not None:
            spent = server.timer() - start
            command.calls.nanoseconds += spent
            if wait.spent + spent > server.slow:
                server.note_slow(self, wait.argv, command, wait.spent + spent)

    def _check_protocol(self, replies: list[bytes]) -> None:
        """Add the parser's protocol error, if any, to the replies, and set L{closing}."""
        assert self._parser is not None
        error = self._parser.error
        if error is not None:
            self.closing = True
            if error:
                self.server.stats.count_error(b"ERR")
            if error and not self.silent and not self.reply_skip_next:
                encode = native.encode_error if self._native else resp.encode_protocol_error
                replies.append(encode(error))

    def _dispatch_slow(self, argv: list[bytes]) -> tuple[Command | None, Reply]:
        """
        The slow path: subcommands, unknown or unusually spelled names, wrong numbers of arguments, and clients in a
        special state.

        @return: the command, or None if it did not run, and the reply.
        """
        self.reply_skip, self.reply_skip_next = self.reply_skip_next, False
        command: Command | None = None
        if argv[0].lower() in _HTTP:
            self.server.warn_of_http(self)
            self.closing = True
            return None, NO_REPLY
        try:
            found = self.server.table.native_commands[argv[0]] if self._native else self.server.table.lookup(argv)
            self.last_command = found  # ACL LOG shows it
            admit(self, found, argv)
            if self.server.pause.holds(self, found, argv):
                self.reply_skip_next = self.reply_skip
                self.server.pause.hold(self, argv)
                return None, BLOCKED
            if self.transaction is not None and found.name not in _AT_ONCE:
                self.transaction.add(found, argv)
                self.server.client_memory.update(self)
                return None, self.unsilenced(QUEUED)
            command = found
            reply = run(self, command, argv)
            if self.blocked is not None:
                self.blocked.argv = argv
        except CommandError as error:
            if command is None:
                error = refused(self, argv, error)
            reply = self._failed(error, command)
            if error.rejected:
                command = None
        self.refresh_dispatch()
        return command, self.unsilenced(reply)

    def unsilenced(self, reply: Reply) -> Reply:
        """Return the part of a reply that a client gets: only pushes, such as SUBSCRIBE's, after CLIENT REPLY OFF."""
        if not (self.reply_skip or self.silent) or isinstance(reply, Push):
            return reply
        if isinstance(reply, Several):
            return Several(part for part in reply if isinstance(part, Push))
        return NO_REPLY

    def note_denied(self, denial: Denial) -> None:
        """Add an entry to ACL LOG."""
        server = self.server
        server.acl_log.note(denial, server.monotonic(), describe(self))

    def _failed(self, error: CommandError, command: Command | None) -> CommandError:
        """Count an error and return it as the reply."""
        if command is not None and error.rejected:
            command.calls.rejected += 1
        elif command is not None:
            command.calls.failed += 1
        if error.size:
            self.server.outputs.admits(self, error.size)
        if not error.counted:
            self.server.stats.count_error(error.code)
            error.counted = True
        return error


def _lazily(parser: Parser, data: bytes) -> Iterator[list[bytes]]:
    """Yield commands until the parser has none: for an untrusted client it returns one at a time."""
    commands = parser.feed(data)
    while commands:
        yield from commands
        commands = parser.feed(b"")
