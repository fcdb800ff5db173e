"""Scripts and functions: what each call answers is the same as from redis-server, in both versions of RESP."""

from __future__ import annotations

from typing import Iterator, List

import pytest

from ..support.client import Reply, encode
from ..support.servers import Redis, Tseep, until

SCRIPTS = {
    "what they return": [
        "return 3.99",
        "return -3.99",
        "return 1e300",
        "return 0/0",
        "return 'text'",
        "return",
        "return nil",
        "return true",
        "return false",
        "return {1, 2, nil, 4}",
        "return {1, {2, {3, 'x'}}, false, true, 3.3}",
        "return {}",
        "return {ok = 'MY'}",
        "return {err = 'MY error'}",
        "return {ok = 1}",
        "return redis.status_reply('MY status')",
        "return redis.error_reply('MY error')",
        "return redis.error_reply('-MY error')",
        "return redis.error_reply('one')",
        "return redis.error_reply()",
        "return redis.error_reply('-one')",
        "return redis.error_reply('-')",
        "return redis.log()",
        "return redis.log(9, 'x')",
        "return redis.setresp(4)",
        "return redis.set_repl(99)",
        "return redis.acl_check_cmd()",
        "return redis.acl_check_cmd('get')",
        "return redis.acl_check_cmd('nosuch')",
        "local t = {} for k, v in pairs(redis.pcall('get')) do t[#t + 1] = k .. tostring(v) end table.sort(t) return t",
        "return {double = 3.5}",
        "return {map = {a = 1}}",
        "return {set = {a = true}}",
        "return {big_number = '12345678901234567890'}",
        "return {verbatim_string = {string = 'x', format = 'mkd'}}",
        "return {{double = 1}, {map = {}}, {err = 'E x'}}",
        "redis.setresp(3) return true",
        "redis.setresp(3) return {true, false}",
        "return function() end",
        "return KEYS",
        "local t = {} for i = 1, 9000 do t[i] = i end return t",
        "local t = {} for i = 1, 100 do t = {t} end return t",
    ],
    "what commands give them": [
        "return redis.call('set', KEYS[1], ARGV[1])",
        "return redis.call('get', KEYS[1])",
        "return type(redis.call('get', 'none'))",
        "return redis.call('set', 'n', 10.5)",
        "return redis.call('incrbyfloat', 'n', 0.25)",
        "return redis.call('incr', 'counter') + 1",
        "return redis.call('set', 'n', 1e17) and redis.call('get', 'n')",
        "return redis.call('set', 'n', 1e15, 'px', 1e15)",
        "return redis.call('set', 'x', '1').ok",
        "return redis.pcall('lpush', 'x', '1').err",
        "redis.call('hset', 'h', 'f', 'v') return redis.call('hgetall', 'h')",
        "redis.setresp(3) return redis.call('hgetall', 'h')",
        "redis.setresp(3) return redis.call('hgetall', 'h').map.f",
        "redis.call('sadd', 's', 'm') return redis.call('smembers', 's')",
        "redis.setresp(3) return redis.call('smembers', 's').set.m",
        "redis.call('zadd', 'z', 1.5, 'm') return redis.call('zscore', 'z', 'm')",
        "redis.setresp(3) return redis.call('zscore', 'z', 'm').double",
        "redis.setresp(3) return redis.call('zscore', 'z', 'm')",
        "redis.setresp(3) return type(redis.call('get', 'none'))",
        "return redis.call('zrange', 'z', 0, -1, 'withscores')",
        "return redis.call('type', 'z')",
        "return redis.call('time')[3]",
        "return redis.call('select', 3) and redis.call('set', 'in3', 1)",
        "return redis.call('exists', 'in3')",
        "return {redis.call('rpush', 'l', unpack({'a', 'b', 'c'})), redis.call('lrange', 'l', 0, -1)}",
        "return redis.acl_check_cmd('get', 'x')",
        "local known = redis.acl_check_cmd('nosuch') return known",
        "return redis.REDIS_VERSION .. redis.REDIS_VERSION_NUM",
        "return redis.replicate_commands()",
        "return redis.set_repl(redis.REPL_ALL)",
        "return redis.breakpoint()",
        "return redis.log(redis.LOG_DEBUG, 'quiet')",
        "return redis.sha1hex('a')",
    ],
    "what is refused": [
        "return redis.call()",
        "return redis.call('nosuch')",
        "return redis.call('get')",
        "return redis.call('get', {})",
        "return redis.call('get', nil)",
        "return redis.call('config', 'nosuch')",
        "return redis.call('config')",
        "return redis.call('multi')",
        "return redis.call('blpop', 'nolist', 0)",
        "return redis.call('subscribe', 'x')",
        "return redis.call('eval', 'return 1', 0)",
        "return redis.call('hello')",
        "local a\n\nreturn redis.call('nosuch')",
        "redis.call('set', 'str', '1') redis.call('lpush', 'str', 1)",
        "return redis.pcall('nosuch')",
        "return redis.pcall('lpush', 'str', 1)",
        "local ok, e = pcall(redis.call, 'nosuch') return {tostring(ok), e}",
        "local ok, e = pcall(redis.call, 'lpush', 'str', 1) return {tostring(ok), e}",
        "return pcall(function() error('x') end)",
        "local ok, e = pcall(error, {err = 'MINE'}) return e",
        "local ok, e = xpcall(function() redis.call('nosuch') end, function(e) return e.err end) return e",
        "local c = coroutine.create(function() redis.call('nosuch') end) local _, e = coroutine.resume(c) return e.err",
        "error('x')",
        "error({err = 'My error'})",
        "error({err = 'My error', ok = 'x'})",
        "local function f() error('deep') end f()",
        "return nosuch",
        "x = 1",
        "_G.x = 1",
        "redis.x = 1",
        "string.x = 1",
        "rawset(_G, 'x', 1)",
        "setmetatable(_G, {})",
        "getmetatable('').__index = nil",
        "return os",
        "return io",
        "return require",
        "return print",
        "return dofile",
        "return loadfile",
        "return debug",
        "return package",
        "return string.dump(function() end) and 1",
        "return loadstring('return 7')()",
        "return loadstring('\\27Lua')",
        "return tostring(loadstring(string.dump(function() return 1 end)))",
        "return load(function() return nil end)()",
        "return setfenv",
        "return newproxy",
        "if",
        "return 1 +",
        "local t = {} t[nil] = 1",
        "return 1 + {}",
        "return #nil",
        "return #{unpack({}, 1, 7999)}",
        "return #{unpack({}, 1, 7000)}",
        "local function f() return f() + 1 end return f()",
        "return {x = 1} < {x = 2}",
    ],
    "their libraries": [
        "return cjson.encode({1, 2, {a = 'x'}})",
        "return cjson.encode({})",
        "return cjson.encode({[1] = 1, [3] = 3})",
        "return cjson.encode('\\n\\\"/\\127')",
        "return cjson.encode(1.5) .. cjson.encode(1e20) .. cjson.encode(true)",
        "return cjson.encode(cjson.null)",
        "local text = cjson.encode({a = function() end}) return text",
        'return cjson.decode(\'[1, \\"x\\", null, true, {\\"a\\": [2.5]}]\')[5].a[1] * 2',
        "local value = cjson.decode('[1, 2') return value",
        "local value = cjson.decode('nonsense') return value",
        "return cjson.decode('[null]')[1] == cjson.null",
        "return cjson.decode('\\\"\\\\u00e9\\\"')",
        "return cmsgpack.pack({1, 'x', {a = true}}, 2.5)",
        "return {cmsgpack.unpack(cmsgpack.pack(1, 'x', {3, 4}, 2.5, nil, true))}",
        "return cmsgpack.unpack('\\x93')",
        "return struct.pack('>HBs', 258, 3, 'x')",
        "return {struct.unpack('>HBs', '\\1\\2\\3x\\0')}",
        "return struct.size('>Hd')",
        "return bit.tohex(bit.bxor(65535, 255))",
        "return {bit.band(-1, 255), bit.lshift(1, 31), bit.rol(2147483648, 1)}",
        "math.randomseed(7) return {math.random(100), math.random(100), math.random(5, 6)}",
        "return string.format('%5.2f|%d|%s|%q', 3.14159, 42, 'x', 'y')",
        "return ('x'):rep(3) .. #'abc' .. ('abc'):upper()",
        "local t = {3, 1, 2} table.sort(t) return t",
        "return table.concat({1, 2, 3}, ',')",
        "return {tostring(1e15), tostring(2^53), 10 / 2, 7 % 3, 2 ^ 10}",
        "return {string.byte('abc', 1, -1)}",
        "local r = {} for k, v in string.gmatch('a=1,b=2', '(%w+)=(%w+)') do r[#r + 1] = k .. v end return r",
        "return {(string.gsub('hello', 'l', 'L'))}",
        "return {tonumber('0x10'), tonumber('10', 2), tonumber('x') == nil}",
        "return select('#', 1, 2, 3)",
        "local t = {} for k in pairs(redis) do t[#t + 1] = k end table.sort(t) return t",
        "local c = cjson.new() c.encode_sparse_array(true) local t = c.encode({[100] = 1}) return t",
        "local c = cjson.new() c.encode_max_depth(2) local t = c.encode({{{1}}}) return t",
        "local c = cjson.new() c.decode_max_depth(2) local t = c.decode('[[[1]]]') return 1",
        "local c = cjson.new() return {c.encode_invalid_numbers('null'), c.encode({1 / 0})}",
        "local c = cjson.new() c.decode_invalid_numbers(false) local t = c.decode('[NaN]') return 1",
        "local r = cjson.encode_number_precision(15) return r",
        "local r = cjson.encode_keep_buffer('zz') return r",
        "local r = cjson.decode('+1') return r",
        "local t = struct.pack('i33', 1) return t",
        "local t = struct.pack('!3i', 1) return t",
        "local t = struct.pack('i') return t",
        "local t = struct.unpack('c0', 'x') return t",
        "local t = struct.unpack('s', 'x') return t",
        "return {bit.tobit(1e20), bit.tobit(2.5), bit.tohex(255, -3), bit.bnot(0, {})}",
        "local t = bit.band(1, {}, 'x') return t",
        "return {cmsgpack.unpack_limit(cmsgpack.pack(1, 2), 0, 0)}",
        "return {tostring(cmsgpack.unpack('\\207\\255\\255\\255\\255\\255\\255\\255\\255'))}",
        "return cjson.null.x",
    ],
    "what they say of themselves": [
        "#!lua\nreturn 1",
        "#!lua flags=no-writes\nreturn redis.call('set', 'a', 'b')",
        "#!lua flags=no-writes,allow-stale\n\nreturn redis.call('get', 'none')",
        "#!lua flags=\nreturn 2",
        "#!lua flags=nosuch\nreturn 1",
        "#!lua nosuch=1\nreturn 1",
        "#!python\nreturn 1",
        "#!lua",
        "#!\nreturn 1",
        "#! lua\nreturn 1",
        "#!lua flags=no-writes,\nreturn 1",
        "#!lua flags=no-writes flags=allow-oom\nreturn redis.call('set', 'a', 'b')",
    ],
}

