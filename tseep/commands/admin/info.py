"""
INFO: information and statistics (https://redis.io/docs/latest/commands/info/).

All fields of Redis are there, in its order. Those of features that tseep does not have are 0.
"""

from __future__ import annotations

import os
import platform
import re
import sys
from itertools import islice
from typing import TYPE_CHECKING, Any, Callable

from tseep import __version__
from tseep.commands.admin.memory_figures import memory_fields
from tseep.persistence.jobs import REWRITE, SNAPSHOT
from tseep.rdb.format import crc64
from tseep.registry.table import CommandStats, command, iter_commands
from tseep.replies import Reply, Verbatim
from tseep.system import futex, process
from tseep.system.process import supervised

if TYPE_CHECKING:
    from tseep.keyspace.database import Database
    from tseep.keyspace.keyspace import Keyspace
    from tseep.persistence.aof_loader import Loader
    from tseep.server.server import Server
    from tseep.session.session import Session

Fields = dict[str, object]
Section = tuple[str, Callable[["Server"], Fields]]

TTL_SAMPLE = 100
"""Number of keys whose average time to live the section C{keyspace} has."""

_COMPILER = re.compile(r"GCC ([0-9.]+)")


@command("INFO")
def info(session: Session, argv: list[bytes]) -> Reply:
    names = {name.lower().decode("utf-8", "replace") for name in argv[1:]} or {"default"}
    chosen = _chosen(names)
    texts = [_show(session.server, section) for name, section in SECTIONS.items() if name in chosen]
    return Verbatim("\r\n".join(texts).encode("utf-8", "surrogateescape"))


def _chosen(names: set[str]) -> set[str]:
    """Return the sections of names, which can be groups of sections such as C{all}."""
    if names & {"all", "everything"}:
        return set(SECTIONS)
    return names | (set(SECTIONS) - _NOT_BY_DEFAULT if "default" in names else set())


def _show(server: Server, section: Section) -> str:
    title, fields = section
    return f"# {title}\r\n" + "".join([f"{name}:{value}\r\n" for name, value in fields(server).items()])


def _server(server: Server) -> Fields:
    uptime = int(server.uptime)
    return {
        "redis_version": server.redis_version,
        "redis_git_sha1": "00000000",
        "redis_git_dirty": 0,
        "redis_build_id": f"{crc64(f'{__version__} {sys.version}'.encode()):x}",
        "tseep_version": __version__,
        "redis_mode": "standalone",
        "tseep_mode": server.mode,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "tseep_futex_slots": futex.slots(),
        "multiplexing_api": "epoll" if server.ready_batch_histogram or server.workers else "none",
        "atomicvar_api": "none",
        "gcc_version": _compiler_version(),
        "process_supervised": "systemd" if supervised() else "no",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "monotonic_clock": "POSIX clock_gettime",
        "python_implementation": platform.python_implementation(),
        "python_version": platform.python_version(),
        "process_id": os.getpid(),
        "run_id": server.run_id,
        "tcp_port": _tcp_port(server.addresses),
        "server_time_usec": int(server.clock() * 1_000_000),
        "uptime_in_seconds": uptime,
        "uptime_in_days": uptime // 86400,
        "lru_clock": server.keyspace.now // 1000 & 0xFFFFFF,
        "hz": server.hz,
        "configured_hz": server.config["hz"],
        "executable": sys.executable,
        "config_file": server.config_file,
        "io_threads_active": 0,
    }


def _compiler_version() -> str:
    """Return the version of the GCC that compiled the interpreter; 0.0.0 if it was another compiler."""
    match = _COMPILER.search(platform.python_compiler())
    return match[1] if match is not None else "0.0.0"


def _tcp_port(addresses: list[str]) -> int:
    """Return the port of the first address that is not a path."""
    ports = [address.rpartition(":")[2] for address in addresses if not address.startswith("/")]
    return int(ports[0]) if ports else 0


def _clients(server: Server) -> Fields:
    sessions = server.sessions.values()
    waits = [session.blocked for session in sessions if session.blocked is not None]
    return {
        "connected_clients": len(server.sessions),
        "cluster_connections": 0,
        "maxclients": server.config["maxclients"],
        "client_recent_max_input_buffer": max([session.query_memory for session in sessions], default=0),
        "client_recent_max_output_buffer": max([session.connection.unsent for session in sessions], default=0),
        "blocked_clients": len(waits),
        "tracking_clients": len(server.tracking.sessions),
        "clients_in_timeout_table": sum([wait.timer is not None for wait in waits]),
        **({} if server.threads is None else _threads(server.threads)),
        **{f"worker{worker.number}": _worker(worker) for worker in server.workers},
    }


def _threads(threads: Any) -> Fields:
    """Return v1's threads, and the clients that wait for one."""
    return {"tseep_threads": len(threads), "tseep_waiting_clients": len(threads.waiting)}


