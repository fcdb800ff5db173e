"""Scripts and functions: each call returns the same as from redis-server, in RESP2 and RESP3."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from signal import SIGTERM

import pytest

from ..support.client import Reply, encode
from ..support.servers import MODES, Process, Redis, Tseep, until

REGISTERS = "redis.register_function('f', function() return 1 end)"
ENDLESS = f"#!lua name=endless\n{REGISTERS} local n = 1 while true do n = n + 1 end"
"""A library whose code does not end."""

SCRIPTS = {
    "results": [
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
        "return redis.set_repl(0/0)",
        "return redis.set_repl(2^32)",
        "return redis.setresp(math.huge)",
        "return redis.setresp(2.9)",
        "return redis.setresp({})",
        "return redis.log(0/0, 'x')",
        "return redis.log(-1/0, 'x')",
        "return redis.log(3.9, 'x')",
        "return redis.log(1e300, 'x')",
        "redis.setresp(3) return {big_number = string.rep('9', 10000)}",
        "redis.setresp(3) return {big_number = 'a\\r\\nb'}",
        "redis.setresp(3) return {verbatim_string = {string = 'x', format = ''}}",
        "redis.setresp(3) return {verbatim_string = {string = 'x', format = 'a'}}",
        "redis.setresp(3) return {verbatim_string = {string = 'x', format = 'markdown'}}",
        "return redis.acl_check_cmd('config', 'get')",
        "return redis.acl_check_cmd('set')",
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
    "replies of commands": [
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
        "return redis.call('xread', 'block', '0', 'streams', 'stream', '$')",
        "return redis.pcall('XREAD', 'BLOCK', 'x', 'STREAMS', 'stream', '$')",
        "return redis.call('xreadgroup', 'group', 'g', 'c', 'block', '0', 'streams', 'stream', '>')",
        "return redis.call('xread', 'streams', 'block', '0')",
        "local t = {'rpush', 'many'} for i = 1, 7900 do t[i + 2] = i end return redis.call(unpack(t))",
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
    "errors": [
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
        "local ok, e = xpcall(error, function() error('x') end) return tostring(e)",
        "local ok, e = xpcall(error, 5) return tostring(e)",
        "local ok, e = xpcall(error, function() return nil, 1 end) return tostring(e)",
        "local ok, e = xpcall(function() error({'x'}) end, function(e) return e end) return e",
        "local function f() return f() + 1 end local ok, e = xpcall(f, function(e) return 'late: ' .. e end) return e",
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
    "libraries": [
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
        "math.randomseed(1/0) return tostring(math.random())",
        "math.randomseed(2^32 + 1) return tostring(math.random())",
        "math.randomseed(-5.7) return tostring(math.random())",
        "local n = math.random(0/0) return n",
        "local n = math.random(1, 1/0) return n",
        "local s = cmsgpack.unpack_one('x', 0/0) return s",
        "local s = cmsgpack.unpack_one('xx', 2^32 + 1) return s",
        "local s = cmsgpack.unpack_limit('x', 1/0) return s",
        "local s = cmsgpack.unpack_limit('\\1\\2', 2^33) return s",
        "local s = struct.pack('i' .. ('9'):rep(5000), 1) return s",
        "local s = struct.pack('i\\178', 1) return s",
        "local s = struct.pack('b', '0x' .. ('f'):rep(5000)) return s",
        "local n = struct.unpack('b', 'abc', 0/0) return n",
        "local n = struct.unpack('dc0', struct.pack('d', 1/0) .. 'abc') return n",
        "local n = struct.unpack('dc0', struct.pack('d', 0/0) .. 'abc') return n",
        "local n = bit.tobit(1/0) return n",
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
    "places of errors": [
        "\n\nreturn cjson.decode('{')",
        "return cjson.decode()",
        "return cjson.encode(function() end)",
        "return setmetatable(1, 2)",
        "return next({}, 'x')",
        "return next()",
        "return pairs()",
        "return rawget(1)",
        "return rawset(1, 2, 3)",
        "return bit.tobit('x')",
        "return bit.rol(1)",
        "return struct.pack('z', 1)",
        "return struct.unpack('i', '')",
        "return cmsgpack.unpack(nil)",
        "return cmsgpack.unpack()",
        "return cmsgpack.unpack_one('', 5)",
        "return math.random(0)",
        "return math.random(1, 2, 3)",
        "return math.randomseed()",
        "return coroutine.resume()",
        "return loadstring()",
        "return load(1)",
        "return redis.call('nosuch')",
        "return redis.setresp(9)",
        "local decode = cjson.decode\nlocal function f(x)\nreturn decode(x) end\nreturn f('{')",
        "local pack = struct.pack pack('z')",
        "return {pcall(struct.pack, 'z', 1)}",
        "return {pcall(setmetatable, 1, 2)}",
        "return {pcall(math.random, 0)}",
        "return {pcall(cjson.decode, '{')}",
        "return {pcall(redis.call, 'nosuch')}",
        "local function f() error('x', 2) end\nf()",
        "return loadstring('return cjson.decode(\"{\")', '=me')()",
    ],
    "read-only tables": [
        "table.insert(redis, 1)",
        "table.insert(cjson, 1, 2)",
        "table.insert(_G, 1)",
        "setmetatable(redis, {})",
        "getmetatable(_G).__index = nil",
        "getmetatable('').__index = nil",
        "return {getmetatable(redis)}",
        "return {getmetatable(math)}",
        "return type(getmetatable(_G))",
        "return {getmetatable(setmetatable({}, {__metatable = 5}))}",
        "setmetatable(setmetatable({}, {__metatable = 1}), {})",
        "setmetatable({})",
        "table.insert()",
        "table.insert({}, 1, 2, 3)",
        "table.insert({}, 'x', 2)",
        "local t = {} table.insert(t, 1) table.insert(t, 1, 2) table.insert(t, '1', 3) return t",
    ],
    "many values": [
        *[
            f"return {{unpack({{1, 2, 3}}, {range})}}"
            for range in (
                "-2, 0x7fffffff",
                "0, 0x7fffffff",
                "-2147483648, 2147483647",
                "-1, -2147483648",
                "2",
                "'2', '3'",
                "1.9, 2.9",
                "'x'",
                "1, 1e300",
                "-1e300, 3",
                "nil, nil",
                "1, 7997",
                "1, 7998",
            )
        ],
        *[
            f"local t = {{}} for i = 1, {count} do t[i] = i end return redis.call('RPUSH', 'l', unpack(t))"
            for count in (7899, 7990, 7999, 8000)
        ],
        "local t = {} for i = 1, 7999 do t[i] = i end t[7950] = {} return redis.call('RPUSH', 'l', unpack(t))",
        "local function f(n) if n == 0 then return 7 end return f(n - 1) end return f(100000)",
        "local t = {} function t:f(n) if n == 0 then return 7 end return self:f(n - 1) end return t:f(100000)",
        "return redis.call('ECHO', 0/0)",
        "return redis.call('ECHO', -(0/0))",
    ],
    "negative zero": [
        "return redis.call('ECHO', -0)",
        "return redis.pcall('ECHO', 0 * -1)",
        "return {redis.call('RPUSH', 'l', 0, -0, 1, 2, 3, 4, 5, 6, -0), redis.call('LRANGE', 'l', 0, -1)}",
        "local t = {} for i = 1, 7950 do t[i] = -0 end redis.call('RPUSH', 'm', unpack(t)) "
        "return redis.call('LRANGE', 'm', -2, -1)",
        "return {redis.sha1hex(-0), redis.sha1hex(0)}",
        "return {-0, 1}",
        "return {double=-0}",
        "return {double=0}",
        "return {double=0/0}",
        "return {double=-(0/0)}",
        "redis.setresp(3) redis.call('SET', 'n', 1) return {map={[-0]=-0}}",
        "return {struct.pack('d', -0), struct.pack('>f', -0), struct.pack('s', -0), struct.pack('i4', -0)}",
        "return {struct.unpack('d', struct.pack('d', -0)), tostring(struct.unpack('d', struct.pack('d', -0)))}",
        "return {cmsgpack.pack(-0), cjson.encode({-0}), cjson.encode({[-0]=1}), bit.tohex(-0), tostring(-0)}",
        "return redis.acl_check_cmd('get', -0)",
        "error(-0)",
    ],
    "shebang lines": [
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
        "#!lua \"flags=no-writes\"\nreturn redis.call('set', 'a', 'b')",
        "#!lua flags='no-writes'\nreturn redis.call('set', 'a', 'b')",
        '#!lua "flags\nreturn 1',
    ],
    "stack overflows": [
        "return select('#', cmsgpack.unpack(string.rep('\\1', 7990)))",
        "local n = select('#', cmsgpack.unpack(string.rep('\\1', 8100))) return n",
        "local n = select('#', cmsgpack.unpack_limit(string.rep('\\1', 8100), 8050)) return n",
        "local n = select('#', struct.unpack(string.rep('b', 7990), string.rep('x', 7990))) return n",
        "local n = select('#', struct.unpack(string.rep('b', 9000), string.rep('x', 9000))) return n",
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


def _registering(code: str) -> list[str]:
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
    ["FUNCTION", "LOAD", f'#!lua name="quoted"\n{REGISTERS}'],
    ["FUNCTION", "DELETE", "quoted"],
    ["FUNCTION", "LOAD", f'#!lua name="quoted\n{REGISTERS}'],
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
    ["FUNCTION", "LOAD", "#!lua name=late\nlocal r = redis.register_function r('late', function() r('x', r) end)"],
    ["FCALL", "late", "0"],
    [
        "FUNCTION",
        "LOAD",
        "#!lua name=endless\nredis.register_function('e', function() end) while true do end",
    ],
    ["FUNCTION", "LOAD", "REPLACE", "#!lua name=late\nwhile true do end"],
    ["FUNCTION", "LIST", "LIBRARYNAME", "endless"],
    ["FCALL", "late", "0"],
    ["FUNCTION", "DELETE", "late"],
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


def _answers(server: Tseep | Redis, protocol: int, calls: list[list[str]]) -> list[Reply]:
    with server.connect() as client:
        client("FLUSHALL")
        client("SCRIPT", "FLUSH")
        client("HELLO", str(protocol))
        return [client.ask(*[_raw(word) for word in words]) for words in calls]


def _raw(word: str) -> bytes:
    return word.encode("latin-1")


def _compare(ours: Tseep, theirs: Redis, protocol: int, calls: list[list[str]]) -> None:
    different = [
        f"{words}\n    tseep: {mine}\n    redis: {other}"
        for words, mine, other in zip(calls, _answers(ours, protocol, calls), _answers(theirs, protocol, calls))
        if mine != other
    ]
    assert not different, f"{len(different)} replies differ:\n" + "\n".join(different)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("group", SCRIPTS)
def test_scripts(v2: Tseep, oracle: Redis, group: str, protocol: int) -> None:
    """Scripts see and return the same values as in redis-server."""
    _compare(v2, oracle, protocol, [["EVAL", script, "1", "key", "value"] for script in SCRIPTS[group]])


@pytest.mark.parametrize("protocol", [2, 3])
def test_commands(v2: Tseep, oracle: Redis, protocol: int) -> None:
    """EVAL, SCRIPT and related commands reply as redis-server's."""
    _compare(v2, oracle, protocol, COMMANDS)


