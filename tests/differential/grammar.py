"""
Generators of valid and invalid calls, made from COMMAND DOCS' descriptions of the commands' arguments.

So every option of redis-server is tried, in every combination and conflict, without a list of options here.
"""

from __future__ import annotations

from typing import Any

import crcmod
from hypothesis import strategies as st

from . import families
from .pool import Pool, Words

Calls = st.SearchStrategy[list[Words]]

KEYS = [b"a", b"b", b"key:1", b"\xff\x00 k", b""]
VALUES = [
    b"", b"0", b"1", b"-1", b"10", b"12345", b"3.5", b"-0.1", b"ohmytext", b"mynewtext", b"9223372036854775807",
    b"-9223372036854775808", b"9223372036854775808", b"1e3", b" 1", b"01", b"+1", b"-0", b"nan", b"inf", b"x" * 44,
    b"x" * 45, b"\x00\xff\x80", b"\xff\xff\xff", b"foobar\r\n", b"1" * 30,
]  # fmt: skip
TEXTS = [b"hello", b"", b"two words", b"line\nend", b"\xff\x00", b"x" * 300]
JUNK = [b"", b"foo", b"0", b"-1", b"NX", b"GET", b"EX", b"PERSIST", b"COUNT", b"\xff", b"9" * 25]


DUMPED = b"\x00\x05hello\n\x00"
DUMPED += crcmod.mkCrcFun(0x1AD93D23594C935A9, initCrc=0, rev=True, xorOut=0)(DUMPED).to_bytes(8, "little")
"""DUMP's payload of a string."""


class Relative(bytes):
    """
    A relative expiry time, in seconds or milliseconds.

    With two equal ones in a sequence, GT and LT would depend on the servers' speed, so each is made unique.
    """


_NOT_INTEGERS = [b"", b"abc", b"1.5", b" 1", b"1 ", b"01", b"+1", b"-0", b"0x10", b"-", b"9223372036854775808"]
_EXTREMES = [b"9223372036854775807", b"-9223372036854775808"]


_DATABASES = Pool([b"0", b"1", b"2"], [b"15", b"16", b"-1", *_NOT_INTEGERS])
_CLIENT_IDS = Pool([b"0", b"99999999"], [b"-1", *_NOT_INTEGERS])
_NAMES = Pool([b"me", b"", b"~!"], [b"two words", b"a\nb", b"\xff"])
_BIT_OFFSETS = Pool([b"0", b"1", b"7", b"8", b"15", b"63", b"100"], [b"-1", b"4294967296", *_NOT_INTEGERS])
_BIT = Pool([b"0", b"1"], [b"2", b"-1", *_NOT_INTEGERS])

