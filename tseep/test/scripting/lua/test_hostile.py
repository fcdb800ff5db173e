"""Calls every function available to scripts with hostile arguments: each error must be Lua's own."""

from __future__ import annotations

import random

from tseep.test.support import SessionTests

ROUNDS = 60
"""The number of calls of each function."""

VALUES = [
    "nil", "true", "false", "0", "-0", "1", "-1", "1.5", "-0.5", "2^31", "-2^31-1", "2^32+1", "2^53", "2^63", "-2^63",
    "2^64", "1e308", "1/0", "-1/0", "0/0", "''", "'a'", "'1'", "'0x10'", "'nan'", "'inf'", "'1e400'",
    "('9'):rep(5000)", "'0x'..('f'):rep(5000)", "'-0x'..('f'):rep(5000)", "'\\0'", "'\\178'", "'\\255\\254'", "{}",
    "{1,2}", "{a=1}", "{nil,1}", "{[0/1]=1}", "deep(300)", "loop", "setmetatable({},{__index=error})",
    "setmetatable({},{__tostring=error})", "function() end", "error", "redis.call", "coroutine.create(error)",
    "cjson.null", "redis", "string", "'%'..('d'):rep(300)", "'%99.99f'", "('('):rep(40)", "'[a'", "'%b'", "'%f'",
    "'c'..('9'):rep(5000)", "'i'..('9'):rep(5000)", "'!'..('9'):rep(5000)", "'i\\178'", "'bBhHlLTfdxsc0iI'",
    "'>!8dc0'", "'\\220\\255\\255'", "'\\221\\255\\255\\255\\255'", "('\\145'):rep(500)", "'\\202\\127\\128\\0\\0'",
    "('['):rep(2000)", "'{\"a\":'", "'1e5000'", "'[1e5000,nan,-inf,0x10]'", "'\"\\\\ud800\"'", "{double=0/0}",
    "{double=1/0}", "{map=loop}", "{set={loop}}", "{big_number=('9'):rep(5000)}",
    "{verbatim_string={string='x',format=''}}", "{err='\\r\\n'}", "{ok='\\r\\n'}", "{err=''}", "{ok=''}",
    "{verbatim_string={string='\\r\\n',format='\\r\\n'}}", "{[cjson.null]=1}",
]  # fmt: skip

BEGINNING = """
local function deep(n) local t = {} for i = 1, n do t = {t} end return t end
local loop = {} loop[1] = loop
"""

FUNCTIONS = """
    local names, base = {}, {
        'assert', 'error', 'ipairs', 'pairs', 'next', 'pcall', 'xpcall', 'rawequal', 'rawget', 'rawset', 'select',
        'load', 'setmetatable', 'getmetatable', 'tonumber', 'tostring', 'type', 'unpack', 'loadstring', 'gcinfo',
        'collectgarbage'}
    for _, name in pairs(base) do names[#names + 1] = name end
    for _, library in pairs({'redis', 'cjson', 'cmsgpack', 'struct', 'bit', 'math', 'table', 'coroutine', 'string'}) do
        for name, value in pairs(_G[library]) do
            if type(value) == 'function' then names[#names + 1] = library .. '.' .. name end
        end
    end
    table.sort(names)
    return names
"""

LEFT_OUT = {"string.rep", "table.insert", "redis.breakpoint", "redis.debug"}
"""Functions whose use of memory or time is set by their arguments, as in Redis."""


class HostileScriptsTests(SessionTests):
    """Hostile arguments to all functions of the sandbox."""

    def test_every_function(self) -> None:
        """Any call is answered in RESP2 and RESP3, and the next script runs."""
        chance = random.Random(1)
        names: list[bytes] = self.run_command("EVAL", FUNCTIONS, 0)
        self.assertTrue(len(names) > 90, names)
        for name in sorted({name.decode() for name in names} - LEFT_OUT):
            for number in range(ROUNDS):
                given = [chance.choice(VALUES) for _ in range(chance.choice((0, 1, 1, 2, 2, 3)))]
                words = ", ".join([name, *given])
                call = f"{name}({', '.join(given)})" if number % 4 else f"{{pcall({words})}}"
                self.run_command("HELLO", 2 + number % 2)
                self.check(f"redis.setresp({2 + number // 2 % 2}) {BEGINNING} return {call}")

    def check(self, script: str) -> None:
        """Run a script, then check that the session still works."""
        try:
            self.run_command("EVAL", script, 0)
            self.assertReply(1, "EVAL", "return 1", 0)
        except Exception as error:
            raise AssertionError(f"{script} has raised {error!r}") from error
        self.assertFalse(self.session.closing)
