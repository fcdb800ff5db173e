"""Messages to many subscribers, compared with redis-server.

    python stress/study.py publish --subscribers 1000

One client publishes in pipelines, and all subscribers read; every byte that they receive is compared with what was
published. Servers alternate, and ratios are taken within a round. Prints a Markdown table. Exit status: 0, or 2 when a
server did not start or a message was wrong.
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
from rig.codec import bulk, encode
from rig.options import clients, positive
from servers.process import Server, free_port
from studies.common import REDIS, V2, Failed, compared_servers, comparison, connected, ratio, row, say, show

MESSAGE = b"x" * 64
MESSAGES_IN_FLIGHT = 20  # published before the reply to the first is read
READ_BYTES = 1 << 16
TIMEOUT_S = 60.0
SPARE_CLIENTS = 64  # above the subscribers
MIN_RATE_RATIO = 0.5  # of v2's deliveries per second to redis-server's

SUBSCRIBE = encode("SUBSCRIBE", "news")
SUBSCRIBED = b"*3\r\n" + bulk(b"subscribe") + bulk(b"news") + b":1\r\n"
PUBLISH = encode("PUBLISH", "news", MESSAGE)
DELIVERED = encode("message", "news", MESSAGE)


def read_exactly(connection: socket.socket, count: int) -> bytes:
    """Return C{count} bytes. Raises Failed at an earlier EOF."""
    data = b""
    while len(data) < count:
        piece = connection.recv(count - len(data))
        if not piece:
            raise Failed("the server closed a connection")
        data += piece
    return data


def publish(connection: socket.socket, messages: int, subscribers: int) -> None:
    """Publish, and check that each message reached all subscribers. Raises Failed."""
    answer = b":%d\r\n" % subscribers
    for first in range(0, messages, MESSAGES_IN_FLIGHT):
        batch = min(MESSAGES_IN_FLIGHT, messages - first)
        connection.sendall(PUBLISH * batch)
        if read_exactly(connection, len(answer) * batch) != answer * batch:
            raise Failed("a message did not reach all subscribers")


def receive(subscribers: list[socket.socket], messages: int) -> None:
    """Read until all subscribers have all messages. Raises Failed if one receives anything else."""
    poll = select.epoll()
    left = {}
    for subscriber in subscribers:
        poll.register(subscriber, select.EPOLLIN)
        left[subscriber.fileno()] = subscriber, memoryview(DELIVERED * messages)
    deadline = time.monotonic() + TIMEOUT_S
    while left:
        if time.monotonic() > deadline:
            raise Failed(f"{len(left)} subscribers have not received all messages")
        for fd, _ in poll.poll(1):
            subscriber, expected = left[fd]
            data = subscriber.recv(READ_BYTES)
            if not data or expected[: len(data)] != data:
                raise Failed("a subscriber received something else than the messages")
            left[fd] = subscriber, expected[len(data) :]
            if len(data) == len(expected):
                poll.unregister(fd)
                del left[fd]
    poll.close()


def deliveries(server: Server, subscribers: list[socket.socket], messages: int) -> tuple[float, float]:
    """Return the deliveries per second, and the server's CPU microseconds per delivery. Raises Failed."""
    before, start = proc.sample(server.pid), time.perf_counter()
    with ExitStack() as stack:
        (publisher,) = connected(server.address, 1, stack)
        publishing = threading.Thread(target=publish, args=(publisher, messages, len(subscribers)))
        publishing.start()
        receive(subscribers, messages)
        publishing.join()
    seconds, number = time.perf_counter() - start, messages * len(subscribers)
    return number / seconds, 1e6 * proc.usage(before, proc.sample(server.pid)).cpu_seconds / number


def subscribe(server: Server, count: int, stack: ExitStack) -> list[socket.socket]:
    """Return C{count} subscribers. Raises Failed if a subscription fails."""
    subscribers = connected(server.address, count, stack)
    for subscriber in subscribers:
        subscriber.sendall(SUBSCRIBE)
        if read_exactly(subscriber, len(SUBSCRIBED)) != SUBSCRIBED:
            raise Failed("a client could not subscribe")
    return subscribers


def table(options: argparse.Namespace) -> list[str]:
    """Measure all servers; return the table."""
    found = compared_servers(options.python, options.pypy)
    rounds: dict[str, list[tuple[float, float]]] = {each.name: [] for each in found}
    with ExitStack() as stack:
        running = {}
        for each in found:
            port = free_port()
            server = stack.enter_context(Server(each.command(port, options.subscribers + SPARE_CLIENTS), port))
            running[each.name] = server, subscribe(server, options.subscribers, stack)
        for turn in range(options.rounds + 1):
            say(f"round {turn} of {options.rounds}" if turn else "warm-up")
            for name, (server, subscribers) in running.items():
                result = deliveries(server, subscribers, options.messages)
                if turn:
                    rounds[name].append(result)
    lines = [row(["", *(each.title for each in found)]), row(["---", *["--:"] * len(found)])]
    theirs = [rate for rate, _ in rounds[REDIS]]
    rates, costs = [], []
    for each in found:
        own = [rate for rate, _ in rounds[each.name]]
        rates.append(f"{median(own):,.0f} ({ratio(own, theirs):.2f}x)")
        costs.append(f"{median(one[1] for one in rounds[each.name]):.2f}")
    lines.append(row([f"{options.subscribers:,} subscribers, deliveries/s (ratio to redis-server)", *rates]))
    lines.append(row(["server CPU us/delivery", *costs]))
    measured = ratio([rate for rate, _ in rounds[V2]], theirs)
    target = f"Target for v2 on CPython: at least {MIN_RATE_RATIO:g}x redis-server's deliveries/s"
    return [*lines, "", f"{target}; measured: {measured:.2f}x."]


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = comparison("stress/study.py publish", __doc__)
    add = made.add_argument
    add("--subscribers", type=clients, default=1000, metavar="N", help="subscribers (1000)")
    add("--messages", type=positive, default=200, metavar="N", help="messages published in a measurement (200)")
    add("--rounds", type=positive, default=5, metavar="N", help="measured rounds (5)")
    return made


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    return show(parser(), argv, lambda options: options.subscribers, table)