POOLS: dict[tuple[str, str], Pool] = {
    ("", "key"): Pool(KEYS[:2], KEYS[2:]),
    ("", "string"): Pool(VALUES),
    ("", "integer"): Pool(
        [b"0", b"1", b"-1", b"2", b"-2", b"3", b"5", b"-5", b"7", b"8", b"10", b"100", b"-100"],
        [b"4294967296", b"2147483648", *_EXTREMES, *_NOT_INTEGERS],
    ),
    ("", "double"): Pool(
        [b"0", b"1", b"-1", b"0.1", b"-0.1", b"3.14159", b"5.0e3", b"1e-5", b"123456789.987654321", b".5", b"+1"],
        [
            b"1e17",
            b"1e300",
            b"1.7e308",
            b"9007199254740993",
            b"5.",
            b"-.5",
            b"1e5000",
            b"inf",
            b"-inf",
            b"+inf",
            b"Infinity",
            b"nan",
            b"0x1p3",
            b"0x10",
            b"abc",
            b"",
            b" 1",
            b"1 ",
            b"1e",
            b"-0",
            b"00.1",
        ],
    ),
    ("", "pattern"): Pool(
        [b"*", b"?", b"a", b"a*", b"[ab]", b"[^a]", b"[a-b]", b"[b-a]", b"k*y:?", b"*1", b"?*?"],
        [b"\\a", b"**", b"", b"[", b"[]", b"key\\:1", b"[^", b"\\"],
    ),
    ("", "unix-time"): Pool(
        [b"9999999999", b"9999999999999", b"99999999999999"],
        [b"1", b"0", b"-1", b"9223372036854775", b"9223372036854776", *_EXTREMES, *_NOT_INTEGERS],
    ),
    ("", "seconds"): Pool(
        [Relative(b"100"), Relative(b"5000000")],
        [b"0", b"-1", b"9223372036854775", b"9223372036854776", *_EXTREMES, *_NOT_INTEGERS],
    ),
    ("", "milliseconds"): Pool(
        [Relative(b"100000"), Relative(b"5000000000")], [b"0", b"-1", *_EXTREMES, *_NOT_INTEGERS]
    ),
    ("restore", "ttl"): Pool([b"0", Relative(b"100000")], [b"-1", *_EXTREMES, *_NOT_INTEGERS]),
    ("", "message"): Pool(TEXTS),
    ("", "index"): _DATABASES,
    ("", "index1"): _DATABASES,
    ("", "index2"): _DATABASES,
    ("", "db"): _DATABASES,
    ("", "destination-db"): _DATABASES,
    ("", "username"): Pool([b"default"], [b"nobody", b""]),
    ("", "password"): Pool([b"secret"], [b""]),
    ("", "protover"): Pool([b"2", b"3"], [b"1", b"4", b"abc", b""]),
    ("", "clientname"): _NAMES,
    ("", "connection-name"): _NAMES,
    ("", "client-id"): _CLIENT_IDS,
    ("", "type"): Pool([b"string"], [b"STRING", b"hash", b"nosuch"]),
    ("", "event"): Pool([b"command", b"nosuch", b""]),
    ("", "encoding"): Pool(
        [b"u8", b"i8", b"u1", b"i1", b"i5", b"u63", b"i64"],
        [b"u64", b"i65", b"i0", b"u0", b"8", b"", b"x8", b"u", b"u08", b"U8"],
    ),
    ("", "operation"): Pool([b"AND", b"or", b"XOR", b"NOT"], [b"nand", b""]),
    ("bitfield", "offset"): Pool(
        [b"0", b"1", b"7", b"8", b"100", b"#0", b"#1", b"#5"], [b"#", b"#-1", b"-1", b"abc", b"4294967296", b""]
    ),
    ("bitfield_ro", "offset"): Pool([b"0", b"1", b"7", b"#0", b"#1"], [b"#", b"-1", b"abc", b"4294967296"]),
    ("setbit", "offset"): _BIT_OFFSETS,
    ("setbit", "value"): _BIT,
    ("getbit", "offset"): Pool([*_BIT_OFFSETS.usual, b"4294967295"], _BIT_OFFSETS.odd),
    ("bitpos", "bit"): _BIT,
    ("setrange", "offset"): Pool([b"0", b"1", b"5", b"100"], [b"-1", b"536870912", *_EXTREMES, *_NOT_INTEGERS]),
    ("scan", "cursor"): Pool([b"0"], [b"abc", b"-1", b"1", b"", b"18446744073709551616"]),
    ("scan", "count"): Pool([b"1", b"2", b"10", b"1000"], [b"0", b"-1", *_EXTREMES, *_NOT_INTEGERS]),
    ("wait", "numreplicas"): Pool([b"0"], [b"-1", b"abc"]),
    ("slowlog|get", "count"): Pool([b"0", b"10", b"-1"], [b"-2", b"abc"]),
    ("restore", "serialized-value"): Pool([DUMPED], [b"", b"nonsense", DUMPED[:-1], DUMPED + b"x"]),
    **families.merged("POOLS"),
}
"""Pools of words for arguments: by command and name, by name, or by type."""

_A_FEW_KEYS = st.lists(st.tuples(st.just(b"SET"), st.sampled_from(KEYS), st.sampled_from(VALUES)).map(list), max_size=6)


