"""Parameters and their types: parsing and showing values with Redis's bounds and messages (redis/src/config.c)."""

from __future__ import annotations

import os
import re
from typing import Any, Callable, NamedTuple

from tseep.algorithms.numeric import double, integer
from tseep.keyspace.events import ALL_CLASSES, SHOWN_ORDER, read_classes
from tseep.system.process import cores

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}

_SHUTDOWN_OPTIONS = ("save", "nosave", "now", "force")

LOG_LEVELS = ("debug", "verbose", "notice", "warning")
"""The values of loglevel, by Redis's number of the level."""

MAX_ADDRESSES = 16
"""Maximum number of addresses of C{bind} (CONFIG_BINDADDR_MAX)."""

POLICIES = (
    "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "allkeys-lru", "allkeys-lfu", "allkeys-random",
    "noeviction",
)  # fmt: skip
"""The values of maxmemory-policy: which keys are evicted, and by which rank."""


class Kind(NamedTuple):
    """
    The type of a parameter.

    @ivar parse: converts text to a value; raises C{ValueError} with Redis's message.
    @ivar show: converts a value to the text of CONFIG GET.
    @ivar choices: the accepted words of an enumeration, else empty.
    """

    parse: Callable[[str], Any]
    show: Callable[[Any], str] = str
    choices: tuple[str, ...] = ()


def number(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        value = integer(text.encode("utf-8", "surrogateescape"))
        if value is None:
            raise ValueError("argument couldn't be parsed into an integer")
        if not least <= value <= most:
            raise ValueError(f"argument must be between {least} and {most} inclusive")
        return value

    return Kind(parse)


def memory(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,19})([kmg]?b?)", text.lower())
        if match is None:
            raise ValueError("argument must be a memory value")
        size = int(match[1]) * _UNITS[match[2]]
        if not least <= size <= most:
            raise ValueError(f"argument must be between {least} and {most} inclusive")
        return size

    return Kind(parse)


def _parse_share(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,18})%", text)
    if match is None:
        try:
            return int(BYTES.parse(text))
        except ValueError:
            raise ValueError("argument must be a memory or percent value") from None
    if int(match[1]) > 100:
        raise ValueError("percentage argument must be less or equal to 100")
    return -int(match[1])


def _show_share(value: int) -> str:
    return str(value) if value >= 0 else f"{-value}%"


def choice(*words: str) -> Kind:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"argument(s) must be one of the following: {', '.join(words)}")
        return text.lower()

    return Kind(parse, choices=words)


def parse_output_limits(text: str) -> dict[str, tuple[int, int, int]]:
    """Parse limits by client class, each C{class hard-bytes soft-bytes soft-seconds}; none in an empty text."""
    words = text.split()
    if len(words) % 4:
        raise ValueError("Wrong number of arguments in buffer limit configuration.")
    limits = {}
    for name, hard, soft, seconds in zip(*[iter(words)] * 4):
        name = {"replica": "slave"}.get(name.lower(), name.lower())
        if name not in ("normal", "slave", "pubsub"):
            raise ValueError("Invalid client class specified in buffer limit configuration.")
        try:
            limits[name] = (BYTES.parse(hard), BYTES.parse(soft), number(0, 2**31 - 1).parse(seconds))
        except ValueError:
            raise ValueError("Error in hard, soft or soft_seconds setting in buffer limit configuration.") from None
    return limits


def show_output_limits(limits: dict[str, tuple[int, int, int]]) -> str:
    return " ".join(f"{name} {hard} {soft} {seconds}" for name, (hard, soft, seconds) in limits.items())


