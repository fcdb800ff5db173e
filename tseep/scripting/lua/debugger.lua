-- The debugger of scripts (SCRIPT DEBUG): the hook that is called at each line, and the commands that need the stack of
-- the script. The others are in debugger.py, whose functions return errors instead of raising them.

local host_stops, host_next, host_show, host_fail, host_frame = ...

local SCRIPT = "@user_script"
local CONTINUE, ABORT, PRINT, TRACE, EVAL = 0, 1, 2, 3, 4
local LINES = 1000 -- between two checks of the deadline: Lua counts the hook's instructions, too, but calls no hook for them
local LEVEL = 3 -- of the script's function, in a function that the hook calls
local INNER = {["=sandbox.lua"] = true, ["=libraries.lua"] = true, ["=debugger.lua"] = true}

local getinfo, getlocal, find, rawget = debug.getinfo, debug.getlocal, string.find, rawget

-- Show a local variable of the innermost function that has one of this name.
local function show(name, globals)
  local level = LEVEL
  local where = getinfo(level, "S")
  while where do
    local place = 1
    local found, value = getlocal(level, place)
    while found and not INNER[where.source] do
      if found == name then
        return host_show("<value> ", value)
      end
      place = place + 1
      found, value = getlocal(level, place)
    end
    level = level + 1
    where = getinfo(level, "S")
  end
  if name == "KEYS" or name == "ARGV" then
    return host_show("<value> ", rawget(globals, name))
  end
  host_fail("No such variable.")
end

local function show_all()
  local place, count = 1, 0
  local name, value = getlocal(LEVEL, place)
  while name do
    if not find(name, "(*temporary)", 1, true) then
      host_show("<value> " .. name .. " = ", value)
      count = count + 1
    end
    place = place + 1
    name, value = getlocal(LEVEL, place)
  end
  if count == 0 then
    host_fail("No local variables in the current context.")
  end
end

local function trace()
  local level = LEVEL
  local where = getinfo(level, "Snl")
  while where do
    if where.source == SCRIPT then
      host_frame(level == LEVEL, where.name or "top level", where.currentline)
    end
    level = level + 1
    where = getinfo(level, "Snl")
  end
end

local function evaluate(text, compile, protected)
  local body, message = compile("return " .. text)
  if not body then
    body, message = compile(text)
  end
  if not body then
    return host_fail("<error> " .. message)
  end
  local ok, value = protected(body)
  if ok then
    return host_show("<retval> ", value)
  end
  host_fail("<error> " .. value)
end

-- The hook. Its parameters are functions of the sandbox:
-- look() checks the deadline; raise(message) ends the script; compile(text) returns a function of code of the debugger's
-- user, or nil and a message; protected(body) calls it; globals are those of scripts.
return function(look, raise, compile, protected, globals)
  local lines = 0
  return function(event)
    lines = lines + 1
    local counted = event == "count" or lines >= LINES
    if counted then
      lines = 0
      look()
    end
    local where = getinfo(2, "Sl")
    if where.source ~= SCRIPT or not host_stops(where.currentline, counted) then
      return
    end
    while true do
      local action, text = host_next()
      if action == CONTINUE then
        break
      elseif action == ABORT then
        raise(text)
      elseif action == TRACE then
        trace()
      elseif action == EVAL then
        evaluate(text, compile, protected)
      elseif text then
        show(text, globals)
      else
        show_all()
      end
      look()
    end
    look() -- the script can have been killed while it was stopped
  end
end
