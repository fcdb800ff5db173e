-- The Lua libraries of Redis: cjson, bit, struct, cmsgpack. The parts that work on bytes are Python functions, which
-- return errors instead of raising them.

local host_bit, host_struct, host_pack_scalar, host_msgpack_unpack = ...

local null = newproxy() -- a userdata without anything, as cjson's own

local getinfo, error, type, next, select, tostring, tonumber = debug.getinfo, error, type, next, select, tostring, tonumber
local setmetatable, floor, concat, unpack = setmetatable, math.floor, table.concat, unpack
local format, byte, char, find, match = string.format, string.byte, string.char, string.find, string.match
local gsub, lower, sub = string.gsub, string.lower, string.sub
local OWN = getinfo(1, "S").source

-- Raise an error with the position of the script's call, and with the name by which the script calls the function.
local function fail(message, ...)
  local level = 2
  local where = getinfo(level, "Sl")
  while where and (where.source == OWN or where.what == "tail") do
    level = level + 1
    where = getinfo(level, "Sl")
  end
  local place = where and where.currentline > 0 and format("%s:%d: ", where.short_src, where.currentline) or ""
  local name = getinfo(level - 1, "n").name or "?"
  local text = gsub(format(message, ...), "^(bad argument #%d+ to ')[^']*", function(start) return start .. name end)
  error(place .. text, 0)
end

local MAX_ARGUMENTS = 7900 -- that Python functions take

-- lupa passes -0 as Python's int 0. Return a function that calls a Python function with the string -0 in its place, or
-- `apply` with a table of the arguments and their number if they are too many for a call.
local function keep_signs(plain, apply)
  return function(...)
    local a, b, c, d, e, f, g, h = ...
    local count = select("#", ...)
    if a == 0 or b == 0 or c == 0 or d == 0 or e == 0 or f == 0 or g == 0 or h == 0 or count > 8 then
      local words, kept = {...}, true
      for place = 1, count do
        local word = words[place]
        if word == 0 and 1 / word < 0 then
          words[place], kept = "-0", false
        end
      end
      if count > MAX_ARGUMENTS and apply then
        return apply(words, count)
      end
      if not kept then
        return plain(unpack(words, 1, count))
      end
    end
    return plain(...)
  end
end

-- cjson

local DEEPEST = 1000

local ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\t"] = "\\t", ["\n"] = "\\n",
                 ["\f"] = "\\f", ["\r"] = "\\r", ["\127"] = "\\u007f"}
for code = 0, 31 do
  local c = char(code)
  ESCAPES[c] = ESCAPES[c] or format("\\u%04x", code)
end

local settings -- of the cjson that is called

local function quote(text)
  if find(text, '[%z\1-\31"\\/\127]') then
    text = gsub(text, '[%z\1-\31"\\/\127]', ESCAPES)
  end
  return '"' .. text .. '"'
end

local function number_text(number)
  if number ~= number or number == 1 / 0 or number == -1 / 0 then
    if settings.encode_invalid_numbers == "null" then
      return "null"
    elseif not settings.encode_invalid_numbers then
      fail("Cannot serialise number: must not be NaN or Inf")
    elseif number ~= number then
      return "nan"
    end
  end
  return format("%." .. settings.encode_number_precision .. "g", number)
end

-- The length of a table that is an array; -1 if it is not one.
local function array_length(t)
  local most, items = 0, 0
  for key in next, t do
    if type(key) ~= "number" or key < 1 or key ~= floor(key) then
      return -1
    end
    if key > most then
      most = key
    end
    items = items + 1
  end
  if settings.ratio > 0 and most > items * settings.ratio and most > settings.safe then
    if not settings.encode_sparse_array then
      fail("Cannot serialise table: excessively sparse array")
    end
    return -1
  end
  return most
end

local append

