"""Let thousands of clients do all that clients do, for as long as wanted, and look for anything that is wrong.

    python stress/soak.py --clients 8k --time 3600

Most of them write and read keys of their own and check every answer; some vanish in the middle of a request, and every
ten seconds a tenth of them goes and comes back at once; some ask for far more than they read; some listen, and see that
no message is missing; some listen and never read, which the server must close. At the end the server is killed and
started again, and every write that it had acknowledged has to be there (`--appendfsync always`). Exit status 0 if
nothing was wrong and its memory was flat; 1 if not, with what it was; 2 when the run could not begin.
"""

from __future__ import annotations

import argparse
import socket
import sys
import tempfile
import time
from statistics import median

from probes import limits, proc
from rig.options import clients, positive, run, seconds
from servers.process import Server, StartFailed, free_port, tseep_command
from soaking.crowd import BIG, CHANNELS, Crowd, command, reply_end
from studies.versus import say

SLOW = 8
PAUSE = 2.0  # before memory is read at the end
GROWTH = 1.10  # of memory, from the middle third to the end
SPARE = 16  # MiB by which it may grow, however small it is
BATCH = 500
RESERVE = 200  # clients above the crowd's: vanished ones that the server has not seen the last of


def server_of(options: argparse.Namespace, folder: str) -> Server:
    """Return a server that keeps everything, and closes subscribers that do not read."""
    port = free_port()
    words = tseep_command(options.python, options.mode, port, options.clients * 2 + RESERVE)
    words += ["--dir", folder, "--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-min-size", "8mb"]
    return Server([*words, "--client-output-buffer-limit", "pubsub 1mb 0 0"], port)


def ask(sock: socket.socket, requests: list[bytes]) -> list[bytes]:
    """Send requests, and return their replies."""
    sock.sendall(b"".join(requests))
    replies: list[bytes] = []
    data = b""
    while len(replies) < len(requests):
        end = reply_end(data)
        while end > 0:
            replies.append(data[:end])
            data = data[end:]
            end = reply_end(data)
        if len(replies) < len(requests):
            got = sock.recv(1 << 20)
            if not got:
                raise OSError("closed by the server")
            data += got
    return replies


def verify(crowd: Crowd, address: tuple[str, int]) -> None:
    """Look whether every key holds what it must."""
    all_pairs = [(worker, pair) for worker in crowd.workers for pair in worker.pairs]
    with socket.create_connection(address, 30) as sock:
        for at in range(0, len(all_pairs), BATCH):
            part = all_pairs[at : at + BATCH]
            for (worker, pair), reply in zip(part, ask(sock, [pair.look for _, pair in part])):
                worker.check(pair, reply)


def soak(options: argparse.Namespace, folder: str) -> list[str]:
    """Do it all; return what was wrong."""
    with server_of(options, folder) as server:
        with socket.create_connection(server.address, 30) as sock:
            ask(sock, [command("SET", "soak:big", BIG)])
        crowd = Crowd(server.address, options.clients, SLOW, CHANNELS)
        crowd.connect()
        say(f"{options.clients:,} clients are connected to {options.mode}")
        # Not the children that write in the background, which share nearly all of it.
        members = proc.tree(server.pid)
        memory = []
        for passed in crowd.run(options.time, options.rate):
            memory.append(resident(members))
            if len(memory) % 10 == 0:
                wrong = sum(crowd.complaints.values())
                say(f"{passed:,.0f} s: {crowd.done:,} requests, {memory[-1] / 2**20:.1f} MiB, {wrong} wrong")
        crowd.settle(60)
        time.sleep(PAUSE)
        memory.append(resident(members))
        crowd.last_requests()
        for _ in range(3):
            crowd.poll()
        server.kill()
        crowd.drain()
    with server_of(options, folder) as server:
        verify(crowd, server.address)
        found = judge(crowd, memory, options.spare)
        failure = server.stop()
        return [*found, *([failure] if failure else [])]


def resident(pids: list[int]) -> int:
    """Return the bytes of memory of a server's processes together."""
    return sum(sample.resident for sample in proc.of_each(pids, proc.sample).values())


def judge(crowd: Crowd, memory: list[int], spare: int = SPARE) -> list[str]:
    """Return what was wrong, and say what was done."""
    third = len(memory) // 3
    before, after = median(memory[third : 2 * third] or memory), memory[-1]
    say(
        f"{crowd.done:,} requests, {crowd.heard:,} messages, {crowd.vanished:,} clients vanished, "
        f"{crowd.storms} storms, {crowd.deaf_closed} deaf subscribers closed; "
        f"memory {before / 2**20:.1f}, at the end {after / 2**20:.1f} MiB"
    )
    wrong = [f"{count} x {text}" for text, count in crowd.complaints.most_common(20)]
    if after > before * GROWTH + (spare << 20):
        wrong.append(f"memory has grown from {before / 2**20:.1f} to {after / 2**20:.1f} MiB")
    if not crowd.deaf_closed:
        wrong.append("no subscriber that does not read was closed")
    return wrong


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/soak.py", description=(__doc__ or "").partition("\n")[0])
    add = made.add_argument
    add("--python", default=sys.executable, metavar="PATH", help="interpreter of the server")
    add("--mode", choices=["v1", "v2", "v3"], default="v2", help="of the server (v2)")
    add("--clients", type=clients, default=8192, metavar="N", help="all together (8k)")
    add("--rate", type=positive, default=3000, metavar="N", help="requests a second that are tried (3000)")
    add("--spare", type=positive, default=SPARE, metavar="MIB", help=f"by which memory may grow ({SPARE})")
    add("--time", type=seconds, default=120.0, metavar="SECONDS", help="how long, up to an hour (120)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = parser().parse_args(argv)
    need = limits.Need(2 * options.clients, 1, [options.mode])
    missing = limits.complaints(need, limits.have())
    if options.clients < 100:
        missing.append("a soak needs 100 clients or more")
    for text in missing:
        say(f"stress/soak.py: {text}")
    if missing:
        return 2
    with tempfile.TemporaryDirectory(prefix="tseep-soak-") as folder:
        try:
            wrong = soak(options, folder)
        except (StartFailed, OSError) as failure:
            say(f"stress/soak.py: {failure}")
            return 1
    for text in wrong:
        say(f"wrong: {text}")
    print("nothing was wrong" if not wrong else f"{len(wrong)} kinds of wrong things")
    return 1 if wrong else 0


if __name__ == "__main__":
    run(main)
