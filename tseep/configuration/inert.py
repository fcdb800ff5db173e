"""
Redis's parameters without effect in tseep (redis/src/config.c): accepted, kept, and returned by CONFIG GET and
CONFIG REWRITE.

They concern speed, formats, or features that tseep does not have; none changes what clients can do, see or lose.
"""

from __future__ import annotations

from tseep.configuration.kinds import BYTES, LARGEST, TEXT, YES_NO, Kind, Parameter, choice, memory, number

_INT = number(0, 2**31 - 1)
_LONG = number(0, LARGEST)
_PORT = number(0, 65535)
_PERCENT = number(1, 99)


def _inert(name: str, default: str, kind: Kind, alias: str = "", **flags: bool) -> Parameter:
    """Return a parameter without effect, with the C{flags} fixed, hidden and words of L{Parameter}."""
    return Parameter(name, default, kind, "", "No effect.", option=False, alias=alias, inert=True, **flags)


SPEED = "speed and CPU use"
ALLOCATOR = "memory and its allocator"
FORMATS = "formats"
LOGS = "logs and statistics"
REPLICATION = "replication, which tseep does not have"
CLUSTER = "the cluster, while `cluster-enabled` is no"
TLS = "TLS, while `tls-port` is 0"
DEBUGGING = "tests and the debugging of Redis"