def parse_percentiles(text: str) -> tuple[float, ...]:
    values = []
    for word in text.split():
        value = double(word.encode("utf-8", "surrogateescape"))
        if value is None:
            raise ValueError("Invalid latency-tracking-info-percentiles parameters")
        if not 0 <= value <= 100:
            raise ValueError("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
        values.append(value)
    return tuple(values)


def show_percentiles(values: tuple[float, ...]) -> str:
    return " ".join([f"{value:f}".rstrip("0").rstrip(".") for value in values])


def show_classes(text: str) -> str:
    classes = read_classes(text)
    whole, hidden = classes >= ALL_CLASSES, ALL_CLASSES | {"n"}  # as Redis 7.0 shows them
    return ("A" if whole else "") + "".join(c for c in SHOWN_ORDER if c in classes and not (whole and c in hidden))


def parse_classes(text: str) -> str:
    read_classes(text)
    return text


def parse_save_points(text: str) -> tuple[tuple[int, int], ...]:
    """Parse save points: pairs of C{seconds changes}."""
    words = text.split()
    if len(words) % 2:
        raise ValueError("Invalid save parameters")
    seconds, changes = number(1, LARGEST).parse, number(0, 2**31 - 1).parse
    return tuple((seconds(first), changes(second)) for first, second in zip(words[::2], words[1::2]))


def show_save_points(points: tuple[tuple[int, int], ...]) -> str:
    return " ".join(f"{seconds} {changes}" for seconds, changes in points)


def parse_shutdown(text: str) -> tuple[str, ...]:
    """Parse options of a shutdown; the value C{default} is none of them."""
    words = text.lower().split()
    if not words or not set(words) <= {"default", *_SHUTDOWN_OPTIONS}:
        raise ValueError(f"argument(s) must be one of the following: {', '.join(['default', *_SHUTDOWN_OPTIONS])}")
    if {"save", "nosave"} <= set(words):
        raise ValueError("shutdown options SAVE and NOSAVE can't be used simultaneously")
    return tuple(word for word in _SHUTDOWN_OPTIONS if word in words)


def show_shutdown(options: tuple[str, ...]) -> str:
    return " ".join(options) or "default"


def parse_oom_scores(text: str) -> tuple[int, ...]:
    """Parse three scores: of a server, of a replica, and of a child process."""
    words = text.split()
    if len(words) != 3:
        raise ValueError("wrong number of arguments")
    scores = [integer(word.encode("utf-8", "surrogateescape")) for word in words]
    if not all(score is not None and -2000 <= score <= 2000 for score in scores):
        raise ValueError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
    return tuple(score or 0 for score in scores)


def show_oom_scores(scores: tuple[int, ...]) -> str:
    return " ".join(map(str, scores))


def _parse_folder(text: str) -> str:
    if not os.path.isdir(text):
        raise ValueError("there is no such directory")
    return os.path.abspath(text)


def _parse_file_name(text: str) -> str:
    if not text or os.path.basename(text) != text or text in (".", ".."):
        raise ValueError("it can't be a path, just a filename")
    return text


def parse_addresses(text: str) -> tuple[str, ...]:
    addresses = tuple(text.split())
    if len(addresses) > MAX_ADDRESSES:
        raise ValueError("Too many bind addresses specified.")
    return addresses


def parse_mode(text: str) -> int:
    """Parse the permissions of a file."""
    if not re.fullmatch("[0-7]{1,20}", text):
        raise ValueError("argument couldn't be parsed as an octal number")
    if int(text, 8) > 0o777:
        raise ValueError("argument must be between 0 and 777 inclusive")
    return int(text, 8)


def _parse_title(text: str) -> str:
    """Check a template of the process title (redis/src/server.c, validateProcTitleTemplate)."""
    rest = re.sub("{({|(title|listen-addr|server-mode|port|tls-port|config-file|unixsocket)})", "", text)
    if "{" in rest or not text.strip():
        raise ValueError("template format is invalid or contains unknown variables")
    return text


def parse_workers(text: str) -> int:
    if text.lower() == "auto":
        return max(1, cores() - 1)
    return int(number(1, 1024).parse(text))


FOLDER, FILE_NAME = Kind(_parse_folder), Kind(_parse_file_name)
YES_NO = choice("no", "yes")
LARGEST = 2**63 - 1
BYTES = memory(0, LARGEST)
TEXT = Kind(str)
TITLE = Kind(_parse_title)
SHARE = Kind(_parse_share, _show_share)
"""Bytes; or a percentage, whose value is negative."""


class Parameter(NamedTuple):
    """
    A parameter of the server.

    @ivar group: its group in C{--help}.
    @ivar help: its text there, self-contained, with unit and special values. Choices and default are appended.
    @ivar fixed: True if CONFIG SET cannot change it.
    @ivar option: True if it is a command-line option.
    @ivar alias: another name in CONFIG; empty for none.
    @ivar words: True if a configuration file sets it with several arguments, on one line or several.
    @ivar hidden: True if CONFIG GET shows it by its exact name only.
    @ivar inert: True if it has no effect.
    """

    name: str
    default: str
    kind: Kind
    group: str
    help: str
    fixed: bool = False
    option: bool = True
    alias: str = ""
    words: bool = False
    hidden: bool = False
    inert: bool = False
