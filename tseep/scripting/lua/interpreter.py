"""
A Lua 5.1 interpreter for scripts
(https://redis.io/docs/latest/develop/interact/programmability/lua-api/).

C{lupa} is not installed where it has no wheels, so it is imported when the first script is loaded.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Protocol

from tseep.algorithms.numeric import double_text
from tseep.errors import CommandError
from tseep.replies import Reply
from tseep.scripting.lua import libraries
from tseep.scripting.lua.arguments import as_int, as_text, number
from tseep.scripting.lua.bytecode import keep_frames
from tseep.scripting.lua.conversion import FAILED, VALUES, Converter, padded

if TYPE_CHECKING:
    from tseep.scripting.lua.debugger import Debugger

MISSING = "ERR Lua is not installed here: pip install lupa"

PYPY_DEPTH = 4000
"""
Minimum recursion limit on PyPy, which allows 768 bytes of stack per level, and aborts the process when a call from C to
Python exceeds that. Lua's calls through C use at most 2 MiB.
"""

VERSION = 0x07000F
"""Redis 7.0.15, as REDIS_VERSION_NUM."""

CONSTANTS: dict[bytes, Any] = {
    b"LOG_DEBUG": 0, b"LOG_VERBOSE": 1, b"LOG_NOTICE": 2, b"LOG_WARNING": 3,
    b"REPL_NONE": 0, b"REPL_AOF": 1, b"REPL_SLAVE": 2, b"REPL_REPLICA": 2, b"REPL_ALL": 3,
    b"REDIS_VERSION": b"7.0.15", b"REDIS_VERSION_NUM": VERSION,
}  # fmt: skip


class Host(Protocol):
    """The server, as the interpreter calls it."""

    def call(self, argv: list[bytes]) -> Reply:
        """
        Run a command.

        @raise CommandError: the command's error, or why it is not allowed.
        """

    def may(self, argv: list[bytes]) -> bool | None:
        """True if the script's user has the permission for a command; None if there is no such command."""

    def set_protocol(self, version: int) -> None:
        """Set the RESP version of the replies that the script receives."""

    def log(self, level: int, text: bytes) -> None:
        """Write to the server's log, at one of Redis's levels."""

    def begin_loading(self) -> None:
        """Start the time limit of loading a library."""

    def tick(self) -> bytes | None:
        """Called repeatedly while Lua code runs. Return the error that must end it, or None."""

    def register(self, arguments: tuple[Any, ...]) -> bytes | None:
        """Register a function of the library that is being loaded. Return the error, or None."""


class Body(NamedTuple):
    """A compiled Lua function."""

    function: Any


def require_lua() -> Any:
    """
    Return C{lupa}'s module for Lua 5.1.

    @raise CommandError: if C{lupa} is not installed.
    """
    try:
        return import_module("lupa.lua51")
    except ImportError:
        raise CommandError(MISSING) from None


