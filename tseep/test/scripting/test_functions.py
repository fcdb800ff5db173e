"""Tests of L{tseep.scripting.functions}: the load timeout, and C{redis.register_function} after loading."""

from __future__ import annotations

from collections import deque
from itertools import count
from pathlib import Path

from tseep.persistence.aof_loader import CannotLoad, Loader
from tseep.rdb.format import Corrupt
from tseep.rdb.payload import dump_libraries
from tseep.scripting.functions import Library
from tseep.scripting.scripts import FILE_LOAD_TIMEOUT, LOAD_TIMEOUT
from tseep.test.support import SessionTests, encode, made_folder

ENDLESS = b"#!lua name=endless\nredis.register_function('g', function() end) local n = 1 while true do n = n + 1 end"
GOOD = b"#!lua name=good\nredis.register_function('f', function() return 1 end)"
LATE = b"#!lua name=late\nlocal register = redis.register_function register('f', function() register('g', 1) end)"
TIMEOUT = "ERR Error registering functions: ERR FUNCTION LOAD timeout"


class LoadingTests(SessionTests):
    """The load timeout of libraries, on a timer that advances at each call."""

    def setUp(self) -> None:
        super().setUp()
        self.run_command("FUNCTION", "LOAD", GOOD)
        self.tick(LOAD_TIMEOUT)

    def tick(self, milliseconds: int) -> None:
        """Advance the timer by almost C{milliseconds} at each call, so that the time is over at the second one."""
        self.server.timer = count(0, (milliseconds - 1) * 1_000_000).__next__

    def assert_as_before(self) -> None:
        """Assert that the earlier library is unchanged and another can be loaded."""
        self.assertReply(1, "FCALL", "f", 0)
        self.assertReply(0, "EVAL", "return #redis.call('KEYS', '*')", 0)
        self.assertEqual([b"good"], list(self.server.scripting.functions.libraries))
        self.assertReply(b"good", "FUNCTION", "LOAD", "REPLACE", GOOD)
        self.assertReply(1, "FCALL", "f", 0)

    def test_load(self) -> None:
        """FUNCTION LOAD fails at the timeout, for a new library and with REPLACE."""
        self.assertError(TIMEOUT, "FUNCTION", "LOAD", ENDLESS)
        self.assert_as_before()
        self.assertError(TIMEOUT, "FUNCTION", "LOAD", "REPLACE", ENDLESS.replace(b"endless", b"good"))
        self.assert_as_before()

    def test_restore(self) -> None:
        """FUNCTION RESTORE fails at the timeout and restores nothing."""
        for policy in ("FLUSH", "REPLACE"):
            self.assertError(TIMEOUT, "FUNCTION", "RESTORE", dump_libraries([GOOD, ENDLESS]), policy)
            self.assert_as_before()

    def test_restore_together(self) -> None:
        """
        FUNCTION RESTORE checks all libraries together: functions can move between replaced ones, but may not replace a
        function of another library.
        """

        def library(name: str, function: str) -> bytes:
            body = f"redis.register_function('{function}', function() return '{name}' end)"
            return f"#!lua name={name}\n{body}".encode()

        self.run_command("FUNCTION", "FLUSH")
        self.run_command("FUNCTION", "LOAD", library("a", "f"))
        self.run_command("FUNCTION", "LOAD", library("b", "g"))
        moved = dump_libraries([library("a", "g"), library("b", "f")])
        self.assertError("ERR Library a already exists", "FUNCTION", "RESTORE", moved)
        self.assertReply("OK", "FUNCTION", "RESTORE", moved, "REPLACE")
        self.assertReply(b"a", "FCALL", "g", 0)
        self.assertReply(b"b", "FCALL", "f", 0)
        for payload, policy, text in (
            (dump_libraries([library("c", "h"), library("d", "F")]), "APPEND", "ERR Function F already exists"),
            (dump_libraries([library("c", "h"), library("c", "i")]), "FLUSH", "ERR Library 'c' already exists"),
        ):
            self.assertError(text, "FUNCTION", "RESTORE", payload, policy)
            self.assertEqual([b"a", b"b"], list(self.server.scripting.functions.libraries))
        self.assertReply("OK", "FUNCTION", "RESTORE", dump_libraries([library("c", "f")]), "FLUSH")
        self.assertEqual([b"c"], list(self.server.scripting.functions.libraries))

    def test_through_strings(self) -> None:
        """Loops inside string methods are interrupted at the timeout too."""
        for body in (b"('x'):gsub('.', function() while true do end end)", b"while true do ('x'):find('y') end"):
            self.assertError(TIMEOUT, "FUNCTION", "LOAD", b"#!lua name=l\n" + body)
        self.assert_as_before()

    def test_log(self) -> None:
        """
        A library in the append-only file has a longer timeout; then the load fails with its offset and the
        reason.
        """
        self.tick(FILE_LOAD_TIMEOUT)
        path = Path(made_folder(self), "x.aof")
        path.write_bytes(encode("SET", "a", 1) + encode("FUNCTION", "LOAD", ENDLESS))
        problem = self.assertRaises(Corrupt, deque, Loader(self.server).load_log(path), 0)
        self.assertIn("at byte 27: a library of functions cannot be loaded: " + TIMEOUT, str(problem))
        self.run_command("DEL", "a")
        self.assert_as_before()

    def test_snapshot(self) -> None:
        """A library in a snapshot has the longer timeout too, and then fails the load."""
        problem = self.load_snapshot()
        self.assertIn(": a library of functions cannot be loaded: " + TIMEOUT, problem)
        self.assert_as_before()

    def test_told_to_stop(self) -> None:
        """A shutdown interrupts the load of a library."""
        self.server.stopping = True
        self.assertIn("interrupted by a shutdown", self.load_snapshot(1))

    def load_snapshot(self, patience: int = FILE_LOAD_TIMEOUT) -> str:
        """Load a snapshot with a library that never ends; return the error."""
        path = self.server.persistence.snapshots.path
        libraries = self.server.scripting.functions.libraries
        libraries[b"endless"] = Library(b"endless", ENDLESS)
        self.assertReply("OK", "SAVE")
        del libraries[b"endless"]
        self.run_command("FUNCTION", "DELETE", "good")
        self.tick(patience)
        try:
            return str(self.assertRaises(CannotLoad, deque, Loader(self.server).load_snapshot(path), 0))
        finally:
            self.server.stopping = False
            self.tick(LOAD_TIMEOUT)
            self.run_command("FUNCTION", "LOAD", "REPLACE", GOOD)

    def test_late(self) -> None:
        """C{redis.register_function} called after the library was loaded raises Redis's error."""
        self.run_command("FUNCTION", "LOAD", "REPLACE", LATE.replace(b"late", b"good"))
        text = "ERR redis.register_function can only be called on FUNCTION LOAD command script: f, on @user_function:2."
        self.assertError(text, "FCALL", "f", 0)
