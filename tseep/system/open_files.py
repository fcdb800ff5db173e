"""The limit on open files, which bounds the number of clients."""

from __future__ import annotations

import math
import resource

RESERVED = 64
"""Files other than clients: the log, the reactor's, listening sockets, one to accept a client that is refused."""

MOST_HTTP = 32
"""Maximum connections to all C{--metrics} endpoints together; a browser opens up to 6, a scraper 1 or 2."""

SPREAD = 3
"""
When clients are spread over processes at random, each process has room for its share and twice this number of standard
deviations. The standard deviation is the square root of the share.
"""


def files_for(clients: int, processes: int = 1, reserved: int = RESERVED) -> int:
    """Files that each of C{processes} processes needs: its share of the clients, and C{reserved} others."""
    share = clients / processes
    return math.ceil(share + (2 * SPREAD * math.sqrt(share) if processes > 1 else 0)) + reserved


def clients_for(files: int, processes: int = 1, reserved: int = RESERVED) -> int:
    """The inverse of L{files_for}: the number of clients that C{files} files per process allow."""
    share = max(0, files - reserved)
    return math.floor(processes * (math.sqrt(share + SPREAD**2) - SPREAD) ** 2) if processes > 1 else share


def reserved_files(metrics: int) -> int:
    """Files other than clients that each process needs, with the given number of C{--metrics} endpoints."""
    return RESERVED + (metrics + MOST_HTTP + 1 if metrics else 0)  # 1 for a connection that is refused


def allow_clients(clients: int, processes: int = 1, reserved: int = RESERVED) -> tuple[int, int]:
    """
    Raise the soft limit on open files to what C{clients} clients need, or to the hard limit if that is lower.

    @param processes: number of processes that the clients are spread over.
    @param reserved: number of files that each process needs for other purposes.
    @return: the limit now, and the number of clients that it allows: C{clients} or fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_for(clients, processes, reserved)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return needed, clients
    return soft, min(clients, clients_for(soft, processes, reserved))
