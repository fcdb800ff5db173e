"""Tests for L{tseep.scripting.scripts} and the scripting commands.

tests/server/test_scripts.py compares them with redis-server.
"""

from __future__ import annotations

from typing import Any

from tseep.errors import OUT_OF_MEMORY
from tseep.scripting.lua import interpreter
from tseep.scripting.scripts import BUSY_SCRIPT, NO_SCRIPT, NOT_BUSY, UNKILLABLE
from tseep.test.support import Error, SessionTests, decode

SHA = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"
"""The SHA-1 digest of C{return 1}."""


class ScriptsTests(SessionTests):
    """EVAL, EVALSHA, SCRIPT and what a script's commands do."""

    def test_eval(self) -> None:
        """A script has KEYS and ARGV; its return value is the reply."""
        self.assertReply([b"k", b"a", 1, 1], "EVAL", "return {KEYS[1], ARGV[1], #KEYS, #ARGV}", 1, "k", "a")

    def test_sha(self) -> None:
        """EVALSHA runs a script known by EVAL or SCRIPT LOAD, until SCRIPT FLUSH."""
        self.assertError(NO_SCRIPT, "EVALSHA", SHA, 0)
        self.assertReply(SHA.encode(), "SCRIPT", "LOAD", "return 1")
        self.assertReply(1, "EVALSHA", SHA.upper(), 0)
        self.assertReply([1, 0], "SCRIPT", "EXISTS", SHA, "x")
        self.assertReply("OK", "SCRIPT", "FLUSH")
        self.assertError(NO_SCRIPT, "EVALSHA", SHA, 0)

    def test_refused_at_start(self) -> None:
        """A script that declares flags is refused at its start if it may write, and must not now."""
        self.run_command("SET", "k", 1)
        for change, error in (
            (lambda: self.run_command("CONFIG", "SET", "maxmemory", 1), OUT_OF_MEMORY),
            (lambda: self.run_command("CONFIG", "SET", "maxmemory", 0), None),
            (lambda: setattr(self.server, "refusal", "MISCONF x"), "MISCONF x"),
        ):
            change()
            for command in ("EVAL", "EVAL_RO"):
                flagged = "ERR Can not execute a script with write flag using *_ro command."
                if error is not None or command == "EVAL_RO":
                    self.assertError(error or flagged, command, "#!lua\nreturn 1", 0)
                self.assertReply(1, command, "#!lua flags=no-writes\nreturn 1", 0)
                self.assertReply(b"1", command, "return redis.call('GET', KEYS[1])", 1, "k")
        calls = self.server.table.commands[b"eval"].calls
        self.assertEqual((6, 2), (calls.count, calls.rejected))

    def test_allow_oom(self) -> None:
        """A script with the flag allow-oom writes above maxmemory; all of them fail while writes are refused."""
        self.run_command("CONFIG", "SET", "maxmemory", 1)
        self.assertReply("OK", "EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 1)", 1, "k")
        self.server.refusal = "MISCONF x"
        self.assertError("MISCONF x", "EVAL", "#!lua flags=allow-oom\nreturn redis.call('SET', KEYS[1], 1)", 1, "k")

    def test_database(self) -> None:
        """A script starts in its client's database; SELECT in the script does not change the client's."""
        self.run_command("SELECT", 2)
        self.run_command("EVAL", "redis.call('SET', 'a', 1) redis.call('SELECT', 3) redis.call('SET', 'b', 1)", 0)
        self.assertReply([b"a"], "KEYS", "*")
        self.run_command("SELECT", 3)
        self.assertReply([b"b"], "KEYS", "*")

    def test_blocking(self) -> None:
        """Blocking commands in a script return at once, as if they had timed out."""
        self.assertReply(None, "EVAL", "return redis.call('BLMPOP', 0, 1, 'l', 'LEFT')", 0)

    def test_waiting(self) -> None:
        """A client blocked on a key is served after the script has ended."""
        waiter = self.connect()
        self.send("BLPOP", "l", 0, session=waiter)
        script = "redis.call('RPUSH', 'l', 'x') return redis.call('LLEN', 'l')"
        self.assertReply(1, "EVAL", script, 0)
        self.assertEqual([[b"l", b"x"]], self.sent(waiter))

    def test_watched(self) -> None:
        """A write by a script makes a WATCH of its key fail."""
        other = self.connect()
        self.run_command("WATCH", "k")
        self.run_command("EVAL", "return redis.call('SET', 'k', 1)", 0, session=other)
        self.run_command("MULTI")
        self.assertReply(None, "EXEC")

    def test_in_transaction(self) -> None:
        """EVAL can be queued in a transaction."""
        self.run_command("MULTI")
        self.run_command("EVAL", "return redis.call('INCR', 'n')", 0)
        self.run_command("INCR", "n")
        self.assertReply([1, 2], "EXEC")

    def test_monitor(self) -> None:
        """MONITOR shows a script's commands with the source C{lua}."""
        monitor = self.connect()
        self.run_command("MONITOR", session=monitor)
        self.run_command("EVAL", "redis.call('GET', 'k')", 0)
        lines = [line.partition(" ")[2] for line in self.sent(monitor)]
        self.assertEqual(['[0 127.0.0.1:50000] "EVAL" "redis.call(\'GET\', \'k\')" "0"', '[0 lua] "GET" "k"'], lines)

    def test_tracking(self) -> None:
        """All declared keys of a script that reads are tracked for its client, and none of one that does not."""
        other = self.connect()
        self.run_command("HELLO", 3)
        self.run_command("CLIENT", "TRACKING", "ON")
        for script, tracked in (("redis.call('GET', 'x')", True), ("redis.call('SET', 'x', 1)", False)):
            for command in ("EVAL", "EVAL_RO")[: 2 if tracked else 1]:
                self.run_command(command, script, 2, "k", "l")
                for key in "klx":
                    self.run_command("SET", key, 1, session=other)
                sent = [[b"invalidate", [b"k"]], [b"invalidate", [b"l"]]]
                self.assertEqual(sent if tracked else [], self.sent(self.session), command)

    def test_errors_counted_once(self) -> None:
        """An error of a command is counted once, even if it also fails the script."""
        self.run_command("SET", "s", "x")
        self.run_command("EVAL", "return redis.call('LPUSH', 's', 1)", 0)
        self.run_command("EVAL", "return redis.pcall('LPUSH', 's', 1)", 0)
        self.assertEqual({b"WRONGTYPE": 2}, self.server.stats.errors)

    def test_log(self) -> None:
        """C{redis.log} logs with the prefix "redis.log:", so that a script cannot forge the server's log lines."""
        logged: list[tuple[int, str]] = []
        self.server.host.log = lambda level, text: logged.append((level, text))
        self.run_command("EVAL", "redis.log(redis.LOG_WARNING, 'one', 2)", 0)
        self.assertEqual([(3, "redis.log: one 2")], logged)

    def test_arguments(self) -> None:
        """Numbers outside a C{int} are converted as C does, or raise Redis's error."""
        for script, error in (
            ("redis.log(0/0, 'x')", "ERR Invalid debug level."),
            ("redis.setresp(math.huge)", "ERR RESP version must be 2 or 3."),
            ("redis.set_repl(0/0)", "ERR Invalid replication flags."),
            ("struct.pack('i' .. ('9'):rep(5000), 1)", "integral size overflow"),
            ("struct.pack('i\\178', 1)", "invalid format option"),
            ("math.random(1/0)", "interval is empty"),
            ("cmsgpack.unpack_one('x', 0/0)", "Invalid request to unpack with offset of 0"),
        ):
            self.assertIn(error, self.run_command("EVAL", script, 0))
        self.assertReply(b"0.17082803611217", "EVAL", "math.randomseed(1/0) return tostring(math.random())", 0)

    def test_big_number(self) -> None:
        """A big number has any number of digits; line breaks in it are replaced."""
        script = "redis.setresp(3) return {big_number = ('9'):rep(10000)}"
        self.assertReply(b"9" * 10000, "EVAL", script, 0)
        self.run_command("HELLO", 3)
        self.assertEqual(b"(" + b"9" * 10000 + b"\r\n", self.send("EVAL", script, 0))
        self.assertEqual(b"(1  2\r\n", self.send("EVAL", "return {big_number = '1\\r\\n2'}", 0))

    def test_verbatim(self) -> None:
        """A verbatim string's format is padded or cut to three characters."""
        self.run_command("HELLO", 3)
        for given, sent in (("", b"   "), ("a", b"a  "), ("markdown", b"mar")):
            script = f"return {{verbatim_string = {{string = 'x', format = '{given}'}}}}"
            self.assertEqual(b"=5\r\n%b:x\r\n" % sent, self.send("EVAL", script, 0))

    def test_block(self) -> None:
        """XREAD and XREADGROUP refuse BLOCK in scripts; in a transaction BLOCK is ignored."""
        for words in ("'xread', 'BLOCK', '0'", "'xreadgroup', 'group', 'g', 'c', 'block', 'x'"):
            name = words.split("'")[1]
            text = f"ERR {name} command is not allowed with BLOCK option from scripts"
            self.assertIn(text, self.run_command("EVAL", f"return redis.call({words}, 'streams', 's', '$')", 0))
        self.assertReply(None, "EVAL", "return redis.call('xread', 'streams', 'block', '0')", 0)
        self.run_command("MULTI")
        self.run_command("XREAD", "BLOCK", 0, "STREAMS", "s", "$")
        self.assertReply([None], "EXEC")

    def test_may(self) -> None:
        """C{redis.acl_check_cmd} checks the permissions of the user that called the script."""
        self.run_command("ACL", "SETUSER", "u", "on", "nopass", "+@all", "-flushall", "-config", "+config|get", "~a*")
        self.run_command("AUTH", "u", "x")
        for words, allowed in (
            ("'get', 'a'", 1), ("'get', 'b'", None), ("'set', 'a', 'b'", 1), ("'mset', 'a', 1, 'b', 2", None),
            ("'flushall'", None), ("'config', 'get', 'x'", 1), ("'config', 'set', 'x'", None),
            ("'set'", 1), ("'publish'", 1), ("'eval'", 1),
            ("'sort'", 1), ("'publish', 'c', 'x'", None),
        ):  # fmt: skip
            self.assertReply(allowed, "EVAL", f"return redis.acl_check_cmd({words})", 0)

    def test_fault(self) -> None:
        """An unexpected exception of a command is not caught by C{redis.pcall}."""

        def fail(*_: object) -> None:
            raise ZeroDivisionError

        self.server.table.commands[b"ping"].run = fail
        self.assertRaises(ZeroDivisionError, self.send, "EVAL", "return redis.pcall('PING')", 0)
        self.assertIs(None, self.server.scripting.running)

    def test_not_installed(self) -> None:
        """
        Without C{lupa}, scripting commands return an error with the command to install it; so do EVALSHA and FCALL of
        what is not loaded, whose other errors only suggest to load it.
        """

        def missing(name: str) -> None:
            raise ImportError(name)

        self.patch(interpreter, "import_module", missing)
        for argv in (
            ["EVAL", "return 1", 0], ["EVAL_RO", "return 1", 0], ["EVALSHA", SHA, 0], ["EVALSHA_RO", SHA, 0],
            ["SCRIPT", "LOAD", "return 1"], ["FUNCTION", "LOAD", "#!lua name=x\n"],
            ["FCALL", "f", 0], ["FCALL_RO", "f", 0],
        ):  # fmt: skip
            self.assertError("ERR Lua is not installed here: pip install lupa", *argv)
        self.assertReply([0], "SCRIPT", "EXISTS", SHA)


