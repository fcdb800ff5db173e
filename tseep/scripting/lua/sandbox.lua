-- The sandbox: the globals that scripts see, and the functions that run them.
--
-- The host's functions are Python's. Scripts never get a reference to them: each is an upvalue of a Lua function here,
-- and returns errors instead of raising them. Exceptions are most functions of redis.*, which are plain (C) functions.
-- They raise Python exceptions, which are converted to tables before a script sees them.

local host_call, host_pcall, host_apply, host_explain, host_sha1, host_log, host_setresp, host_set_repl, host_may_call,
    host_register, host_random, host_seed, host_tick, host_keep_frames, host_debugger, libraries,
    keep_signs, make_debug_hook, constants, deprecated = ...

local OWN = debug.getinfo(1, "S").source
local INNER = {[OWN] = true, ["=libraries.lua"] = true, ["=debugger.lua"] = true}
local STEPS = 100000 -- instructions between two checks of the deadline
local TURNS = 100 -- caught errors or resumed coroutines between two checks of the deadline
local MAX_RETURNED = 4000 -- maximum number of values that a function returns at once
local MAX_STACK = 8000 -- values in a call of a C function, arguments and results (LUAI_MAXCSTACK)
local SCALAR, ARRAY, STATUS, ERROR, DOUBLE, MAP, SET, BIG, VERBATIM, LONG, FAILED = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10

local getinfo, sethook, metatable_of = debug.getinfo, debug.sethook, debug.getmetatable
local getfenv, setfenv = getfenv, setfenv
local error, type, next, pairs, rawget, rawset, select, unpack, tostring, tonumber =
    error, type, next, pairs, rawget, rawset, select, unpack, tostring, tonumber
local pcall, xpcall, setmetatable, getmetatable, loadstring = pcall, xpcall, setmetatable, getmetatable, loadstring
local format, byte, find, sub, dump = string.format, string.byte, string.find, string.sub, string.dump
local concat, insert = table.concat, table.insert
local floor, ceil = math.floor, math.ceil
local create, resume, running = coroutine.create, coroutine.resume, coroutine.running
local READONLY = "Attempt to modify a readonly table"

-- Read-only tables: each is an empty proxy, whose metatable reads from a table that scripts cannot reference.

local behind = setmetatable({}, {__mode = "k"})
local HIDDEN = {} -- in place of the metatable of a proxy

local function refuse()
  error(READONLY, 2)
end

local function put_before(contents, meta)
  local outside = setmetatable({}, meta)
  behind[outside] = contents
  return outside
end

local function guard(contents)
  local meta = {__index = contents, __newindex = refuse, __metatable = HIDDEN}
  return put_before(contents, meta), meta
end

local function guard_visibly(contents) -- whose metatable scripts see, read-only
  local outside, meta = guard(contents)
  local shown = {__index = outside}
  meta.__metatable = put_before(shown, {__index = shown, __newindex = refuse, __metatable = false})
  return outside, meta
end

-- Raise an error about an argument of a library function, with the name by which the script calls it.
local function bad_argument(place, what, level)
  level = level or 2 -- of the library function
  local name = getinfo(level, "n").name or "?"
  error(format("bad argument #%d to '%s' (%s)", place, name, what), level + 1)
end

local function not_a_table(...)
  bad_argument(1, "table expected, got " .. (select("#", ...) == 0 and "no value" or type((...))), 3)
end

local function raise(message)
  error({err = message}, 0)
end

-- The time limit: a count hook in every coroutine. Lua calls no hook inside a hook, so a script's error handler runs
-- only after the error was caught (see xpcall). If the stack has no room for the hook's call, the hook raises an error,
-- and a coroutine can end before its hook is called; so catching an error and resuming a coroutine check the deadline,
-- too.

local inside = false -- whether a script runs, which can be killed
local dead = false -- the error that ends the running script
local turns = 0

local function die()
  if dead then
    raise(dead)
  end
end

local function look()
  local message = dead or inside and host_tick()
  if message then
    dead = message
    sethook(die, "l") -- at every line, so that no pcall stops it
    raise(message)
  end
end

local hook, mask = look, "" -- or the debugger's

local function turn()
  turns = turns + 1
  if dead or turns >= TURNS then
    turns = 0
    look()
  end
end