@pytest.mark.parametrize("protocol", [2, 3])
def test_functions(v2: Tseep, oracle: Redis, protocol: int) -> None:
    """FUNCTION and FCALL reply as redis-server's."""
    _compare(v2, oracle, protocol, FUNCTIONS)


@pytest.fixture
def hasty(running: Tseep) -> Iterator[Tseep]:
    """A server in each mode with a busy-reply-threshold of 0.1 s."""
    with running.connect() as client:
        client("CONFIG", "SET", "busy-reply-threshold", "100")
        yield running
        client("CONFIG", "SET", "busy-reply-threshold", "5000")


@pytest.mark.parametrize("call", ["'geopos', 'key', 'a'", "'georadius_ro', 'key', 1, 1, 1, 'km', 'withcoord'"])
def test_coordinates(v2: Tseep, oracle: Redis, call: str) -> None:
    """Coordinates, which have more digits than other numbers, are numbers for scripts in RESP3, too."""
    script = f"redis.call('geoadd', 'key', 1, 1, 'a') redis.setresp(3) local r = redis.call({call}) "
    script += "if type(r[1][1]) ~= 'table' then r = r[1] end return {type(r[1][1]), tostring(r[1][1].double)}"
    replies = []
    for server in (v2, oracle):
        with server.connect() as client:
            client("DEL", "key")
            replies.append(client("EVAL", script, 0))
    assert replies[0] == replies[1]


