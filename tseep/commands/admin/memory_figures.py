"""Memory figures that INFO and MEMORY share, in bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tseep.server.server import Server


_UNITS = "KMGTP"


def clients_memory(server: Server) -> int:
    """Return the memory of all clients, in bytes."""
    return sum([session.memory for session in server.sessions.values()])


def functions_memory(server: Server) -> int:
    """Return the size of the source code of all function libraries, in bytes."""
    return sum([len(library.code) for library in server.scripting.functions.libraries.values()])


def dataset_memory(server: Server, used: int) -> int:
    """Return the size of the dataset: as counted under C{maxmemory}, else the growth of the process since its start."""
    return server.eviction.used if server.eviction else max(0, used - server.startup_memory)


def human(size: int) -> str:
    """Format a size in bytes with a unit: C{1.50M}."""
    if size < 1024:
        return f"{size}B"
    power = min((int(size).bit_length() - 1) // 10, len(_UNITS))
    return f"{size / 1024**power:.2f}{_UNITS[power - 1]}"
