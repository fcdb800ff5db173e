"""Run thousands of clients with every kind of behaviour for a given time, and report every fault.

    python stress/soak.py --clients 8k --time 3600

Most clients read and write keys of their own and check every reply. Some of them disconnect in the middle of a
request, and every ten seconds a tenth of them reconnects at once. A few request far more than they read. Some subscribe
and check that no message is missing; some subscribe and never read, and the server must close these. At last the server
is killed and started again, and must have every write that it acknowledged (--appendfsync always). Exit status: 0
without a fault and with constant memory, 1 with one, 2 when the run could not start.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from statistics import median

from rig.options import clients, positive, require, run, seconds

try:
    from probes import limits, proc
    from rig.codec import Decoder, Reply, encode
    from servers.process import Server, StartFailed, free_port, tseep_command
    from soaking.clients import CHANNELS, LARGE_KEY, LARGE_VALUE, Clients
    from studies.common import say
except ModuleNotFoundError as missing:
    require("stress", missing)

SLOW_READERS = 8
SETTLE_S = 2.0  # before the last reading of memory
SETTLE_TIMEOUT_S = 60.0
MAX_MEMORY_RATIO = 1.10  # of the last reading of memory to the median of the middle third
SPARE_MIB = 16  # growth that is no fault, however little memory the server uses
REQUESTS_PER_WRITE = 500
SPARE_CLIENTS = 200  # above the number of clients: connections whose end the server has not seen yet
FEWEST_CLIENTS = 100
SHOWN_FAULTS = 20
READINGS_PER_LINE = 10
MAX_UNREAD_BYTES = 16 << 20  # of a subscriber that does not read: its limit, and the buffers of the kernel


def server_of(options: argparse.Namespace, folder: str) -> Server:
    """Return a server that writes every change to disk, and closes subscribers that do not read."""
    port = free_port()
    command = tseep_command(options.python, options.mode, port, options.clients * 2 + SPARE_CLIENTS)
    command += ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-min-size", "8mb"]
    return Server([*command, "--client-output-buffer-limit", "pubsub 1mb 0 0"], port)


def ask(sock: socket.socket, requests: list[bytes]) -> list[Reply]:
    """Send requests, and return their replies. Raises OSError."""
    sock.sendall(b"".join(requests))
    replies: list[Reply] = []
    decoder = Decoder()
    while len(replies) < len(requests):
        data = sock.recv(1 << 20)
        if not data:
            raise OSError("closed by the server")
        replies += decoder.feed(data)
    return replies


def wait_for_data(sock: socket.socket) -> None:
    """Wait until the server has loaded its data: until then it replies with LOADING errors. Raises OSError."""
    while str(ask(sock, [encode("DBSIZE")])[0].value).startswith("LOADING"):
        time.sleep(0.1)


def verify(all_clients: Clients, address: tuple[str, int]) -> None:
    """Check the keys of all workers. Raises OSError."""
    all_pairs = [(worker, pair) for worker in all_clients.workers for pair in worker.pairs]
    with socket.create_connection(address, 30) as sock:
        wait_for_data(sock)
        for at in range(0, len(all_pairs), REQUESTS_PER_WRITE):
            part = all_pairs[at : at + REQUESTS_PER_WRITE]
            for (worker, pair), reply in zip(part, ask(sock, [pair.query for _, pair in part])):
                worker.check(pair, reply)


def soak(options: argparse.Namespace, folder: str) -> list[str]:
    """Run the soak; return the faults."""
    with server_of(options, folder) as server:
        with socket.create_connection(server.address, 30) as sock:
            ask(sock, [encode("SET", LARGE_KEY, LARGE_VALUE)])
        all_clients = Clients(server.address, options.clients, SLOW_READERS, CHANNELS)
        all_clients.connect()
        say(f"{options.clients:,} clients are connected to {options.mode}")
        # Without the children that write snapshots in the background, which share nearly all of its memory.
        members = proc.tree(server.pid)
        memory = []
        for passed in all_clients.run(options.time, options.rate):
            memory.append(resident(members))
            if len(memory) % READINGS_PER_LINE == 0:
                faults = sum(all_clients.faults.values())
                mib = memory[-1] / 2**20
                say(f"{passed:,.0f} s: {all_clients.done:,} requests, {mib:.1f} MiB, {faults} faults")
        all_clients.settle(SETTLE_TIMEOUT_S)
        time.sleep(SETTLE_S)
        memory.append(resident(members))
        all_clients.last_requests()
        for _ in range(3):
            all_clients.poll()
        server.kill()
        all_clients.drain()
    with server_of(options, folder) as server:
        try:
            verify(all_clients, server.address)
        except OSError as error:
            raise StartFailed(f"after the restart: {error}; {server.stop()}") from error
        found = judge(all_clients, memory, options.spare)
        failure = server.stop()
        return [*found, *([failure] if failure else [])]


def resident(pids: list[int]) -> int:
    """Return the resident bytes of a server's processes."""
    return sum(proc.of_each(pids, proc.resident).values())


def judge(all_clients: Clients, memory: list[int], spare: int = SPARE_MIB) -> list[str]:
    """Print what the clients did, and return the faults."""
    third = len(memory) // 3
    before, after = median(memory[third : 2 * third] or memory), memory[-1]
    say(
        f"{all_clients.done:,} requests, {all_clients.messages:,} messages, "
        f"{all_clients.disconnects:,} disconnects in a request, {all_clients.storms} storms, "
        f"{all_clients.non_readers_closed} subscribers closed that did not read; "
        f"memory {before / 2**20:.1f} MiB in the middle third of the run, {after / 2**20:.1f} MiB after it"
    )
    faults = [f"{count} x {text}" for text, count in all_clients.faults.most_common(SHOWN_FAULTS)]
    if after > before * MAX_MEMORY_RATIO + (spare << 20):
        faults.append(f"memory has grown from {before / 2**20:.1f} to {after / 2**20:.1f} MiB")
    if not all_clients.non_readers_closed and all_clients.published > MAX_UNREAD_BYTES:
        faults.append("the server closed no subscriber that does not read")
    return faults


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="stress/soak.py", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="Python interpreter of the server (this one)")
    add("--mode", choices=["v1", "v2", "v3"], default="v2", help="mode of the server (v2)")
    add("--clients", type=clients, default=8192, metavar="N", help="number of clients (8k)")
    add("--rate", type=positive, default=3000, metavar="N", help="requests per second to attempt (3000)")
    add(
        "--spare", type=positive, default=SPARE_MIB, metavar="MIB", help=f"memory growth that is no fault ({SPARE_MIB})"
    )
    add("--time", type=seconds, default=120.0, metavar="SECONDS", help="duration, up to an hour (120)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    need = limits.Need(2 * options.clients, 1, [options.mode])
    missing = limits.shortfalls(need, limits.have())
    if options.clients < FEWEST_CLIENTS:
        missing.append(f"a soak needs at least {FEWEST_CLIENTS} clients")
    for text in missing:
        say(f"stress/soak.py: {text}")
    if missing:
        return 2
    with tempfile.TemporaryDirectory(prefix="tseep-soak-") as folder:
        try:
            faults = soak(options, folder)
        except (StartFailed, OSError) as failure:
            say(f"stress/soak.py: {failure}")
            return 1
    for text in faults:
        say(f"fault: {text}")
    print("no faults" if not faults else f"{len(faults)} kinds of faults")
    return 1 if faults else 0


if __name__ == "__main__":
    run(main)