-- Basic functions that differ from Lua's

local function whole(value) -- the number as C's int: the low 32 bits of a long
  local number = tonumber(value) or 0
  if not (number >= -2 ^ 63 and number < 2 ^ 63) then
    return 0
  end
  local word = (number < 0 and ceil(number) or floor(number)) % 2 ^ 32
  return word < 2 ^ 31 and word or word - 2 ^ 32
end

local current -- the global table of the running script
local lua = {}

function lua.next(...)
  local t, key = ...
  if type(t) ~= "table" then
    not_a_table(...)
  end
  return next(behind[t] or t, key)
end

function lua.pairs(...)
  local t = ...
  if type(t) ~= "table" then
    not_a_table(...)
  elseif behind[t] then
    return lua.next, t, nil
  end
  return next, t, nil
end

function lua.rawget(...)
  local t, key = ...
  if type(t) ~= "table" then
    not_a_table(...)
  end
  return rawget(behind[t] or t, key)
end

function lua.rawset(...)
  local t, key, value = ...
  if type(t) ~= "table" then
    not_a_table(...)
  elseif behind[t] then
    raise("ERR " .. READONLY)
  end
  return rawset(t, key, value)
end

function lua.getmetatable(...)
  if select("#", ...) == 0 then
    bad_argument(1, "value expected")
  end
  local meta = getmetatable((...))
  return meta ~= HIDDEN and meta or nil
end

local function integer_argument(place, value)
  if not tonumber(value) then
    bad_argument(place, "number expected, got " .. type(value), 3)
  end
  return whole(value)
end

function lua.unpack(...) -- Lua's crashes if the number of results overflows an int
  local t, first, last = ...
  if type(t) ~= "table" then
    not_a_table(...)
  end
  first = first == nil and 1 or integer_argument(2, first)
  last = last == nil and #t or integer_argument(3, last)
  local count = select("#", ...)
  if last - first >= MAX_STACK - count then
    error("too many results to unpack", 2)
  elseif count == 1 then
    return unpack(t)
  end
  return unpack(t, first, last)
end

local function plain(problem) -- the error as scripts see it
  if type(problem) == "userdata" then
    local message, counted = host_explain(problem)
    return message and {err = message, ignore_error_stats_update = counted} or problem
  end
  return problem
end

local function settle(ok, ...)
  if ok then
    return ok, ...
  end
  turn()
  local problem = plain((...))
  if type(problem) == "table" and type(problem.err) == "string" then
    return false, problem.err
  end
  return false, problem
end

function lua.setmetatable(...)
  local t, meta = ...
  if type(t) ~= "table" then
    not_a_table(...)
  elseif select("#", ...) < 2 or (meta ~= nil and type(meta) ~= "table") then
    bad_argument(2, "nil or table expected")
  elseif behind[t] then
    raise("ERR " .. READONLY)
  end
  local present = metatable_of(t)
  if present and rawget(present, "__metatable") ~= nil then
    error("cannot change a protected metatable", 2)
  end
  return setmetatable(t, meta)
end

function lua.pcall(...)
  if select("#", ...) == 0 then
    bad_argument(1, "value expected")
  end
  return settle(pcall(...))
end

local function failed(handled, value)
  if handled then
    return false, value
  end
  turn()
  return false, "error in error handling"
end

local function handle(handler, ok, ...)
  if ok then
    return ok, ...
  end
  turn()
  return failed(pcall(handler, plain((...))))
end

function lua.xpcall(...)
  local body, handler = ...
  if select("#", ...) < 2 then
    bad_argument(2, "value expected")
  end
  return handle(handler, pcall(body))
end

local function compile(text, name, environment)
  local source = byte(text) == 27 and " " .. text or text -- rejects bytecode, which could escape the sandbox
  local chunk, message = loadstring(source, name)
  if chunk then
    chunk = loadstring(host_keep_frames(dump(chunk)))
    setfenv(chunk, environment)
  end
  return chunk, message
end

function lua.loadstring(...)
  local text, name = ...
  if type(text) ~= "string" and type(text) ~= "number" then
    bad_argument(1, "string expected, got " .. (select("#", ...) == 0 and "no value" or type(text)))
  end
  return compile(tostring(text), tostring(name or text), current)
end

