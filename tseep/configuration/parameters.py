"""The table of parameters, for the command line, configuration files and CONFIG, and their values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tseep.algorithms.glob import matcher
from tseep.configuration.inert import INERT
from tseep.configuration.kinds import (
    BYTES,
    LARGEST,
    LOG_LEVELS,
    POLICIES,
    SHARE,
    TEXT,
    YES_NO,
    Kind,
    Parameter,
    choice,
    memory,
    number,
    parse_addresses,
    parse_classes,
    parse_mode,
    parse_oom_scores,
    parse_output_limits,
    parse_percentiles,
    parse_shutdown,
    parse_workers,
    show_classes,
    show_oom_scores,
    show_output_limits,
    show_percentiles,
    show_shutdown,
)
from tseep.configuration.persistence import PERSISTENCE, PERSISTENCE_PARAMETERS
from tseep.configuration.refused import refusal

NETWORK = "Network"
SECURITY = "Security"
MEMORY = "Memory"
MONITORING = "Monitoring"
SERVER = "Server"


def _limited(name: str) -> Kind:
    """Return the kind of a parameter that accepts only the values that L{REFUSED} allows."""

    def parse(text: str) -> str:
        reason = refusal(name, text.split() or [""])
        if text and reason:
            raise ValueError(reason)
        return "" if text.lower() == "no one" else text.lower()

    return Kind(parse)


PARAMETERS = [
    Parameter("port", "6379", number(0, 65535), NETWORK, "TCP port of the addresses in --bind; 0: none."),
    Parameter(
        "bind",
        "127.0.0.1",
        Kind(parse_addresses, " ".join),
        NETWORK,
        "Addresses to listen on; * and ::*: all of IPv4 and IPv6. One after a minus may be missing.",
        words=True,
    ),
    Parameter("unixsocket", "", TEXT, NETWORK, "Path of a Unix socket to listen on.", fixed=True),
    Parameter(
        "unixsocketperm",
        "0",
        Kind(parse_mode, "{:o}".format),
        NETWORK,
        "Permissions of --unixsocket, octal; 0: those of 666.",
        fixed=True,
    ),
    Parameter(
        "tcp-backlog",
        "4096",
        number(0, 2**31 - 1),
        NETWORK,
        "Maximum number of connections that wait to be accepted. The kernel limits it to net.core.somaxconn.",
        fixed=True,
    ),
    Parameter("maxclients", "10000", number(1, 2**32 - 1), NETWORK, "Maximum number of connected clients."),
    Parameter(
        "workers",
        "auto",
        Kind(parse_workers),
        NETWORK,
        "Number of worker processes with --mode v3; auto: one per core, but one.",
        fixed=True,
        hidden=True,
    ),
    Parameter(
        "timeout",
        "0",
        number(0, 2**31 - 1),
        NETWORK,
        "Close a client that has been idle for this many seconds; 0: never.",
    ),
    Parameter(
        "tcp-keepalive",
        "300",
        number(0, 2**31 - 1),
        NETWORK,
        "TCP keepalive interval in seconds; 0: disabled. More than 32767 counts as 32767.",
    ),
    Parameter(
        "proto-max-bulk-len",
        "512mb",
        memory(2**20, LARGEST),
        NETWORK,
        "Maximum size of a string in a request, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "client-query-buffer-limit",
        "1gb",
        memory(2**20, LARGEST),
        NETWORK,
        "Maximum size of an incomplete request, in bytes (units: kb, mb, gb). The client is closed beyond it.",
    ),
    Parameter(
        "client-output-buffer-limit",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Kind(parse_output_limits, show_output_limits),
        NETWORK,
        "Limits on unsent replies: class (normal, slave or pubsub), hard limit, soft limit, and seconds over the soft "
        "limit, for one class or more. 0: no limit.",
        words=True,
    ),
    Parameter(
        "requirepass",
        "",
        TEXT,
        SECURITY,
        "Password of the default user. Visible to other users of the machine in ps; prefer --requirepass-file.",
    ),
    Parameter(
        "aclfile",
        "",
        TEXT,
        SECURITY,
        "File of ACL users, in --dir; read at start and by ACL LOAD, and written by ACL SAVE.",
        fixed=True,
    ),
    Parameter("acllog-max-len", "128", number(0, LARGEST), SECURITY, "Maximum number of entries in ACL LOG."),
    Parameter(
        "acl-pubsub-default",
        "resetchannels",
        choice("allchannels", "resetchannels"),
        SECURITY,
        "Channels that a new ACL user may access.",
    ),
    Parameter(
        "protected-mode",
        "yes",
        YES_NO,
        SECURITY,
        "Accept connections from this machine only while the default user has no password.",
    ),
    Parameter(
        "enable-debug-command",
        "no",
        choice("no", "yes", "local"),
        SECURITY,
        "Clients that may call DEBUG; local: those of this machine.",
        fixed=True,
    ),
    Parameter(
        "enable-module-command",
        "no",
        choice("no", "yes", "local"),
        SECURITY,
        "Clients that may call MODULE LOAD, which fails, as tseep has no modules; local: those of this machine.",
        fixed=True,
    ),
    Parameter(
        "enable-protected-configs",
        "no",
        choice("no", "yes", "local"),
        SECURITY,
        "Clients that may set dir and dbfilename with CONFIG SET, and so write a file anywhere; local: those of this "
        "machine.",
        fixed=True,
    ),
    *PERSISTENCE_PARAMETERS,
    Parameter(
        "tracking-table-max-keys",
        "1000000",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of keys tracked for client-side caching; 0: no limit.",
    ),
    Parameter(
        "lazyfree-lazy-user-del", "no", YES_NO, MEMORY, "Free the values of DEL in the background, as UNLINK does."
    ),
    Parameter(
        "lazyfree-lazy-user-flush",
        "no",
        YES_NO,
        MEMORY,
        "Free the values of FLUSHALL and FLUSHDB in the background unless SYNC is given.",
    ),
    Parameter(
        "maxmemory",
        "0",
        memory(0, LARGEST),
        MEMORY,
        "Memory limit of all keys, in bytes (units: kb, mb, gb); 0: no limit.",
    ),
    Parameter(
        "maxmemory-policy",
        "noeviction",
        choice(*POLICIES),
        MEMORY,
        "Keys to evict when --maxmemory is reached; noeviction: refuse writes.",
    ),
    Parameter(
        "hash-max-listpack-entries",
        "512",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of fields of a hash that has the encoding listpack: HSCAN returns it whole.",
        alias="hash-max-ziplist-entries",
    ),
    Parameter(
        "hash-max-listpack-value",
        "64",
        BYTES,
        MEMORY,
        "Maximum size of the fields and values of such a hash, in bytes (units: kb, mb, gb).",
        alias="hash-max-ziplist-value",
    ),
    Parameter(
        "set-max-intset-entries",
        "512",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of members of a set that has the encoding intset: all are integers, in order, and SSCAN "
        "returns it whole.",
    ),
    Parameter(
        "zset-max-listpack-entries",
        "128",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of members of a sorted set that has the encoding listpack: ZSCAN returns it whole.",
        alias="zset-max-ziplist-entries",
    ),
    Parameter(
        "zset-max-listpack-value",
        "64",
        BYTES,
        MEMORY,
        "Maximum size of the members of such a sorted set, in bytes (units: kb, mb, gb).",
        alias="zset-max-ziplist-value",
    ),
    Parameter(
        "hll-sparse-max-bytes",
        "3000",
        BYTES,
        MEMORY,
        "Maximum size of a HyperLogLog in the sparse encoding, in bytes (units: kb, mb, gb).",
    ),
    Parameter(
        "list-compress-depth",
        "0",
        number(0, 2**31 - 1),
        MEMORY,
        "Number of chunks at each end of a list that are not compressed; 0: no chunk is.",
    ),
    Parameter(
        "list-max-listpack-size",
        "-2",
        number(-(2**31), 2**31 - 1),
        MEMORY,
        "Maximum size of a chunk of a list, which has at most 128 elements. Positive: number of elements; -1 to -5: 4, "
        "8, 16, 32 or 64 KiB.",
        alias="list-max-ziplist-size",
    ),
    Parameter("maxmemory-samples", "5", number(1, 2**31 - 1), MEMORY, "Number of keys sampled for each eviction."),
    Parameter(
        "maxmemory-eviction-tenacity",
        "10",
        number(0, 100),
        MEMORY,
        "Time for evictions before a command, from 0 (least) to 100 (no limit).",
    ),
    Parameter("lazyfree-lazy-eviction", "no", YES_NO, MEMORY, "Free evicted values in the background."),
    Parameter("lazyfree-lazy-expire", "no", YES_NO, MEMORY, "Free expired values in the background."),
    Parameter(
        "active-expire-effort",
        "1",
        number(1, 10),
        MEMORY,
        "Time for the removal of expired keys that are not accessed, from 1 to 10 times the least.",
    ),
    Parameter(
        "maxmemory-clients",
        "0",
        SHARE,
        MEMORY,
        "Memory limit of all clients' buffers, in bytes (units: kb, mb, gb), or as a percentage of maxmemory, such as "
        "5%; 0: no limit.",
    ),
    Parameter(
        "lfu-log-factor",
        "10",
        number(0, 2**31 - 1),
        MEMORY,
        "Logarithm factor of the LFU counter: the higher, the more accesses it takes to raise the counter.",
    ),
    Parameter(
        "lfu-decay-time",
        "1",
        number(0, 2**31 - 1),
        MEMORY,
        "Minutes after which the LFU counter of a key is decremented; 0: never.",
    ),
    Parameter(
        "stream-node-max-bytes",
        "4096",
        BYTES,
        MEMORY,
        "Size from which a node of a stream gets no more entries, in bytes (units: kb, mb, gb); 0: no limit. XTRIM and "
        "XADD with ~ remove whole nodes.",
    ),
    Parameter(
        "stream-node-max-entries",
        "100",
        number(0, LARGEST),
        MEMORY,
        "Maximum number of entries of a node of a stream; 0: no limit.",
    ),
    Parameter(
        "slowlog-log-slower-than",
        "10000",
        number(-1, LARGEST),
        MONITORING,
        "Execution time in microseconds from which a command is logged in SLOWLOG; -1: none.",
    ),
    Parameter("slowlog-max-len", "128", number(0, LARGEST), MONITORING, "Maximum number of entries in SLOWLOG."),
    Parameter(
        "latency-monitor-threshold",
        "0",
        number(0, LARGEST),
        MONITORING,
        "Milliseconds from which LATENCY records an event; 0: none.",
    ),
    Parameter(
        "latency-tracking", "yes", YES_NO, MONITORING, "Report latencies by command in INFO and LATENCY HISTOGRAM."
    ),
    Parameter(
        "latency-tracking-info-percentiles",
        "50 99 99.9",
        Kind(parse_percentiles, show_percentiles),
        MONITORING,
        "Percentiles in the section latencystats of INFO: numbers between 0 and 100.",
        words=True,
    ),
    Parameter(
        "loglevel",
        "notice",
        choice(*LOG_LEVELS),
        MONITORING,
        "Least level of the server's and of scripts' log lines. Start, addresses and shutdown are always logged.",
    ),
    Parameter(
        "hz",
        "10",
        number(0, 2**31 - 1),
        SERVER,
        "Runs per second of periodic tasks, such as the removal of expired keys; between 1 and 500.",
    ),
    Parameter("databases", "16", number(1, 2**31 - 1), SERVER, "Number of databases.", fixed=True),
    Parameter(
        "notify-keyspace-events",
        "",
        Kind(parse_classes, show_classes),
        SERVER,
        "Keyspace events to publish: K or E, then the classes of events, of g$lshzxetdmn; A: all but m and n. Empty: "
        "none.",
    ),
    Parameter(
        "busy-reply-threshold",
        "5000",
        number(0, LARGEST),
        SERVER,
        "Milliseconds after which other clients get BUSY while a script runs.",
        alias="lua-time-limit",
    ),
    Parameter(
        "lua-enable-deprecated-api",
        "no",
        YES_NO,
        SERVER,
        "Whether scripts have Lua's deprecated getfenv and setfenv, for their own functions. newproxy stays absent.",
        fixed=True,
        option=False,
        hidden=True,
    ),
    Parameter(
        "shutdown-on-sigterm",
        "default",
        Kind(parse_shutdown, show_shutdown),
        SERVER,
        "Options of SHUTDOWN that SIGTERM has: save, nosave, force or now; default: save if --save is set.",
        words=True,
    ),
    Parameter(
        "shutdown-on-sigint",
        "default",
        Kind(parse_shutdown, show_shutdown),
        SERVER,
        "Options of SHUTDOWN that SIGINT (Ctrl-C) has: as --shutdown-on-sigterm.",
        words=True,
    ),
    Parameter(
        "crash-log-enabled",
        "yes",
        YES_NO,
        SERVER,
        "Write the Python stacks of all threads to the log when SIGSEGV, SIGABRT, SIGBUS, SIGFPE or SIGILL ends the "
        "process.",
    ),
    Parameter(
        "oom-score-adj",
        "no",
        choice("no", "yes", "relative", "absolute"),
        SERVER,
        "Set oom_score_adj of the process, by which Linux chooses what to kill when memory runs out: the values are "
        "scores (absolute), or added to the present one (relative, yes).",
    ),
    Parameter(
        "oom-score-adj-values",
        "0 200 800",
        Kind(parse_oom_scores, show_oom_scores),
        SERVER,
        "Scores for --oom-score-adj: of the server, of a replica (no effect), and of child processes that save.",
        words=True,
    ),
]
PARAMETERS += [
    Parameter("cluster-enabled", "no", _limited("cluster-enabled"), SERVER, "No cluster.", True, False),
    Parameter(
        "min-replicas-to-write", "0", _limited("min-replicas-to-write"), PERSISTENCE, "No replication.", False, False,
        "min-slaves-to-write",
    ),
    Parameter("replicaof", "", _limited("replicaof"), SERVER, "No replication.", True, False, "slaveof", True),
    Parameter("socket-mark-id", "0", _limited("socket-mark-id"), NETWORK, "No packet marks.", True, False),
    Parameter("tls-port", "0", _limited("tls-port"), NETWORK, "TLS is an endpoint.", False, False),
    Parameter("daemonize", "no", YES_NO, SERVER, "Left to twistd.", True, False),
    Parameter("logfile", "", TEXT, SERVER, "Left to twistd.", True, False),
    Parameter("pidfile", "", TEXT, SERVER, "Left to twistd.", True, False),
    Parameter("syslog-enabled", "no", YES_NO, SERVER, "Left to twistd.", True, False),
]  # fmt: skip
"""Parameters that CONFIG GET reports, with the values that a file can set: see L{tseep.configuration.refused}."""

PARAMETERS += [parameter for members in INERT.values() for parameter in members]

BY_NAME = {name: parameter for parameter in PARAMETERS for name in (parameter.name, parameter.alias) if name}
"""The parameters by name and alias."""


class Config(Mapping[str, Any]):
    """
    The values of all parameters, by name.

    @param texts: texts of the parameters that differ from their defaults, by name.
    @raise ValueError: if one is invalid.
    """

    def __init__(self, **texts: str) -> None:
        self.parameters = BY_NAME
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
        """The names and aliases that match a glob pattern, ignoring case; none that are hidden."""
        match = matcher(pattern.lower().encode("utf-8", "surrogateescape"))
        return (name for name, parameter in self.parameters.items() if not parameter.hidden and match(name.encode()))
