"""The table of parameters, for the command line, configuration files and CONFIG, and their values."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any, Callable, NamedTuple

from tseep.algorithms.glob import matcher
from tseep.algorithms.numeric import integer
from tseep.keyspace.events import ALL_CLASSES, SHOWN_ORDER, read_classes
from tseep.system.process import cores

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1024, "m": 10**6, "mb": 2**20, "g": 10**9, "gb": 2**30}


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


def _number(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        value = integer(text.encode("utf-8", "surrogateescape"))
        if value is None:
            raise ValueError("argument couldn't be parsed into an integer")
        if not least <= value <= most:
            raise ValueError(f"argument must be between {least} and {most} inclusive")
        return value

    return Kind(parse)


def _memory(least: int, most: int) -> Kind:
    def parse(text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,19})([kmg]?b?)", text.lower())
        if match is None:
            raise ValueError("argument must be a memory value")
        size = int(match[1]) * _UNITS[match[2]]
        if not least <= size <= most:
            raise ValueError(f"argument must be between {least} and {most} inclusive")
        return size

    return Kind(parse)


def _choice(*words: str) -> Kind:
    def parse(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"argument(s) must be one of the following: {', '.join(words)}")
        return text.lower()

    return Kind(parse, choices=words)


def _output_limits(text: str) -> dict[str, tuple[int, int, int]]:
    """Parse limits by client class: one C{class hard-bytes soft-bytes soft-seconds} or more."""
    words = text.split()
    if not words or len(words) % 4:
        raise ValueError("Wrong number of arguments in buffer limit configuration.")
    limits = {}
    for name, hard, soft, seconds in zip(*[iter(words)] * 4):
        name = "slave" if name == "replica" else name
        if name not in ("normal", "slave", "pubsub"):
            raise ValueError("Invalid client class specified in buffer limit configuration.")
        limits[name] = (_bytes.parse(hard), _bytes.parse(soft), _number(0, 2**31 - 1).parse(seconds))
    return limits


def _show_limits(limits: dict[str, tuple[int, int, int]]) -> str:
    return " ".join(f"{name} {hard} {soft} {seconds}" for name, (hard, soft, seconds) in limits.items())


def _show_classes(text: str) -> str:
    classes = read_classes(text)
    whole, hidden = classes >= ALL_CLASSES, ALL_CLASSES | {"n"}  # as Redis 7.0 shows them
    return ("A" if whole else "") + "".join(c for c in SHOWN_ORDER if c in classes and not (whole and c in hidden))


def _classes(text: str) -> str:
    read_classes(text)
    return text


def _save_points(text: str) -> tuple[tuple[int, int], ...]:
    """Parse save points: pairs of C{seconds changes}."""
    words = text.split()
    if len(words) % 2:
        raise ValueError("Invalid save parameters")
    seconds, changes = _number(1, _LARGEST).parse, _number(0, 2**31 - 1).parse
    return tuple((seconds(first), changes(second)) for first, second in zip(words[::2], words[1::2]))


def _show_save_points(points: tuple[tuple[int, int], ...]) -> str:
    return " ".join(f"{seconds} {changes}" for seconds, changes in points)


def _parse_folder(text: str) -> str:
    if not os.path.isdir(text):
        raise ValueError("there is no such directory")
    return os.path.abspath(text)


def _parse_file_name(text: str) -> str:
    if not text or os.path.basename(text) != text or text in (".", ".."):
        raise ValueError("it can't be a path, just a filename")
    return text


def _workers(text: str) -> int:
    if text.lower() == "auto":
        return max(1, cores() - 1)
    return int(_number(1, 1024).parse(text))


_folder, _file_name = Kind(_parse_folder), Kind(_parse_file_name)
_yes_no = _choice("no", "yes")
_LARGEST = 2**63 - 1
_bytes = _memory(0, _LARGEST)
_TEXT = Kind(str)


class Parameter(NamedTuple):
    """
    A parameter of the server.

    @ivar group: its group in C{--help}.
    @ivar help: its text there, self-contained, with unit and special values. Choices and default are appended.
    @ivar fixed: True if CONFIG SET cannot change it.
    @ivar option: True if it is a command-line option. The others have one value, which clients can read.
    @ivar alias: another name in CONFIG; empty for none.
    @ivar words: True if a configuration file sets it with several arguments, on one line or several.
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


NETWORK = "Network"
SECURITY = "Security"
PERSISTENCE = "Persistence"
MEMORY = "Memory"
MONITORING = "Monitoring"
SERVER = "Server"

