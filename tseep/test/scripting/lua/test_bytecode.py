"""Tests for L{tseep.scripting.lua.bytecode}."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tseep.scripting.lua.bytecode import keep_frames

FRAMES = b"""
local f = ...
setfenv(f, {lib = {f = function() return debug.traceback() end}, g = function() return debug.traceback() end,
            debug = debug})
return select(2, string.gsub(f(), "tail call", ""))
"""


class KeepFramesTests(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            from lupa import lua51  # type: ignore[import-untyped]
        except ImportError:
            raise SkipTest("lupa is not installed") from None
        self.lua: Any = lua51.LuaRuntime(encoding=None)

    def lost(self, text: str, everywhere: bool = False) -> int:
        """Return how many frames tail calls have removed when a function runs that the code calls."""
        dumped = self.lua.execute(b"return string.dump(loadstring(...))", text.encode())
        self.assertEqual(len(dumped), len(keep_frames(dumped, everywhere)))
        changed = self.lua.execute(b"return loadstring(...)", keep_frames(dumped, everywhere))
        count: int = self.lua.execute(FRAMES, changed)
        return count

    def test_globals(self) -> None:
        """Tail calls of globals, of their fields and of copies of them keep the frame."""
        for text in (
            "return g()",
            "return lib.f()",
            "local f = lib.f return f(1, 2)",
            "local l = lib local f = l.f return f()",
            "return lib:f()",
            "local f = lib.f local function h() return (f()) end return (h())",
            "local f = g local function h() local function i() return f() end return (i()) end return (h())",
        ):
            self.assertEqual(0, self.lost(text), text)

    def test_own(self) -> None:
        """Tail calls of a script's functions stay, except with C{everywhere}."""
        for text in (
            "local function h() return (g()) end return h()",
            "local t = {} function t.h() return (g()) end return t.h()",
            "local f = lib.f f = function() return (g()) end return f()",
        ):
            self.assertEqual(1, self.lost(text), text)
            self.assertEqual(0, self.lost(text, True), text)

    def test_large_table(self) -> None:
        """The number of a block of a large table is not an instruction."""
        items = ", ".join(["1"] * 30000)
        self.assertEqual(0, self.lost(f"local t = {{{items}}} return lib.f(t)"))

    def test_constants(self) -> None:
        """All types of constants are skipped."""
        self.assertEqual(0, self.lost("local t = {nil, true, false, 1.5, 'x', [1] = ''} return g(t)"))

    def test_other_machines(self) -> None:
        """A chunk with another header is unchanged."""
        self.assertEqual(b"\x1bLua\x51\x00\x00rest", keep_frames(b"\x1bLua\x51\x00\x00rest"))