ENDLESS = [
    "while true do pcall(function() FOREVER end) end",
    "while true do xpcall(function() FOREVER end, function() FOREVER end) end",
    "xpcall(error, function() FOREVER end)",
    "while true do xpcall(function() xpcall(error, function() FOREVER end) end, function() error() end) end",
    "while true do coroutine.wrap(function() for i = 1, 9900 do end end)() end",
    "while true do coroutine.resume(coroutine.create(function() FOREVER end)) end",
    "local function f(n) return function() while n > 0 do pcall(coroutine.wrap(f(n - 1))) end end end f(20)()",
    "local function f() pcall(coroutine.wrap(f)) while true do pcall(function() FOREVER end) end end f()",
    "local co = coroutine.wrap(function() while true do pcall(coroutine.yield) end end) while true do co() end",
    "while true do pcall(string.gsub, ('x'):rep(9), '.', function() FOREVER end) end",
    "while true do pcall(table.sort, {3, 2, 1}, function() FOREVER end) end",
    "while true do pcall(load, function() FOREVER end) end",
    "while true do pcall(loadstring('FOREVER')) end",
    "local t = setmetatable({}, {__index = function() FOREVER end}) while true do pcall(function() return t.x end) end",
    "local t = setmetatable({}, {__tostring = function() FOREVER end}) while true do pcall(tostring, t) end",
    "local e = setmetatable({}, {__index = function() FOREVER end}) while true do pcall(error, e) end",
    "local function f(n) if n == 0 then FOREVER end while true do pcall(f, n - 1) end end f(300)",
    "local function f(n) if n == 0 then FOREVER end "
    "while true do pcall(('x').gsub, 'x', 'x', function() f(n - 1) end) end "
    "end f(98)",
    "local function f(n) if n == 0 then FOREVER end "
    "while true do xpcall(function() f(n - 1) end, error) end end f(197)",
    "local function f() pcall(f) f() end while true do pcall(f) end",
    "while true do local a, b function a() xpcall(b, a) end function b() xpcall(a, b) end a() end",
    "local t = {} t[1] = t t[2] = t return t",
    "redis.setresp(3) local t = {} t.map = {t, t} return t",
]
"""Scripts that never end and obstruct their interruption."""