class Interpreter:
    """
    One Lua runtime with the sandbox for scripts.

    @param host: the server.
    @param deprecated: whether scripts have C{getfenv} and C{setfenv}.
    @raise CommandError: if C{lupa} is not installed.
    """

    def __init__(self, host: Host, deprecated: bool = False) -> None:
        lua = require_lua()
        if sys.implementation.name == "pypy":
            sys.setrecursionlimit(max(sys.getrecursionlimit(), PYPY_DEPTH))
        self._host = host
        self._deprecated = deprecated
        self._run_command = host.call
        self._debugger: Debugger
        self._random = libraries.Random()
        self._lua = lua.LuaRuntime(
            encoding=None,
            unpack_returned_tuples=True,
            register_eval=False,
            register_builtins=False,
            attribute_filter=_no_attributes,
        )
        self._table_type = type(self._lua.table())
        self._function_type = type(self._lua.eval(b"function() end"))
        self._fault: BaseException | None = None
        self._count_kilobytes = self._lua.execute(
            b"local count = collectgarbage; return function() return count('count') end"
        )
        self._run, self._run_function, self._load, self._compile, spill, slice, self._debug = self._open_sandbox()
        self._converter = Converter(self._lua, spill, slice, host.tick)

    def _open_sandbox(self) -> tuple[Any, ...]:
        libraries_and_signs = self._execute(
            "libraries.lua", libraries.bit, libraries.struct_function, libraries.pack_scalar, self._unpack_messages
        )
        debugger = self._debugger_function
        make_debug_hook = self._execute("debugger.lua", *map(debugger, ("stops", "next", "show", "fail", "frame")))
        for_scripts = self._lua.table_from(
            {name.encode(): debugger(name) for name in ("breakpoint", "debug", "error_reply")}
        )
        opened: tuple[Any, ...] = self._execute(
            "sandbox.lua",
            self._call, self._pcall, self._apply, self._explain, self._sha1, self._log, self._set_protocol,
            self._set_replication, self._may_call, self._register, self._random.next, self._random.seed,
            self._host.tick, keep_frames, for_scripts, *libraries_and_signs, make_debug_hook,
            self._lua.table_from(CONSTANTS), self._deprecated,
        )  # fmt: skip
        return opened

    def _debugger_function(self, name: str) -> Callable[..., Any]:
        """A method of the current debugger."""
        return lambda *arguments: getattr(self._debugger, name)(*arguments)

    def _execute(self, name: str, *arguments: Any) -> Any:
        """Run a Lua file of this package."""
        source = Path(__file__).with_name(name).read_bytes()
        dumped = self._lua.eval(b"string.dump")(self._lua.compile(source, name=b"=" + name.encode()))
        return self._lua.compile(keep_frames(dumped, everywhere=True))(*arguments)

    @contextmanager
    def debugging(self, debugger: Debugger) -> Iterator[None]:
        """Context in which scripts run in a debugger."""
        debugger.table_type = self._table_type
        self._debugger = debugger
        self._run_command = debugger.call
        self._debug(True)
        try:
            yield
        finally:
            self._debug(False)
            self._run_command = self._host.call
            del self._debugger

    def used_bytes(self) -> int:
        """Return the bytes that Lua has allocated."""
        return int(1024 * self._count_kilobytes())

    # Scripts

    def compile(self, text: bytes) -> Body:
        """
        Compile a script.

        @raise CommandError: if it has a syntax error.
        """
        function, message = _pair(self._compile(text))
        if function is None:
            raise CommandError(b"ERR Error compiling script (new function): " + message)
        return Body(function)

    def run(self, body: Body, keys: list[bytes], arguments: list[bytes]) -> Reply:
        """
        Run a script; return its result as a reply.

        @raise ScriptError: if it fails.
        """
        return self._take(self._run, body, keys, arguments)

    def run_function(self, body: Body, keys: list[bytes], arguments: list[bytes]) -> Reply:
        """Run a function of a library, as L{run}."""
        return self._take(self._run_function, body, keys, arguments)

    def load(self, text: bytes) -> None:
        """
        Run a library's code, which registers its functions with the host.

        @raise CommandError: if it has a syntax error or fails.
        """
        self._host.begin_loading()
        compiled, message = _pair(self._load(text))
        self._raise_fault()
        if not compiled:
            raise CommandError(b"ERR Error compiling function: " + message)
        if message is not None:
            raise CommandError(b"ERR Error registering functions: " + message)

    def body(self, value: Any) -> Body | None:
        """A Lua function as L{Body}; None for other types."""
        return Body(value) if type(value) is self._function_type else None

    def items(self, value: Any) -> dict[Any, Any] | None:
        """A Lua table as a dictionary; None for other types."""
        return dict(value.items()) if type(value) is self._table_type else None

    def _take(self, run: Any, body: Body, keys: list[bytes], arguments: list[bytes]) -> Reply:
        self._converter.protocol = 2
        table = self._lua.table_from
        kind, *parts = run(body.function, table(keys), table(arguments))
        self._raise_fault()
        if kind == FAILED:
            raise ScriptError(*parts)
        reply = self._converter.reply(kind, parts, 0)
        if isinstance(reply, CommandError):
            raise reply
        return reply

    def _raise_fault(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    # Functions for scripts

    def _call(self, *words: Any) -> Any:
        """redis.call: run a command, and convert the reply to Lua."""
        reply = self._run_command(_arguments(words))
        kind = type(reply)
        return reply if kind is bytes or kind is int else VALUES[kind](self._converter, reply)

    def _pcall(self, *words: Any) -> Any:
        """redis.pcall: as L{_call}, but an error is returned as a table."""
        try:
            return self._call(*words)
        except CommandError as error:
            return self._lua.table_from({b"err": error.message, b"ignore_error_stats_update": error.counted})

    def _apply(self, protected: bool, words: Any, count: int) -> Any:
        """redis.call or redis.pcall with more words than a Python function takes: a table with C{count} of them."""
        return (self._pcall if protected else self._call)(*padded(list(words.values()), count))

    def _explain(self, problem: Any) -> tuple[bytes | None, bool]:
        """
        The message of an exception that a function of this class raised, and whether it is counted in the statistics;
        None for errors of Lua code. An exception other than C{CommandError} is a bug, and is raised again after the
        script.
        """
        if isinstance(problem, CommandError):
            return problem.message, problem.counted
        if not isinstance(problem, BaseException):
            return None, False
        self._fault = problem
        return b"ERR internal error", False

    def _sha1(self, *words: Any) -> bytes:
        if len(words) != 1:
            raise CommandError("ERR wrong number of arguments")
        return hashlib.sha1(as_text(words[0]) or b"").hexdigest().encode()

    def _log(self, *words: Any) -> None:
        if len(words) < 2:
            raise CommandError("ERR redis.log() requires two arguments or more.")
        level = number(words[0])
        if level is None:
            raise CommandError("ERR First argument must be a number (log level).")
        if not CONSTANTS[b"LOG_DEBUG"] <= as_int(level) <= CONSTANTS[b"LOG_WARNING"]:
            raise CommandError("ERR Invalid debug level.")
        self._host.log(as_int(level), b" ".join([as_text(word) or b"" for word in words[1:]]))

    def _set_protocol(self, *words: Any) -> None:
        if len(words) != 1:
            raise CommandError("ERR redis.setresp() requires one argument.")
        version = as_int(number(words[0]) or 0)
        if version not in (2, 3):
            raise CommandError("ERR RESP version must be 2 or 3.")
        self._converter.protocol = version
        self._host.set_protocol(version)

    def _set_replication(self, *words: Any) -> None:
        """redis.set_repl: only checks the flags, as there is no replication."""
        if len(words) != 1:
            raise CommandError("ERR redis.set_repl() requires two arguments.")
        if as_int(number(words[0]) or 0) & ~CONSTANTS[b"REPL_ALL"]:
            raise CommandError("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")

    def _may_call(self, *words: Any) -> bool:
        allowed = self._host.may(_arguments(words))
        if allowed is None:
            raise CommandError("ERR Invalid command passed to redis.acl_check_cmd()")
        return allowed

    def _register(self, *arguments: Any) -> bytes | None:
        return self._host.register(arguments)

    def _unpack_messages(self, name: bytes, data: bytes, limit: float, offset: float) -> tuple[Any, ...]:
        return libraries.unpack_messages(name, data, limit, offset, self._lua.table_from)


class ScriptError(CommandError):
    """
    A script failed.

    @ivar place: source and line, in Redis's format; empty if unknown.
    """

    def __init__(self, message: bytes, source: bytes = b"", line: bytes = b"", counted: bool = False) -> None:
        super().__init__(message, bool(counted))
        self.place = b"%b:%b" % (source, line) if source or line else b""


def _no_attributes(thing: Any, name: Any, setting: bool) -> Any:
    """lupa's attribute filter: scripts cannot read attributes of Python objects."""
    raise AttributeError(name)


def _arguments(words: tuple[Any, ...]) -> list[bytes]:
    """The arguments of a command that a script calls, numbers as strings."""
    if not words:
        raise CommandError("ERR Please specify at least one argument for this redis lib call")
    argv = []
    for word in words:
        if type(word) is bytes:
            argv.append(word)
        elif type(word) is int or type(word) is float:
            argv.append(double_text(word))
        else:
            raise CommandError("ERR Lua redis lib command arguments must be strings or integers")
    return argv


def _pair(returned: Any) -> tuple[Any, Any]:
    """Two values returned by Lua; lupa omits a second one that is nil."""
    return returned if type(returned) is tuple else (returned, None)