function lua.load(reader, name)
  if type(reader) ~= "function" then
    bad_argument(1, "function expected, got " .. type(reader))
  end
  local parts = {}
  for part in reader do
    if part == "" then
      break
    end
    if type(part) ~= "string" then
      return nil, "reader function must return a string"
    end
    parts[#parts + 1] = part
  end
  return compile(concat(parts), name or "=(load)", current)
end

for _, name in pairs({
  "assert", "collectgarbage", "error", "gcinfo", "ipairs", "rawequal", "select",
  "tonumber", "tostring", "type", "_VERSION",
}) do
  lua[name] = _G[name]
end

-- The deprecated functions. They change and show environments of scripts' functions alone: for all others, the global
-- table of the script takes the place of the environment. newproxy stays out: Lua would call a proxy's __gc where
-- neither a hook nor pcall ends it.

local function is_of_script(body)
  local info = getinfo(body, "S")
  return info.what ~= "C" and not INNER[info.source]
end

local function function_at(place) -- the given one, or that at a level of the stack; called by those below
  if type(place) == "function" then
    return place
  end
  if not tonumber(place) then
    bad_argument(1, "number expected, got " .. type(place), 3)
  end
  local level = whole(place)
  if level < 0 then
    bad_argument(1, "level must be non-negative", 3)
  end
  local info = getinfo(level + 2, "f")
  if not info then
    bad_argument(1, "invalid level", 3)
  elseif not info.func then
    error(format("no function environment for tail call at level %d", level), 3)
  end
  return info.func
end

if deprecated then
  function lua.getfenv(place)
    local body = function_at(place == nil and 1 or place)
    return is_of_script(body) and getfenv(body) or current
  end

  function lua.setfenv(...)
    local place, environment = ...
    if type(environment) ~= "table" then
      bad_argument(2, "table expected, got " .. (select("#", ...) < 2 and "no value" or type(environment)))
    end
    local body = function_at(place)
    if not is_of_script(body) then
      error("'setfenv' cannot change environment of given object", 2)
    end
    return setfenv(body, environment)
  end
end

-- Coroutines

local coroutines = {}
for name, each in pairs(coroutine) do
  coroutines[name] = each
end

function coroutines.create(body)
  if type(body) ~= "function" then
    bad_argument(1, "Lua function expected")
  end
  local thread = create(body)
  sethook(thread, hook, mask, STEPS)
  return thread
end

local function settle_thread(ok, ...)
  turn()
  if ok then
    return ok, ...
  end
  return ok, plain((...))
end

function coroutines.resume(thread, ...)
  if type(thread) ~= "thread" then
    bad_argument(1, "coroutine expected")
  end
  return settle_thread(resume(thread, ...))
end

local function pass(ok, ...)
  turn()
  if ok then
    return ...
  end
  local problem = plain((...))
  error(problem, type(problem) == "string" and 3 or 0)
end

function coroutines.wrap(body)
  if type(body) ~= "function" then
    bad_argument(1, "Lua function expected")
  end
  local thread = coroutines.create(body)
  return function(...)
    return pass(resume(thread, ...))
  end
end

-- table.insert, which does not ask the metatable

local tables = {}
for name, each in pairs(table) do
  tables[name] = each
end

function tables.insert(...)
  local t, place = ...
  local count = select("#", ...)
  if type(t) ~= "table" then
    not_a_table(...)
  elseif behind[t] then
    error(READONLY, 0)
  elseif count ~= 2 and count ~= 3 then
    error("wrong number of arguments to 'insert'", 2)
  elseif count == 3 and not tonumber(place) then
    bad_argument(2, "number expected, got " .. type(place))
  end
  return insert(...)
end

-- math.random with Redis's generator

local function random(...)
  local count, low, high = select("#", ...), ...
  local share = host_random() -- drawn in any case, as in Redis
  if count == 0 then
    return share
  end
  if count > 2 then
    error("wrong number of arguments", 2)
  end
  for place = 1, count do
    if not tonumber((select(place, ...))) then
      bad_argument(place, "number expected, got " .. type((select(place, ...))))
    end
  end
  low, high = whole(low), whole(high)
  if count == 1 then
    low, high = 1, low
  end
  if low > high then
    bad_argument(count, "interval is empty")
  end
  return floor(share * (high - low + 1)) + low
end

local maths = {}
for name, each in pairs(math) do
  maths[name] = each
end
maths.random = random

function maths.randomseed(...)
  local seed = ...
  if not tonumber(seed) then
    bad_argument(1, "number expected, got " .. (select("#", ...) == 0 and "no value" or type(seed)))
  end
  host_seed(tonumber(seed))
end

-- redis.*

local redis = {}

local function caller(plain, protected)
  return keep_signs(plain, function(words, count)
    return host_apply(protected, words, count)
  end)
end

redis.call = caller(python.as_function(host_call), false)
redis.pcall = caller(python.as_function(host_pcall), true)

local function single_string(field, ...)
  local text = ...
  if select("#", ...) ~= 1 or type(text) ~= "string" then
    return {err = "ERR wrong number or type of arguments"}
  end
  if field == "err" then
    text = byte(text) == 45 and sub(text, 2) or text
    text = find(text, " ", 1, true) and text or "ERR " .. text
  end
  return {[field] = text}
end

function redis.error_reply(...)
  local reply = single_string("err", ...)
  if hook ~= look then
    host_debugger.error_reply(reply.err)
  end
  return reply
end

function redis.status_reply(...)
  return single_string("ok", ...)
end

local function as_text(value)
  return (type(value) == "string" or type(value) == "number") and tostring(value) or ""
end

redis.sha1hex = keep_signs(python.as_function(host_sha1))
redis.log = keep_signs(python.as_function(host_log))
redis.setresp = python.as_function(host_setresp)
redis.set_repl = python.as_function(host_set_repl)
redis.acl_check_cmd = keep_signs(python.as_function(host_may_call))

local for_functions = {}
for name, each in pairs(redis) do
  for_functions[name] = each
end

function redis.replicate_commands()
  return true
end

function redis.breakpoint()
  if hook == look then
    return false
  end
  host_debugger.breakpoint()
  return true
end

function redis.debug(...)
  if hook ~= look then
    host_debugger.debug(...)
  end
end

local at_load = {log = redis.log} -- the redis.* functions while a library is loaded

function at_load.register_function(...)
  local message = host_register(...)
  if message then
    raise(message)
  end
end

for name, value in pairs(constants) do
  redis[name], for_functions[name] = value, value
  if name:find("^LOG_") or name:find("^REDIS_") then
    at_load[name] = value
  end
end

-- The global tables of scripts, of functions, and of libraries during loading

local function nonexistent(_, name)
  if type(name) ~= "string" and type(name) ~= "number" then
    error("Second argument to luaProtectedTableError must be a string or number", 2)
  end
  error(format("Script attempted to access nonexistent global variable '%s'", name), 2)
end

local no_global = {__index = nonexistent}
local strings = guard(string)
for name, contents in pairs({math = maths, string = string, table = tables, coroutine = coroutines}) do
  lua[name] = contents == string and strings or (guard(contents))
end
for name, library in pairs(libraries) do
  lua[name] = guard(library)
end
getmetatable("").__metatable = (guard({__index = strings}))

local function globals(api)
  local visible = setmetatable({redis = guard(api)}, no_global)
  for name, each in pairs(lua) do
    visible[name] = each
  end
  local outside, meta = guard_visibly(visible)
  visible._G = outside
  return outside, visible, meta
end

local script_globals, script_visible = globals(redis)
local function_globals, function_visible, function_meta = globals(for_functions)
local load_visible = setmetatable({redis = guard(setmetatable(at_load, no_global))}, no_global)

-- Running scripts and functions

local function explain(problem)
  inside = false
  problem = plain(problem)
  local level = 2
  local where = getinfo(level, "nSl")
  if where and where.what == "C" then
    level = 3
    where = getinfo(level, "nSl")
  end
  while where and (INNER[where.source] or where.what == "tail") do
    level = level + 1
    where = getinfo(level, "nSl")
  end
  if behind[problem] then -- its source and line cannot be set
    problem = {err = "ERR " .. READONLY}
  elseif type(problem) ~= "table" then
    problem = {err = "ERR " .. tostring(problem)}
  end
  if where and where.currentline > 0 then
    rawset(problem, "source", where.source)
    rawset(problem, "line", where.currentline)
  end
  return problem
end

local function text_at(t, key)
  local value = rawget(t, key)
  return type(value) == "string" and value or nil
end

-- A script's table as several values: its kind, then values that depend on the kind.
local function spill(t)
  local value = text_at(t, "err")
  if value then
    return ERROR, value, rawget(t, "ignore_error_stats_update") == true
  end
  value = text_at(t, "ok")
  if value then
    return STATUS, value
  end
  value = rawget(t, "double")
  if type(value) == "number" then
    return DOUBLE, value == 0 and tostring(value) or value -- lupa would drop the sign of -0
  end
  value = rawget(t, "map")
  if type(value) == "table" then
    local parts, count = {}, 0
    for key, each in next, behind[value] or value do
      parts[count + 1], parts[count + 2] = key, each
      count = count + 2
    end
    return MAP, parts, count
  end
  value = rawget(t, "set")
  if type(value) == "table" then
    local parts, count = {}, 0
    for key in next, behind[value] or value do
      count = count + 1
      parts[count] = key
    end
    return SET, parts, count
  end
  value = text_at(t, "big_number")
  if value then
    return BIG, value
  end
  value = rawget(t, "verbatim_string")
  if type(value) == "table" and text_at(value, "string") and text_at(value, "format") then
    return VERBATIM, text_at(value, "string"), text_at(value, "format")
  end
  local count = 0
  while rawget(t, count + 1) ~= nil do
    count = count + 1
  end
  if count <= MAX_RETURNED then
    return ARRAY, count, unpack(t, 1, count)
  end
  return LONG, t, count
end

local function slice(t, first, last)
  return 0, unpack(t, first, last)
end

local function result(ok, value)
  if not ok then
    if type(value) ~= "table" then -- out of memory, or the handler failed
      return FAILED, "ERR " .. tostring(value)
    end
    local message = rawget(value, "err")
    message = (type(message) == "string" or type(message) == "number") and tostring(message) or "ERR unknown error"
    local source, line = rawget(value, "source"), rawget(value, "line")
    return FAILED, message, as_text(source), as_text(line), rawget(value, "ignore_error_stats_update") == true
  end
  if type(value) == "table" then
    return spill(value)
  end
  return SCALAR, value
end

local called, its_keys, its_arguments

local function invoke()
  return called(its_keys, its_arguments)
end

-- The statements after xpcall are on its line, because a killed script raises at the next line.
local function protect(body)
  inside = true
  local ok, value = xpcall(body, explain) inside = false if dead then dead = false sethook(hook, mask, STEPS) end
  return ok, value
end

local function run(body, keys, arguments)
  current, script_visible.KEYS, script_visible.ARGV = script_globals, keys, arguments
  if deprecated then
    setfenv(body, script_globals) -- undoes the setfenv of an earlier run
  end
  return result(protect(body))
end

local function run_function(body, keys, arguments)
  current, called, its_keys, its_arguments = function_globals, body, keys, arguments
  return result(protect(invoke))
end

local function load_library(text)
  local body, message = compile(text, "@user_function", function_globals)
  if not body then
    return false, message
  end
  current, function_meta.__index, behind[function_globals] = function_globals, load_visible, load_visible
  local ok, value = protect(body)
  function_meta.__index, behind[function_globals] = function_visible, function_visible
  local kind, text = result(ok, value)
  if kind == FAILED then
    return true, text
  end
  return true, nil
end

local function compile_script(text)
  return compile(text, "@user_script", script_globals)
end

-- The debugger

local function compile_fragment(text)
  return compile(text, "@ldb_eval", script_globals)
end

local function call_fragment(body) -- in a coroutine, as Lua calls no hook inside the debugger's
  local ok, value = resume(coroutines.create(body))
  value = plain(value)
  if not ok and type(value) == "table" then
    value = rawget(value, "err")
  end
  return ok, not ok and as_text(value) or value
end

local debug_hook = make_debug_hook(look, raise, compile_fragment, call_fragment, script_visible)

local function set_debugging(on)
  hook, mask = on and debug_hook or look, on and "l" or ""
  sethook(hook, mask, STEPS)
end

set_debugging(false)
local all = _G
for name in pairs(all) do -- an escape from the sandbox finds no globals
  all[name] = nil
end
return run, run_function, load_library, compile_script, spill, slice, set_debugging