def test_kill(hasty: Tseep) -> None:
    """While a slow script runs, other clients get BUSY, and SCRIPT KILL ends it even if it catches all errors."""
    with hasty.connect() as scripter, hasty.connect() as other:
        scripter.send(encode("EVAL", "while true do pcall(function() while true do end end) end", "0"))
        scripter.send(encode("PING"))
        until(lambda: str(other("PING")).startswith("BUSY"), "other clients get BUSY")
        with hasty.connect() as late:
            assert str(late("GET", "k")).startswith("BUSY")
        assert str(other("FUNCTION", "KILL")).startswith("BUSY")
        assert str(other("FUNCTION", "STATS")).startswith("BUSY")
        assert other("SCRIPT", "KILL") == "OK"
        assert "killed" in str(scripter.reply().plain)
        assert scripter.reply().plain == "PONG"
        assert other("PING") == "PONG"


def test_unkillable(hasty: Tseep) -> None:
    """SCRIPT KILL refuses to end a script that has written; its changes become visible at once."""
    script = "redis.call('SET', 'n', 1) for i = 1, ARGV[1] do end return redis.call('INCR', 'n')"
    with hasty.connect() as scripter, hasty.connect() as other:
        received, steps = "", 10**7
        while not received.startswith("UNKILLABLE"):  # until it exceeds the threshold
            steps *= 2
            scripter.send(encode("EVAL", script, "0", steps))
            until(lambda: str(other("GET", "n")) != "None", "the script is busy or has ended")
            received = str(other("SCRIPT", "KILL"))
            assert scripter.reply().plain == 2
            other("DEL", "n")