class KillTests(SessionTests):
    """SCRIPT KILL, BUSY and shutdown during long scripts."""

    config = {"busy-reply-threshold": "1"}

    def setUp(self) -> None:
        super().setUp()
        self.other = self.connect()
        self.times = iter(range(0, 10**15, 2_000_000))
        self.server.timer = self.times.__next__
        self.received: list[object] = []

    def meanwhile(self, *argv: str) -> None:
        """Send a command from another client while a script runs."""

        def say(seconds: float = 0) -> None:
            self.received += decode(self.send(*argv, session=self.other))

        self.server.host.serve_clients = say

    def test_kill(self) -> None:
        """SCRIPT KILL ends a script that catches errors."""
        self.meanwhile("SCRIPT", "KILL")
        reply = self.run_command("EVAL", "while true do pcall(function() while true do end end) end", 0)
        self.assertIn("killed", reply)
        self.assertEqual("OK", self.received[0])
        self.assertReply(1, "EVAL", "return 1", 0)

    def test_from_file(self) -> None:
        """While a file is loaded no client is served during its scripts; only a shutdown interrupts them."""
        self.server.host.serve_clients = lambda seconds=0: self.fail()
        with self.server.scripting.from_file():
            self.assertReply(1, "EVAL", "for i = 1, 1000000 do end return 1", 0)
            self.server.stopping = True
            self.assertIn("server is shutting down", self.run_command("EVAL", "while true do end", 0))

    def test_kill_whatever_it_does(self) -> None:
        """A script can neither catch nor evade SCRIPT KILL by calls, coroutines, metamethods or its return value."""
        patience = []

        def kill_at_last(seconds: float = 0) -> None:
            patience.append(0)
            if len(patience) > 100:
                self.assertReply("OK", "SCRIPT", "KILL", session=self.other)

        self.server.host.serve_clients = kill_at_last
        for script in ENDLESS:
            self.assertIn("killed", self.run_command("EVAL", script.replace("FOREVER", "while true do end"), 0), script)
            patience.clear()
            self.assertReply(1, "EVAL", "return 1", 0)

    def test_kill_between_slow_commands(self) -> None:
        """A script that spends its time in commands is killed between two of them."""
        self.meanwhile("SCRIPT", "KILL")
        self.run_command("RPUSH", "l", 1)
        reply = self.run_command("EVAL", "for i = 1, 100 do redis.call('LRANGE', 'l', 0, -1) end", 0)
        self.assertIn("killed", reply)

    def test_end_of_the_server(self) -> None:
        """A shutdown ends a script even after a write and before the busy threshold."""
        self.run_command("CONFIG", "SET", "busy-reply-threshold", 10**9)
        self.server.stopping = True
        self.assertIn("killed", self.run_command("EVAL", "redis.call('SET', 'k', 1) while true do end", 0))

    def test_transaction(self) -> None:
        """EXEC during a busy script discards the transaction, as its commands could have been refused."""
        replies: list[object] = []
        self.send("MULTI", session=self.other)
        self.send("SET", "k", 1, session=self.other)

        def say(seconds: float = 0) -> None:
            if not replies:
                words = "EXEC", "MULTI", "PING", "DISCARD", "DISCARD", "SCRIPT KILL"
                replies.extend(self.run_command(*word.split(), session=self.other) for word in words)

        self.server.host.serve_clients = say
        self.run_command("EVAL", "while true do end", 0)
        abort, *others = replies
        self.assertEqual(Error(f"EXECABORT Transaction discarded because of: {BUSY_SCRIPT}"), abort)
        self.assertEqual(["OK", Error(BUSY_SCRIPT), "OK", Error("ERR DISCARD without MULTI"), "OK"], others)
        self.assertReply(None, "GET", "k", session=self.other)

    def test_unkillable(self) -> None:
        """A script that has written cannot be killed: UNKILLABLE."""
        self.meanwhile("SCRIPT", "KILL")
        self.assertReply(1, "EVAL", "redis.call('SET', 'k', 1) for i = 1, 1e6 do end return 1", 0)
        self.assertEqual({Error(UNKILLABLE)}, set(self.received))

    def test_other_kind(self) -> None:
        """FUNCTION KILL does not end a script: BUSY."""
        self.meanwhile("FUNCTION", "KILL")
        self.assertReply(1, "EVAL", "for i = 1, 1e6 do end return 1", 0)
        self.assertTrue(str(self.received[0]).startswith("BUSY"))

    def test_function_stats(self) -> None:
        """FUNCTION STATS is BUSY while a script runs; while a function runs, it describes it."""
        self.meanwhile("FUNCTION", "STATS")
        self.assertReply(1, "EVAL", "for i = 1, 1e6 do end return 1", 0)
        self.assertEqual(Error(BUSY_SCRIPT), self.received[0])
        self.received.clear()
        body = "redis.register_function('f', function() for i = 1, 1e6 do end return 1 end)"
        self.run_command("FUNCTION", "LOAD", "#!lua name=l\n" + body)
        self.assertReply(1, "FCALL", "f", 0)
        described: Any = self.received[0]
        self.assertEqual([b"name", b"f"], described[1][:2])

    def test_not_busy(self) -> None:
        """Without a running script or function, KILL returns NOTBUSY."""
        self.assertError(NOT_BUSY, "SCRIPT", "KILL")
        self.assertError(NOT_BUSY, "FUNCTION", "KILL")
