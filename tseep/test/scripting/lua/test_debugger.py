"""Tests for L{tseep.scripting.lua.debugger} and L{tseep.scripting.lua.inspection}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tseep.errors import CommandError
from tseep.replies import Reply
from tseep.scripting.lua.debugger import MAX_BREAKPOINTS, MAX_INPUT, Debugger
from tseep.scripting.lua.inspection import describe_reply, describe_value
from tseep.scripting.lua.interpreter import Interpreter, ScriptError
from tseep.test.support import encode


class Host:
    """A host whose scripts are killed after C{patience} checks of the deadline."""

    patience = 20

    def call(self, argv: list[bytes]) -> Reply:
        return argv[-1]

    def tick(self) -> bytes | None:
        self.patience -= 1
        return b"ERR killed" if self.patience < 0 else None

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: None


class Script:
    """What a debugger sees of the script."""

    late = False

    def call(self, argv: list[bytes]) -> Reply:
        return argv[-1]

    def ran(self) -> bool:
        return False

    def encode(self, reply: Any) -> bytes:
        return b"$%d\r\n%b\r\n" % (len(reply), reply)

    def timed_out(self) -> bool:
        return self.late

    def resumed(self) -> None:
        pass


class Channel:
    """A user whose input is known before, and who then disconnects."""

    def __init__(self, reads: list[bytes]) -> None:
        self.reads = reads
        self.written: list[bytes] = []

    def read(self) -> bytes:
        return self.reads.pop(0) if self.reads else b""

    def write(self, data: bytes) -> None:
        self.written.append(data)


class DebuggerTests(SynchronousTestCase):
    """Sessions of a debugger."""

    def setUp(self) -> None:
        self.script = Script()
        self.interpreter = Interpreter(Host())

    def converse(self, text: bytes, *reads: bytes) -> Any:
        """Debug a script; return its result, or its error. C{self.written} has what the user receives."""
        channel = Channel(list(reads))
        debugger = Debugger(text, channel, self.script)
        try:
            with self.interpreter.debugging(debugger):
                return self.interpreter.run(self.interpreter.compile(text), [], [])
        except CommandError as error:
            return error.message
        finally:
            self.written = channel.written

    def test_endless_fragment(self) -> None:
        """A loop that the user evaluates is subject to the deadline, and ends the script with it."""
        self.assertEqual(b"ERR killed", self.converse(b"return 1", encode("eval", "while true do end"), encode("c")))

    def test_endless_line(self) -> None:
        """A loop of one line stops when the time is over."""
        self.script.late = True
        result = self.converse(b"while true do end", encode("c"), encode("abort"))
        self.assertEqual(b"ERR script aborted for user request", result)
        self.assertIn(b"timeout reached, infinite loop?", self.written[1])

    def test_lost_connection(self) -> None:
        """A script whose user has left runs on; if it does not end, it is killed when the time is over."""
        self.assertEqual(1, self.converse(b"redis.breakpoint()\nredis.breakpoint()\nreturn 1"))
        self.script.late = True
        result = self.converse(b"while true do end")
        self.assertEqual(b"ERR timeout during Lua debugging with client closing connection", result)

    def test_bad_input(self) -> None:
        """What is not a command, or too long, ends the script."""
        self.assertEqual(b"ERR protocol error", self.converse(b"return 1", b"*x\r\n"))
        large = b"*2\r\n$1\r\ne\r\n$%d\r\n" % MAX_INPUT + b"x" * MAX_INPUT
        self.assertEqual(b"ERR max client buffer reached", self.converse(b"return 1", large))

    def test_breakpoints(self) -> None:
        """The number of breakpoints is limited."""
        lines = [str(line) for line in range(1, MAX_BREAKPOINTS + 2)]
        self.converse(b"return 1" + b"\n" * 99 + b"--", encode("break", *lines), encode("c"))
        self.assertIn(b"+Too many breakpoints set.\r\n", self.written[1])

    def test_sandbox(self) -> None:
        """Evaluated code has the globals of scripts, not Lua's debug library or the hook."""
        for code in ("debug", "debug.sethook()", "getfenv()", "require", "hook"):
            self.converse(b"return 1", encode("eval", code), encode("c"))
            self.assertIn(b"nonexistent global variable", self.written[1])

    def test_coroutine(self) -> None:
        """Lines of coroutines are stops, too."""
        self.converse(b"local f = coroutine.wrap(function()\nreturn 2\nend)\nreturn f()", *[encode("s")] * 9)
        self.assertIn(b"-> 2   return 2", b"".join(self.written))

    def test_after(self) -> None:
        """After a session, scripts run without the hook."""
        self.converse(b"return 1", encode("c"))
        self.assertEqual(1, self.interpreter.run(self.interpreter.compile(b"return 1"), [], []))
        self.assertRaises(ScriptError, self.interpreter.run, self.interpreter.compile(b"error()"), [], [])


class InspectionTests(SynchronousTestCase):
    """Values and replies as texts."""

    def test_endless_table(self) -> None:
        """The text of tables that contain each other ends soon after the limit."""
        interpreter = Interpreter(Host())
        table = interpreter._lua.execute(b"local t = {} for i = 1, 50 do t[i] = t end return t")
        self.assertLess(len(describe_value(table, type(table), 1000)), 1100)

    def test_replies(self) -> None:
        """All types of RESP3 have a text."""
        for encoded, text in (
            (b"*2\r\n:-1\r\n$-1\r\n", b"[-1,NULL]"),
            (b"*-1\r\n", b"NULL"),
            (b"%1\r\n+OK\r\n#t\r\n", b'{"+OK" => #true}'),
            (b"~1\r\n,1.5\r\n", b"~((double) 1.5)"),
            (b"_\r\n", b"(null)"),
            (b"#f\r\n", b"#false"),
            (b"-ERR x\r\n", b'"-ERR x"'),
        ):
            self.assertEqual(text, describe_reply(encoded))