def _worker(worker: Any) -> str:
    """Return the value of a field about a worker process of v3."""
    return (
        f"pid={worker.pid},clients={worker.clients},cpu={worker.cpu_seconds:.2f},rss={worker.resident},"
        f"lag_usec={worker.lag_ns // 1000},received={worker.received},sent={worker.sent},restarts={worker.restarts}"
    )


def _persistence(server: Server) -> Fields:
    persistence = server.persistence
    snapshots, log, job, loaded = persistence.snapshots, persistence.log, persistence.job, persistence.loaded
    fields: Fields = {
        "loading": int(server.loading is not None),
        "async_loading": 0,
        "current_cow_peak": job.copied_peak,
        "current_cow_size": job.copied,
        "current_cow_size_age": job.copied_age,
        "current_fork_perc": f"{100 * job.written / max(job.to_write, 1):.2f}",
        "current_save_keys_processed": job.written,
        "current_save_keys_total": job.to_write,
        "rdb_changes_since_last_save": persistence.recording.dirty,
        "rdb_bgsave_in_progress": int(job.task == SNAPSHOT),
        "rdb_last_save_time": int(snapshots.saved_at),
        "rdb_last_bgsave_status": _status(snapshots.ok),
        "rdb_last_bgsave_time_sec": snapshots.seconds,
        "rdb_current_bgsave_time_sec": job.seconds if job.task == SNAPSHOT else -1,
        "rdb_saves": snapshots.count,
        "rdb_last_cow_size": job.last_copied[SNAPSHOT],
        "rdb_last_load_keys_expired": loaded.expired if loaded is not None else 0,
        "rdb_last_load_keys_loaded": loaded.keys if loaded is not None else 0,
        "aof_enabled": int(log.on),
        "aof_rewrite_in_progress": int(job.task == REWRITE),
        "aof_rewrite_scheduled": int(log.scheduled),
        "aof_last_rewrite_time_sec": log.seconds,
        "aof_current_rewrite_time_sec": job.seconds if job.task == REWRITE else -1,
        "aof_last_bgrewrite_status": _status(log.ok),
        "aof_rewrites": log.count,
        "aof_rewrites_consecutive_failures": log.failures,
        "aof_last_write_status": _status(log.error is None),
        "aof_last_cow_size": job.last_copied[REWRITE],
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
    }
    if log.on:
        fields.update(
            aof_current_size=log.size,
            aof_base_size=log.base_size,
            aof_pending_rewrite=0,
            aof_buffer_length=log.pending,
        )
    if server.loading is not None:
        fields.update(_loading(server.loading, server.clock()))
    return fields


def _loading(loader: Loader, now: float) -> Fields:
    """Return the fields of a load in progress. Like Redis, they estimate one second while they have no figure."""
    total, loaded, elapsed = loader.total, loader.loaded, int(now) - int(loader.started)
    return {
        "loading_start_time": int(loader.started),
        "loading_total_bytes": total,
        "loading_rdb_used_mem": loader.used_memory,
        "loading_loaded_bytes": loaded,
        "loading_loaded_perc": f"{100 * loaded / max(total, 1):.2f}",
        "loading_eta_seconds": elapsed * (total - loaded) // (loaded + 1) if elapsed else 1,
    }


def _status(ok: bool) -> str:
    return "ok" if ok else "err"


def _stats(server: Server) -> Fields:
    stats, keyspace = server.stats, server.keyspace
    commands, received, sent = server.rates.per_second
    exceeded, exceeded_now = server.eviction.exceeded_ns
    return {
        "total_connections_received": stats.connections_received,
        "total_commands_processed": server.table.calls,
        "instantaneous_ops_per_sec": round(commands),
        "total_net_input_bytes": stats.input_bytes,
        "total_net_output_bytes": stats.output_bytes,
        "total_net_repl_input_bytes": 0,
        "total_net_repl_output_bytes": 0,
        "instantaneous_input_kbps": f"{received / 1024:.2f}",
        "instantaneous_output_kbps": f"{sent / 1024:.2f}",
        "instantaneous_input_repl_kbps": "0.00",
        "instantaneous_output_repl_kbps": "0.00",
        "rejected_connections": stats.rejected_connections,
        "sync_full": 0,
        "sync_partial_ok": 0,
        "sync_partial_err": 0,
        "expired_keys": keyspace.expired,
        "expired_stale_perc": f"{100 * _stale_share(keyspace):.2f}",
        "expired_time_cap_reached_count": server.cron.interrupted_sweeps,
        "expire_cycle_cpu_milliseconds": server.cron.sweep_ns // 1_000_000,
        "evicted_keys": keyspace.evicted,
        "evicted_clients": stats.evicted_clients,
        "total_eviction_exceeded_time": exceeded // 1_000_000,
        "current_eviction_exceeded_time": exceeded_now // 1_000_000,
        "keyspace_hits": keyspace.hits,
        "keyspace_misses": keyspace.misses,
        "pubsub_channels": len(server.pubsub.channels),
        "pubsub_patterns": len(server.pubsub.patterns),
        "pubsubshard_channels": len(server.pubsub.shards),
        "latest_fork_usec": server.persistence.job.fork_ns // 1000,
        "total_forks": server.persistence.job.forks,
        "migrate_cached_sockets": 0,
        "slave_expires_tracked_keys": 0,
        "active_defrag_hits": 0,
        "active_defrag_misses": 0,
        "active_defrag_key_hits": 0,
        "active_defrag_key_misses": 0,
        "total_active_defrag_time": 0,
        "current_active_defrag_time": 0,
        "tracking_total_keys": len(server.tracking.readers),
        "tracking_total_items": sum(map(len, server.tracking.readers.values())),
        "tracking_total_prefixes": len(server.tracking.prefixes),
        "unexpected_error_replies": 0,
        "total_error_replies": sum(stats.errors.values()),
        "dump_payload_sanitizations": 0,
        "total_reads_processed": stats.reads,
        "total_writes_processed": stats.writes,
        "io_threaded_reads_processed": 0,
        "io_threaded_writes_processed": 0,
        "reply_buffer_shrinks": 0,
        "reply_buffer_expands": 0,
        "tseep_loop_lag_usec": server.lag.worst // 1000,  # maximum of the last second
    }


