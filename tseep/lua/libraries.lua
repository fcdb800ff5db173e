-- The libraries that Redis brings along: cjson, bit, struct, cmsgpack. Those parts that do with bytes are Python's,
-- and answer what was wrong instead of raising it.

local host_bit, host_struct, host_pack_scalar, host_msgpack_unpack = ...

local null = python.none -- a light userdata, as cjson's own

local getinfo, error, type, next, select, tostring, tonumber = debug.getinfo, error, type, next, select, tostring, tonumber
local setmetatable, floor, concat, unpack = setmetatable, math.floor, table.concat, unpack
local format, byte, char, find, match = string.format, string.byte, string.char, string.find, string.match
local gsub, sub = string.gsub, string.sub
local OWN = getinfo(1, "S").source

-- Raise an error where the script has called.
local function fail(message, ...)
  local level = 2
  local where = getinfo(level, "Sl")
  while where and (where.source == OWN or where.what == "tail") do
    level = level + 1
    where = getinfo(level, "Sl")
  end
  local place = where and where.currentline > 0 and format("%s:%d: ", where.short_src, where.currentline) or ""
  error(place .. format(message, ...), 0)
end

-- cjson

local cjson = {_NAME = "cjson", _VERSION = "2.1.0", null = null}
local DEEPEST = 1000

local ESCAPES = {['"'] = '\\"', ["\\"] = "\\\\", ["/"] = "\\/", ["\b"] = "\\b", ["\t"] = "\\t", ["\n"] = "\\n",
                 ["\f"] = "\\f", ["\r"] = "\\r", ["\127"] = "\\u007f"}
for code = 0, 31 do
  local c = char(code)
  ESCAPES[c] = ESCAPES[c] or format("\\u%04x", code)
end

local settings = {depth = DEEPEST, precision = "%.14g", convert = false, ratio = 2, safe = 10, numbers = false,
                  decode_depth = DEEPEST}

local function quote(text)
  if find(text, '[%z\1-\31"\\/\127]') then
    text = gsub(text, '[%z\1-\31"\\/\127]', ESCAPES)
  end
  return '"' .. text .. '"'
end

local function number_text(number)
  if number ~= number or number == 1 / 0 or number == -1 / 0 then
    if settings.numbers == "null" then
      return "null"
    elseif not settings.numbers then
      fail("Cannot serialise number: must not be NaN or Inf")
    end
  end
  return format(settings.precision, number)
end

-- How long a table is as an array: -1, if it is none.
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
    if not settings.convert then
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
    if depth > settings.depth then
      fail("Cannot serialise, excessive depth (%d)", depth)
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

function cjson.encode(...)
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

-- The character of an escape \uXXXX at a place, maybe with its second half, and where it ends; nil if it is none.
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

-- The token at a place, its value, where it begins and where the next one may begin.
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

local function number_token(text, at)
  local _, stop = find(text, "^-?%d+%.?%d*[eE][+-]?%d+", at)
  if not stop then
    _, stop = find(text, "^-?%d+%.?%d*", at)
  end
  local _, hexadecimal = find(text, "^-?0[xX]%x+", at)
  stop = hexadecimal or stop
  if stop then
    return "T_NUMBER", tonumber(sub(text, at, stop)), at, stop + 1
  end
  local sign, word = match(text, "^(-?)(%a+)", at)
  local lower = word and word:lower()
  if lower == "infinity" or lower == "inf" then
    return "T_NUMBER", sign == "-" and -1 / 0 or 1 / 0, at, at + #sign + #word
  elseif lower == "nan" then
    return "T_NUMBER", 0 / 0, at, at + #sign + #word
  end
  return sub(text, at, at) == "-" and "invalid number" or "invalid token", nil, at
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
  elseif find(c, "[%-%diInN]") then
    local word = match(text, "^null", at)
    if not word then
      return number_token(text, at)
    end
    return "T_NULL", null, at, at + 4
  end
  local word = match(text, "^true", at) or match(text, "^false", at)
  if word then
    return WORD_TOKENS[word], WORDS[word], at, at + #word
  end
  return "invalid token", nil, at
end

local function expected(what, kind, at)
  fail("Expected %s but found %s at character %d", what, kind, at)
end

local value_of

local function deeper(depth, at)
  if depth >= settings.decode_depth then
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

function cjson.decode(...)
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

-- Settings would outlive a script; they are accepted, and change nothing.

function cjson.encode_max_depth() return DEEPEST end
function cjson.decode_max_depth() return DEEPEST end
function cjson.encode_number_precision() return 14 end
function cjson.encode_keep_buffer() return true end
function cjson.encode_invalid_numbers() return false end
function cjson.decode_invalid_numbers() return true end
function cjson.encode_sparse_array() return false, 2, 10 end
function cjson.new() return cjson end

-- bit

local bit = {}

local function number_argument(place, name, count, value)
  local number = tonumber(value)
  if not number then
    local got = place > count and "no value" or type(value)
    fail("bad argument #%d to '%s' (number expected, got %s)", place, name, got)
  end
  return number
end

for name, least in next, {tobit = 1, bnot = 1, bswap = 1, tohex = 1, band = 1, bor = 1, bxor = 1, lshift = 2,
                          rshift = 2, arshift = 2, rol = 2, ror = 2} do
  bit[name] = function(...)
    local count = select("#", ...)
    for place = 1, count > least and count or least do
      number_argument(place, name, count, (select(place, ...)))
    end
    return host_bit(name, ...)
  end
end

-- struct

local struct = {}
for _, name in next, {"pack", "unpack", "size"} do
  local function finish(problem, ...)
    if problem then
      fail("bad argument %s", problem)
    end
    return ...
  end
  struct[name] = function(...)
    return finish(host_struct(name, ...))
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

local function text_argument(name, text)
  if type(text) ~= "string" and type(text) ~= "number" then
    fail("bad argument #1 to '%s' (string expected, got %s)", name, text == nil and "no value" or type(text))
  end
  return tostring(text)
end

function cmsgpack.unpack(text)
  return unpacked(host_msgpack_unpack("unpack", text_argument("unpack", text), 0, 0))
end

function cmsgpack.unpack_one(text, offset)
  return unpacked(host_msgpack_unpack("unpack_one", text_argument("unpack_one", text), 1, tonumber(offset) or 0))
end

function cmsgpack.unpack_limit(text, limit, offset)
  text = text_argument("unpack_limit", text)
  limit = number_argument(2, "unpack_limit", limit == nil and 1 or 2, limit)
  return unpacked(host_msgpack_unpack("unpack_limit", text, limit, tonumber(offset) or 0))
end

return {cjson = cjson, bit = bit, struct = struct, cmsgpack = cmsgpack}