class Grammar:
    """
    Creates Hypothesis strategies for calls of commands.

    @param docs: COMMAND DOCS of a redis-server, as text, by command.
    """

    def __init__(self, docs: dict[str, Any]) -> None:
        self._arguments: dict[str, list[dict[str, Any]]] = {}
        for name, about in docs.items():
            for full, each in (about.get("subcommands") or {name: about}).items():
                self._arguments[full] = each.get("arguments", [])

    def sequences(self, names: list[str], begin: list[Words]) -> Calls:
        """
        Sequences of about 40 calls of the given commands.

        @param begin: calls to sample the first ones from, so that others find data; if empty, some keys are set.
        """
        call = st.one_of([self.call(name) for name in names])
        some = st.lists(call)  # about six: hypothesis makes no longer ones, unless it is made to
        first = st.lists(st.sampled_from(begin), max_size=6) if begin else _A_FEW_KEYS
        return st.tuples(first, st.lists(some)).map(
            lambda both: _spread_times([list(words) for words in both[0]] + _concatenate(both[1]))
        )

    def call(self, name: str) -> st.SearchStrategy[Words]:
        """Calls of one command, most of them valid."""
        words = name.split("|")
        command = st.sampled_from([[w.upper().encode() for w in words], [w.encode() for w in words]])
        arguments = self._arguments[name]
        optional = next((i for i, each in enumerate(arguments) if _is_optional(each)), len(arguments))
        required = [self._argument(name, each) for each in arguments[:optional]]
        options = [self._argument(name, each) for each in arguments[optional:]]
        first = _joined(required)
        usual = st.tuples(command, first, _joined(options)).map(_concatenate)
        shuffled = st.tuples(command, first, _shuffled(options)).map(_concatenate)
        some = [usual] * 8 + [_damaged(usual)]
        return st.one_of([*some, shuffled, shuffled] if len(options) > 1 else some)

    def repeating(self, name: str) -> st.SearchStrategy[Words]:
        """Calls of one command with options repeated and in any order, and invalid ones."""
        command = st.just([word.upper().encode() for word in name.split("|")])
        arguments = self._arguments[name]
        optional = [self._argument(name, each) for each in arguments if _is_optional(each)]
        required = [self._argument(name, each) for each in arguments if not _is_optional(each)]
        options = st.lists(st.one_of(optional), max_size=5).map(_concatenate) if optional else st.just([])
        last = st.tuples(command, _joined(required), options).map(_concatenate)
        first = st.tuples(command, options, _joined(required)).map(_concatenate)
        return st.one_of(self.call(name), last, last, first, _damaged(last))

    def _argument(self, command: str, about: dict[str, Any]) -> st.SearchStrategy[Words]:
        flags = about.get("flags", [])
        words = self._value(command, about)
        token = about.get("token")
        one = _with_token(token, words) if token else words
        if "multiple" in flags:
            more = st.lists(words if token and "multiple_token" not in flags else one, min_size=1, max_size=3)
            one = more.map(_concatenate)
            if token and "multiple_token" not in flags:
                one = _with_token(token, one)
        return st.one_of(st.just([]), one) if _is_optional(about) else one

    def _value(self, command: str, about: dict[str, Any]) -> st.SearchStrategy[Words]:
        type_, name = about["type"], about["name"]
        if (command, name) in POOLS:
            return POOLS[command, name].words()
        if type_ == "pure-token":
            return st.just([])
        if type_ == "block":
            return _joined([self._argument(command, each) for each in about["arguments"]])
        if type_ == "oneof":
            one = st.one_of([self._argument(command, each) for each in about["arguments"]])
            return st.one_of(one, one, one, one, one, st.tuples(one, one).map(_concatenate))
        for place in (("", name), ("", type_)):
            if place in POOLS:
                return POOLS[place].words()
        raise LookupError(f"no words for the argument {name} of {command}, which is a {type_}")


def _is_optional(about: dict[str, Any]) -> bool:
    return "optional" in about.get("flags", [])


def _concatenate(lists: Any) -> Any:
    return [word for words in lists for word in words]


def _joined(parts: list[st.SearchStrategy[Words]]) -> st.SearchStrategy[Words]:
    return st.tuples(*parts).map(_concatenate)


def _shuffled(parts: list[st.SearchStrategy[Words]]) -> st.SearchStrategy[Words]:
    return st.permutations(parts).flatmap(_joined)


def _with_token(token: str, words: st.SearchStrategy[Words]) -> st.SearchStrategy[Words]:
    spelt = st.sampled_from([token.encode(), token.lower().encode()])
    return st.tuples(spelt, words).map(lambda pair: [pair[0], *pair[1]])


@st.composite
def _damaged(draw: Any, calls: st.SearchStrategy[Words]) -> Words:
    """A call with an argument too few, too many, or in the wrong place."""
    words = list(draw(calls))
    kind = draw(st.sampled_from(["drop", "append", "replace", "repeat"]))
    if kind == "append":
        return [*words, draw(st.sampled_from(JUNK))]
    if kind == "repeat":
        return words + words[-1:]
    if len(words) > 1:
        at = draw(st.integers(1, len(words) - 1))
        words[at : at + 1] = [] if kind == "drop" else [draw(st.sampled_from(JUNK))]
    return words


def _spread_times(calls: list[Words]) -> list[Words]:
    """Make all relative times different, by 7 % each, which is more than the servers differ in speed."""
    count = 0
    for words in calls:
        for at, word in enumerate(words):
            if isinstance(word, Relative):
                count += 1
                words[at] = b"%d" % (int(word) * (100 + 7 * count) // 100)
    return calls
