"""A small server of both protocols that can be told to misbehave.

    python stress/servers/faulty.py --port 7000 --fault late --every 3

A check is worth something only if it can fail: against this server each kind of fault that the
rig knows can be produced at will, without tseep. The fault befalls the second request of every
n-th connection, or every n-th request of all. SIGTERM ends it, with the status given.
"""

from __future__ import annotations

import argparse
import heapq
import selectors
import signal
import socket
import time
from collections.abc import Iterator
from itertools import count

FAULTY_REQUEST = 2
RESPONSE, ERROR = 3, 4
PAUSE = 0.03  # seconds between the pieces of an answer
BACKLOG = 1024
NEVER = 3600.0


class Native:
    """The seed's frames."""

    nothing = bytes((RESPONSE, 0))
    error = bytes((ERROR, 4)) + b"oops"
    garbage = b"+OK\r\n"
    tail = 1  # bytes from the end, where a value's last one is

    def request(self, data: bytes) -> tuple[int, bytes, bytes | None]:
        """Return the length of the first request, its key, and the value of a write; 0 if it is not all there."""
        size = 3 + int.from_bytes(data[1:3], "big") if len(data) >= 3 else len(data) + 1
        if len(data) < size:
            return 0, b"", None
        end = 4 + data[3]
        written = data[end + 1 : size] if end < size else None
        return size, data[4:end], written

    def value(self, value: bytes) -> bytes:
        """Return the answer to a read."""
        return bytes((RESPONSE, len(value))) + value

    stored = value


class Resp:
    """GET and SET of RESP."""

    nothing = b"$-1\r\n"
    error = b"-ERR oops\r\n"
    garbage = b"\x03\x05hello"
    tail = 3

    def request(self, data: bytes) -> tuple[int, bytes, bytes | None]:
        """Return the length of the first request, its key, and the value of a write; 0 if it is not all there."""
        words, at = [], data.find(b"\r\n") + 2
        for _ in range(int(data[1 : at - 2]) if at > 1 else 0):
            line = data.find(b"\r\n", at)
            end = line + 2 + int(data[at + 1 : line]) if line >= 0 else len(data)
            if len(data) < end + 2:
                return 0, b"", None
            words.append(data[line + 2 : end])
            at = end + 2
        return (at, words[1], words[2] if len(words) > 2 else None) if words else (0, b"", None)

    def value(self, value: bytes) -> bytes:
        """Return the answer to a GET."""
        return b"$%d\r\n%b\r\n" % (len(value), value)

    def stored(self, value: bytes) -> bytes:
        """Return the answer to a SET."""
        return b"+OK\r\n"


class Conversation:
    """One connection: since when there is one, its bytes not yet answered, how many requests it has made, and when
    the last of its answers is due."""

    def __init__(self, connection: socket.socket, faulty: bool) -> None:
        self.socket = connection
        self.faulty = faulty
        self.received = b""
        self.requests = 0
        self.due = 0.0
        self.since = time.monotonic()


def pieces(protocol: Native | Resp, fault: str, answer: bytes, late: float) -> list[tuple[float, bytes | None]]:
    """Return what a fault makes of an answer: bytes, each with the seconds to wait before them;
    None stands for the connection's end."""
    last = len(answer) - protocol.tail
    changed = answer[:last] + bytes((answer[last] ^ 1,)) + answer[last + 1 :]
    wrong = protocol.value(b"x") if answer == protocol.nothing else changed
    told: dict[str, list[tuple[float, bytes | None]]] = {
        "none": [(0, answer)],
        "split": [(0, answer[:1]), (PAUSE, answer[1:7]), (2 * PAUSE, answer[7:])],  # yet right
        "wrong": [(0, wrong)],
        "garbage": [(0, protocol.garbage)],
        "error": [(0, protocol.error)],
        "twice": [(0, answer + answer)],
        "drop": [],
        "close": [(0, answer[:3]), (0, None)],
        "late": [(late, answer)],
    }
    return told[fault]


