"""The limit on open files, which bounds the number of clients."""

from __future__ import annotations

import math
import resource

RESERVED = 64
"""Files beyond the clients: the log, the reactor's own, listening sockets, one to spare for a refusal."""

MOST_HTTP = 32
"""Connections to all C{--metrics} endpoints together; a browser opens up to 6, a scraper 1 or 2."""

SPREAD = 3
"""
Processes over which clients are spread by chance have room for twice so many standard deviations more than their share:
for I{n} clients the square root of I{n} is one.
"""


def files_for(clients: int, processes: int = 1, reserved: int = RESERVED) -> int:
    """How many files each of some processes needs for its share of the clients, and beside them."""
    share = clients / processes
    return math.ceil(share + (2 * SPREAD * math.sqrt(share) if processes > 1 else 0)) + reserved


def clients_for(files: int, processes: int = 1, reserved: int = RESERVED) -> int:
    """The inverse: how many clients there may be."""
    share = max(0, files - reserved)
    return math.floor(processes * (math.sqrt(share + SPREAD**2) - SPREAD) ** 2) if processes > 1 else share


def reserved_files(metrics: int) -> int:
    """How many files each process needs beside the clients, with so many C{--metrics} endpoints."""
    return RESERVED + (metrics + MOST_HTTP + 1 if metrics else 0)  # and one connection that is being refused


def allow_clients(clients: int, processes: int = 1, reserved: int = RESERVED) -> tuple[int, int]:
    """
    Raise the soft limit on open files to what so many clients need, as far as the hard limit lets.

    @param processes: over how many the clients are spread.
    @param reserved: how many files each needs beside them.
    @return: the limit now, and how many clients that allows: C{clients} or fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = files_for(clients, processes, reserved)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return needed, clients
    return soft, min(clients, clients_for(soft, processes, reserved))
