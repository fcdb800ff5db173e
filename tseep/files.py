"""The limit on open files, which bounds the number of clients."""

from __future__ import annotations

import resource

RESERVED = 64
"""Files beyond the clients: the log, the reactor's own, listening sockets, one to spare for a refusal."""


def allow_clients(clients: int) -> tuple[int, int]:
    """
    Raise the soft limit on open files to what so many clients need, as far as the hard limit lets.

    @return: the limit now, and how many clients that allows: C{clients} or fewer.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = clients + RESERVED
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return needed, clients
    return soft, min(clients, soft - RESERVED)