HELD_UP = [
    "while true do end",
    "redis.call('SET', 'k', 1) while true do pcall(function() while true do end end) end",
    "redis.call('SET', 'k', 1) local function f() while true do end end while true do xpcall(f, f) end",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
]
"""Scripts that do not end."""


@pytest.mark.parametrize("script", HELD_UP)
@pytest.mark.parametrize("mode", MODES)
def test_shutdown_during_a_script(mode: str, script: str) -> None:
    """Shutdown does not wait for a script that does not end, whatever it catches or has changed."""
    for by_command in (False, True):
        with Tseep(mode, "--busy-reply-threshold", "100") as server, server.connect() as client:
            client.send(encode("EVAL", script, "0"))
            with server.connect() as other:
                until(lambda other=other: str(other("PING")).startswith("BUSY"), "the script is busy")  # type: ignore[misc]
                if by_command:
                    other.send(encode("SHUTDOWN", "NOSAVE"))
                else:
                    server.send_signal(SIGTERM)
                assert server.wait() == 0, server.output


def test_kill_of_a_handler(hasty: Tseep) -> None:
    """SCRIPT KILL ends a script whose error handlers do not end."""
    with hasty.connect() as scripter, hasty.connect() as other:
        scripter.send(encode("EVAL", HELD_UP[2].replace("redis.call('SET', 'k', 1)", ""), "0"))
        until(lambda: other("SCRIPT", "KILL") == "OK", "the script is ended")
        assert "killed" in str(scripter.reply().plain)
        assert scripter("PING") == "PONG"


