"""Messages to many subscribers, beside redis-server.

    python stress/study.py publish --subscribers 1000

One client publishes, some messages ahead of their answers, and all subscribers read; every byte that they get is
compared with what was published. Servers take turns; ratios are taken within a round. Prints a Markdown table; exit
status 0, or 2 when a server did not start or a message was not what it should be.
"""

from __future__ import annotations

import argparse
import select
import socket
import threading
import time
from contextlib import ExitStack
from statistics import median

from probes import proc
from rig.options import clients, positive
from servers.process import Server, free_port
from studies.versus import REDIS, V2, Failed, beside, comparison, connected, contestants, row, say, show

MESSAGE = b"x" * 64
AHEAD = 20  # messages published before the answer to the first is read
READ = 1 << 16
PATIENCE = 60.0
WANTED = 0.5  # of redis-server's deliveries a second

SUBSCRIBE = b"*2\r\n$9\r\nSUBSCRIBE\r\n$4\r\nnews\r\n"
SUBSCRIBED = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n"
PUBLISH = b"*3\r\n$7\r\nPUBLISH\r\n$4\r\nnews\r\n$%d\r\n%b\r\n" % (len(MESSAGE), MESSAGE)
DELIVERED = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$%d\r\n%b\r\n" % (len(MESSAGE), MESSAGE)


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """Read so many bytes; raises Failed if there are no more."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise Failed("the server closed a connection")
        data += piece
    return data


def publish(connection: socket.socket, messages: int, subscribers: int) -> None:
    """Publish, and see that each message reached all subscribers; raises Failed."""
    answer = b":%d\r\n" % subscribers
    for first in range(0, messages, AHEAD):
        batch = min(AHEAD, messages - first)
        connection.sendall(PUBLISH * batch)
        if read_exactly(connection, len(answer) * batch) != answer * batch:
            raise Failed("a message did not reach all subscribers")


def receive(subscribers: list[socket.socket], messages: int) -> None:
    """Read until all subscribers have all messages; raises Failed if one gets anything else."""
    poll = select.epoll()
    left = {}
    for subscriber in subscribers:
        poll.register(subscriber, select.EPOLLIN)
        left[subscriber.fileno()] = subscriber, memoryview(DELIVERED * messages)
    deadline = time.monotonic() + PATIENCE
    while left:
        if time.monotonic() > deadline:
            raise Failed(f"{len(left)} subscribers still wait for messages")
        for fd, _ in poll.poll(1):
            subscriber, expected = left[fd]
            data = subscriber.recv(READ)
            if not data or expected[: len(data)] != data:
                raise Failed("a subscriber was sent something else than the messages")
            left[fd] = subscriber, expected[len(data) :]
            if len(data) == len(expected):
                poll.unregister(fd)
                del left[fd]
    poll.close()


def deliveries(server: Server, subscribers: list[socket.socket], messages: int) -> tuple[float, float]:
    """Return deliveries a second, and the server's CPU microseconds for each."""
    before, start = proc.sample(server.pid), time.perf_counter()
    with ExitStack() as stack:
        (publisher,) = connected(server.address, 1, stack)
        publishing = threading.Thread(target=publish, args=(publisher, messages, len(subscribers)))
        publishing.start()
        receive(subscribers, messages)
        publishing.join()
    seconds, all_of_them = time.perf_counter() - start, messages * len(subscribers)
    return all_of_them / seconds, 1e6 * proc.use(before, proc.sample(server.pid)).cpu_seconds / all_of_them


def subscribe(server: Server, count: int, stack: ExitStack) -> list[socket.socket]:
    """Return so many subscribers; raises Failed if one is not let."""
    subscribers = connected(server.address, count, stack)
    for subscriber in subscribers:
        subscriber.sendall(SUBSCRIBE)
        if read_exactly(subscriber, len(SUBSCRIBED)) != SUBSCRIBED:
            raise Failed("a client could not subscribe")
    return subscribers


def compete(options: argparse.Namespace) -> list[str]:
    """Measure all servers in turns; return the table."""
    found = contestants(options.python, options.pypy)
    rounds: dict[str, list[tuple[float, float]]] = {each.name: [] for each in found}
    with ExitStack() as stack:
        running = {}
        for each in found:
            port = free_port()
            server = stack.enter_context(Server(each.command(port, options.subscribers + 64), port))
            running[each.name] = server, subscribe(server, options.subscribers, stack)
        for turn in range(options.rounds + 1):
            say(f"round {turn} of {options.rounds}" if turn else "warming up")
            for name, (server, subscribers) in running.items():
                measured = deliveries(server, subscribers, options.messages)
                if turn:
                    rounds[name].append(measured)
    lines = [row(["", *(each.title for each in found)]), row(["---", *["--:"] * len(found)])]
    theirs = [rate for rate, _ in rounds[REDIS]]
    rates, costs = [], []
    for each in found:
        own = [rate for rate, _ in rounds[each.name]]
        rates.append(f"{median(own):,.0f} ({beside(own, theirs):.2f})")
        costs.append(f"{median(one[1] for one in rounds[each.name]):.2f}")
    lines.append(row([f"{options.subscribers:,} subscribers, deliveries/s (beside redis-server)", *rates]))
    lines.append(row(["server CPU us/delivery", *costs]))
    ratio = beside([rate for rate, _ in rounds[V2]], theirs)
    return [*lines, "", f"Wanted of v2 on CPython: {WANTED:g} of redis-server's deliveries/s; measured: {ratio:.2f}."]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = comparison("stress/study.py publish", __doc__)
    add = made.add_argument
    add("--subscribers", type=clients, default=1000, metavar="N", help="clients that listen (1000)")
    add("--messages", type=positive, default=200, metavar="N", help="published in a measurement (200)")
    add("--rounds", type=positive, default=5, metavar="N", help="rounds that count (5)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: options.subscribers, compete)
