"""The limits of the machine, checked before a run, and what to change where one is too low.

A limit that a run exceeds appears as a fault of the server.
"""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path
from typing import NamedTuple

import psutil

SPARE_FILES = 100  # in addition to a process's connections
CLIENTS_PER_PROCESS = 1024  # with more clients another load process is faster
SHARE_DEVIATIONS = 6  # standard deviations by which a worker of v3 can exceed its share of the clients
SPARE_THREADS = 200
MAX_CLIENTS_OF_ONE_SOURCE = 20_000  # Linux has 28,232 ephemeral ports by default
CLIENTS_PER_SOURCE = 4_000  # with more clients; Linux searches a full address longer for a free port
SOURCES = 250  # 127.0.0.1 to 127.0.0.250
KIB = 1024
# Upper bounds: socket buffers of the kernel, the session, and in v1 the used part of a thread's stack and its kernel
# stack. Measured figures are lower.
CLIENT_KIB = {"v1": 96, "v2": 24, "v3": 40}
LOAD_CLIENT_KIB = 12
BASE_KIB = 150 * KIB


class Need(NamedTuple):
    """The requirements of a run; C{modes} are those of the servers that it starts: v1, v2, v3, or "other" for other
    servers than tseep."""

    clients: int
    processes: int
    modes: list[str]


class Have(NamedTuple):
    """
    The limits of this machine.

    @ivar files: the hard limit of open files per process.
    @ivar ports: ephemeral ports per source address.
    @ivar threads: threads that can still be started.
    @ivar maps: memory maps per process.
    @ivar memory: available KiB.
    """

    files: int
    ports: int
    threads: int
    maps: int
    memory: int


def raise_files() -> int:
    """Raise this process's soft limit of open files, which its children inherit, to the hard limit; return that."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _number(path: str) -> int:
    return int(Path(path).read_text().split()[0])


def _threads_left() -> int:
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    limits = [_number("/proc/sys/kernel/threads-max"), _number("/proc/sys/kernel/pid_max")]
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if own != resource.RLIM_INFINITY and os.getuid() != 0:  # root is exempt
        limits.append(own)
    return min(limits) - running


def have() -> Have:
    """Return the limits of this machine, and raise this process's limit of open files."""
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    return Have(
        files=raise_files(),
        ports=int(high) - int(low) + 1,
        threads=_threads_left(),
        maps=_number("/proc/sys/vm/max_map_count"),
        memory=psutil.virtual_memory().available // KIB,
    )


def sources(clients: int, churn: bool = False) -> list[str]:
    """Return the source address of each client; "" leaves it to the kernel, while one address has ports for all. With
    C{churn} all addresses are used, as a closed connection occupies its port for a while."""
    if churn:
        return [f"127.0.0.{1 + number % SOURCES}" for number in range(clients)]
    if clients <= MAX_CLIENTS_OF_ONE_SOURCE:
        return [""] * clients
    return [f"127.0.0.{1 + number // CLIENTS_PER_SOURCE}" for number in range(clients)]


def workers(clients: int, files: int, cores: int) -> int:
    """Return the number of workers of v3: one for each core but one, its default, or as many as have the files for the
    clients."""
    number = max(1, cores - 1)
    while _worker_files(clients, number) > files:
        number += 1
    return number


def _worker_files(clients: int, workers: int) -> int:
    """Return how many files a worker needs; the kernel distributes the clients at random."""
    share = clients / workers
    chance = SHARE_DEVIATIONS * math.sqrt(share) if workers > 1 else 0.0
    return math.ceil(share + chance) + SPARE_FILES


def load_processes(clients: int, files: int, cores: int) -> int:
    """Return the number of load processes: one core is left to the server, and each has the files that it needs."""
    by_cores = min(cores - 1, clients // CLIENTS_PER_PROCESS)
    return max(1, by_cores, -(-clients // (files - SPARE_FILES)))


def _files(need: Need, machine: Have) -> list[str]:
    load = -(-need.clients // need.processes) + SPARE_FILES
    server = need.clients + SPARE_FILES if set(need.modes) - {"v3"} else 0  # v3 starts enough workers
    found = []
    if server > machine.files:
        found.append(
            f"the server needs {server} open files, the hard limit is {machine.files}: "
            f"raise it (`ulimit -Hn {server}` as root), or use fewer clients"
        )
    if load > machine.files:
        found.append(
            f"each load process needs {load} open files, the hard limit is {machine.files}: "
            f"raise it (`ulimit -Hn {load}` as root), or give --processes a higher number"
        )
    return found


def _ports(need: Need, machine: Have) -> list[str]:
    most = min(need.clients, MAX_CLIENTS_OF_ONE_SOURCE)
    if need.clients > CLIENTS_PER_SOURCE * SOURCES:
        return [f"at most {CLIENTS_PER_SOURCE * SOURCES} clients, {CLIENTS_PER_SOURCE} for a loopback address"]
    if most > machine.ports:
        more = "`sysctl -w net.ipv4.ip_local_port_range='1024 65535'`"
        there = f"{machine.ports} are available"
        return [f"{most} clients need a port each, {there}: {more}, or use fewer clients"]
    return []


def _threads(need: Need, machine: Have) -> list[str]:
    if "v1" not in need.modes:
        return []
    threads, found = need.clients + SPARE_THREADS, []
    if threads > machine.threads:
        found.append(
            f"v1 starts {threads} threads, only {machine.threads} more can be started: raise "
            "kernel.threads-max, kernel.pid_max and `ulimit -u`, or use fewer clients"
        )
    if 2 * threads > machine.maps:
        found.append(
            f"v1 needs {2 * threads} memory maps, two for a thread, the limit is {machine.maps}: "
            f"`sysctl -w vm.max_map_count={2 * threads}`, or use fewer clients"
        )
    return found


def _memory(need: Need, machine: Have) -> list[str]:
    each = max((CLIENT_KIB.get(mode, CLIENT_KIB["v2"]) for mode in need.modes), default=0)
    needed = BASE_KIB + need.clients * (each + LOAD_CLIENT_KIB)
    if needed <= machine.memory:
        return []
    there = f"{machine.memory // KIB} MiB available"
    return [f"about {needed // KIB} MiB of memory needed, {there}: use fewer clients"]


def shortfalls(need: Need, machine: Have) -> list[str]:
    """Return a line for each limit that is too low, with what to change."""
    checks = (_files, _ports, _threads, _memory)
    return [line for check in checks for line in check(need, machine)]