PARAMETERS = [
    Parameter("maxclients", "10000", _number(1, 2**32 - 1), NETWORK, "Maximum number of connected clients."),
    Parameter(
        "workers",
        "auto",
        Kind(_workers),
        NETWORK,
        "Number of worker processes with --mode v3; auto: one per core, but one.",
        fixed=True,
    ),
    Parameter(
        "timeout",
        "0",
        _number(0, 2**31 - 1),
        NETWORK,
        "Close a client that has been idle for this many seconds; 0: never.",
    ),
    Parameter(
        "tcp-keepalive",
        "300",
        _number(0, 2**31 - 1),
        NETWORK,
        "TCP keepalive interval in seconds; 0: disabled. More than 32767 counts as 32767.",
    ),
    Parameter(
        "proto-max-bulk-len",
        "512mb",
        _memory(2**20, _LARGEST),
        NETWORK,
        "Maximum size of a string in a request, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "client-query-buffer-limit",
        "1gb",
        _memory(2**20, _LARGEST),
        NETWORK,
        "Maximum size of an incomplete request, in bytes (units: kb, mb, gb). The client is closed beyond it.",
    ),
    Parameter(
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Kind(_output_limits, _show_limits),
        NETWORK,
        "Limits on unsent replies: class (normal, slave or pubsub), hard limit, soft limit, and seconds over the soft "
        "limit, for one class or more. 0: no limit.",
        words=True,
    ),
    Parameter(
        "requirepass",
        "",
        _TEXT,
        SECURITY,
        "Password of the default user. Visible to other users of the machine in ps; prefer --requirepass-file.",
    ),
    Parameter(
        "aclfile",
        "",
        _TEXT,
        SECURITY,
        "File of ACL users, read at start and by ACL LOAD, and written by ACL SAVE.",
        fixed=True,
    ),
    Parameter("acllog-max-len", "128", _number(0, _LARGEST), SECURITY, "Maximum number of entries in ACL LOG."),
    Parameter(
        "acl-pubsub-default",
        "resetchannels",
        _choice("allchannels", "resetchannels"),
        SECURITY,
        "Channels that a new ACL user may access.",
    ),
    Parameter(
        "protected-mode",
        "yes",
        _yes_no,
        SECURITY,
        "Accept connections from this machine only while the default user has no password.",
    ),
    Parameter(
        "enable-debug-command",
        "no",
        _choice("no", "yes", "local"),
        SECURITY,
        "Clients that may call DEBUG; local: those of this machine.",
        fixed=True,
    ),
    Parameter(
        "dir",
        ".",
        _folder,
        PERSISTENCE,
        "Directory of the snapshot and of the append-only file. Only one tseep may use it.",
        fixed=True,
    ),
    Parameter("dbfilename", "dump.rdb", _file_name, PERSISTENCE, "File name of the snapshot, in --dir.", fixed=True),
    Parameter(
        "save",
        "",
        Kind(_save_points, _show_save_points),
        PERSISTENCE,
        "Save a snapshot after this many seconds if at least this many keys have changed: one pair of numbers or more. "
        "Empty: never.",
        words=True,
    ),
    Parameter(
        "stop-writes-on-bgsave-error",
        "yes",
        _yes_no,
        PERSISTENCE,
        "Refuse writes after a snapshot has failed, until one succeeds.",
    ),
    Parameter("appendonly", "no", _yes_no, PERSISTENCE, "Log every write in an append-only file (AOF)."),
    Parameter(
        "appendfsync",
        "everysec",
        _choice("everysec", "always", "no"),
        PERSISTENCE,
        "When to fsync the append-only file: before each reply (always), once a second, or when the system does (no).",
    ),
    Parameter(
        "appendfilename", "appendonly.aof", _file_name, PERSISTENCE, "Base name of the append-only files.", fixed=True
    ),
    Parameter(
        "appenddirname",
        "appendonlydir",
        _file_name,
        PERSISTENCE,
        "Directory of the append-only files, in --dir.",
        fixed=True,
    ),
    Parameter(
        "aof-load-truncated",
        "yes",
        _yes_no,
        PERSISTENCE,
        "Load an append-only file whose last command is truncated (yes), or refuse to start (no).",
    ),
    Parameter(
        "auto-aof-rewrite-percentage",
        "100",
        _number(0, 2**31 - 1),
        PERSISTENCE,
        "Rewrite the append-only file when it has grown by this percentage; 0: never.",
    ),
    Parameter(
        "auto-aof-rewrite-min-size",
        "64mb",
        _memory(0, _LARGEST),
        PERSISTENCE,
        "Minimum size of the append-only file for an automatic rewrite, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "aof-use-rdb-preamble",
        "yes",
        _choice("yes"),
        PERSISTENCE,
        "Write the base of the append-only file as a snapshot.",
        option=False,
    ),
    Parameter(
        "tracking-table-max-keys",
        "1000000",
        _number(0, _LARGEST),
        MEMORY,
        "Maximum number of keys tracked for client-side caching; 0: no limit.",
    ),
    Parameter(
        "lazyfree-lazy-user-del", "no", _yes_no, MEMORY, "Free the values of DEL in the background, as UNLINK does."
    ),
    Parameter(
        "lazyfree-lazy-user-flush",
        "no",
        _yes_no,
        MEMORY,
        "Free the values of FLUSHALL and FLUSHDB in the background unless SYNC is given.",
    ),
    Parameter(
        "maxmemory",
        "0",
        _memory(0, _LARGEST),
        MEMORY,
        "Memory limit of all keys, in bytes (units: kb, mb, gb); 0: no limit.",
    ),
    Parameter(
        "maxmemory-policy",
        "noeviction",
        _choice(*POLICIES),
        MEMORY,
        "Keys to evict when --maxmemory is reached; noeviction: refuse writes.",
    ),
    Parameter("maxmemory-samples", "5", _number(1, 2**31 - 1), MEMORY, "Number of keys sampled for each eviction."),
    Parameter(
        "maxmemory-clients",
        "0",
        _memory(0, _LARGEST),
        MEMORY,
        "Memory limit of all clients' buffers, in bytes (units: kb, mb, gb); 0: no limit.",
    ),
    Parameter(
        "lfu-log-factor",
        "10",
        _number(0, 2**31 - 1),
        MEMORY,
        "Logarithm factor of the LFU counter: the higher, the more accesses it takes to raise the counter.",
    ),
    Parameter(
        "lfu-decay-time",
        "1",
        _number(0, 2**31 - 1),
        MEMORY,
        "Minutes after which the LFU counter of a key is decremented; 0: never.",
    ),
    Parameter(
        "slowlog-log-slower-than",
        "10000",
        _number(-1, _LARGEST),
        MONITORING,
        "Execution time in microseconds from which a command is logged in SLOWLOG; -1: none.",
    ),
    Parameter("slowlog-max-len", "128", _number(0, _LARGEST), MONITORING, "Maximum number of entries in SLOWLOG."),
    Parameter(
        "latency-monitor-threshold",
        "0",
        _number(0, _LARGEST),
        MONITORING,
        "Milliseconds from which LATENCY records an event; 0: none.",
    ),
    Parameter("databases", "16", _number(1, 2**31 - 1), SERVER, "Number of databases.", fixed=True),
    Parameter(
        "notify-keyspace-events",
        "",
        Kind(_classes, _show_classes),
        SERVER,
        "Keyspace events to publish: K or E, then the classes of events, of g$lshzxetdmn; A: all but m and n. Empty: "
        "none.",
    ),
    Parameter(
        "busy-reply-threshold",
        "5000",
        _number(0, _LARGEST),
        SERVER,
        "Milliseconds after which other clients get BUSY while a script runs.",
        alias="lua-time-limit",
    ),
]


