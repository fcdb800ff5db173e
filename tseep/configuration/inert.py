"""
Redis's parameters without effect in tseep (redis/src/config.c): accepted, kept, and returned by CONFIG GET and
CONFIG REWRITE.

They concern speed, formats, or features that tseep does not have; none changes what clients can do, see or lose.
"""

from __future__ import annotations

from typing import NamedTuple

from tseep.configuration.kinds import BYTES, LARGEST, TEXT, YES_NO, Kind, choice, memory, number

_INT = number(0, 2**31 - 1)
_LONG = number(0, LARGEST)
_PORT = number(0, 65535)
_PERCENT = number(1, 99)


class Inert(NamedTuple):
    """
    A parameter without effect.

    @ivar alias: its former name; empty for none.
    @ivar fixed: True if CONFIG SET cannot change it.
    @ivar hidden: True if CONFIG GET shows it by its exact name only.
    @ivar words: True if it has several arguments.
    """

    name: str
    default: str
    kind: Kind
    alias: str = ""
    fixed: bool = False
    hidden: bool = False
    words: bool = False


SPEED = "speed and CPU use"
ALLOCATOR = "memory and its allocator"
FORMATS = "formats"
LOGS = "logs and statistics"
REPLICATION = "replication, which tseep does not have"
CLUSTER = "the cluster, while `cluster-enabled` is no"
TLS = "TLS, while `tls-port` is 0"
MODULES = "modules, which tseep does not have"
DEBUGGING = "tests and the debugging of Redis"