def _stale_share(keyspace: Keyspace) -> float:
    """Return the share of expired keys that are not removed yet, among L{TTL_SAMPLE} volatile keys of each database."""
    times = [when for database in keyspace.databases for when in islice(database.expires.values(), TTL_SAMPLE)]
    return sum([when < keyspace.now for when in times]) / max(1, len(times))


def _replication(server: Server) -> Fields:
    return {
        "role": "master",
        "connected_slaves": 0,
        "master_failover_state": "no-failover",
        "master_replid": server.replication_id,
        "master_replid2": "0" * 40,
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": 0,
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    }


def _cpu(server: Server) -> Fields:
    times = os.times()
    main_user, main_system = process.main_thread_cpu()
    return {
        "used_cpu_sys": f"{times.system:.6f}",
        "used_cpu_user": f"{times.user:.6f}",
        "used_cpu_sys_children": f"{times.children_system:.6f}",
        "used_cpu_user_children": f"{times.children_user:.6f}",
        "used_cpu_sys_main_thread": f"{main_system:.6f}",
        "used_cpu_user_main_thread": f"{main_user:.6f}",
    }


def _modules(server: Server) -> Fields:
    return {}


def _commandstats(server: Server) -> Fields:
    return {
        f"cmdstat_{entry.name.decode()}": _usage(entry.calls)
        for entry in iter_commands(server.table.commands)
        if entry.calls.count or entry.calls.rejected or entry.calls.failed
    }


def _usage(calls: CommandStats) -> str:
    count, microseconds = calls.count, calls.nanoseconds // 1000
    return (
        f"calls={count},usec={microseconds},usec_per_call={microseconds / max(count, 1):.2f},"
        f"rejected_calls={calls.rejected},failed_calls={calls.failed}"
    )


def _errorstats(server: Server) -> Fields:
    counts = sorted(server.stats.errors.items())
    return {f"errorstat_{code.decode('utf-8', 'surrogateescape')}": f"count={count}" for code, count in counts}


def _latencystats(server: Server) -> Fields:
    percentiles = server.config["latency-tracking-info-percentiles"]
    if server.config["latency-tracking"] == "no":
        return {}
    return {
        f"latency_percentiles_usec_{entry.name.decode()}": ",".join(
            [f"p{percentile:g}={entry.calls.percentile(percentile) / 1000:.3f}" for percentile in percentiles]
        )
        for entry in iter_commands(server.table.commands)
        if entry.calls.count
    }


def _cluster(server: Server) -> Fields:
    return {"cluster_enabled": 0}


def _keyspace(server: Server) -> Fields:
    now = server.keyspace.now
    return {
        f"db{number}": _size(database, now)
        for number, database in enumerate(server.keyspace.databases)
        if len(database)
    }


def _size(database: Database, now: int) -> str:
    return f"keys={len(database)},expires={len(database.expires)},avg_ttl={_average_ttl(database, now)}"


def _average_ttl(database: Database, now: int) -> int:
    """Return the average milliseconds to live of L{TTL_SAMPLE} keys; 0 if no key expires."""
    left = [max(0, when - now) for when in islice(database.expires.values(), TTL_SAMPLE)]
    return sum(left) // max(len(left), 1)


_NOT_BY_DEFAULT = {"commandstats", "latencystats"}

SECTIONS: dict[str, Section] = {
    "server": ("Server", _server),
    "clients": ("Clients", _clients),
    "memory": ("Memory", memory_fields),
    "persistence": ("Persistence", _persistence),
    "stats": ("Stats", _stats),
    "replication": ("Replication", _replication),
    "cpu": ("CPU", _cpu),
    "modules": ("Modules", _modules),
    "commandstats": ("Commandstats", _commandstats),
    "errorstats": ("Errorstats", _errorstats),
    "latencystats": ("Latencystats", _latencystats),
    "cluster": ("Cluster", _cluster),
    "keyspace": ("Keyspace", _keyspace),
}
"""By name, title and function of each section, in Redis's order."""
