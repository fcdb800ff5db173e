"""
The syntax line of a command's page, read into the arguments that COMMAND DOCS tells.

=================== ============================================================
C{key}              an argument
C{NX}               a word that stands for itself
C{EX seconds}       a word before its arguments
C{[x]}              x may be left out
C{<x | y>}          one of them; C{[x | y]}: or none
C{x y [x y ...]}    x y, and more of the same
=================== ============================================================

What an argument is, an integer or a key, follows from its name.

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

    @ivar type: C{key}, C{string}, C{integer} and so on; C{pure-token} for a word alone, C{block} for all of
        C{parts}, C{oneof} for one of them.
    @ivar token: the word before it; empty for none.
    @ivar multiple_token: whether the word comes again before every further one.
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
    A word of the syntax; one without small letters is a token. C{name:type} says the type outright, C{name:TOKEN} the
    name of a token.
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
    Read a syntax line, which does not have the command's own name in it.

    @return: the arguments, in order.
    @raise ValueError: if its brackets do not pair, or C{...} repeats what is not there.
    """
    words = _WORD.findall(syntax)[::-1]
    (arguments,) = _alternatives(words, "")
    return tuple(_join_tokens(arguments))


def _alternatives(words: list[str], end: str) -> list[list[Argument]]:
    """Take words up to a bracket: what stands between the bars."""
    alternatives = [_sequence(words)]
    while words and words[-1] == "|":
        words.pop()
        alternatives.append(_sequence(words))
    if (words.pop() if words else "") != end:
        raise ValueError(f"no {end or 'end'} after {alternatives}")
    return alternatives


def _sequence(words: list[str]) -> list[Argument]:
    """Take the arguments up to a bar or a closing bracket."""
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
    """Add what may be left out, unless it only says that something may be repeated."""
    if alternatives[-1][-1:] != [_MORE]:
        arguments.append(_one_of(alternatives)._replace(optional=True))
    elif len(alternatives) > 1:
        arguments.append(_ALL_AGAIN)
    else:
        _repeat(arguments, alternatives[0][:-1])


def _repeat(arguments: list[Argument], again: list[Argument]) -> None:
    """Say of the last arguments that they may be repeated."""
    if not again or arguments[-len(again) :] != again:
        raise ValueError(f"{again} does not come before it is repeated")
    del arguments[-len(again) :]
    has_token = again[0].type == "pure-token" and len(again) > 1
    arguments.append(_together(_join_tokens(again))._replace(multiple=True, multiple_token=has_token))


def _one_of(alternatives: list[list[Argument]]) -> Argument:
    """One argument for several alternatives, or for the one that there is."""
    all_again = alternatives[-1][-1:] == [_ALL_AGAIN]
    if all_again:
        alternatives[-1].pop()
    choices = [_together(_join_tokens(sequence)) for sequence in alternatives]
    argument = choices[0] if len(choices) == 1 else _group("oneof", choices)
    return argument._replace(multiple=True) if all_again else argument


def _together(arguments: list[Argument]) -> Argument:
    """One argument for several in order, or for the one that there is."""
    return arguments[0] if len(arguments) == 1 else _group("block", arguments)


def _group(type: str, arguments: list[Argument]) -> Argument:
    return Argument("_".join([argument.name for argument in arguments]), type, parts=tuple(arguments))


def _join_tokens(arguments: list[Argument]) -> list[Argument]:
    """Give the arguments after a token, up to the next token or to what may be left out, that token."""
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
    """A token with the arguments that it governs, or alone."""
    return _together(arguments)._replace(token=token.token) if arguments else token


def document(syntax: str, specifications: int) -> list[dict[bytes, Any]]:
    """
    What COMMAND DOCS tells of the arguments.

    @param specifications: how many key specifications the command has; its keys belong to them in order,
        and what is left belongs to the last.
    """
    keys = (min(number, specifications - 1) for number in count())
    return [_fields(argument, keys) for argument in parse(syntax)]


def _fields(argument: Argument, keys: Iterator[int]) -> dict[bytes, Any]:
    fields: dict[bytes, Any] = {b"name": argument.name.encode(), b"type": argument.type.encode()}
    if argument.type == "key":
        fields[b"key_spec_index"] = next(keys)
    if argument.token:
        fields[b"token"] = argument.token.encode()
    flags = [name for name in ("optional", "multiple", "multiple_token") if getattr(argument, name)]
    if flags:
        fields[b"flags"] = SetReply(Status(flag.encode()) for flag in flags)
    if argument.parts:
        fields[b"arguments"] = [_fields(part, keys) for part in argument.parts]
    return fields
