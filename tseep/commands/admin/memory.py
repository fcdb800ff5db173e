"""Memory usage: the subcommands of MEMORY (https://redis.io/docs/latest/commands/memory-usage/)."""

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Any

from tseep.algorithms.numeric import require_integer
from tseep.commands.admin.memory_figures import human
from tseep.datatypes.memory import of_dict, size
from tseep.errors import SYNTAX, CommandError
from tseep.registry.table import command
from tseep.replies import OK, Reply, Verbatim
from tseep.system import process

if TYPE_CHECKING:
    from tseep.server.server import Server
    from tseep.session.session import Session

_SMALL = 64 * 1024 * 1024


@command("MEMORY USAGE")
def memory_usage(session: Session, argv: list[bytes]) -> Reply:
    for at in range(3, len(argv), 2):
        if argv[at].lower() != b"samples" or at + 1 == len(argv) or require_integer(argv[at + 1]) < 0:
            raise CommandError(SYNTAX)
    key, db = argv[2], session.db
    value = db.peek(key)
    return None if value is None else size(key, value, key in db.expires)


@command("MEMORY STATS")
def memory_stats(session: Session, argv: list[bytes]) -> Reply:
    server = session.server
    usage, keys = server.eviction.measured(), _count_keys(server)
    used, peak, resident = usage.used, server.eviction.peak, process.resident_memory()
    stats: dict[bytes, Any] = {
        b"peak.allocated": peak,
        b"total.allocated": used,
        b"startup.allocated": 0,
        b"replication.backlog": 0,
        b"clients.slaves": 0,
        b"clients.normal": server.client_memory.total,
        b"cluster.links": 0,
        b"aof.buffer": server.persistence.log.pending,
        b"lua.caches": server.scripting.cached_bytes,
        b"functions.caches": server.scripting.functions.code_bytes,
        **_tables(server),
        b"overhead.total": usage.overhead,
        b"keys.count": keys,
        b"keys.bytes-per-key": used // keys if keys else 0,
        b"dataset.bytes": usage.dataset,
        b"dataset.percentage": 100 * usage.dataset / max(used, 1),
        b"peak.percentage": 100 * used / max(peak, 1),
        b"allocator.allocated": used,
        b"allocator.active": resident,
        b"allocator.resident": resident,
        b"allocator-fragmentation.ratio": resident / max(used, 1),
        b"allocator-fragmentation.bytes": resident - used,
        b"allocator-rss.ratio": 1.0,
        b"allocator-rss.bytes": 0,
        b"rss-overhead.ratio": 1.0,
        b"rss-overhead.bytes": 0,
        b"fragmentation": resident / max(used, 1),
        b"fragmentation.bytes": resident - used,
    }
    return stats


def _tables(server: Server) -> dict[bytes, Any]:
    """Return the bytes of the dictionaries of each database that has keys."""
    return {
        b"db.%d" % database.number: {
            b"overhead.hashtable.main": of_dict(database.values) + of_dict(database.accessed),
            b"overhead.hashtable.expires": of_dict(database.expires),
            b"overhead.hashtable.slot-to-keys": 0,
        }
        for database in server.keyspace.databases
        if database
    }


def _count_keys(server: Server) -> int:
    return sum(map(len, server.keyspace.databases))


@command("MEMORY DOCTOR")
def memory_doctor(session: Session, argv: list[bytes]) -> Reply:
    used, peak, total = process.resident_memory(), process.peak_memory(), process.system_memory()
    findings = []
    if peak > _SMALL and peak > 1.5 * used:
        findings.append(f"Peak memory: {human(peak)} in the past, {human(used)} now.\n")
    if total and used > total / 2:
        findings.append(f"The process uses {human(used)}, more than half of the machine's {human(total)}.\n")
    if not findings:
        findings.append(f"No memory problems found. The process uses {human(used)}.\n")
    return Verbatim("".join(findings).encode())


@command("MEMORY MALLOC-STATS")
def memory_malloc_stats(session: Session, argv: list[bytes]) -> Reply:
    if not hasattr(sys, "getallocatedblocks"):  # PyPy
        return Verbatim(f"{gc.get_stats()}\n".encode())
    lines = [f"blocks allocated: {sys.getallocatedblocks()}\n"]
    lines += [f"garbage collector, generation {number}: {count}\n" for number, count in enumerate(gc.get_count())]
    return Verbatim("".join(lines).encode())


@command("MEMORY PURGE")
def memory_purge(session: Session, argv: list[bytes]) -> Reply:
    gc.collect()
    process.release_memory()
    return OK
