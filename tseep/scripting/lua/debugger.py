"""
The debugger of scripts, LDB (https://redis.io/docs/latest/develop/programmability/lua-debugging/).

debugger.lua has the part that needs the script's stack.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Callable, Protocol

from tseep.errors import CommandError
from tseep.protocol.resp import Limits, Parser
from tseep.replies import Reply
from tseep.scripting.lua.inspection import MOST_BYTES, describe_reply, describe_value

CONTINUE, ABORT, PRINT, TRACE, EVAL = range(5)
"""What debugger.lua does next."""

MAX_BREAKPOINTS = 64
MAX_LINES = 10_000
"""Lines of output kept between two stops; older ones are dropped."""

DEFAULT_MAXLEN, LEAST_MAXLEN = 256, 60
MAX_INPUT = 1 << 20
MAX_SHOWN = 10
"""Words of a command that are shown."""

HELP = b"""Redis Lua debugger help:
[h]elp               Show this help.
[s]tep               Run current line and stop again.
[n]ext               Alias for step.
[c]ontinue           Run till next breakpoint.
[l]ist               List source code around current line.
[l]ist [line]        List source code around [line].
                     line = 0 means: current position.
[l]ist [line] [ctx]  In this form [ctx] specifies how many lines
                     to show before/after [line].
[w]hole              List all source code. Alias for 'list 1 1000000'.
[p]rint              Show all the local variables.
[p]rint <var>        Show the value of the specified variable.
                     Can also show global vars KEYS and ARGV.
[b]reak              Show all breakpoints.
[b]reak <line>       Add a breakpoint to the specified line.
[b]reak -<line>      Remove breakpoint from the specified line.
[b]reak 0            Remove all breakpoints.
[t]race              Show a backtrace.
[e]val <code>        Execute some Lua code (in a different callframe).
[r]edis <cmd>        Execute a Redis command.
[m]axlen [len]       Trim logged Redis replies and Lua var dumps to len.
                     Specifying zero as <len> means unlimited.
[a]bort              Stop the execution of the script. In sync
                     mode dataset changes will be retained.

