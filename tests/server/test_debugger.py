"""SCRIPT DEBUG: sessions of the debugger print the same lines as redis-server's, in each mode."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ..support.client import Client, encode
from ..support.oracles import find_program
from ..support.servers import MODES, Redis, Tseep, until

LONG = """local a = 5
local t = {1, 2, {x = 'y'}}
local s = 'q"\\n'
local function f(n)
  local z = n + 1
  return z
end
local r = f(a)
redis.call('set', KEYS[1], ARGV[1])
local v = redis.call('get', KEYS[1])
redis.debug('here', v, t, nil, true)
redis.breakpoint()
local w = redis.call('hgetall', 'h')
return {a, v}

"""

THREAD = """local function g(x)
 return x * 2
end
local c = coroutine.wrap(function(i)
  local inner = i
  return g(inner)
end)
return c(4)"""

RESP3 = """redis.setresp(3)
local a = redis.call('hgetall', 'h')
local b = redis.call('smembers', 'se')
local c = redis.call('zscore', 'z', 'm')
local d = redis.call('get', 'none')
return 1"""

SESSIONS = [
    (LONG, "help|l|l 3|list 3 1|w|p|print a|b|b 5 13|b 99|b x|b|l|n|s|s|p t|p s|p f0|p KEYS|p ARGV|p nosuch|c|t|p|p a"
     "|b -5|b -5|b 0|c|s|e 1+1|e return {1,2,3}|e a|e x x|e error('boo')|e KEYS[1]|e redis.call('incr','n')|r get k"
     "|redis lrange l 0 -1|r nosuch|r get|r lpush k x|m|m 10|m 0|foo|redis|c"),
    (LONG, "|".join("s" * 13)),
    (LONG, "abort"),
    (LONG, "s|a"),
    ("return 1", "C"),
    ("return redis.error_reply('My Err')", "s"),
    ("x x", ""),
    ("#!lua flags=no-writes\nlocal a = 1\nreturn redis.call('set', 'a', 1)", "w|s|s"),
    ("local ok, e = pcall(function()\n redis.call('nosuch')\nend)\nreturn redis.pcall('lpush', 'k', 'a')", "s|s|s|s|s"),
    ("redis.call('set', 'k', 1)\nredis.call('lpush', 'k', 'a')\nreturn 1", "s|s"),
    (THREAD, "s|s|s|t|p|p c|s|t|s|s|s|s"),
    ("local t = {}\nt[1]=t\nreturn string.rep('x', 400)", "s|s|p t|m 0|p t|e string.rep('y', 300)|m 100"
     "|e string.rep('y', 300)|c"),
    ("local long = string.rep('y', 300)\nlocal t = {true, nil, 3.5, -1e100}\nreturn 1", "s|p|p long|s|p|p t|e {a=1}"
     "|e {[2]=1}|e nil|e 1,2|e local q = 1|e math.huge|e 0/0|e '\\0\\1\\255\\a\\b\\t\\r\\\\'|e 2^53|e 123456789"
     "|e cjson.null|e print|c"),
    (RESP3, "s|s|s|s|s|r hgetall h|s"),
    ("redis.call('get', 'none')\nredis.call('lpop', 'none', '2')\nredis.call('rpush', 'l', 1, 2, 3, 4, 5, 6, 7, 8, 9)\n"
     "return redis.call('lrange', 'l', 0, -1)", "s|s|s|s"),
    ("for i = 1, 3 do\n  redis.debug(i)\nend\nreturn redis.breakpoint()", "b 2|c|c|c|c"),
    ("local function f()\n return 1\nend\nreturn f() + f()", "b 2|c|t|c|c"),
    ("return 1", "x\0y|\0x|s"),
    ("local a = 1\nnosuch = 3\nreturn a", "s|e nosuch|e nosuch = 3|p redis|s"),
    ("\n\nlocal a = 1\n--c\nreturn a\r\n\r\n", "w|b 4|b 5|l|c|c"),
]  # fmt: skip
"""Scripts, and the commands of the debugger with which each ends."""


def _start(client: Client, mode: str, script: str) -> None:
    assert client("SCRIPT", "DEBUG", mode) == "OK"
    client.send(encode("EVAL", script, "1", "k", "v"))


def _converse(server: Tseep | Redis, mode: str, script: str, commands: str) -> list[str]:
    """Return what a session prints, and the reply of the script after it."""
    with server.connect() as client:
        for words in ("FLUSHALL", "HSET h f v", "SADD se m", "ZADD z 1.5 m", "RPUSH l x"):
            client(*words.split())
    with server.connect() as client:
        _start(client, mode, script)
        printed = [str(client.reply().plain)]
        for line in filter(None, commands.split("|")):
            client.send(encode(*(line.split(" ", 1) if line[:2] in ("e ", "E ") else line.split(" "))))
            printed.append(str(client.reply().plain))
        printed.append(str(client.reply().plain))
    return [re.sub("0x[0-9a-f]+", "ADDRESS", each) for each in printed]


@pytest.mark.parametrize("mode", ["SYNC", "YES"])
def test_sessions(running: Tseep, oracle: Redis, mode: str) -> None:
    """The commands of the debugger, what it prints of scripts, and the reply after the session."""
    for script, commands in SESSIONS:
        assert _converse(running, mode, script, commands) == _converse(oracle, mode, script, commands), script


@pytest.mark.parametrize("option", ["--ldb", "--ldb-sync-mode"])
def test_redis_cli(v2: Tseep, oracle: Redis, option: str, tmp_path: Path) -> None:
    """redis-cli's debugger works; only with SYNC the changes of the script stay."""
    script = tmp_path / "script.lua"
    script.write_text("redis.call('set', KEYS[1], ARGV[1])\nlocal v = redis.call('get', KEYS[1])\nreturn v\n")
    outputs: list[Any] = []
    for server in (v2, oracle):
        with server.connect() as client:
            client("FLUSHALL")
            program = [find_program("redis-cli"), *_target(server), option, "--eval", str(script), "k", ",", "value"]
            done = subprocess.run(
                program,
                input="s\np\nredis get k\ns\np v\nhelp\nrestart\nc\n",
                capture_output=True,
                text=True,
                timeout=60,
            )
            lines = [line for line in done.stdout.splitlines() if line and not line.startswith(_ENDED)]
            outputs.append((lines, done.stderr, client("GET", "k")))
    assert outputs[0] == outputs[1]
    assert outputs[0][2] == (None if option == "--ldb" else b"value")


