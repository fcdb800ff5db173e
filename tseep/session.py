"""
One client's conversation: bytes in, bytes out.

Every mode runs this same object, which knows no socket, no thread and no reactor.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Iterator, List, Union

from .errors import NO_AUTH, CommandError
from .replies import NO_REPLY, Reply
from .wire import native, resp

if TYPE_CHECKING:
    from .commands.table import Command
    from .interfaces import IConnection
    from .server import Server

Parser = Union[resp.Parser, native.Parser]

MOST_OUTPUT = 1024 * 1024
"""Bytes of replies from which on a session stops, until its mode asks it to L{Session.resume}."""


_HTTP = frozenset({b"post", b"host:"})
"""What a browser sends that was led here by a page: such a client is closed without a word, as Redis does."""

SLOW_ENOUGH = 1_000_000
"""Nanoseconds that no quick command takes: with a slow log above it, they may be timed together."""


class Session:
    """
    What the server knows of one client, and the way from its bytes to the replies.

    A mode feeds it with L{receive} and sends what that returns. As long as L{waiting} is true there are commands
    left, which L{resume} answers: a mode calls it once the client has taken the replies, so that one who sends and
    never reads costs a bounded amount. When L{closing} is true the client is to be closed after the replies.

    @ivar db: the selected database, C{db_index} its number.
    @ivar protocol: the RESP version, 2 or 3.
    @ivar silent: whether nothing is answered any more, C{skip_next}: not the next command, C{muted}: not this one.
    @ivar connected_at: the Unix time in milliseconds of its arrival, C{last_seen} of its last commands.
    """

    __slots__ = (
        "server", "connection", "id", "db", "db_index", "protocol", "waiting", "closing",
        "authenticated", "name", "library_name", "library_version", "no_evict", "no_touch", "silent", "skip_next",
        "muted", "connected_at", "last_seen", "last_command", "_parser", "_encoders", "_dispatch", "_native",
    )  # fmt: skip

    def __init__(self, server: Server, connection: IConnection, id: int) -> None:
        self.server = server
        self.connection = connection
        self.id = id
        self.connected_at = self.last_seen = server.keyspace.now
        self.closing = False
        self.waiting: Iterator[List[bytes]] | None = None
        self.last_command: Command | None = None
        self.library_name = self.library_version = b""
        self.no_evict = False
        self._parser: Parser | None = None  # its first byte tells which
        self._native = False
        self.reset()

    def reset(self) -> None:
        """Become as new again, as RESET asks: not authenticated if a password is asked for, RESP2, database 0."""
        self.name = b""
        self.no_touch = False
        self.silent = self.skip_next = self.muted = False
        self.select(0)
        self.speak(2)
        self.authenticated = not self.server.config["requirepass"]
        self.update_guard()

    def select(self, index: int) -> None:
        """Use database number C{index}."""
        self.db_index = index
        self.db = self.server.keyspace.databases[index]

    def speak(self, protocol: int) -> None:
        """Answer in RESP version C{protocol}."""
        self.protocol = protocol
        self._encoders = resp.ENCODERS[protocol]

    def update_guard(self) -> None:
        """To be called after every change of a state that L{_examine} looks at."""
        guarded = not self.authenticated or self.no_touch or self.silent or self.skip_next
        plain = self.server.native_dispatch if self._native else self.server.dispatch
        self._dispatch = {} if guarded else plain
        if isinstance(self._parser, resp.Parser):
            self._parser.trusted = self.trusted

    @property
    def trusted(self) -> bool:
        """Whether it has authenticated, or need not."""
        return self.authenticated or not self.server.config["requirepass"]

    @property
    def held(self) -> int:
        """Bytes kept of a command that is not whole yet."""
        return self._parser.held if self._parser is not None else 0

    def receive(self, data: bytes) -> bytes:
        """
        Take what the client sent, in pieces of any size.

        @return: the replies to the commands that are whole by now, up to about L{MOST_OUTPUT} bytes and the
            size of one reply.
        """
        parser = self._parser or self._open(data)
        self.server.stats.input_bytes += len(data)
        if self.waiting is not None:
            return self._answer(chain(self.waiting, _lazily(parser, data)))
        if self.authenticated:
            return self._answer(iter(parser.feed(data)))
        self.update_guard()  # since there may be no password any more
        return self._answer(_lazily(parser, data))

    def resume(self) -> bytes:
        """Answer more of what is L{waiting}."""
        assert self.waiting is not None
        return self._answer(self.waiting)

    def _open(self, data: bytes) -> Parser:
        """The first byte tells which protocol the client speaks."""
        if data[0] in (native.READ, native.WRITE):
            self._native = True
            self._encoders = native.ENCODERS
            self._parser = native.Parser()
            self.update_guard()
        else:
            self._parser = resp.Parser(self.server.limits, self.trusted)
        return self._parser

    def _answer(self, commands: Iterator[List[bytes]]) -> bytes:
        """
        Run commands and join their replies. Every request passes here: mind the cost of each line.

        Looking at the timer costs as much as a GET, so a run of one and the same quick command is timed as one, unless
        the slow log wants to know even about those.
        """
        server = self.server
        server.keyspace.tick()
        self.last_seen = server.keyspace.now
        dispatch, encoders, singly, timer = self._dispatch, self._encoders, server.slow < SLOW_ENOUGH, server.timer
        timed: Command | None = None  # the command that has been running since start, run times
        run = size = 0
        first: List[bytes] = []
        replies = []
        start = timer()
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
            else:
                timed, reply = self._examine(argv)
                dispatch, encoders, singly = self._dispatch, self._encoders, server.slow < SLOW_ENOUGH
                if self.closing:
                    size = MOST_OUTPUT
            encoded = encoders[type(reply)](reply)
            replies.append(encoded)
            size += len(encoded)
            run += 1
            if singly or command is None or not command.quick:
                start = self._count(timed, run, start, argv)
                timed, run = None, 0
            if size >= MOST_OUTPUT:
                self.waiting = None if self.closing else commands
                break
        else:
            self.waiting = None
            self._check_protocol(replies)
        if run:
            self._count(timed, run, start, first)
        output = b"".join(replies)
        server.stats.output_bytes += len(output)
        return output

    def _count(self, command: Command | None, run: int, start: int, argv: List[bytes]) -> int:
        """
        A command has run C{run} times since C{start}, the first time as C{argv}; None stands for no command.

        @return: the time now, in the server's timer's nanoseconds.
        """
        server = self.server
        end = server.timer()
        if command is not None:
            self.last_command = command
            spent = end - start
            calls = command.calls
            calls.nanoseconds += spent
            spent //= run
            calls.buckets[spent.bit_length()] += run
            if spent > server.slow:
                server.note_slow(self, argv, command, spent)
        return end

    def _check_protocol(self, replies: List[bytes]) -> None:
        """Say what was wrong with the client's bytes, if they made no sense, and let it go."""
        assert self._parser is not None
        error = self._parser.error
        if error is not None:
            self.closing = True
            if error:
                self._count_error(b"ERR")
            if error and not self.silent and not self.skip_next:
                encode = native.encode_error if self._native else resp.encode_protocol_error
                replies.append(encode(error))

    def _examine(self, argv: List[bytes]) -> tuple[Command | None, Reply]:
        """
        The long way: for a subcommand, for a name that is unknown or spelt unusually, for a wrong number of
        arguments, and for a client in a special state.

        @return: the command, None if it did not run, and the reply.
        """
        self.muted, self.skip_next = self.skip_next, False
        command: Command | None = None
        if argv[0].lower() in _HTTP:
            self.closing = True
            return None, NO_REPLY
        try:
            found = self.server.native_dispatch[argv[0]] if self._native else self.server.lookup(argv)
            self._require_authentication(found)
            command = found
            reply = self._run(command, argv)
        except CommandError as error:
            reply = self._failed(error, command)
        self.update_guard()
        return command, NO_REPLY if self.muted or self.silent else reply

    def _require_authentication(self, command: Command) -> None:
        if self.authenticated or "no_auth" in command.flags or not self.server.config["requirepass"]:
            return
        command.calls.rejected += 1
        raise CommandError(NO_AUTH)

    def _run(self, command: Command, argv: List[bytes]) -> Reply:
        assert command.run is not None
        if not self.no_touch or command.name == b"touch":
            return command.run(self, argv)
        accessed = self.db.accessed
        before = {key: accessed[key] for key in command.keys_in(argv) if key in accessed}
        try:
            return command.run(self, argv)
        finally:
            accessed.update((key, when) for key, when in before.items() if key in accessed)

    def _failed(self, error: CommandError, command: Command | None) -> CommandError:
        """Count an error, and answer it."""
        if command is not None:
            command.calls.failed += 1
        self._count_error(error.code)
        return error

    def _count_error(self, code: bytes) -> None:
        errors = self.server.stats.errors
        errors[code] = errors.get(code, 0) + 1


def _lazily(parser: Parser, data: bytes) -> Iterator[List[bytes]]:
    """Feed a parser and go on as long as it gives commands: until a client is trusted it gives one at a time."""
    commands = parser.feed(data)
    while commands:
        yield from commands
        commands = parser.feed(b"")
