"""
The directives of Redis 7.0 that are not parameters of tseep (redis/src/config.c): refused or ignored.

A directive that affects access, results or durability is refused, unless its value is tseep's behaviour anyway. One
that is about speed, formats or features that tseep does not have is ignored, and listed in the log at start.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NamedTuple


class Refusal(NamedTuple):
    """
    The reason why the server does not start with a directive.

    @ivar harmless: the accepted values, in lower case, which request tseep's behaviour anyway.
    @ivar why: what tseep lacks or does differently.
    @ivar remedy: what the user can do.
    """

    harmless: tuple[str, ...]
    why: str
    remedy: str


_REPLICA = Refusal(("no one",), "tseep cannot be a replica", "remove the line, and copy the data once by a dump.rdb")
_TO_WRITE = Refusal(("0",), "tseep has no replicas, so every write would be refused", "remove the line")
_MASTER = Refusal(("",), "tseep cannot be a replica, and needs no password of a master", "remove the line")
_SHUTDOWN = Refusal(("default", "now"), "on a signal tseep shuts down as with `default`", "remove the line; see `save`")

REFUSED: dict[str, Refusal] = {
    "cluster-enabled": Refusal(("no",), "tseep has no cluster", "remove the line; clients must not be in cluster mode"),
    "enable-module-command": Refusal(("no",), "tseep has no modules", "remove the line"),
    "enable-protected-configs": Refusal(
        ("no",), "tseep never allows clients to set dir and dbfilename", "remove the line, and set them in the file"
    ),
    "loadmodule": Refusal((), "tseep has no modules", "remove the line"),
    "masterauth": _MASTER,
    "masteruser": _MASTER,
    "min-replicas-to-write": _TO_WRITE,
    "min-slaves-to-write": _TO_WRITE,
    "rename-command": Refusal(
        (),
        "tseep renames no commands",
        "deny the command to users, such as: user default on >PASSWORD ~* &* +@all -flushall",
    ),
    "replicaof": _REPLICA,
    "sentinel": Refusal((), "tseep is no Sentinel", "remove the line"),
    "shutdown-on-sigint": _SHUTDOWN,
    "shutdown-on-sigterm": _SHUTDOWN,
    "slaveof": _REPLICA,
    "socket-mark-id": Refusal(("0",), "tseep marks no sockets for packet filters", "remove the line"),
    "tls-port": Refusal(
        ("0",),
        "TLS is an endpoint",
        "write listen ssl:PORT:privateKey=FILE:certKey=FILE, or mtls: with clientCA=FILE for clients with certificates",
    ),
}  # fmt: skip
"""The directives with which the server does not start, by name."""

IGNORED: dict[str, tuple[str, ...]] = {
    "speed and CPU use": (
        "active-expire-effort", "activerehashing", "aof-rewrite-incremental-fsync", "aof_rewrite_cpulist",
        "bgsave_cpulist", "bio_cpulist", "dynamic-hz", "hz", "io-threads", "io-threads-do-reads",
        "lazyfree-lazy-eviction", "lazyfree-lazy-expire", "lazyfree-lazy-server-del",
        "loading-process-events-interval-bytes", "maxmemory-eviction-tenacity", "no-appendfsync-on-rewrite",
        "rdb-save-incremental-fsync", "server_cpulist", "tcp-backlog",
    ),
    "memory and its allocator": (
        "active-defrag-cycle-max", "active-defrag-cycle-min", "active-defrag-ignore-bytes",
        "active-defrag-max-scan-fields", "active-defrag-threshold-lower", "active-defrag-threshold-upper",
        "activedefrag", "disable-thp", "jemalloc-bg-thread", "oom-score-adj", "oom-score-adj-values",
    ),
    "formats": (
        "aof-disable-auto-gc", "aof-timestamp-enabled", "hash-max-listpack-entries", "hash-max-listpack-value",
        "hash-max-ziplist-entries", "hash-max-ziplist-value", "hll-sparse-max-bytes", "list-compress-depth",
        "list-max-listpack-size", "list-max-ziplist-entries", "list-max-ziplist-size", "list-max-ziplist-value",
        "rdbchecksum", "rdbcompression", "sanitize-dump-payload", "set-max-intset-entries", "stream-node-max-bytes",
        "stream-node-max-entries", "zset-max-listpack-entries", "zset-max-listpack-value", "zset-max-ziplist-entries",
        "zset-max-ziplist-value",
    ),
    "logs and statistics": (
        "always-show-logo", "crash-log-enabled", "crash-memcheck-enabled", "ignore-warnings", "latency-tracking",
        "latency-tracking-info-percentiles", "loglevel", "proc-title-template", "set-proc-title", "supervised",
        "syslog-facility", "syslog-ident",
    ),
    "replication, which tseep does not have": (
        "bind-source-addr", "min-replicas-max-lag", "min-slaves-max-lag", "propagation-error-behavior",
        "rdb-del-sync-files", "repl-backlog-size", "repl-backlog-ttl", "repl-disable-tcp-nodelay",
        "repl-diskless-load", "repl-diskless-sync", "repl-diskless-sync-delay", "repl-diskless-sync-max-replicas",
        "repl-ping-replica-period", "repl-ping-slave-period", "repl-timeout", "replica-announce-ip",
        "replica-announce-port", "replica-announced", "replica-ignore-disk-write-errors", "replica-ignore-maxmemory",
        "replica-lazy-flush", "replica-priority", "replica-read-only", "replica-serve-stale-data", "shutdown-timeout",
        "slave-announce-ip", "slave-announce-port", "slave-ignore-maxmemory", "slave-lazy-flush", "slave-priority",
        "slave-read-only", "slave-serve-stale-data", "tls-replication",
    ),
    "the cluster, while `cluster-enabled` is no": (
        "cluster-allow-pubsubshard-when-down", "cluster-allow-reads-when-down", "cluster-allow-replica-migration",
        "cluster-announce-bus-port", "cluster-announce-hostname", "cluster-announce-ip", "cluster-announce-port",
        "cluster-announce-tls-port", "cluster-config-file", "cluster-link-sendbuf-limit", "cluster-migration-barrier",
        "cluster-node-timeout", "cluster-port", "cluster-preferred-endpoint-type", "cluster-replica-no-failover",
        "cluster-replica-validity-factor", "cluster-require-full-coverage", "cluster-slave-no-failover",
        "cluster-slave-validity-factor", "tls-cluster",
    ),
    "TLS, while `tls-port` is 0": (
        "tls-auth-clients", "tls-ca-cert-dir", "tls-ca-cert-file", "tls-cert-file", "tls-ciphers", "tls-ciphersuites",
        "tls-client-cert-file", "tls-client-key-file", "tls-client-key-file-pass", "tls-dh-params-file",
        "tls-key-file", "tls-key-file-pass", "tls-prefer-server-ciphers", "tls-protocols", "tls-session-cache-size",
        "tls-session-cache-timeout", "tls-session-caching",
    ),
    "tests and the debugging of Redis": (
        "key-load-delay", "lua-replicate-commands", "rdb-key-save-delay", "use-exit-on-panic", "watchdog-period",
    ),
}  # fmt: skip
"""The directives that have no effect, by subject."""

TWISTD: dict[str, tuple[str, str]] = {
    "daemonize": ("no", "twistd tseep"),
    "logfile": ("", "twistd --logfile=FILE tseep"),
    "pidfile": ("", "twistd --pidfile=FILE tseep"),
    "syslog-enabled": ("no", "twistd --syslog tseep"),
}
"""The directives in place of which twistd has options: the value that needs no option, and the twistd command."""

_IGNORED = frozenset(name for names in IGNORED.values() for name in names)


def refusal(name: str, words: Sequence[str], known: Iterable[str]) -> str:
    """
    Return the reason why the server does not start with an unsupported directive; empty if it is ignored.

    @param known: the names of the supported directives, for the suggestion of a similar name.
    """
    if name in _IGNORED or name in TWISTD:
        return ""
    if name in REFUSED:
        harmless, why, remedy = REFUSED[name]
        return "" if " ".join(words).lower() in harmless else f"{why}; {remedy}"
    near = get_close_matches(name, [*known, *_IGNORED, *TWISTD, *REFUSED], 1, 0.75)
    return "Bad directive or wrong number of arguments" + "".join([f"; did you mean {each}?" for each in near])


def is_ignored(name: str) -> bool:
    """True if a directive has no effect, whatever its value."""
    return name in _IGNORED


def for_twistd(name: str, words: Sequence[str]) -> str:
    """The twistd command that replaces a directive; empty if none is needed."""
    harmless, instead = TWISTD.get(name, ("", ""))
    return "" if " ".join(words).lower() == harmless else instead
