"""
Redis's configuration files (redis/src/config.c, loadServerConfigFromString): a directive and its arguments on a line,
quoted as in inline commands; lines that begin with C{#} are comments.
"""

from __future__ import annotations

import glob
import os
from typing import Iterator, List, NamedTuple

from .config import Config
from .wire.inline import UnbalancedQuotes, split_words

MOST_INCLUDES = 16
"""How deep files may include each other."""

ENDPOINT_NAMES = {"port", "bind", "unixsocket", "unixsocketperm"}
"""Directives that say where to listen."""


class ConfigError(ValueError):
    """A file cannot be used; the message is the one line that says where and why."""


class Directive(NamedTuple):
    """
    One line of a file.

    @ivar place: file and line, for errors.
    """

    place: str
    name: str
    words: List[str]


def read_directives(path: str, depth: int = 0) -> Iterator[Directive]:
    """
    The directives of a file and of those that it includes, in their order.

    @raise ConfigError: if a file cannot be read, or a line cannot be split.
    """
    for number, line in enumerate(_lines(path), 1):
        place = f"{path}:{number}"
        words = _split(place, line)
        if words and words[0].lower() == "include":
            yield from _included(place, words[1:], depth + 1)
        elif words:
            yield Directive(place, words[0].lower(), words[1:])


def apply(config: Config, directives: List[Directive]) -> List[str]:
    """
    Set what the directives say; return the names of those that tseep does not have.

    @raise ConfigError: if a value is wrong.
    """
    unknown = {d.name: None for d in directives if d.name not in config.parameters and d.name not in ENDPOINT_NAMES}
    texts: dict[str, str] = {}
    for directive in directives:
        if directive.name in config.parameters:
            name = config.parameters[directive.name].name
            texts[name] = _joined(config, directive, texts.get(name, ""))
            _set(config, directive, texts[name])
    return list(unknown)


def _lines(path: str) -> List[bytes]:
    try:
        with open(path, "rb") as file:
            return file.read().split(b"\n")
    except OSError as error:
        raise ConfigError(f"cannot read the configuration file {path}: {error.strerror}") from None


def _split(place: str, line: bytes) -> List[str]:
    line = line.strip(b" \t\r\n")
    if line.startswith(b"#"):
        return []
    try:
        return [os.fsdecode(word) for word in split_words(line)]
    except UnbalancedQuotes:
        raise ConfigError(f"{place}: unbalanced quotes") from None


def _included(place: str, patterns: List[str], depth: int) -> Iterator[Directive]:
    """What the files hold that match; a pattern may match none, a plain name must be there."""
    if depth > MOST_INCLUDES:
        raise ConfigError(f"{place}: files include each other more than {MOST_INCLUDES} deep")
    if len(patterns) != 1:
        raise ConfigError(f"{place}: include: wrong number of arguments")
    paths = sorted(glob.glob(patterns[0])) if glob.has_magic(patterns[0]) else patterns
    for path in paths:
        yield from read_directives(path, depth)


def _joined(config: Config, directive: Directive, before: str) -> str:
    """The text of a directive; one that takes several words adds to what stood above it."""
    place, name, words = directive
    if not config.parameters[name].words:
        if len(words) != 1:
            raise ConfigError(f"{place}: {name}: wrong number of arguments")
        return words[0]
    text = " ".join(words)
    return f"{before} {text}".strip() if text else ""


def _set(config: Config, directive: Directive, text: str) -> None:
    try:
        config.set(directive.name, text)
    except ValueError as error:
        raise ConfigError(f"{directive.place}: {directive.name} {' '.join(directive.words)!r}: {error}") from None