class Config(Mapping[str, Any]):
    """
    The values of all parameters, by name.

    @param texts: texts of the parameters that differ from their defaults, by name.
    @raise ValueError: if one is invalid.
    """

    def __init__(self, **texts: str) -> None:
        self.parameters = {name: p for p in PARAMETERS for name in (p.name, p.alias) if name}
        self._defaults = {p.name: p.kind.parse(p.default) for p in PARAMETERS}
        self._values = dict(self._defaults)
        for name, text in texts.items():
            self.set(name.replace("_", "-"), text)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def set(self, name: str, text: str) -> None:
        """
        Set a parameter from text.

        @raise ValueError: with the reason, if the text is invalid.
        """
        parameter = self.parameters[name]
        value = parameter.kind.parse(text)
        if isinstance(value, dict):  # other client classes keep their limits
            value = {**self._values[parameter.name], **value}
        self._values[parameter.name] = value

    def presume(self, name: str, text: str) -> None:
        """
        Set a parameter from text, and make that its default, which CONFIG REWRITE does not write.

        @raise ValueError: with the reason, if the text is invalid.
        """
        self.set(name, text)
        self._defaults[name] = self._values[name]

    def show(self, name: str) -> str:
        """The value as text, as CONFIG GET replies it."""
        parameter = self.parameters[name]
        return parameter.kind.show(self._values[parameter.name])

    def is_default(self, name: str) -> bool:
        """True if a parameter has its default value."""
        name = self.parameters[name].name
        return bool(self._values[name] == self._defaults[name])

    def matching(self, pattern: str) -> Iterator[str]:
        """The names and aliases that match a glob pattern, ignoring case."""
        match = matcher(pattern.lower().encode("utf-8", "surrogateescape"))
        return (name for name in self.parameters if match(name.encode()))
