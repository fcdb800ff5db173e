"""A small server of the native frames that can be told to misbehave.

    python stress/fixture.py --port 7000 --fault late --every 3

A check is worth something only if it can fail: against this server each kind of fault that the
rig knows can be produced at will, without tseep. The fault befalls the second request of every
n-th connection. SIGTERM ends it, with the status given.
"""

from __future__ import annotations

import argparse
import selectors
import signal
import socket
import time

FAULTY_REQUEST = 2
RESPONSE, ERROR = 3, 4
PAUSE = 0.03  # seconds between the pieces of an answer
BACKLOG = 1024


class Conversation:
    """One connection: its bytes not yet answered, and how many requests it has made."""

    def __init__(self, connection: socket.socket, faulty: bool) -> None:
        self.socket = connection
        self.faulty = faulty
        self.received = b""
        self.requests = 0

    def frames(self) -> list[bytes]:
        """Take out and return the requests that came whole."""
        found = []
        while len(self.received) >= 3:
            size = 3 + int.from_bytes(self.received[1:3], "big")
            if len(self.received) < size:
                break
            found.append(self.received[:size])
            self.received = self.received[size:]
        return found


def pieces(fault: str, answer: bytes, late: float) -> list[tuple[float, bytes | None]]:
    """Return what a fault makes of an answer: bytes, each with the seconds to wait before them;
    None stands for the connection's end."""
    told: dict[str, list[tuple[float, bytes | None]]] = {
        "none": [(0, answer)],
        "split": [(0, answer[:1]), (PAUSE, answer[1:7]), (2 * PAUSE, answer[7:])],  # yet right
        "wrong": [(0, answer[:-1] + bytes((answer[-1] ^ 1,)))],
        "garbage": [(0, b"+OK\r\n")],
        "error": [(0, bytes((ERROR, 4)) + b"oops")],
        "twice": [(0, answer + answer)],
        "drop": [],
        "close": [(0, answer[:9]), (0, None)],
        "late": [(late, answer)],
    }
    return told[fault]


class Fixture:
    """The server. `late` is in seconds."""

    def __init__(self, port: int, fault: str, every: int, late: float) -> None:
        self.fault, self.every, self.late = fault, every, late
        self.values: dict[bytes, bytes] = {}
        self.accepted = 0
        self.owed: list[tuple[float, Conversation, bytes | None]] = []
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)
        self.selector.register(self.listener, selectors.EVENT_READ)

    def serve(self) -> None:
        """Serve until a signal ends the process."""
        while True:
            for key, _ in self.selector.select(PAUSE / 2):
                if key.data is None:
                    self.accept()
                else:
                    self.receive(key.data)
            self.pay()

    def accept(self) -> None:
        """Take a connection in; every n-th is to have the fault."""
        connection, _ = self.listener.accept()
        self.accepted += 1
        talk = Conversation(connection, faulty=self.accepted % self.every == 0)
        self.selector.register(connection, selectors.EVENT_READ, talk)

    def receive(self, talk: Conversation) -> None:
        """Answer the requests that came whole."""
        try:
            data = talk.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.send(talk, None)
        talk.received += data
        for frame in talk.frames():
            self.reply(talk, bytes((RESPONSE,)) + self.carry_out(frame))

    def carry_out(self, frame: bytes) -> bytes:
        """Carry out one request and return the value, its length before it."""
        end = 4 + frame[3]
        key, written = frame[4:end], frame[end:]
        if written:
            self.values[key] = written
        return self.values.get(key, b"\0")

    def reply(self, talk: Conversation, answer: bytes) -> None:
        """Owe an answer, or what the fault makes of it."""
        talk.requests += 1
        faulty = talk.faulty and talk.requests == FAULTY_REQUEST
        now = time.monotonic()
        for wait, piece in pieces(self.fault if faulty else "none", answer, self.late):
            self.owed.append((now + wait, talk, piece))

    def pay(self) -> None:
        """Send what is owed and due."""
        now = time.monotonic()
        due = [owed for owed in self.owed if owed[0] <= now]
        self.owed = [owed for owed in self.owed if owed[0] > now]
        for _, talk, piece in due:
            self.send(talk, piece)

    def send(self, talk: Conversation, piece: bytes | None) -> None:
        """Send bytes on a connection, or end it."""
        if talk.socket.fileno() < 0:
            return
        if piece is None:
            self.selector.unregister(talk.socket)
            talk.socket.close()
        else:
            talk.socket.sendall(piece)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="stress/fixture.py")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fault", default="none", help="see pieces()")
    parser.add_argument("--every", type=int, default=1, help="the fault's n-th connections")
    parser.add_argument("--late", type=float, default=0.5, help="seconds")
    parser.add_argument("--status", type=int, default=0, help="exit status after SIGTERM")
    options = parser.parse_args()

    def stop(number: int, frame: object) -> None:
        raise SystemExit(options.status)

    signal.signal(signal.SIGTERM, stop)
    Fixture(options.port, options.fault, options.every, options.late).serve()


if __name__ == "__main__":
    main()
