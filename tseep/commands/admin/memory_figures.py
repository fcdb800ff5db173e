"""
Memory figures that INFO and MEMORY share, in bytes.

C{used_memory} is the figure that C{maxmemory} is held against: keys, clients and scripts, without the interpreter's own
memory and what its allocator has in reserve, which are part of C{used_memory_rss}.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from tseep.system import process

if TYPE_CHECKING:
    from tseep.server.server import Server


_UNITS = "KMGTP"


def human(size: int) -> str:
    """Format a size in bytes with a unit: C{1.50M}."""
    if size < 1024:
        return f"{size}B"
    power = min((int(size).bit_length() - 1) // 10, len(_UNITS))
    return f"{size / 1024**power:.2f}{_UNITS[power - 1]}"


def memory_fields(server: Server) -> dict[str, object]:
    """Return the section C{memory} of INFO."""
    usage, resident = server.eviction.measured(), process.resident_memory()
    peak, total, limit = server.eviction.peak, process.system_memory(), server.config["maxmemory"]
    scripting = server.scripting
    functions, scripts, lua = scripting.functions.code_bytes, scripting.cached_bytes, scripting.lua_bytes
    used, pending = usage.used, server.persistence.log.pending
    return {
        "used_memory": used,
        "used_memory_human": human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": human(resident),
        "used_memory_peak": peak,
        "used_memory_peak_human": human(peak),
        "used_memory_peak_perc": f"{100 * used / max(peak, 1):.2f}%",
        "used_memory_overhead": usage.overhead,
        "used_memory_startup": 0,
        "used_memory_dataset": usage.dataset,
        "used_memory_dataset_perc": f"{100 * usage.dataset / max(used, 1):.2f}%",
        "allocator_allocated": used,
        "allocator_active": resident,
        "allocator_resident": resident,
        "total_system_memory": total,
        "total_system_memory_human": human(total),
        "used_memory_lua": lua,
        "used_memory_vm_eval": lua,
        "used_memory_lua_human": human(lua),
        "used_memory_scripts_eval": scripts,
        "number_of_cached_scripts": len(scripting.scripts),
        "number_of_functions": len(scripting.functions.functions),
        "number_of_libraries": len(scripting.functions.libraries),
        "used_memory_vm_functions": 0,
        "used_memory_vm_total": lua,
        "used_memory_vm_total_human": human(lua),
        "used_memory_functions": functions,
        "used_memory_scripts": functions + scripts,
        "used_memory_scripts_human": human(functions + scripts),
        "maxmemory": limit,
        "maxmemory_human": human(limit),
        "maxmemory_policy": server.config["maxmemory-policy"],
        "allocator_frag_ratio": f"{resident / max(used, 1):.2f}",
        "allocator_frag_bytes": resident - used,
        "allocator_rss_ratio": "1.00",
        "allocator_rss_bytes": 0,
        "rss_overhead_ratio": "1.00",
        "rss_overhead_bytes": 0,
        "mem_fragmentation_ratio": f"{resident / max(used, 1):.2f}",
        "mem_fragmentation_bytes": resident - used,
        "mem_not_counted_for_evict": pending,
        "mem_replication_backlog": 0,
        "mem_total_replication_buffers": 0,
        "mem_clients_slaves": 0,
        "mem_clients_normal": server.client_memory.total,
        "mem_cluster_links": 0,
        "mem_aof_buffer": pending,
        "mem_allocator": platform.python_implementation().lower(),
        "active_defrag_running": 0,
        "lazyfree_pending_objects": len(server.lazyfree),
        "lazyfreed_objects": server.lazyfree.freed,
    }
