"""
The scripts and functions of one server, and their execution
(https://redis.io/docs/latest/develop/interact/programmability/).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGKILL
from typing import TYPE_CHECKING, Any, Callable

from tseep.access.log import Denial
from tseep.errors import NOT_FOR_SCRIPTS, OUT_OF_MEMORY, CommandError
from tseep.interfaces import NullConnection
from tseep.protocol.inline import UnbalancedQuotes, split_words
from tseep.replies import Reply
from tseep.scripting.functions import FLAGS, Function, Functions
from tseep.scripting.lua.interpreter import Body, Interpreter, ScriptError, require_lua

if TYPE_CHECKING:
    from tseep.registry.table import Command
    from tseep.server.server import Server
    from tseep.session.session import Session

BUSY_SCRIPT = "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
BUSY_FUNCTION = "BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE."
NOT_BUSY = "NOTBUSY No scripts in execution right now."
UNKILLABLE = (
    "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script "
    "termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
KILLED = {
    BUSY_SCRIPT: b"ERR Script killed by user with SCRIPT KILL...",
    BUSY_FUNCTION: b"ERR Script killed by user with FUNCTION KILL...",
}
NO_SCRIPT = "NOSCRIPT No matching script. Please use EVAL."

LOAD_TIMEOUT = 500
"""Milliseconds for a library to register its functions, during which no client is served; as in Redis."""

FILE_LOAD_TIMEOUT = 60_000
"""The same for a library in a file, which may come from a faster machine. Redis has no limit."""

WHILE_STOPPING = 5000
"""While the server stops, milliseconds after which a script is slow, if busy-reply-threshold is longer."""

NO_WRITES, ALLOW_OOM = b"no-writes", b"allow-oom"
Given = tuple[list[bytes], list[bytes]]
"""KEYS and ARGV of a script or a function."""

_SHEBANG = re.compile(rb"#!([^\n]*)\n")


class Script:
    """
    A cached script.

    @ivar sha: the SHA-1 digest of its text.
    @ivar flags: the flags of its shebang line; None if it has no such line.
    @ivar size: the bytes of its code.
    """

    def __init__(self, sha: bytes, body: Body, flags: frozenset[bytes] | None, size: int) -> None:
        self.sha = sha
        self.size = size
        self.body = body
        self.flags = flags


class ScriptRun:
    """
    The execution of a script or a function; L{Server.busy_script} when it exceeds busy-reply-threshold.

    @ivar name: the script's digest, or the function's name.
    @ivar argv: the command that called it.
    @ivar caller: the session that called it.
    @ivar error: the BUSY error for other clients.
    @ivar out_of_memory: True if it must not start to write, as the server is over maxmemory.
    @ivar read_only: True if it must not write.
    @ivar wrote: True if it has run a write command.
    @ivar started: nanoseconds of the server's timer.
    """

    def __init__(self, name: bytes, argv: list[bytes], error: str, read_only: bool, started: int) -> None:
        self.name = name
        self.argv = argv
        self.error = error
        self.read_only = read_only
        self.started = started
        self.caller: Session
        self.wrote = self.killed = self.out_of_memory = False

    def kill(self) -> None:
        """Stop the script at the next L{Scripting.tick}."""
        self.killed = True


class Scripting:
    """
    The scripts of one server, and the host of its interpreter (L{Host <tseep.scripting.lua.interpreter.Host>}).

    @ivar scripts: the cached scripts by digest.
    @ivar functions: the function libraries.
    @ivar running: the current execution; None if there is none.
    @ivar debuggers: the process IDs of the children that debug scripts.
    @ivar session: the session that runs the commands of scripts; set with the interpreter.
    @ivar allows_noscript: whether scripts can call commands with the flag C{noscript} (DEBUG SET-DISABLE-DENY-SCRIPTS).
    """

    def __init__(self, server: Server) -> None:
        self.scripts: dict[bytes, Script] = {}
        self.functions = Functions()
        self.running: ScriptRun | None = None
        self.debuggers: set[int] = set()
        self.allows_noscript = False
        self.server = server
        self._interpreter: Interpreter | None = None
        self.session: Session
        self._commands: dict[bytes, Command] = {}
        self._from_file = False
        self._lua_bytes = 0
        self._deadline = 0  # of the library that is loaded, in nanoseconds of the server's timer

    @property
    def interpreter(self) -> Interpreter:
        """
        The Lua interpreter of the server, created at its first use.

        @raise CommandError: if Lua is not installed.
        """
        if self._interpreter is None:
            deprecated = self.server.config["lua-enable-deprecated-api"] == "yes"
            self._interpreter = Interpreter(self, deprecated)
            self.session = self.server.script_session(NullConnection())
            plain = (command for command in self.server.table.commands.values() if not command.subcommands)
            self._commands = {name: command for command in plain for name in (command.name, command.name.upper())}
        return self._interpreter

    @property
    def cached_bytes(self) -> int:
        """Bytes of the code of the cached scripts."""
        return sum([script.size for script in self.scripts.values()])

    @property
    def lua_bytes(self) -> int:
        """
        Bytes that the Lua interpreter uses, for scripts and functions together; 0 before its first use. While a script
        runs, the figure of before: in v1 its thread has locked the interpreter.
        """
        if self._interpreter is not None and self.running is None:
            self._lua_bytes = self._interpreter.used_bytes()
        return self._lua_bytes

    @property
    def memory(self) -> int:
        """Bytes of scripts, function libraries and the interpreter."""
        return self.cached_bytes + self.functions.code_bytes + self.lua_bytes

    def forget(self) -> None:
        """Delete all cached scripts (SCRIPT FLUSH)."""
        self.scripts.clear()

    # Scripts

    def may_write(self, command: Command, argv: list[bytes]) -> bool:
        """Return whether a command can change data; EVAL and FCALL by the flags that the script declares."""
        declared = self._declared_flags(command.name, argv)
        return command.may_write if declared is None else NO_WRITES not in declared

    def _declared_flags(self, name: bytes, argv: list[bytes]) -> frozenset[bytes] | None:
        """Return the flags that the script or function of a command declares; None if it declares none."""
        if name in (b"fcall", b"fcall_ro"):
            function = self.functions.functions.get(argv[1].lower())
            return function.flags if function is not None else None
        if name in (b"evalsha", b"evalsha_ro"):
            script = self.scripts.get(argv[1].lower())
            return script.flags if script is not None else None
        if name in (b"eval", b"eval_ro"):
            try:
                return _read_shebang(argv[1])[0]
            except CommandError:  # the reply to the command
                return None
        return None

    def find(self, sha: bytes) -> Script:
        """
        Return the cached script with a digest.

        @raise CommandError: if there is none: NOSCRIPT, or that Lua is not installed, so that the client need not load
            the script to see that.
        """
        script = self.scripts.get(sha.lower())
        if script is None:
            require_lua()
            raise CommandError(NO_SCRIPT)
        return script

    def load(self, text: bytes) -> Script:
        """
        Compile and cache a script.

        @raise CommandError: if its shebang line or its code is invalid.
        """
        sha = hashlib.sha1(text).hexdigest().encode()
        script = self.scripts.get(sha)
        if script is None:
            flags, code = _read_shebang(text)
            script = self.scripts[sha] = Script(sha, self.interpreter.compile(code), flags, len(text))
        return script

    def run_script(self, caller: Session, script: Script, given: Given, argv: list[bytes], ro: bool) -> Reply:
        """
        Run a script for a client.

        @param argv: the command that called it.
        @param ro: True for the *_RO commands, which allow no writes.
        @raise CommandError: if it fails.
        """
        running = ScriptRun(script.sha, argv, BUSY_SCRIPT, ro, self.server.timer())
        return self._run(caller, running, script.flags, lambda: self.interpreter.run(script.body, *given))

    def run_function(self, caller: Session, function: Function, given: Given, argv: list[bytes], ro: bool) -> Reply:
        """
        Run a function for a client.

        @param argv: the command that called it.
        @param ro: True for the *_RO commands, which allow no writes.
        @raise CommandError: if it fails, or C{ro} and it is not flagged no-writes.
        """
        running = ScriptRun(function.name, argv, BUSY_FUNCTION, ro, self.server.timer())
        return self._run(caller, running, function.flags, lambda: self.interpreter.run_function(function.body, *given))

    def _run(
        self, caller: Session, running: ScriptRun, flags: frozenset[bytes] | None, begin: Callable[[], Reply]
    ) -> Reply:
        if flags is None or ALLOW_OOM not in flags:
            running.out_of_memory = not self.server.eviction.has_room()
        if flags is not None:
            self._admit(running, flags)
        self._prepare(caller)
        self.running, running.caller = running, caller
        try:
            return begin()
        except ScriptError as error:
            message = error.message
            if error.place:
                message = b"%b script: %b, on %b." % (message, running.name, error.place)
            raise CommandError(message, error.counted) from None
        finally:
            self.running = None
            if self.server.busy_script is running:
                self.server.end_busy()

    def _admit(self, running: ScriptRun, flags: frozenset[bytes]) -> None:
        """
        Apply declared flags. What one without flags is refused at its first write, is refused at the start then.

        @raise CommandError: if it may write, and must not now.
        """
        if NO_WRITES in flags:
            running.read_only = True
            return
        refusal = OUT_OF_MEMORY if running.out_of_memory else self.server.refusal
        if refusal is not None:
            raise CommandError(refusal, rejected=True)
        if running.read_only:
            raise CommandError("ERR Can not execute a script with write flag using *_ro command.")

    def _prepare(self, caller: Session) -> None:
        """The session that runs the script's commands, with the caller's database and user."""
        self.interpreter  # noqa: B018 # creates the session
        session = self.session
        session.select(caller.db_index)
        session.set_protocol(2)
        session.no_touch = caller.no_touch
        session.user = caller.user

    def kill(self, error: str) -> None:
        """
        Kill the running script or function (SCRIPT KILL, FUNCTION KILL).

        @param error: L{BUSY_SCRIPT} or L{BUSY_FUNCTION}: the kind to kill.
        @raise CommandError: if nothing runs, the other kind runs, or it has written.
        """
        running = self.running
        if running is None:
            raise CommandError(NOT_BUSY)
        if running.wrote:
            raise CommandError(UNKILLABLE)
        if running.error != error:
            raise CommandError(running.error)
        running.kill()

    def kill_debuggers(self) -> None:
        """Kill the children that debug scripts."""
        for pid in list(self.debuggers):
            self.server.host.log(3, f"Killing debugging session {pid}")
            os.kill(pid, SIGKILL)

    # Host

    def call(self, argv: list[bytes]) -> Reply:
        """
        Run a command for the running script.

        @raise CommandError: the command's error, or why it is not allowed.
        """
        running = self.running
        assert running is not None
        command = self._commands.get(argv[0]) or self._find(argv)
        if not command.takes(len(argv)):
            raise self._refused("ERR Wrong number of args calling Redis command from script", command)
        if "noscript" in command.flags and not self.allows_noscript:
            raise self._refused("ERR This Redis command is not allowed from script", command)
        if self.session.user.restricted:
            denied = self.session.user.check(command, argv)
            if denied is not None:
                running.caller.note_denied(Denial(denied.reason, "lua", denied.what, running.caller.user.name))
                raise self._refused(NOT_FOR_SCRIPTS[denied.reason], command)
        if command.may_write:
            if running.read_only:
                raise self._refused("ERR Write commands are not allowed from read-only scripts.", command)
            if self.server.refusal is not None and "write" in command.flags:
                raise self._refused(self.server.refusal, command)
            if running.out_of_memory and not running.wrote and "denyoom" in command.flags:
                raise self._refused(OUT_OF_MEMORY, command)
            running.wrote = running.wrote or "write" in command.flags
        if not command.quick:
            self._look()
        try:
            return self.session.call(command, argv)
        finally:
            if running.caller.tracking is not None and "readonly" in command.flags:
                self._track(running)

    def _track(self, running: ScriptRun) -> None:
        """Track all keys that the script was called with, as it has run a command that reads (client-side caching)."""
        command = self.server.table.find(running.argv)
        assert command is not None
        self.server.tracking.remember(running.caller, command.keys_in(running.argv))

    def _look(self) -> None:
        """Check the deadline before a command that can take long, as Lua's hook counts only Lua's instructions."""
        message = self.tick()
        if message is not None:
            raise CommandError(message)

    def _find(self, argv: list[bytes]) -> Command:
        """Find a subcommand, or a command whose name is in mixed case."""
        command = self.server.table.find(argv)
        if command is None:
            raise self._refused("ERR Unknown Redis command called from script")
        return command

    def _refused(self, text: str, command: Command | None = None) -> CommandError:
        """The error of a rejected call, counted in the statistics."""
        if command is not None:
            command.calls.rejected += 1
        error = CommandError(text, counted=True)
        self.server.stats.count_error(error.code)
        return error

    def may(self, argv: list[bytes]) -> bool | None:
        """True if the script's user has the permission for a command; None if there is no such command."""
        command = self.server.table.find(argv)
        return None if command is None else self.session.user.check(command, argv) is None

    def set_protocol(self, version: int) -> None:
        """Set the RESP version of the replies that the script receives."""
        self.session.set_protocol(version)

    def log(self, level: int, text: bytes) -> None:
        """Write to the server's log, marked so that it cannot pass for a message of the server."""
        self.server.host.log(level, f"redis.log: {text.decode('utf-8', 'replace')}")

    def tick(self) -> bytes | None:
        """Yield to other clients if the script is slow. Return the error that ends the script or library, or None."""
        running, server = self.running, self.server
        if running is None:
            return self._tick_loading()
        if self._from_file:  # no client is served yet
            return b"ERR server is shutting down" if server.stopping else None
        patience = server.config["busy-reply-threshold"]
        if server.stopping or server.requested_shutdown is not None:
            patience = min(patience, WHILE_STOPPING)
        if server.timer() - running.started > patience * 1_000_000:
            server.yield_to_clients(running)
        return KILLED[running.error] if running.killed else None

    def begin_loading(self) -> None:
        """Start the time limit of loading a library."""
        limit = FILE_LOAD_TIMEOUT if self._from_file else LOAD_TIMEOUT
        self._deadline = self.server.timer() + limit * 1_000_000

    def _tick_loading(self) -> bytes | None:
        if self._from_file and self.server.stopping:
            return b"ERR server is shutting down"
        return b"ERR FUNCTION LOAD timeout" if self.server.timer() > self._deadline else None

    @contextmanager
    def from_file(self) -> Iterator[None]:
        """Context of loading files: libraries have L{FILE_LOAD_TIMEOUT}, and a shutdown interrupts them."""
        before, self._from_file = self._from_file, True
        try:
            yield
        finally:
            self._from_file = before

    def register(self, arguments: tuple[Any, ...]) -> bytes | None:
        """Register a function of the library that is being loaded. Return the error, or None."""
        return self.functions.register(arguments)


def _read_shebang(text: bytes) -> tuple[frozenset[bytes] | None, bytes]:
    """The flags of a script's shebang line, None without one, and its Lua code."""
    if not text.startswith(b"#!"):
        return None, text
    match = _SHEBANG.match(text)
    if match is None:
        raise CommandError("ERR Invalid script shebang")
    try:
        engine, *options = split_words(match[0])
    except UnbalancedQuotes:
        raise CommandError("ERR Invalid engine in script shebang") from None
    if engine != b"#!lua":
        raise CommandError(b"ERR Unexpected engine in script shebang: " + engine)
    flags: list[bytes] = []
    for option in options:
        if not option.startswith(b"flags="):
            raise CommandError(b"ERR Unknown lua shebang option: " + option)
        flags += option[6:].split(b",") if option[6:] else []
    for flag in flags:
        if flag not in FLAGS:
            raise CommandError(b"ERR Unexpected flag in script shebang: " + flag)
    return frozenset(flags), text[match.end() - 1 :]
