"""Tests for the sandbox that scripts run in: that nothing gets out of it, and what is the same for the next script."""

from __future__ import annotations

from typing import Any

from tseep.test.support import SessionTests


class SandboxTests(SessionTests):
    """What scripts must not reach."""

    def evaluate(self, script: str) -> Any:
        """What a script returns."""
        return self.run_command("EVAL", script, 0)

    def test_null(self) -> None:
        """cjson.null is a value without anything inside it."""
        self.assertEqual(b"userdata", self.evaluate("return type(cjson.null)"))
        self.assertEqual(None, self.evaluate("return getmetatable(cjson.null)"))
        self.assertIn("attempt to index", self.evaluate("return cjson.null.__class__"))
        self.assertIn("attempt to index", self.evaluate("cjson.null.x = 1"))
        self.assertIn("attempt to call", self.evaluate("return cjson.null()"))

    def test_null_raised(self) -> None:
        """It may be raised as any other value."""
        self.assertEqual(1, self.evaluate("local ok, e = pcall(error, cjson.null) return e == cjson.null and 1"))
        self.assertIn("ERR userdata", self.evaluate("error(cjson.null)"))

    def test_errors(self) -> None:
        """An error of a command is a text or a table to whoever catches it, however that is done."""
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
        """That goes for a handler as well that is no function but can be called."""
        script = """
        local seen = {}
        local handler = setmetatable({}, {__call = function(_, problem) seen[1] = type(problem) end})
        xpcall(function() redis.call('nosuch') end, handler)
        return seen
        """
        self.assertEqual([b"table"], self.evaluate(script))

    def test_guarded(self) -> None:
        """What all scripts share can be read only, and what gets past that is gone with the script."""
        for script in ("x = 1", "_G.x = 1", "redis.x = 1", "string.x = 1", "rawset(math, 'x', 1)", "cjson.x = 1"):
            self.assertIn("Attempt to modify a readonly table", self.evaluate(script))
        self.evaluate("table.insert(redis, 'x')")
        self.assertEqual(None, self.evaluate("return rawget(redis, 1)"))

    def test_nothing_of_the_host(self) -> None:
        """There are no files, no modules, no debugger, no compiled code, and nothing of Python."""
        for name in ("io", "require", "package", "debug", "dofile", "loadfile", "newproxy", "getfenv", "python"):
            self.assertIn("nonexistent global variable", self.evaluate(f"return {name}"))
        self.assertEqual(None, self.evaluate("return loadstring(string.dump(function() return 1 end))"))

    def test_json_settings(self) -> None:
        """What a script sets in cjson stays, as in Redis, but not from a cjson of its own."""
        self.evaluate("cjson.new().encode_number_precision(3)")
        self.assertEqual(b"3.14159", self.evaluate("return cjson.encode(3.14159)"))
        self.evaluate("cjson.encode_number_precision(3)")
        self.assertEqual(b"3.14", self.evaluate("return cjson.encode(3.14159)"))

    def test_json_refused(self) -> None:
        """A setting that cannot be is refused."""
        for script, problem in (
            ("cjson.encode_max_depth(0)", "expected integer between 1 and 2147483647"),
            ("cjson.encode_max_depth(1, 2)", "found too many arguments"),
            ("cjson.encode_sparse_array('zz')", "invalid option 'zz'"),
            ("cjson.decode_max_depth('x')", "number expected, got string"),
        ):
            self.assertIn(problem, self.evaluate(script))
