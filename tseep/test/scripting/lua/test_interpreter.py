"""Tests for the Lua sandbox: no access to the host, and no state kept between scripts but Redis's."""

from __future__ import annotations

import hashlib
from struct import pack
from typing import Any

from tseep.test.support import SessionTests


class DeprecatedTests(SessionTests):
    """C{getfenv} and C{setfenv} with C{lua-enable-deprecated-api}."""

    config = {"lua-enable-deprecated-api": "yes"}

    def evaluate(self, script: str) -> Any:
        """Return the reply to EVAL of a script."""
        return self.run_command("EVAL", script, 0)

    def test_own(self) -> None:
        """A script changes and reads the environments of its functions, also by their level."""
        for script in (
            "local function f() return x end return setfenv(f, {x = 1})()",
            "local t = {} local function f() setfenv(2, t) end f() x = 1 return t.x",
            "local t = {x = 1} setfenv(1, t) return x",
            "local t = {} local f = setfenv(function() end, t) return getfenv(f) == t and 1",
            "return getfenv() == _G and getfenv(1) == _G and getfenv(0) == _G and getfenv(pairs) == _G and 1",
            "local function f() return getfenv(2) == getfenv(f) and 1 end return (f())",
        ):
            self.assertEqual(1, self.evaluate(script), script)

    def test_others(self) -> None:
        """The environments of the sandbox and of C functions neither change nor are visible, at any level."""
        for given in ("pairs", "redis.call", "pcall", "string.rep", "table.insert", "cjson.encode", "getfenv", 0):
            self.assertIn("cannot change environment", self.evaluate(f"setfenv({given}, {{}})"))
            self.assertEqual(1, self.evaluate(f"return getfenv({given}) == _G and 1"), given)
        # from the script's caller on: level 3 is the script, below it are pcall and the sandbox's pcall
        levels = "local n = 0 for level = 4, 50 do if pcall(setfenv, level, {}) then n = n + 1 end end return n"
        self.assertEqual(0, self.evaluate(levels))
        found = "for level = 0, 50 do local ok, t = pcall(getfenv, level) if ok and t ~= _G then return level end end"
        self.assertEqual(None, self.evaluate(found))
        self.assertIn("readonly", self.evaluate("getfenv(1).x = 1"))
        self.assertIn("nonexistent global variable 'newproxy'", self.evaluate("return newproxy"))

    def test_next_run(self) -> None:
        """The next run of a script has its globals again, and other scripts have them at any time."""
        script = "local before = getfenv(1) == _G setfenv(1, {}) return before and 1"
        for each in (script, script, "return getfenv(1) == _G and 1"):
            self.assertEqual(1, self.evaluate(each))

    def test_arguments(self) -> None:
        """Wrong arguments have Lua's errors."""
        for code, message in (
            ("setfenv(1)", "bad argument #2 to 'setfenv' (table expected, got no value)"),
            ("setfenv({}, {})", "bad argument #1 to 'setfenv' (number expected, got table)"),
            ("getfenv(-1)", "bad argument #1 to 'getfenv' (level must be non-negative)"),
            ("getfenv(1000)", "bad argument #1 to 'getfenv' (invalid level)"),
        ):
            self.assertIn(message, self.evaluate(code))


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
        """Shared tables are read-only, and their metatables are hidden, as in Redis."""
        for script in (
            "x = 1", "_G.x = 1", "redis.x = 1", "string.x = 1", "rawset(math, 'x', 1)", "cjson.x = 1",
            "table.insert(redis, 1)", "table.insert(_G, 1, 2)", "setmetatable(redis, {})",
            "getmetatable(_G).__index = 1",
        ):  # fmt: skip
            self.assertIn("Attempt to modify a readonly table", self.evaluate(script))
        self.assertEqual(
            [b"nil", b"nil", b"table"],
            self.evaluate("return {type(getmetatable(redis)), type(getmetatable(math)), type(getmetatable(_G))}"),
        )

    def test_guarded_error(self) -> None:
        """A shared table that a script raises as its error remains as it is: no name and place are set in it."""
        for table in ("_G", "redis", "cjson", "string", "getmetatable(_G)"):
            self.assertIn("Attempt to modify a readonly table", self.evaluate(f"error({table})"))
            script = f"return {{type(rawget({table}, 'source')), type(rawget({table}, 'line'))}}"
            self.assertEqual([b"nil", b"nil"], self.evaluate(script), table)

    def test_place(self) -> None:
        """An error of a library function has the place of its call, also in a return statement, as in Redis."""
        for script, text in (
            ("\nreturn cjson.decode('{')", "user_script:2: Expected object key string but found T_END at character 2"),
            (
                "return setmetatable(1, 2)",
                "user_script:1: bad argument #1 to 'setmetatable' (table expected, got number)",
            ),
            ("return cmsgpack.unpack(nil)", "user_script:1: bad argument #1 to 'unpack' (string expected, got nil)"),
            ("local pack = struct.pack\nreturn pack('z')", "user_script:2: bad argument #1 to 'pack' (invalid format"),
            (
                "local d = bit.bnot local function f()\nreturn d() end f()",
                "user_script:2: bad argument #1 to 'd' (number",
            ),
            ("return next({}, 'x')", "invalid key to 'next' script: "),
            ("return coroutine.resume()", "user_script:1: bad argument #1 to 'resume' (coroutine expected)"),
        ):
            error = str(self.evaluate(script))
            self.assertIn(f"ERR {text}", error)
            self.assertIn(f", on @user_script:{2 if script.count(chr(10)) else 1}.", error, script)

    def test_name_of_a_function(self) -> None:
        """A library function that Lua's C code calls has no name in errors, as in Redis."""
        for script in ("struct.pack, 'z'", "math.random, 0", "setmetatable, 1, 2", "cjson.encode", "unpack"):
            (_, error) = self.evaluate(f"return {{pcall({script})}}")
            self.assertIn(b"bad argument #1 to '?' (", error)

    def test_tail_calls(self) -> None:
        """A script's functions can call themselves in tail calls without end."""
        for script in (
            "local function f(n) return n == 0 and 7 or f(n - 1) end return f(9)",
            "local function f(n) if n == 0 then return 7 end return f(n - 1) end return f(100000)",
            "local t = {} function t.f(n) if n == 0 then return 7 end return t.f(n - 1) end return t.f(100000)",
            "local t = {} function t:f(n) if n == 0 then return 7 end return self:f(n - 1) end return t:f(100000)",
        ):
            self.assertEqual(7, self.evaluate(script), script)

    def test_unpack(self) -> None:
        """unpack refuses more results than it can return, also where Lua's own overflows and crashes."""
        for script in ("-2, 0x7fffffff", "0, 0x7fffffff", "-2147483648, 2147483647", "1, 7998", "2, 1e9"):
            self.assertIn("too many results to unpack", self.evaluate(f"return {{unpack({{1, 2, 3}}, {script})}}"))
        self.assertEqual(7997, self.evaluate("return #{unpack({}, 1, 7997)} + select('#', unpack({}, 1, 7997))"))
        self.assertEqual(7999, self.evaluate("local t = {} for i = 1, 7999 do t[i] = i end return #{unpack(t)}"))
        self.assertEqual([2, 3], self.evaluate("return {unpack({1, 2, 3}, '2')}"))
        self.assertEqual([], self.evaluate("return {unpack({1, 2, 3}, 1, -2147483648)}"))

    def test_many_arguments(self) -> None:
        """A script can call a command with as many arguments as unpack returns; each must be a string or number."""
        fill = "local t = {} for i = 1, 7999 do t[i] = i end "
        for name in ("call", "pcall"):
            self.run_command("DEL", "l")
            self.assertEqual(7999, self.evaluate(fill + f"return redis.{name}('RPUSH', 'l', unpack(t))"))
        self.assertEqual([b"7998", b"7999"], self.run_command("LRANGE", "l", -2, -1))
        for wrong in (
            "t[7950] = {} return redis.call('RPUSH', 'l', unpack(t))",
            "t[7950] = nil return redis.call('RPUSH', 'l', unpack(t, 1, 7990))",
            "return redis.call(t)",
        ):
            self.assertIn("arguments must be strings or integers", self.evaluate(fill + wrong))
        self.assertIn("Unknown Redis command", self.evaluate(fill + "return redis.pcall('NOSUCH', unpack(t))"))

    def test_negative_zero(self) -> None:
        """The sign of -0 is kept in arguments of commands and library functions, and in doubles."""
        self.assertEqual(
            [b"-0", b"0"], self.evaluate("local zero = 0 return {redis.call('ECHO', -zero), redis.pcall('ECHO', zero)}")
        )
        self.assertEqual(10, self.evaluate("return redis.call('RPUSH', 'l', -0, 1, 2, 3, 4, 5, 6, 7, 8, -0)"))
        self.assertEqual([b"-0", b"1"], self.run_command("LRANGE", "l", 0, 1))
        self.assertEqual(b"-0", self.run_command("LINDEX", "l", -1))
        self.evaluate("local t = {} for i = 1, 7950 do t[i] = -0 end return redis.call('RPUSH', 'l', unpack(t))")
        self.assertEqual(b"-0", self.run_command("LINDEX", "l", -1))
        self.assertEqual(b"-0", self.evaluate("return {double=-0}"))
        self.assertEqual(b"-nan", self.evaluate("return {double=0/0}"))
        self.assertEqual([0, hashlib.sha1(b"-0").hexdigest().encode()], self.evaluate("return {-0, redis.sha1hex(-0)}"))
        self.assertEqual([pack("d", -0.0), b"-0"], self.evaluate("return {struct.pack('d', -0), cjson.encode(-0)}"))

    def test_insert(self) -> None:
        """table.insert appends a value, or inserts it at a place."""
        self.assertEqual([3, 1, 2], self.evaluate("local t = {} for i = 1, 2 do table.insert(t, i) end "
                                                  "table.insert(t, '1', 3) return t"))  # fmt: skip
        for arguments, text in (
            ("", "bad argument #1 to 'insert' (table expected, got no value)"),
            ("{}", "wrong number of arguments to 'insert'"),
            ("{}, 1, 2, 3", "wrong number of arguments to 'insert'"),
            ("{}, 'x', 1", "bad argument #2 to 'insert' (number expected, got string)"),
        ):
            self.assertIn(f"ERR user_script:1: {text}", self.evaluate(f"table.insert({arguments})"))

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