INERT: dict[str, tuple[Inert, ...]] = {
    SPEED: (
        Inert("active-expire-effort", "1", number(1, 10)),
        Inert("activerehashing", "yes", YES_NO),
        Inert("aof-rewrite-incremental-fsync", "yes", YES_NO),
        Inert("aof_rewrite_cpulist", "", TEXT, fixed=True),
        Inert("bgsave_cpulist", "", TEXT, fixed=True),
        Inert("bio_cpulist", "", TEXT, fixed=True),
        Inert("dynamic-hz", "yes", YES_NO),
        Inert("hz", "10", _INT),
        Inert("io-threads", "1", number(1, 128), fixed=True),
        Inert("io-threads-do-reads", "no", YES_NO, fixed=True),
        Inert("lazyfree-lazy-eviction", "no", YES_NO),
        Inert("lazyfree-lazy-expire", "no", YES_NO),
        Inert("lazyfree-lazy-server-del", "no", YES_NO),
        Inert("maxmemory-eviction-tenacity", "10", number(0, 100)),
        Inert("no-appendfsync-on-rewrite", "no", YES_NO),
        Inert("rdb-save-incremental-fsync", "yes", YES_NO),
        Inert("server_cpulist", "", TEXT, fixed=True),
        Inert("tcp-backlog", "511", _INT, fixed=True),
    ),
    ALLOCATOR: (
        Inert("active-defrag-cycle-max", "25", _PERCENT),
        Inert("active-defrag-cycle-min", "1", _PERCENT),
        Inert("active-defrag-ignore-bytes", "100mb", memory(1, LARGEST)),
        Inert("active-defrag-max-scan-fields", "1000", number(1, LARGEST)),
        Inert("active-defrag-threshold-lower", "10", number(0, 1000)),
        Inert("active-defrag-threshold-upper", "100", number(0, 1000)),
        Inert("activedefrag", "no", YES_NO),
        Inert("disable-thp", "yes", YES_NO, fixed=True),
        Inert("jemalloc-bg-thread", "yes", YES_NO),
        Inert("oom-score-adj", "no", choice("no", "yes", "relative", "absolute")),
        Inert("oom-score-adj-values", "0 200 800", TEXT, words=True),
    ),
    FORMATS: (
        Inert("aof-disable-auto-gc", "no", YES_NO),
        Inert("aof-timestamp-enabled", "no", YES_NO),
        Inert("hash-max-listpack-entries", "512", _LONG, "hash-max-ziplist-entries"),
        Inert("hash-max-listpack-value", "64", BYTES, "hash-max-ziplist-value"),
        Inert("hll-sparse-max-bytes", "3000", BYTES),
        Inert("list-compress-depth", "0", _INT),
        Inert("list-max-listpack-size", "-2", number(-(2**31), 2**31 - 1), "list-max-ziplist-size"),
        Inert("rdbchecksum", "yes", YES_NO, fixed=True),
        Inert("rdbcompression", "yes", YES_NO),
        Inert("sanitize-dump-payload", "no", choice("no", "yes", "clients")),
        Inert("set-max-intset-entries", "512", _LONG),
        Inert("stream-node-max-bytes", "4096", BYTES),
        Inert("stream-node-max-entries", "100", _LONG),
        Inert("zset-max-listpack-entries", "128", _LONG, "zset-max-ziplist-entries"),
        Inert("zset-max-listpack-value", "64", BYTES, "zset-max-ziplist-value"),
    ),
    LOGS: (
        Inert("always-show-logo", "no", YES_NO, fixed=True),
        Inert("crash-log-enabled", "yes", YES_NO),
        Inert("crash-memcheck-enabled", "yes", YES_NO),
        Inert("ignore-warnings", "", TEXT),
        Inert("latency-tracking", "yes", YES_NO),
        Inert("latency-tracking-info-percentiles", "50 99 99.9", TEXT, words=True),
        Inert("loglevel", "notice", choice("debug", "verbose", "notice", "warning")),
        Inert("proc-title-template", "{title} {listen-addr} {server-mode}", TEXT),
        Inert("set-proc-title", "yes", YES_NO, fixed=True),
        Inert("supervised", "no", choice("upstart", "systemd", "auto", "no"), fixed=True),
        Inert(
            "syslog-facility",
            "local0",
            choice("user", *(f"local{number}" for number in range(8))),
            fixed=True,
        ),
        Inert("syslog-ident", "redis", TEXT, fixed=True),
    ),
    REPLICATION: (
        Inert("bind-source-addr", "", TEXT),
        Inert("min-replicas-max-lag", "10", _INT, "min-slaves-max-lag"),
        Inert("propagation-error-behavior", "ignore", choice("ignore", "panic", "panic-on-replicas")),
        Inert("rdb-del-sync-files", "no", YES_NO),
        Inert("repl-backlog-size", "1mb", memory(1, LARGEST)),
        Inert("repl-backlog-ttl", "3600", _LONG),
        Inert("repl-disable-tcp-nodelay", "no", YES_NO),
        Inert("repl-diskless-load", "disabled", choice("disabled", "on-empty-db", "swapdb")),
        Inert("repl-diskless-sync", "yes", YES_NO),
        Inert("repl-diskless-sync-delay", "5", _INT),
        Inert("repl-diskless-sync-max-replicas", "0", _INT),
        Inert("repl-ping-replica-period", "10", number(1, 2**31 - 1), "repl-ping-slave-period"),
        Inert("repl-timeout", "60", number(1, 2**31 - 1)),
        Inert("replica-announce-ip", "", TEXT, "slave-announce-ip"),
        Inert("replica-announce-port", "0", _PORT, "slave-announce-port"),
        Inert("replica-announced", "yes", YES_NO),
        Inert("replica-ignore-disk-write-errors", "no", YES_NO),
        Inert("replica-ignore-maxmemory", "yes", YES_NO, "slave-ignore-maxmemory"),
        Inert("replica-lazy-flush", "no", YES_NO, "slave-lazy-flush"),
        Inert("replica-priority", "100", _INT, "slave-priority"),
        Inert("replica-read-only", "yes", YES_NO, "slave-read-only"),
        Inert("replica-serve-stale-data", "yes", YES_NO, "slave-serve-stale-data"),
        Inert("shutdown-timeout", "10", _INT),
    ),
    CLUSTER: (
        Inert("cluster-allow-pubsubshard-when-down", "yes", YES_NO),
        Inert("cluster-allow-reads-when-down", "no", YES_NO),
        Inert("cluster-allow-replica-migration", "yes", YES_NO),
        Inert("cluster-announce-bus-port", "0", _PORT),
        Inert("cluster-announce-hostname", "", TEXT),
        Inert("cluster-announce-ip", "", TEXT),
        Inert("cluster-announce-port", "0", _PORT),
        Inert("cluster-announce-tls-port", "0", _PORT),
        Inert("cluster-config-file", "nodes.conf", TEXT, fixed=True),
        Inert("cluster-link-sendbuf-limit", "0", BYTES),
        Inert("cluster-migration-barrier", "1", _INT),
        Inert("cluster-node-timeout", "15000", _LONG),
        Inert("cluster-port", "0", _PORT, fixed=True),
        Inert("cluster-preferred-endpoint-type", "ip", choice("ip", "hostname", "unknown-endpoint")),
        Inert("cluster-replica-no-failover", "no", YES_NO, "cluster-slave-no-failover"),
        Inert("cluster-replica-validity-factor", "10", _INT, "cluster-slave-validity-factor"),
        Inert("cluster-require-full-coverage", "yes", YES_NO),
    ),
    TLS: (
        Inert("tls-auth-clients", "yes", choice("no", "yes", "optional")),
        Inert("tls-ca-cert-dir", "", TEXT),
        Inert("tls-ca-cert-file", "", TEXT),
        Inert("tls-cert-file", "", TEXT),
        Inert("tls-ciphers", "", TEXT),
        Inert("tls-ciphersuites", "", TEXT),
        Inert("tls-client-cert-file", "", TEXT),
        Inert("tls-client-key-file", "", TEXT),
        Inert("tls-client-key-file-pass", "", TEXT),
        Inert("tls-cluster", "no", YES_NO),
        Inert("tls-dh-params-file", "", TEXT),
        Inert("tls-key-file", "", TEXT),
        Inert("tls-key-file-pass", "", TEXT),
        Inert("tls-prefer-server-ciphers", "no", YES_NO),
        Inert("tls-protocols", "", TEXT),
        Inert("tls-replication", "no", YES_NO),
        Inert("tls-session-cache-size", "20480", _INT),
        Inert("tls-session-cache-timeout", "300", _INT),
        Inert("tls-session-caching", "yes", YES_NO),
    ),
    MODULES: (Inert("enable-module-command", "no", choice("no", "yes", "local"), fixed=True),),
    DEBUGGING: (
        Inert("key-load-delay", "0", number(-(2**31), 2**31 - 1), hidden=True),
        Inert("loading-process-events-interval-bytes", "2097152", number(1024, 2**31 - 1), hidden=True),
        Inert("lua-enable-deprecated-api", "no", YES_NO, fixed=True, hidden=True),
        Inert("rdb-key-save-delay", "0", number(-(2**31), 2**31 - 1), hidden=True),
        Inert("use-exit-on-panic", "no", YES_NO, hidden=True),
        Inert("watchdog-period", "0", _INT, hidden=True),
    ),
}
"""By subject, the parameters without effect."""