_ENDED = "(Lua debugging session ended"
"""Printed or not, depending on when redis-cli finds that the connection is closed."""


def _target(server: Tseep | Redis) -> list[str]:
    if isinstance(server.address, str):
        return ["-s", server.address]
    return ["-h", server.address[0], "-p", str(server.address[1])]


def test_others_wait(running: Tseep) -> None:
    """While a script is debugged in the server, other clients wait, and SCRIPT KILL ends the session."""
    with running.connect() as client, running.connect() as other, running.connect() as third:
        _start(client, "SYNC", "return 1")
        client.reply()
        other.send(encode("SET", "k", "1") + encode("GET", "k"))
        assert third("SCRIPT", "KILL") == "OK"
        assert client.reply().plain == ["<endsession>"]
        assert "killed by user" in str(client.reply().plain)
        assert [other.reply().plain, other.reply().plain] == ["OK", b"1"]


@pytest.mark.parametrize("mode", ["SYNC", "YES"])
def test_lost_connection(running: Tseep, mode: str) -> None:
    """A session ends with its connection, in the server and in a child."""
    with running.connect() as other:
        with running.connect() as client:
            _start(client, mode, "redis.call('SET', 'k', 1)\nreturn 1")
            client.reply()
        until(lambda: "cmd=eval" not in str(other("CLIENT", "LIST")), "the client has left")
        assert other("GET", "k") == (b"1" if mode == "SYNC" else None)
        other("DEL", "k")


@pytest.mark.parametrize("mode", MODES)
def test_shutdown(mode: str) -> None:
    """A shutdown waits for no session, and no child outlives the server, even while it evaluates a loop."""
    with Tseep(mode) as server, server.connect() as forked, server.connect() as held:
        _start(forked, "YES", "return 1")
        forked.reply()
        forked.send(encode("EVAL", "while true do end"))
        _start(held, "SYNC", "return 1")
        held.reply()
        assert server.stop() == 0
        assert "Killing debugging session" in server.output


def test_pipeline(v2: Tseep, oracle: Redis) -> None:
    """SCRIPT DEBUG refuses pipelines and unknown modes; EVALSHA is not debugged."""
    answers = []
    for server in (v2, oracle):
        with server.connect() as client:
            client.send(encode("PING") + encode("SCRIPT", "DEBUG", "SYNC"))
            replies = [str(client.reply().plain) for _ in range(2)]
            calls = "SCRIPT DEBUG x", "SCRIPT DEBUG YES", f"EVALSHA {'0' * 40} 0", "SCRIPT DEBUG NO", "EVAL return 0"
            answers.append([*replies, *[str(client(*words.split())) for words in calls]])
    assert answers[0] == answers[1]


def test_commands_after_eval(running: Tseep) -> None:
    """Commands that arrive with a script that a child debugs do not run in the server."""
    with running.connect() as client, running.connect() as other:
        other("DEL", "after")
        assert client("SCRIPT", "DEBUG", "YES") == "OK"
        client.send(encode("EVAL", "return 7", "0") + encode("SET", "after", "1"))
        client.reply()
        client.send(encode("c"))
        assert "<endsession>" in str(client.reply().plain)
        assert client.reply().plain == 7
        assert other("GET", "after") is None