_INERT: dict[str, tuple[Parameter, ...]] = {
    SPEED: (
        _inert("activerehashing", "yes", YES_NO),
        _inert("aof-rewrite-incremental-fsync", "yes", YES_NO),
        _inert("aof_rewrite_cpulist", "", TEXT, fixed=True),
        _inert("bgsave_cpulist", "", TEXT, fixed=True),
        _inert("bio_cpulist", "", TEXT, fixed=True),
        _inert("dynamic-hz", "yes", YES_NO),
        _inert("io-threads", "1", number(1, 128), fixed=True),
        _inert("io-threads-do-reads", "no", YES_NO, fixed=True),
        _inert("lazyfree-lazy-server-del", "no", YES_NO),
        _inert("rdb-save-incremental-fsync", "yes", YES_NO),
        _inert("server_cpulist", "", TEXT, fixed=True),
    ),
    ALLOCATOR: (
        _inert("active-defrag-cycle-max", "25", _PERCENT),
        _inert("active-defrag-cycle-min", "1", _PERCENT),
        _inert("active-defrag-ignore-bytes", "100mb", memory(1, LARGEST)),
        _inert("active-defrag-max-scan-fields", "1000", number(1, LARGEST)),
        _inert("active-defrag-threshold-lower", "10", number(0, 1000)),
        _inert("active-defrag-threshold-upper", "100", number(0, 1000)),
        _inert("activedefrag", "no", YES_NO),
        _inert("disable-thp", "yes", YES_NO, fixed=True),
        _inert("jemalloc-bg-thread", "yes", YES_NO),
    ),
    FORMATS: (_inert("sanitize-dump-payload", "no", choice("no", "yes", "clients")),),
    LOGS: (
        _inert("always-show-logo", "no", YES_NO, fixed=True),
        _inert("crash-memcheck-enabled", "yes", YES_NO),
        _inert("ignore-warnings", "", TEXT),
        _inert("supervised", "no", choice("upstart", "systemd", "auto", "no"), fixed=True),
        _inert(
            "syslog-facility",
            "local0",
            choice("user", *(f"local{number}" for number in range(8))),
            fixed=True,
        ),
        _inert("syslog-ident", "redis", TEXT, fixed=True),
    ),
    REPLICATION: (
        _inert("bind-source-addr", "", TEXT),
        _inert("masterauth", "", TEXT),
        _inert("masteruser", "", TEXT),
        _inert("min-replicas-max-lag", "10", _INT, "min-slaves-max-lag"),
        _inert("propagation-error-behavior", "ignore", choice("ignore", "panic", "panic-on-replicas")),
        _inert("rdb-del-sync-files", "no", YES_NO),
        _inert("repl-backlog-size", "1mb", memory(1, LARGEST)),
        _inert("repl-backlog-ttl", "3600", _LONG),
        _inert("repl-disable-tcp-nodelay", "no", YES_NO),
        _inert("repl-diskless-load", "disabled", choice("disabled", "on-empty-db", "swapdb")),
        _inert("repl-diskless-sync", "yes", YES_NO),
        _inert("repl-diskless-sync-delay", "5", _INT),
        _inert("repl-diskless-sync-max-replicas", "0", _INT),
        _inert("repl-ping-replica-period", "10", number(1, 2**31 - 1), "repl-ping-slave-period"),
        _inert("repl-timeout", "60", number(1, 2**31 - 1)),
        _inert("replica-announce-ip", "", TEXT, "slave-announce-ip"),
        _inert("replica-announce-port", "0", _PORT, "slave-announce-port"),
        _inert("replica-announced", "yes", YES_NO),
        _inert("replica-ignore-disk-write-errors", "no", YES_NO),
        _inert("replica-ignore-maxmemory", "yes", YES_NO, "slave-ignore-maxmemory"),
        _inert("replica-lazy-flush", "no", YES_NO, "slave-lazy-flush"),
        _inert("replica-priority", "100", _INT, "slave-priority"),
        _inert("replica-read-only", "yes", YES_NO, "slave-read-only"),
        _inert("replica-serve-stale-data", "yes", YES_NO, "slave-serve-stale-data"),
        _inert("shutdown-timeout", "10", _INT),
    ),
    CLUSTER: (
        _inert("cluster-allow-pubsubshard-when-down", "yes", YES_NO),
        _inert("cluster-allow-reads-when-down", "no", YES_NO),
        _inert("cluster-allow-replica-migration", "yes", YES_NO),
        _inert("cluster-announce-bus-port", "0", _PORT),
        _inert("cluster-announce-hostname", "", TEXT),
        _inert("cluster-announce-ip", "", TEXT),
        _inert("cluster-announce-port", "0", _PORT),
        _inert("cluster-announce-tls-port", "0", _PORT),
        _inert("cluster-config-file", "nodes.conf", TEXT, fixed=True),
        _inert("cluster-link-sendbuf-limit", "0", BYTES),
        _inert("cluster-migration-barrier", "1", _INT),
        _inert("cluster-node-timeout", "15000", _LONG),
        _inert("cluster-port", "0", _PORT, fixed=True),
        _inert("cluster-preferred-endpoint-type", "ip", choice("ip", "hostname", "unknown-endpoint")),
        _inert("cluster-replica-no-failover", "no", YES_NO, "cluster-slave-no-failover"),
        _inert("cluster-replica-validity-factor", "10", _INT, "cluster-slave-validity-factor"),
        _inert("cluster-require-full-coverage", "yes", YES_NO),
    ),
    TLS: (
        _inert("tls-auth-clients", "yes", choice("no", "yes", "optional")),
        _inert("tls-ca-cert-dir", "", TEXT),
        _inert("tls-ca-cert-file", "", TEXT),
        _inert("tls-cert-file", "", TEXT),
        _inert("tls-ciphers", "", TEXT),
        _inert("tls-ciphersuites", "", TEXT),
        _inert("tls-client-cert-file", "", TEXT),
        _inert("tls-client-key-file", "", TEXT),
        _inert("tls-client-key-file-pass", "", TEXT),
        _inert("tls-cluster", "no", YES_NO),
        _inert("tls-dh-params-file", "", TEXT),
        _inert("tls-key-file", "", TEXT),
        _inert("tls-key-file-pass", "", TEXT),
        _inert("tls-prefer-server-ciphers", "no", YES_NO),
        _inert("tls-protocols", "", TEXT),
        _inert("tls-replication", "no", YES_NO),
        _inert("tls-session-cache-size", "20480", _INT),
        _inert("tls-session-cache-timeout", "300", _INT),
        _inert("tls-session-caching", "yes", YES_NO),
    ),
    DEBUGGING: (
        _inert("use-exit-on-panic", "no", YES_NO, hidden=True),
        _inert("watchdog-period", "0", _INT, hidden=True),
    ),
}

INERT = {
    subject: tuple(parameter._replace(group=subject) for parameter in members) for subject, members in _INERT.items()
}
"""By subject, which is also their group, the parameters without effect."""