Debugger functions you can call from Lua scripts:
redis.debug()        Produce logs in the debugger console.
redis.breakpoint()   Stop execution like if there was a breakpoint in the
                     next line of code."""


class Channel(Protocol):
    """The connection to the user of a debugger."""

    def read(self) -> bytes:
        """Wait for input; return it, or an empty string if there is no more."""

    def write(self, data: bytes) -> None:
        """Send output."""


class Debugged(Protocol):
    """The script, as the debugger needs it."""

    def call(self, argv: list[bytes]) -> Reply:
        """Run a command, as L{Host.call <tseep.scripting.lua.interpreter.Host.call>}."""

    def encode(self, reply: Reply) -> bytes:
        """Encode a reply in the protocol that the script has set."""

    def ran(self) -> bool:
        """Whether the last command has run; otherwise it was refused."""

    def timed_out(self) -> bool:
        """Whether the script has run for too long since it started or L{resumed}."""

    def resumed(self) -> None:
        """The script continues after a stop."""


class Debugger:
    """
    One debugging session.

    @param source: the script's text.
    @ivar table_type: the type of Lua tables.
    """

    def __init__(self, source: bytes, channel: Channel, script: Debugged) -> None:
        self.table_type: type = object
        self._lines = source.rstrip(b"\r\n").split(b"\n")
        self._channel = channel
        self._script = script
        self._output: deque[bytes] = deque(maxlen=MAX_LINES)
        self._breakpoints: list[int] = []
        self._step = True  # stop at the next line, and show commands
        self._requested = False  # redis.breakpoint()
        self._line = -1
        self._maxlen = DEFAULT_MAXLEN
        self._hinted = False
        self._counted = False

    # For debugger.lua and redis.*

    def stops(self, line: int, counted: bool) -> bool:
        """
        Return whether the script stops at a line.

        @param counted: whether it was reached by the count of instructions, in the middle of the line.
        """
        self._line = line
        reason = b"step over"
        self._counted = False
        if self._requested:
            reason = b"redis.breakpoint() called"
        elif line in self._breakpoints:
            reason = b"break point"
        elif counted and not self._step:
            if not self._script.timed_out():
                return False
            self._counted = True
            reason = b"timeout reached, infinite loop?"
        elif not self._step:
            return False
        self._step = self._requested = False
        self._output.append(b"* Stopped at %d, stop reason = %b" % (line, reason))
        self._source(line)
        self._send()
        return True

    def next(self) -> tuple[int, bytes | None]:
        """
        Send the output, and execute commands of the user until one needs the script.

        @return: what to do, with an error message, the name of a variable, or code.
        """
        if self._output:
            self._send()
        while True:
            argv = self._read()
            if isinstance(argv, bytes):
                return ABORT, b"ERR " + argv
            if not argv:
                self._step = False
                self._breakpoints.clear()
                return self._disconnected()
            action = self._execute(argv[0].lower(), argv)
            if action is not None:
                self._script.resumed()
                return action
            self._send()

    def _disconnected(self) -> tuple[int, bytes | None]:
        if self._counted:
            return ABORT, b"ERR timeout during Lua debugging with client closing connection"
        return CONTINUE, None

    def show(self, prefix: bytes, value: Any) -> None:
        """Print a Lua value."""
        limit = self._maxlen or MOST_BYTES
        self._add_trimmed(prefix + describe_value(value, self.table_type, limit), limit)

    def fail(self, text: bytes) -> None:
        """Print a line."""
        self._output.append(text)

    def frame(self, innermost: bool, name: bytes, line: int) -> None:
        """Print a function of the stack, and its current line."""
        self._output.append(b"%b %b:" % (b"In" if innermost else b"From", name))
        self._source(line)

    def breakpoint(self) -> None:
        """redis.breakpoint(): stop at the next line."""
        self._requested = True

    def debug(self, *values: Any) -> None:
        """redis.debug(): print values."""
        texts = [describe_value(value, self.table_type, MOST_BYTES) for value in values]
        self._output.append(b"<debug> line %d: %b" % (self._line, b", ".join(texts)))

    def error_reply(self, message: bytes) -> None:
        """redis.error_reply(): show the error if the script is executed line by line."""
        if self._step:
            self._output.append(b"<error> -" + message)

    def call(self, argv: list[bytes]) -> Reply:
        """Run a command; show it and its reply if the script is executed line by line."""
        if not self._step:
            return self._script.call(argv)
        shown = b" ".join(argv[:MAX_SHOWN])
        if len(argv) > MAX_SHOWN:
            shown += b" ... (%d more)" % (len(argv) - MAX_SHOWN - 1)
        self._output.append(b"<redis> " + shown)
        try:
            reply = self._script.call(argv)
        except CommandError as error:
            message = error.message
            if self._script.ran():
                self._output.append(b"<error> -" + message)
                self._add_reply(b"-%b\r\n" % message)
            else:
                self._output.append(b"<error> " + (message[4:] if message.startswith(b"ERR ") else b"-" + message))
            raise
        self._add_reply(self._script.encode(reply))
        return reply

    def end(self) -> None:
        """End the session for the user."""
        self._output.append(b"<endsession>")
        self._send()

    # Output

    def _add_reply(self, encoded: bytes) -> None:
        self._add_trimmed(b"<reply> " + describe_reply(encoded), self._maxlen)

    def _add_trimmed(self, line: bytes, limit: int) -> None:
        if limit and len(line) > limit:
            self._output.append(line[:limit] + b" ...")
            if not self._hinted:
                self._hinted = True
                self._output.append(b"<hint> The above reply was trimmed. Use 'maxlen 0' to disable trimming.")
        else:
            self._output.append(line)

    def _source(self, number: int) -> None:
        """Print a line of the script, with the marks of the current line and of a breakpoint."""
        inside = 0 < number <= len(self._lines)
        text = self._lines[number - 1] if inside else b"<out of range source code line>"
        current, stops = number == self._line, number in self._breakpoints
        mark = b"%b%b" % (b"->" if current else b"  ", b"#" if stops else b" ")
        self._output.append(b"%b%-3d %b" % (mark, number, text))

    def _send(self) -> None:
        lines = [b"+%b\r\n" % line.replace(b"\r", b" ").replace(b"\n", b" ") for line in self._output]
        self._output.clear()
        self._channel.write(b"*%d\r\n%b" % (len(lines), b"".join(lines)))

    # Input

    def _read(self) -> list[bytes] | bytes:
        """Wait for a command. Return an empty list if the user has disconnected, or an error message."""
        parser = Parser(Limits(MAX_INPUT, MAX_INPUT), True)
        size = 0
        while True:
            data = self._channel.read()
            if not data:
                return []
            size += len(data)
            if size > MAX_INPUT:
                return b"max client buffer reached"
            commands = parser.feed(data)
            if commands:
                return commands[0]  # others are dropped, as in Redis
            if parser.error is not None:
                return b"protocol error"

    def _execute(self, name: bytes, argv: list[bytes]) -> tuple[int, bytes | None] | None:
        """Execute a command. Return what debugger.lua does next, or None if nothing."""
        if name in (b"s", b"step", b"n", b"next"):
            self._step = True
            return CONTINUE, None
        if name in (b"c", b"continue"):
            return CONTINUE, None
        if name in (b"a", b"abort"):
            return ABORT, b"ERR script aborted for user request"
        if name in (b"p", b"print"):
            return PRINT, argv[1] if len(argv) == 2 else None
        if name in (b"t", b"trace"):
            return TRACE, None
        if name in (b"e", b"eval"):
            return EVAL, b" ".join(argv[1:])
        run = _COMMANDS.get(name)
        if run is None or (run is Debugger._redis and len(argv) == 1):
            self._output.append(b"<error> Unknown Redis Lua debugger command or wrong number of arguments.")
        else:
            run(self, argv)
        return None

    def _help(self, argv: list[bytes]) -> None:
        self._output.extend(HELP.split(b"\n"))

    def _list(self, argv: list[bytes]) -> None:
        line = _as_int(argv[1]) if len(argv) > 1 else 0
        self._list_around(line if line > 0 else self._line, _as_int(argv[2]) if len(argv) > 2 else 5)

    def _whole(self, argv: list[bytes]) -> None:
        self._list_around(1, len(self._lines))

    def _list_around(self, line: int, context: int) -> None:
        for number in range(max(1, line - context), min(line + context, len(self._lines)) + 1):
            self._source(number)

    def _break(self, argv: list[bytes]) -> None:
        if len(argv) == 1:
            if not self._breakpoints:
                self._output.append(b"No breakpoints set. Use 'b <line>' to add one.")
                return
            self._output.append(b"%d breakpoints set:" % len(self._breakpoints))
            for line in self._breakpoints:
                self._source(line)
        for word in argv[1:]:
            try:
                self._change_breakpoint(int(word))
            except ValueError:
                self._output.append(b"Invalid argument:'%b'" % word)

    def _change_breakpoint(self, line: int) -> None:
        breakpoints = self._breakpoints
        if line == 0:
            breakpoints.clear()
            self._output.append(b"All breakpoints removed.")
        elif line < 0:
            if -line in breakpoints:
                breakpoints.remove(-line)
                self._output.append(b"Breakpoint removed.")
            else:
                self._output.append(b"No breakpoint in the specified line.")
        elif len(breakpoints) == MAX_BREAKPOINTS:
            self._output.append(b"Too many breakpoints set.")
        elif line > len(self._lines) or line in breakpoints:
            self._output.append(b"Wrong line number.")
        else:
            breakpoints.append(line)
            self._list_around(line, 1)

    def _redis(self, argv: list[bytes]) -> None:
        self._step = True
        try:
            self.call(argv[1:])
        except CommandError:
            pass  # it is shown
        self._step = False

    def _set_maxlen(self, argv: list[bytes]) -> None:
        if len(argv) == 2:
            self._hinted = True
            size = _as_int(argv[1])
            self._maxlen = size and max(size, LEAST_MAXLEN)
        if self._maxlen:
            self._output.append(b"<value> replies are truncated at %d bytes." % self._maxlen)
        else:
            self._output.append(b"<value> replies are unlimited.")


def _as_int(word: bytes) -> int:
    """The number at the start of a word, as C's C{atoi}; 0 if there is none."""
    try:
        return int(word)
    except ValueError:
        return 0


_COMMANDS: dict[bytes, Callable[[Debugger, list[bytes]], None]] = {}
for _names, _run in (
    ((b"h", b"help"), Debugger._help),
    ((b"l", b"list"), Debugger._list),
    ((b"w", b"whole"), Debugger._whole),
    ((b"b", b"break"), Debugger._break),
    ((b"r", b"redis"), Debugger._redis),
    ((b"m", b"maxlen"), Debugger._set_maxlen),
):
    _COMMANDS.update(dict.fromkeys(_names, _run))