class Fixture:
    """The server, as its command line says."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.protocol = Resp() if options.protocol == "resp" else Native()
        self.values: dict[bytes, bytes] = {}
        self.accepted = self.requests = 0
        self.owed: list[tuple[float, int, Conversation, bytes | None]] = []
        self.order = count()
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", options.port), backlog=BACKLOG)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until a signal ends the process."""
        while True:
            for key, _ in self.selector.select(self.patience()):
                if key.data is None:
                    self.accept()
                else:
                    self.receive(key.data)
            self.pay()
            self.cut_idle()

    def patience(self) -> float:
        """Return how long to wait for what comes next."""
        return max(0.0, min(PAUSE, self.next_due() - time.monotonic()))

    def cut_idle(self) -> None:
        """End connections on which nobody has said anything for long."""
        if not self.options.cut_idle:
            return
        talks = [key.data for key in self.selector.get_map().values() if key.data and not key.data.requests]
        for talk in talks:
            if time.monotonic() - talk.since > self.options.cut_idle:
                self.send(talk, None)

    def next_due(self) -> float:
        """Return when the next answer is due."""
        return self.owed[0][0] if self.owed else time.monotonic() + NEVER

    def accept(self) -> None:
        """Take a connection in; every n-th is to have the fault."""
        connection, _ = self.listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.accepted += 1
        faulty = not self.options.one_in and self.accepted % self.options.every == 0
        self.selector.register(connection, selectors.EVENT_READ, Conversation(connection, faulty))

    def receive(self, talk: Conversation) -> None:
        """Answer the requests that came whole."""
        try:
            data = talk.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.send(talk, None)
        talk.received += data
        for key, written in self.asked(talk):
            self.reply(talk, self.carry_out(key, written))

    def asked(self, talk: Conversation) -> Iterator[tuple[bytes, bytes | None]]:
        """Take out the requests that came whole."""
        while talk.received:
            size, key, written = self.protocol.request(talk.received)
            if not size:
                return
            talk.received = talk.received[size:]
            yield key, written

    def carry_out(self, key: bytes, written: bytes | None) -> bytes:
        """Carry out one request and return its answer."""
        if written is not None:
            self.values[key] = written
            return self.protocol.stored(written)
        value = self.values.get(key)
        return self.protocol.nothing if value is None else self.protocol.value(value)

    def faulty(self, talk: Conversation) -> bool:
        """Return whether the request that has just come is to have the fault."""
        if not self.options.one_in:
            return talk.faulty and talk.requests == FAULTY_REQUEST
        number: int = self.requests - self.options.skip
        return bool(number > 0 and number % self.options.one_in == 0)

    def reply(self, talk: Conversation, answer: bytes) -> None:
        """Owe an answer, or what the fault makes of it, after those that are owed already."""
        talk.requests += 1
        self.requests += 1
        if self.requests == self.options.stall_at:
            time.sleep(self.options.stall)
        fault = self.options.fault if self.faulty(talk) else "none"
        now = time.monotonic() + (self.options.delay if self.requests > self.options.skip else 0)
        for wait, piece in pieces(self.protocol, fault, answer, self.options.late):
            talk.due = max(now + wait, talk.due)
            heapq.heappush(self.owed, (talk.due, next(self.order), talk, piece))

    def pay(self) -> None:
        """Send what is owed and due."""
        while self.next_due() <= time.monotonic():
            _, _, talk, piece = heapq.heappop(self.owed)
            self.send(talk, piece)

    def send(self, talk: Conversation, piece: bytes | None) -> None:
        """Send bytes on a connection, or end it."""
        if talk.socket.fileno() < 0:
            return
        if piece is None:
            self.selector.unregister(talk.socket)
            talk.socket.close()
            return
        try:
            talk.socket.sendall(piece)
        except OSError:  # the client has gone, which the next read tells
            pass


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(prog="stress/servers/faulty.py")
    add = made.add_argument
    add("--port", type=int, required=True)
    add("--protocol", choices=("native", "resp"), default="native")
    add("--fault", default="none", help="see pieces()")
    add("--every", type=int, default=1, help="the fault's n-th connections")
    add("--one-in", type=int, help="the fault's n-th requests, of all, instead")
    add("--skip", type=int, default=0, help="requests before the first that may be late or have the fault")
    add("--late", type=float, default=0.5, help="seconds")
    add("--delay", type=float, default=0.0, help="of every answer, seconds")
    add("--stall-at", type=int, help="the request at which everything stands still")
    add("--stall", type=float, default=0.5, help="for so many seconds")
    add("--cut-idle", type=float, help="end connections that said nothing for so many seconds")
    add("--status", type=int, default=0, help="exit status after SIGTERM")
    return made


def main() -> None:
    """Run the command line."""
    options = parser().parse_args()

    def stop(number: int, frame: object) -> None:
        raise SystemExit(options.status)

    signal.signal(signal.SIGTERM, stop)
    Fixture(options).serve()


if __name__ == "__main__":
    main()