local function append_array(parts, t, length, depth)
  parts[#parts + 1] = "["
  for place = 1, length do
    if place > 1 then
      parts[#parts + 1] = ","
    end
    append(parts, t[place], depth)
  end
  parts[#parts + 1] = "]"
end

local function append_object(parts, t, depth)
  local before = "{"
  for key, value in next, t do
    local kind = type(key)
    if kind == "number" then
      key = '"' .. number_text(key) .. '":'
    elseif kind == "string" then
      key = quote(key) .. ":"
    else
      fail("Cannot serialise %s: table key must be a number or string", kind)
    end
    parts[#parts + 1] = before
    parts[#parts + 1] = key
    append(parts, value, depth)
    before = ","
  end
  parts[#parts + 1] = before == "{" and "{}" or "}"
end

function append(parts, value, depth)
  local kind = type(value)
  if kind == "string" then
    parts[#parts + 1] = quote(value)
  elseif kind == "number" then
    parts[#parts + 1] = number_text(value)
  elseif kind == "boolean" then
    parts[#parts + 1] = tostring(value)
  elseif value == nil or value == null then
    parts[#parts + 1] = "null"
  elseif kind == "table" then
    depth = depth + 1
    if depth > settings.encode_max_depth then
      fail("Cannot serialise, excessive nesting (%d)", depth)
    end
    local length = array_length(value)
    if length > 0 then
      append_array(parts, value, length, depth)
    else
      append_object(parts, value, depth)
    end
  else
    fail("Cannot serialise %s: type not supported", kind)
  end
end

local function encode(...)
  if select("#", ...) ~= 1 then
    fail("bad argument #1 to 'encode' (expected 1 argument)")
  end
  local parts = {}
  append(parts, (...), 0)
  return concat(parts)
end

local UNESCAPES = {['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", t = "\t", n = "\n", f = "\f", r = "\r"}
local MARKS = {["{"] = "T_OBJ_BEGIN", ["}"] = "T_OBJ_END", ["["] = "T_ARR_BEGIN", ["]"] = "T_ARR_END",
               [","] = "T_COMMA", [":"] = "T_COLON"}
local WORDS = {["true"] = true, ["false"] = false, ["null"] = null}
local WORD_TOKENS = {["true"] = "T_BOOLEAN", ["false"] = "T_BOOLEAN", ["null"] = "T_NULL"}

local function as_utf8(code)
  if code < 0x80 then
    return char(code)
  elseif code < 0x800 then
    return char(0xC0 + floor(code / 64), 0x80 + code % 64)
  elseif code < 0x10000 then
    return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
end

-- The character of a \uXXXX escape, with its low surrogate if it has one, and the offset after it; nil if invalid.
local function unicode(text, at)
  local digits = find(text, "^\\u%x%x%x%x", at)
  if not digits then
    return nil
  end
  local code = tonumber(sub(text, at + 2, at + 5), 16)
  if code < 0xD800 or code > 0xDFFF then
    return as_utf8(code), at + 6
  end
  if code > 0xDBFF or not find(text, "^\\u[dD][c-fC-F]%x%x", at + 6) then
    return nil
  end
  local low = tonumber(sub(text, at + 8, at + 11), 16)
  return as_utf8(0x10000 + (code - 0xD800) * 1024 + low - 0xDC00), at + 12
end

-- The token at an offset: its kind, its value, its start and the offset after it.
local token

local function string_token(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = find(text, '["\\%z]', from)
    if not stop then
      return "unexpected end of string", nil, #text + 1
    end
    parts[#parts + 1] = sub(text, from, stop - 1)
    local c = byte(text, stop)
    if c == 34 then
      return "T_STRING", #parts == 1 and parts[1] or concat(parts), at, stop + 1
    elseif c == 0 then
      return "unexpected end of string", nil, stop
    end
    local escaped = sub(text, stop + 1, stop + 1)
    if UNESCAPES[escaped] then
      parts[#parts + 1], from = UNESCAPES[escaped], stop + 2
    elseif escaped == "u" then
      local letter, behind = unicode(text, stop)
      if not letter then
        return "invalid unicode escape code", nil, stop
      end
      parts[#parts + 1], from = letter, behind
    else
      return "invalid escape code", nil, stop
    end
  end
end

-- The offset after a number that C's strtod reads, and the number; nil if there is none.
local function read_number(text, at)
  local first = match(text, "^[+-]?()", at)
  local word = lower(sub(text, first, first + 7))
  local size = word == "infinity" and 8 or find(word, "^inf") and 3
  if size or find(word, "^nan") then
    local size, value = size or 3, size and 1 / 0 or 0 / 0
    return first + size, byte(text, at) == 45 and -value or value
  end
  local after = match(text, "^0[xX]%x+()", first)
  if not after then
    after = match(text, "^%d+%.?%d*()", first) or match(text, "^%.%d+()", first)
    after = after and match(text, "^[eE][+-]?%d+()", after) or after
  end
  return after, after and tonumber((gsub(sub(text, at, after - 1), "^%+", "")))
end

-- Whether the text is a number for C's strtod, but not for JSON.
local function is_invalid_number(text, at)
  local word = lower(sub(text, at, at + 3))
  return find(word, "^%+") or find(word, "^-?0[x%d]") or find(word, "^-?inf") or find(word, "^-?nan")
end

local function number_token(text, at)
  if settings.decode_invalid_numbers or not is_invalid_number(text, at) then
    local after, number = read_number(text, at)
    if after then
      return "T_NUMBER", number, at, after
    end
  end
  return "invalid number", nil, at
end

function token(text, at)
  at = find(text, "[^ \t\r\n]", at)
  if not at then
    return "T_END", nil, #text + 1, #text + 1
  end
  local c = sub(text, at, at)
  if c == '"' then
    return string_token(text, at)
  elseif MARKS[c] then
    return MARKS[c], nil, at, at + 1
  elseif find(c, "[%-%d]") then
    return number_token(text, at)
  end
  local word = match(text, "^true", at) or match(text, "^false", at) or match(text, "^null", at)
  if word then
    return WORD_TOKENS[word], WORDS[word], at, at + #word
  elseif settings.decode_invalid_numbers and is_invalid_number(text, at) then
    return number_token(text, at)
  end
  return "invalid token", nil, at
end

local function expected(what, kind, at)
  fail("Expected %s but found %s at character %d", what, kind, at)
end

local value_of

local function deeper(depth, at)
  if depth >= settings.decode_max_depth then
    fail("Found too many nested data structures (%d) at character %d", depth + 1, at)
  end
  return depth + 1
end

local function object_of(text, at, depth)
  local object = {}
  local kind, key, where, after = token(text, at)
  if kind == "T_OBJ_END" then
    return object, after
  end
  while true do
    if kind ~= "T_STRING" then
      expected("object key string", kind, where)
    end
    kind, _, where, after = token(text, after)
    if kind ~= "T_COLON" then
      expected("colon", kind, where)
    end
    local value
    value, after = value_of(text, depth, token(text, after))
    object[key] = value
    kind, _, where, after = token(text, after)
    if kind == "T_OBJ_END" then
      return object, after
    elseif kind ~= "T_COMMA" then
      expected("comma or object end", kind, where)
    end
    kind, key, where, after = token(text, after)
  end
end

local function array_of(text, at, depth)
  local array, count = {}, 0
  local kind, value, where, after = token(text, at)
  if kind == "T_ARR_END" then
    return array, after
  end
  while true do
    count = count + 1
    array[count], after = value_of(text, depth, kind, value, where, after)
    kind, _, where, after = token(text, after)
    if kind == "T_ARR_END" then
      return array, after
    elseif kind ~= "T_COMMA" then
      expected("comma or array end", kind, where)
    end
    kind, value, where, after = token(text, after)
  end
end

function value_of(text, depth, kind, value, where, after)
  if kind == "T_STRING" or kind == "T_NUMBER" or kind == "T_BOOLEAN" or kind == "T_NULL" then
    return value, after
  elseif kind == "T_OBJ_BEGIN" then
    return object_of(text, after, deeper(depth, where))
  elseif kind == "T_ARR_BEGIN" then
    return array_of(text, after, deeper(depth, where))
  end
  expected("value", kind, where)
end

local function decode(...)
  local text = ...
  if select("#", ...) ~= 1 then
    fail("bad argument #1 to 'decode' (expected 1 argument)")
  end
  if type(text) ~= "string" and type(text) ~= "number" then
    fail("bad argument #1 to 'decode' (string expected, got %s)", type(text))
  end
  text = tostring(text)
  local value, after = value_of(text, 0, token(text, 1))
  local kind, _, where = token(text, after)
  if kind ~= "T_END" then
    expected("the end", kind, where)
  end
  return value
end

local function argument(place, name, what)
  fail("bad argument #%d to '%s' (%s)", place, name, what)
end

local function number_argument(place, name, count, value)
  local number = tonumber(value)
  if not number then
    argument(place, name, "number expected, got " .. (place > count and "no value" or type(value)))
  end
  return number
end

local function limited(name, most, ...)
  local count = select("#", ...)
  if count > most then
    argument(most + 1, name, "found too many arguments")
  end
  return count, ...
end

local function set_integer(setting, name, place, least, most, count, value)
  if value ~= nil then
    local number = number_argument(place, name, count, value)
    number = number < 0 and -floor(-number) or floor(number)
    if number < least or number > most then
      argument(1, name, format("expected integer between %d and %d", least, most))
    end
    settings[setting] = number
  end
  return settings[setting]
end

local function set_choice(name, value, choices)
  if type(value) == "boolean" then
    settings[name] = value
  elseif value ~= nil then
    if type(value) ~= "string" and type(value) ~= "number" then
      argument(1, name, "string expected, got " .. type(value))
    end
    local choice = choices[tostring(value)]
    if choice == nil then
      argument(1, name, format("invalid option '%s'", value))
    end
    settings[name] = choice
  end
  return settings[name]
end

local LARGEST = 2147483647
local INTEGERS = {encode_max_depth = LARGEST, decode_max_depth = LARGEST, encode_number_precision = 14}
local SWITCH = {on = true, off = false}
local CHOICES = {encode_keep_buffer = SWITCH, decode_invalid_numbers = SWITCH,
                 encode_invalid_numbers = {on = true, off = false, null = "null"}}

-- A cjson module with its own settings, which persist across scripts.
local function new_cjson()
  local own = {encode_max_depth = DEEPEST, decode_max_depth = DEEPEST, encode_number_precision = 14,
               encode_keep_buffer = true, encode_invalid_numbers = false, decode_invalid_numbers = true,
               encode_sparse_array = false, ratio = 2, safe = 10}
  local cjson = {_NAME = "cjson", _VERSION = "2.1.0", null = null, new = new_cjson}
  local function add(name, body)
    cjson[name] = function(...)
      settings = own
      return body(...)
    end
  end
  add("encode", encode)
  add("decode", decode)
  for name, most in next, INTEGERS do
    add(name, function(...)
      return set_integer(name, name, 1, 1, most, limited(name, 1, ...))
    end)
  end
  for name, choices in next, CHOICES do
    add(name, function(...)
      local _, value = limited(name, 1, ...)
      return set_choice(name, value, choices)
    end)
  end
  add("encode_sparse_array", function(...)
    local name = "encode_sparse_array"
    local count, convert, ratio, safe = limited(name, 3, ...)
    return set_choice(name, convert, SWITCH), set_integer("ratio", name, 2, 0, LARGEST, count, ratio),
           set_integer("safe", name, 3, 0, LARGEST, count, safe)
  end)
  return cjson
end

-- bit

local bit = {}

-- Number of arguments of each function. The others use all their arguments, as in BitOp.
local USED = {tobit = 1, bnot = 1, bswap = 1, lshift = 2, rshift = 2, arshift = 2, rol = 2, ror = 2}

for _, name in next, {"tobit", "bnot", "bswap", "tohex", "band", "bor", "bxor", "lshift", "rshift", "arshift", "rol",
                      "ror"} do
  bit[name] = function(...)
    local count, words = select("#", ...), {...}
    local used = USED[name] or (name == "tohex" and count > 2 and 2) or (count > 1 and count) or 1
    words[1] = number_argument(1, name, count, words[1])
    for place = used, 2, -1 do
      words[place] = number_argument(place, name, count, words[place])
    end
    return host_bit(name, unpack(words, 1, used))
  end
end

-- struct

local struct, call_struct = {}, keep_signs(host_struct)
for _, name in next, {"pack", "unpack", "size"} do
  local function finish(problem, ...)
    if problem then
      fail("%s", problem)
    end
    return ...
  end
  struct[name] = function(...)
    return finish(call_struct(name, ...))
  end
end

-- cmsgpack

local cmsgpack = {_NAME = "cmsgpack", _VERSION = "lua-cmsgpack 0.4.0", _COPYRIGHT = "Copyright (C) 2012, Redis Ltd.",
                  _DESCRIPTION = "MessagePack C implementation for Lua"}
local NESTED = 16

local function is_array(t)
  local most, count = 0, 0
  for key in next, t do
    if type(key) ~= "number" or key <= 0 or key ~= floor(key) then
      return false
    end
    if key > most then
      most = key
    end
    count = count + 1
  end
  return most == count, count
end

local function head(short, medium, count)
  if count <= 15 then
    return char(short + count)
  elseif count <= 65535 then
    return char(medium, floor(count / 256), count % 256)
  end
  return char(medium + 1, floor(count / 16777216) % 256, floor(count / 65536) % 256, floor(count / 256) % 256, count % 256)
end

local function msgpack(parts, value, depth)
  if type(value) ~= "table" then
    parts[#parts + 1] = host_pack_scalar(type(value) == "userdata" and "" or value, type(value))
  elseif depth == NESTED then
    parts[#parts + 1] = "\192"
  else
    local array, count = is_array(value)
    if array then
      parts[#parts + 1] = head(0x90, 0xDC, count)
      for place = 1, count do
        msgpack(parts, value[place], depth + 1)
      end
    else
      count = 0
      for _ in next, value do
        count = count + 1
      end
      parts[#parts + 1] = head(0x80, 0xDE, count)
      for key, each in next, value do
        msgpack(parts, key, depth + 1)
        msgpack(parts, each, depth + 1)
      end
    end
  end
end

function cmsgpack.pack(...)
  local count, parts = select("#", ...), {}
  if count == 0 then
    fail("bad argument #0 to 'pack' (MessagePack pack needs input.)")
  end
  for place = 1, count do
    msgpack(parts, (select(place, ...)), 0)
  end
  return concat(parts)
end

local function unpacked(problem, ...)
  if problem then
    fail("%s", problem)
  end
  return ...
end

local function text_argument(name, ...)
  local text = ...
  if type(text) ~= "string" and type(text) ~= "number" then
    local got = select("#", ...) == 0 and "no value" or type(text)
    fail("bad argument #1 to '%s' (string expected, got %s)", name, got)
  end
  return tostring(text)
end

function cmsgpack.unpack(...)
  return unpacked(host_msgpack_unpack("unpack", text_argument("unpack", ...), 0, 0))
end

function cmsgpack.unpack_one(...)
  local _, offset = ...
  return unpacked(host_msgpack_unpack("unpack_one", text_argument("unpack_one", ...), 1, tonumber(offset) or 0))
end

function cmsgpack.unpack_limit(...)
  local _, limit, offset = ...
  local text = text_argument("unpack_limit", ...)
  limit = number_argument(2, "unpack_limit", limit == nil and 1 or 2, limit)
  return unpacked(host_msgpack_unpack("unpack_limit", text, limit, tonumber(offset) or 0))
end

return {cjson = new_cjson(), bit = bit, struct = struct, cmsgpack = cmsgpack}, keep_signs