def test_recursion_through_c(running: Tseep) -> None:
    """Infinite recursion through C is an error at Lua's own limit, and does not crash the server."""
    with running.connect() as client:
        for script in (
            "local function f() return (string.gsub('x', '.', f)) end return f()",
            "local function f() table.sort({2, 1, 3}, f) end f()",
            "local function f() coroutine.wrap(f)() end f()",
            "local t t = setmetatable({}, {__index = function() return string.gsub('x', '.', t) end}) return t.x",
        ):
            assert "C stack overflow" in str(client("EVAL", script, 0))
        assert client("PING") == "PONG"


def test_library_that_does_not_end(running: Tseep) -> None:
    """Loading a library that does not end is aborted after a time limit, and changes nothing."""
    with running.connect() as client:
        assert client("FUNCTION", "LOAD", "REPLACE", "#!lua name=l\n" + REGISTERS) == b"l"
        assert "FUNCTION LOAD timeout" in client("FUNCTION", "LOAD", "REPLACE", ENDLESS.replace("endless", "l"))
        assert client("FCALL", "f", 0) == 1
        assert client("FUNCTION", "DELETE", "l") == "OK"


@pytest.mark.parametrize("mode", MODES)
def test_shutdown_while_loading(mode: str, tmp_path: Path) -> None:
    """Shutdown interrupts loading, even of a library that does not end."""
    folder = tmp_path / "appendonlydir"
    folder.mkdir()
    (folder / "appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    path = folder / "appendonly.aof.1.incr.aof"
    path.write_bytes(encode("FUNCTION", "LOAD", ENDLESS))
    options = "--mode", mode, "--listen", "tcp:0:interface=127.0.0.1", "--dir", str(tmp_path), "--appendonly", "yes"
    with Process([sys.executable, "-m", "tseep", *options]) as server:
        until(lambda: path.name in Path(f"/proc/{server.pid}/maps").read_text(), "the file is loaded")
        assert server.stop() == 0, server.output
        assert "ready to exit" in server.output and "Traceback" not in server.output, server.output


def test_exec_while_a_script_runs(v2: Tseep, oracle: Redis) -> None:
    """An EXEC that arrives while a script is busy discards the transaction, and the client continues as with Redis."""
    lines = "EXEC", "EXEC", "DISCARD", "MULTI", "GET k", "DISCARD", "WATCH k", "MULTI", "EXEC x", "EXEC", "SCRIPT KILL"
    assert _meanwhile(v2, lines) == _meanwhile(oracle, lines)


def _meanwhile(server: Tseep | Redis, lines: Sequence[str]) -> list[str]:
    """The replies to a client that began a transaction before another client's script runs."""
    with server.connect() as scripter, server.connect() as client:
        client("DEL", "k")
        assert client("CONFIG", "SET", "busy-reply-threshold", "100") == "OK"
        assert [client("MULTI"), client("SET", "k", 1)] == ["OK", "QUEUED"]
        scripter.send(encode("EVAL", "while true do end", "0"))
        with server.connect() as other:
            until(lambda: str(other("PING")).startswith("BUSY"), "the script is busy")
        answers = [str(client(*line.split())) for line in lines]
        scripter.reply()
        return [*answers, str(client("CONFIG", "SET", "busy-reply-threshold", "5000")), str(client("GET", "k"))]