COMMANDS = [
    ["EVAL", "return 1", "1"],
    ["EVAL", "return 1", "-1"],
    ["EVAL", "return 1", "x"],
    ["EVAL", "if", "1"],
    ["EVAL", "return {KEYS[1], ARGV[1], ARGV[2], #ARGV}", "1", "k", "a"],
    ["EVAL", "return {#KEYS, #ARGV}", "2", "k", "a"],
    ["EVALSHA", "ffff", "0"],
    ["EVALSHA", "f" * 40, "0"],
    ["EVALSHA", "f" * 40, "1"],
    ["SCRIPT", "LOAD", "return 1"],
    ["SCRIPT", "LOAD", "if"],
    ["EVALSHA", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
    ["EVALSHA", "E0E1F9FABFC9D4800C877A703B823AC0578FF8DB", "0"],
    ["EVALSHA_RO", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "0"],
    ["SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db", "x"],
    ["FLUSHALL"],
    ["SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"],
    ["SCRIPT", "EXISTS"],
    ["SCRIPT", "FLUSH", "x"],
    ["SCRIPT", "FLUSH", "ASYNC"],
    ["SCRIPT", "EXISTS", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"],
    ["SCRIPT", "FLUSH"],
    ["SCRIPT", "KILL"],
    ["SCRIPT", "DEBUG", "x"],
    ["SCRIPT", "DEBUG", "NO"],
    ["EVAL_RO", "return redis.call('set', 'a', 'b')", "0"],
    ["EVAL_RO", "return redis.call('publish', 'a', 'b')", "0"],
    ["EVAL_RO", "return redis.call('get', 'none')", "0"],
    ["EVAL_RO", "#!lua\nreturn 1", "0"],
    ["EVAL_RO", "#!lua flags=no-writes\nreturn 1", "0"],
    ["CONFIG", "SET", "lua-time-limit", "4000"],
    ["CONFIG", "GET", "busy-reply-threshold"],
    ["CONFIG", "SET", "busy-reply-threshold", "5000"],
]

_LIBRARY = """#!lua name=lib

local function add(keys, args)
  return redis.call('incrby', keys[1], args[1])
end

redis.register_function('add', add)
redis.register_function{function_name = 'look', callback = function(keys) return redis.call('get', keys[1]) end,
  flags = {'no-writes', 'allow-stale'}, description = 'Looks.'}
redis.register_function{function_name = 'sly', callback = function(keys) return redis.call('set', keys[1], 1) end,
  flags = {'no-writes'}}
redis.register_function('fail', function() error('no') end)
redis.register_function('state', function() counter = 1 end)
redis.register_function('more', function() redis.register_function('x', function() end) end)
"""


def _registering(code: str) -> List[str]:
    return ["FUNCTION", "LOAD", f"#!lua name=other\n{code}"]


FUNCTIONS = [
    ["FUNCTION", "FLUSH"],
    ["FUNCTION", "LOAD", _LIBRARY],
    ["FUNCTION", "LOAD", _LIBRARY],
    ["FUNCTION", "LOAD", "REPLACE", _LIBRARY],
    ["FUNCTION", "LOAD", "NONSENSE", _LIBRARY],
    ["FCALL", "add", "1", "n", "5"],
    ["FCALL", "add", "1", "n", "x"],
    ["FCALL", "ADD", "1", "n", "1"],
    ["FCALL", "add", "2", "n"],
    ["FCALL", "add", "-1", "n"],
    ["FCALL", "add", "x", "n"],
    ["FCALL", "nosuch", "x"],
    ["FCALL_RO", "add", "1", "n", "5"],
    ["FCALL_RO", "look", "1", "n"],
    ["FCALL", "look", "1", "n"],
    ["FCALL", "sly", "1", "n"],
    ["FCALL", "fail", "0"],
    ["FCALL", "state", "0"],
    ["FCALL", "more", "0"],
    ["FUNCTION", "STATS"],
    ["FUNCTION", "KILL"],
    ["FUNCTION", "LIST", "NONSENSE"],
    ["FUNCTION", "LIST", "LIBRARYNAME"],
    ["FUNCTION", "LIST", "LIBRARYNAME", "x*"],
    ["FUNCTION", "LIST", "WITHCODE", "WITHCODE"],
    ["FUNCTION", "LOAD", "return 1"],
    ["FUNCTION", "LOAD", "#!lua name=x"],
    ["FUNCTION", "LOAD", "#!lua\n"],
    ["FUNCTION", "LOAD", "#!lua name=x name=y\n"],
    ["FUNCTION", "LOAD", "#!lua foo=x\n"],
    ["FUNCTION", "LOAD", "#!lua name=a-b\n"],
    ["FUNCTION", "LOAD", "#!python name=x\n"],
    _registering(""),
    _registering("if"),
    _registering("error('x')"),
    _registering("redis.call('get', 'x')"),
    _registering("return nosuch"),
    _registering("redis.register_function('add', function() end)"),
    _registering("redis.register_function('a-b', function() end)"),
    _registering("redis.register_function('a', function() end) redis.register_function('a', function() end)"),
    _registering("redis.register_function()"),
    _registering("redis.register_function('a')"),
    _registering("redis.register_function({}, function() end)"),
    _registering("redis.register_function(1, function() return 1 end)"),
    ["FCALL", "1", "0"],
    ["FUNCTION", "DELETE", "other"],
    _registering("redis.register_function('a', 1)"),
    _registering("redis.register_function{callback = function() end}"),
    _registering("redis.register_function{function_name = 'a'}"),
    _registering("redis.register_function{function_name = true, callback = function() end}"),
    _registering("redis.register_function{function_name = 'a', callback = 1}"),
    _registering("redis.register_function{function_name = 'a', callback = function() end, flags = 1}"),
    _registering("redis.register_function{function_name = 'a', callback = function() end, flags = {'x'}}"),
    _registering("redis.register_function{function_name = 'a', callback = function() end, description = {}}"),
    _registering("redis.register_function{function_name = 'a', callback = function() end, x = 1}"),
    _registering("redis.register_function{[true] = 1}"),
    ["FUNCTION", "DELETE", "nosuch"],
    ["FUNCTION", "DELETE", "lib"],
    ["FUNCTION", "LOAD", "#!LUA name=one\nredis.register_function('one', function() return 1 end)"],
    ["FUNCTION", "LIST"],
    ["FUNCTION", "LIST", "LIBRARYNAME", "o*", "WITHCODE"],
    ["FUNCTION", "LIST", "LIBRARYNAME", "O*"],
    ["FUNCTION", "FLUSH", "SYNC", "x"],
    ["FLUSHALL"],
    ["FCALL", "one", "0"],
    ["FUNCTION", "FLUSH", "x"],
    ["FUNCTION", "FLUSH", "ASYNC"],
    ["FCALL", "one", "0"],
]


def _answers(server: Tseep | Redis, protocol: int, calls: List[List[str]]) -> List[Reply]:
    with server.connect() as client:
        client("FLUSHALL")
        client("SCRIPT", "FLUSH")
        client("HELLO", str(protocol))
        return [client.ask(*[_raw(word) for word in words]) for words in calls]


def _raw(word: str) -> bytes:
    return word.encode("latin-1")


def _compare(ours: Tseep, theirs: Redis, protocol: int, calls: List[List[str]]) -> None:
    different = [
        f"{words}\n    tseep: {mine}\n    redis: {other}"
        for words, mine, other in zip(calls, _answers(ours, protocol, calls), _answers(theirs, protocol, calls))
        if mine != other
    ]
    assert not different, f"{len(different)} replies differ:\n" + "\n".join(different)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", SCRIPTS)
def test_scripts(v2: Tseep, oracle: Redis, group: str, protocol: int) -> None:
    """Scripts see and return what they do in redis-server."""
    _compare(v2, oracle, protocol, [["EVAL", script, "1", "key", "value"] for script in SCRIPTS[group]])


@pytest.mark.parametrize("protocol", [2, 3])
def test_commands(v2: Tseep, oracle: Redis, protocol: int) -> None:
    """The commands about scripts answer as redis-server's."""
    _compare(v2, oracle, protocol, COMMANDS)


@pytest.mark.parametrize("protocol", [2, 3])
def test_functions(v2: Tseep, oracle: Redis, protocol: int) -> None:
    """The commands about functions answer as redis-server's."""
    _compare(v2, oracle, protocol, FUNCTIONS)


@pytest.fixture
def hasty(running: Tseep) -> Iterator[Tseep]:
    """A server in each mode for which a tenth of a second is long."""
    with running.connect() as client:
        client("CONFIG", "SET", "busy-reply-threshold", "100")
        yield running
        client("CONFIG", "SET", "busy-reply-threshold", "5000")


def test_kill(hasty: Tseep) -> None:
    """A script that runs for long lets others hear that, and SCRIPT KILL end it, though it catches all errors."""
    with hasty.connect() as scripter, hasty.connect() as other:
        scripter.send(encode("EVAL", "while true do pcall(function() while true do end end) end", "0"))
        scripter.send(encode("PING"))
        until(lambda: str(other("PING")).startswith("BUSY"), "others hear that a script runs")
        with hasty.connect() as late:
            assert str(late("GET", "k")).startswith("BUSY")
        assert str(other("FUNCTION", "KILL")).startswith("BUSY")
        running_script = other("FUNCTION", "STATS")[1]
        assert running_script[3][0] == b"EVAL" and int(running_script[5]) >= 100
        assert other("SCRIPT", "KILL") == "OK"
        assert "killed" in str(scripter.reply().plain)
        assert scripter.reply().plain == "PONG"
        assert other("PING") == "PONG"


def test_unkillable(hasty: Tseep) -> None:
    """A script that has changed something is not ended by SCRIPT KILL; its changes are seen as one."""
    script = "redis.call('SET', 'n', 1) for i = 1, 3e7 do end return redis.call('INCR', 'n')"
    with hasty.connect() as scripter, hasty.connect() as other:
        scripter.send(encode("EVAL", script, "0"))
        until(lambda: str(other("SCRIPT", "KILL")).startswith("UNKILLABLE"), "the script cannot be ended")
        assert scripter.reply().plain == 2


def test_end_of_the_server() -> None:
    """A server that is to end does not wait for a script that never does."""
    for mode in ("v1", "v2", "v3"):
        with Tseep(mode, "--busy-reply-threshold", "100") as server, server.connect() as client:
            client.send(encode("EVAL", "while true do end", "0"))
            with server.connect() as other:
                until(lambda other=other: str(other("PING")).startswith("BUSY"), "a script runs")
            assert server.stop() == 0, server.output
