"""
Parser of the syntax line of a command's page, which yields the arguments of COMMAND DOCS.

=================== ============================================================
C{key}              an argument
C{NX}               a token
C{EX seconds}       a token before its arguments
C{[x]}              x is optional
C{<x | y>}          one of them; C{[x | y]}: at most one
C{x y [x y ...]}    x y, once or more often
=================== ============================================================

The type of an argument (integer, key and so on) follows from its name.

@see: https://redis.io/docs/latest/commands/command-docs/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import count
from typing import Any, NamedTuple

from tseep.replies import SetReply, Status

_WORD = re.compile(r"\.\.\.|[][<>|]|[^][<>|\s]+")

_TYPES = {
    name: type
    for type, names in {
        "key": "key key1 key2 destkey newkey source destination sourcekey dst src",
        "integer": "index index1 index2 seconds milliseconds offset start end stop count numkeys increment "
        "decrement bit cursor timeout ttl frequency db destination-db protover client-id numreplicas "
        "min-match-len limit weight rank num-matches len maxlen ms version bits",
        "double": "score longitude latitude radius width height",
        "unix-time": "unix-time-seconds unix-time-milliseconds",
        "pattern": "pattern",
    }.items()
    for name in names.split()
}


class Argument(NamedTuple):
    """
    One argument of a command, or a group of them.

    @ivar type: C{key}, C{string}, C{integer} and so on; C{pure-token}: a token without arguments, C{block}: all of
        C{parts}, C{oneof}: one of them.
    @ivar token: the token before it; empty: none.
    @ivar multiple_token: True if each repetition has the token.
    """

    name: str
    type: str
    token: str = ""
    optional: bool = False
    multiple: bool = False
    multiple_token: bool = False
    parts: tuple[Argument, ...] = ()


_MORE = Argument("...", "")
_ALL_AGAIN = Argument("[... | ... ...]", "")


def _argument(word: str) -> Argument:
    """
    Return the argument that a word of the syntax denotes: a token, if it has no small letters. C{name:type} defines the
    type, C{name:TOKEN} the name of a token.
    """
    if word == "...":
        return _MORE
    if word == word.upper():
        return Argument(word.lower(), "pure-token", token=word)
    name, _, type = word.rpartition(":")
    if name and type == type.upper():
        return Argument(name, "pure-token", token=type)
    if name and (type == "string" or type in _TYPES.values()):
        return Argument(name, type)
    return Argument(word, _TYPES.get(word, "string"))


@cache
def parse(syntax: str) -> tuple[Argument, ...]:
    """
    Parse a syntax line without the command's name.

    @return: the arguments, in order.
    @raise ValueError: if brackets do not pair, or C{...} repeats something other than the preceding arguments.
    """
    words = _WORD.findall(syntax)[::-1]
    (arguments,) = _alternatives(words, "")
    return tuple(_join_tokens(arguments))


def _alternatives(words: list[str], end: str) -> list[list[Argument]]:
    """Consume words up to the bracket C{end}; return the sequences between bars."""
    alternatives = [_sequence(words)]
    while words and words[-1] == "|":
        words.pop()
        alternatives.append(_sequence(words))
    if (words.pop() if words else "") != end:
        raise ValueError(f"no {end or 'end'} after {alternatives}")
    return alternatives


def _sequence(words: list[str]) -> list[Argument]:
    """Consume words up to a bar or a closing bracket; return their arguments."""
    arguments: list[Argument] = []
    while words and words[-1] not in ("|", "]", ">"):
        word = words.pop()
        if word == "<":
            arguments.append(_one_of(_alternatives(words, ">")))
        elif word == "[":
            _add_optional(arguments, _alternatives(words, "]"))
        else:
            arguments.append(_argument(word))
    return arguments


def _add_optional(arguments: list[Argument], alternatives: list[list[Argument]]) -> None:
    """Add the content of square brackets: optional arguments, or a repetition of the preceding ones."""
    if alternatives[-1][-1:] != [_MORE]:
        arguments.append(_one_of(alternatives)._replace(optional=True))
    elif len(alternatives) > 1:
        arguments.append(_ALL_AGAIN)
    else:
        _repeat(arguments, alternatives[0][:-1])


def _repeat(arguments: list[Argument], again: list[Argument]) -> None:
    """Mark the last arguments, which must be equal to C{again}, as repeatable."""
    if not again or arguments[-len(again) :] != again:
        raise ValueError(f"{again} does not come before it is repeated")
    del arguments[-len(again) :]
    has_token = again[0].type == "pure-token" and len(again) > 1
    arguments.append(_together(_join_tokens(again))._replace(multiple=True, multiple_token=has_token))


def _one_of(alternatives: list[list[Argument]]) -> Argument:
    """Return a C{oneof} of the alternatives, or the only one."""
    all_again = alternatives[-1][-1:] == [_ALL_AGAIN]
    if all_again:
        alternatives[-1].pop()
    choices = [_together(_join_tokens(sequence)) for sequence in alternatives]
    argument = choices[0] if len(choices) == 1 else _group("oneof", choices)
    return argument._replace(multiple=True) if all_again else argument


def _together(arguments: list[Argument]) -> Argument:
    """Return a C{block} of the arguments, or the only one."""
    return arguments[0] if len(arguments) == 1 else _group("block", arguments)


def _group(type: str, arguments: list[Argument]) -> Argument:
    return Argument("_".join([argument.name for argument in arguments]), type, parts=tuple(arguments))


def _join_tokens(arguments: list[Argument]) -> list[Argument]:
    """Assign each token to the arguments after it, up to the next token or optional argument."""
    joined: list[Argument] = []
    governed: list[Argument] = []
    for argument in reversed(arguments):
        if argument.type == "pure-token" and not argument.optional:
            joined.append(_under(argument, governed[::-1]))
            governed = []
        elif argument.optional or argument.token:
            joined += [*governed, argument]
            governed = []
        else:
            governed.append(argument)
    return (joined + governed)[::-1]


def _under(token: Argument, arguments: list[Argument]) -> Argument:
    """Return the arguments with their token, or the token alone."""
    return _together(arguments)._replace(token=token.token) if arguments else token


def document(syntax: str, specifications: int) -> list[dict[bytes, Any]]:
    """
    Return the field C{arguments} of COMMAND DOCS.

    @param specifications: the number of the command's key specifications. Its key arguments belong to them in order,
        and all that remain to the last.
    """
    keys = (min(number, specifications - 1) for number in count())
    return [_fields(argument, keys) for argument in parse(syntax)]


def _fields(argument: Argument, keys: Iterator[int]) -> dict[bytes, Any]:
    fields: dict[bytes, Any] = {b"name": argument.name.encode(), b"type": argument.type.encode()}
    if argument.type == "key":
        fields[b"key_spec_index"] = next(keys)
    if argument.token or argument.type == "pure-token":
        fields[b"token"] = argument.token.encode()
    flags = [name for name in ("optional", "multiple", "multiple_token") if getattr(argument, name)]
    if flags:
        fields[b"flags"] = SetReply(Status(flag.encode()) for flag in flags)
    if argument.parts:
        fields[b"arguments"] = [_fields(part, keys) for part in argument.parts]
    return fields
