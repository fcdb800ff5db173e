"""Before a run: what the machine has to give, and what to change where that is too little.

A limit met in the middle of a run looks like a fault of the server, so all are looked at first.
"""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path
from typing import NamedTuple

from probes import proc

SPARE_FILES = 100
PER_PROCESS = 1024  # clients from which another load process is worth it
CHANCE = 6  # so many standard deviations may a worker of v3 have more than its share of the clients
SPARE_THREADS = 200
ONE_SOURCE = 20_000  # connections from one source address; Linux has 28,232 ports by default
PER_SOURCE = 4_000  # where there are more: the fuller an address, the longer Linux looks for a free port
SOURCES = 250  # 127.0.0.1 to 127.0.0.250
KIB = 1024
# Generous: socket buffers of the kernel, the session, and a thread's touched stack and kernel
# stack in v1. Measured figures are lower; this is to see the impossible before it begins.
CLIENT_KIB = {"v1": 96, "v2": 24, "v3": 40}
LOAD_CLIENT_KIB = 12
BASE_KIB = 150 * KIB


class Need(NamedTuple):
    """What a run is going to take; `modes` are those of the servers it starts itself: v1, v2, v3, or "other"
    for those that are not tseep."""

    clients: int
    processes: int
    modes: list[str]


class Have(NamedTuple):
    """What this machine has; memory in KiB."""

    files: int  # the hard limit of open files for a process
    ports: int  # ephemeral ports for one source address
    threads: int  # threads that can still be started
    maps: int  # memory maps in a process
    memory: int


def raise_files() -> int:
    """Raise this process's limit of open files, which its children inherit, as far as it may be
    raised; return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def _number(path: str) -> int:
    return int(Path(path).read_text().split()[0])


def _threads_left() -> int:
    running = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    limits = [_number("/proc/sys/kernel/threads-max"), _number("/proc/sys/kernel/pid_max")]
    own = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if own != resource.RLIM_INFINITY and os.getuid() != 0:  # root is not held to it
        limits.append(own)
    return min(limits) - running


def have() -> Have:
    """Look at this machine."""
    low, high = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    memory = proc.fields_of(Path("/proc/meminfo").read_text())["MemAvailable"]
    return Have(
        files=raise_files(),
        ports=int(high) - int(low) + 1,
        threads=_threads_left(),
        maps=_number("/proc/sys/vm/max_map_count"),
        memory=int(memory.split()[0]),
    )


def sources(clients: int, churn: bool = False) -> list[str]:
    """Return the source address of each client: "" leaves it to the kernel, which is enough while one
    address has ports for all. With churn a port stays taken for a while after its connection, so that all
    addresses are used."""
    if churn:
        return [f"127.0.0.{1 + number % SOURCES}" for number in range(clients)]
    if clients <= ONE_SOURCE:
        return [""] * clients
    return [f"127.0.0.{1 + number // PER_SOURCE}" for number in range(clients)]


def workers(clients: int, files: int, cores: int) -> int:
    """Return how many workers suit v3: one for each core but one, as it takes by itself, or as many as
    have the files that so many clients need."""
    number = max(1, cores - 1)
    while _worker_files(clients, number) > files:
        number += 1
    return number


def _worker_files(clients: int, workers: int) -> int:
    """Return how many files a worker needs; chance spreads the clients over them."""
    share = clients / workers
    chance = CHANCE * math.sqrt(share) if workers > 1 else 0.0
    return math.ceil(share + chance) + SPARE_FILES


def load_processes(clients: int, files: int, cores: int) -> int:
    """Return how many load processes suit so many clients: one core is left to the server, and each has
    the files that it needs."""
    by_cores = min(cores - 1, clients // PER_PROCESS)
    return max(1, by_cores, -(-clients // (files - SPARE_FILES)))


def _files(need: Need, machine: Have) -> list[str]:
    load = -(-need.clients // need.processes) + SPARE_FILES
    server = need.clients + SPARE_FILES if set(need.modes) - {"v3"} else 0  # v3 has as many processes as it takes
    found = []
    if server > machine.files:
        found.append(
            f"the server needs {server} open files, the hard limit is {machine.files}: "
            f"raise it (`ulimit -Hn {server}` as root), or take fewer clients"
        )
    if load > machine.files:
        found.append(
            f"each load process needs {load} open files, the hard limit is {machine.files}: "
            f"raise it (`ulimit -Hn {load}` as root), or give --processes a higher number"
        )
    return found


def _ports(need: Need, machine: Have) -> list[str]:
    most = min(need.clients, ONE_SOURCE)
    if need.clients > PER_SOURCE * SOURCES:
        return [f"at most {PER_SOURCE * SOURCES} clients, {PER_SOURCE} for a loopback address"]
    if most > machine.ports:
        more = "`sysctl -w net.ipv4.ip_local_port_range='1024 65535'`"
        there = f"there are {machine.ports}"
        return [f"{most} clients need a port each, {there}: {more}, or take fewer clients"]
    return []


def _threads(need: Need, machine: Have) -> list[str]:
    if "v1" not in need.modes:
        return []
    threads, found = need.clients + SPARE_THREADS, []
    if threads > machine.threads:
        found.append(
            f"v1 starts {threads} threads, only {machine.threads} more can be started: raise "
            "kernel.threads-max, kernel.pid_max and `ulimit -u`, or take fewer clients"
        )
    if 2 * threads > machine.maps:
        found.append(
            f"v1 needs {2 * threads} memory maps, two for a thread, the limit is {machine.maps}: "
            f"`sysctl -w vm.max_map_count={2 * threads}`, or take fewer clients"
        )
    return found


def _memory(need: Need, machine: Have) -> list[str]:
    each = max((CLIENT_KIB.get(mode, CLIENT_KIB["v2"]) for mode in need.modes), default=0)
    wanted = BASE_KIB + need.clients * (each + LOAD_CLIENT_KIB)
    if wanted <= machine.memory:
        return []
    there = f"{machine.memory // KIB} MiB available"
    return [f"about {wanted // KIB} MiB of memory needed, {there}: take fewer clients"]


def complaints(need: Need, machine: Have) -> list[str]:
    """Return what stands against the run, a line for each, with what to change; empty if
    nothing does."""
    checks = (_files, _ports, _threads, _memory)
    return [line for check in checks for line in check(need, machine)]
