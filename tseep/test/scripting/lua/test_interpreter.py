"""Tests for the Lua sandbox: no access to the host, and no state kept between scripts but Redis's."""

from __future__ import annotations

from typing import Any

from tseep.test.support import SessionTests


class SandboxTests(SessionTests):
    """Isolation of scripts from the host and from each other."""

    def evaluate(self, script: str) -> Any:
        """Return the reply to EVAL of a script."""
        return self.run_command("EVAL", script, 0)

    def test_null(self) -> None:
        """C{cjson.null} is a userdata without attributes or metatable."""
        self.assertEqual(b"userdata", self.evaluate("return type(cjson.null)"))
        self.assertEqual(None, self.evaluate("return getmetatable(cjson.null)"))
        self.assertIn("attempt to index", self.evaluate("return cjson.null.__class__"))
        self.assertIn("attempt to index", self.evaluate("cjson.null.x = 1"))
        self.assertIn("attempt to call", self.evaluate("return cjson.null()"))

    def test_null_raised(self) -> None:
        """C{cjson.null} can be raised as an error value."""
        self.assertEqual(1, self.evaluate("local ok, e = pcall(error, cjson.null) return e == cjson.null and 1"))
        self.assertIn("ERR userdata", self.evaluate("error(cjson.null)"))

    def test_errors(self) -> None:
        """
        A command's error is a string or a table for the script that catches it, as in Redis, in each way of
        catching.
        """
        fail = "function() redis.call('nosuch') end"
        for script, expected in (
            ("local ok, e = pcall(FAIL) return type(e)", b"string"),
            ("local s xpcall(FAIL, function(e) s = e end) return type(s)", b"table"),
            ("local s xpcall(FAIL, function(e) s = e end, 1) return type(s)", b"table"),
            ("local ok, e = coroutine.resume(coroutine.create(FAIL)) return type(e)", b"table"),
            ("local ok, e = pcall(coroutine.wrap(FAIL)) return type(e)", b"string"),
            ("local ok, e = pcall(table.sort, {1, 2}, redis.call) return type(e)", b"string"),
            ("local ok, e = pcall(string.gsub, 'x', '.', redis.call) return type(e)", b"string"),
        ):
            self.assertEqual(expected, self.evaluate(script.replace("FAIL", fail)), script)

    def test_handler_that_can_be_called(self) -> None:
        """An C{xpcall} handler that is a callable table gets a table too."""
        script = """
        local seen = {}
        local handler = setmetatable({}, {__call = function(_, problem) seen[1] = type(problem) end})
        xpcall(function() redis.call('nosuch') end, handler)
        return seen
        """
        self.assertEqual([b"table"], self.evaluate(script))

    def test_guarded(self) -> None:
        """Shared tables are read-only; a change that gets past the guard ends with the script."""
        for script in ("x = 1", "_G.x = 1", "redis.x = 1", "string.x = 1", "rawset(math, 'x', 1)", "cjson.x = 1"):
            self.assertIn("Attempt to modify a readonly table", self.evaluate(script))
        self.evaluate("table.insert(redis, 'x')")
        self.assertEqual(None, self.evaluate("return rawget(redis, 1)"))

    def test_nothing_of_the_host(self) -> None:
        """Files, modules, the debug library, bytecode and Python are not accessible."""
        for name in ("io", "require", "package", "debug", "dofile", "loadfile", "newproxy", "getfenv", "python"):
            self.assertIn("nonexistent global variable", self.evaluate(f"return {name}"))
        self.assertEqual(None, self.evaluate("return loadstring(string.dump(function() return 1 end))"))

    def test_json_settings(self) -> None:
        """C{cjson} settings persist between scripts, as in Redis; those of C{cjson.new()} do not."""
        self.evaluate("cjson.new().encode_number_precision(3)")
        self.assertEqual(b"3.14159", self.evaluate("return cjson.encode(3.14159)"))
        self.evaluate("cjson.encode_number_precision(3)")
        self.assertEqual(b"3.14", self.evaluate("return cjson.encode(3.14159)"))

    def test_json_refused(self) -> None:
        """An invalid C{cjson} setting raises cjson's error."""
        for script, problem in (
            ("cjson.encode_max_depth(0)", "expected integer between 1 and 2147483647"),
            ("cjson.encode_max_depth(1, 2)", "found too many arguments"),
            ("cjson.encode_sparse_array('zz')", "invalid option 'zz'"),
            ("cjson.decode_max_depth('x')", "number expected, got string"),
        ):
            self.assertIn(problem, self.evaluate(script))
