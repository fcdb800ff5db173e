"""Endpoints: TLS with and without client certificates, Unix sockets, systemd's sockets, the PROXY protocol."""

from __future__ import annotations

import os
import socket
import ssl
import stat
import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from ..support.client import PATIENCE, connect, encode, read_exactly, read_to_end
from ..support.servers import Process, Tseep, until

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])


class Certificates:
    """
    A certificate authority and its certificates, as files.

    @ivar files: the files by name.
    """

    def __init__(self, folder: Path) -> None:
        import trustme

        self.files: dict[str, str] = {}
        ours, theirs = trustme.CA(), trustme.CA()
        self._write(folder, "ca", ours.cert_pem)
        for name, authority in (("server", ours), ("client", ours), ("stranger", theirs)):
            leaf = authority.issue_cert("127.0.0.1", common_name=name)
            self._write(folder, f"{name}-key", leaf.private_key_pem)
            self._write(folder, f"{name}-cert", *leaf.cert_chain_pems)

    def _write(self, folder: Path, name: str, *blobs: Any) -> None:
        path = folder / f"{name}.pem"
        path.write_bytes(b"".join([blob.bytes() for blob in blobs]))
        self.files[name] = str(path)

    @property
    def server(self) -> str:
        """The arguments of an endpoint with the server's certificate and key."""
        return f"privateKey={self.files['server-key']}:certKey={self.files['server-cert']}:interface=127.0.0.1"

    def client(self, server: Tseep, name: str = "") -> redis.Redis:
        """A redis-py client, with its own certificate or without one."""
        own = {"ssl_certfile": self.files[f"{name}-cert"], "ssl_keyfile": self.files[f"{name}-key"]} if name else {}
        return redis.Redis(
            "127.0.0.1",
            server.port,
            ssl=True,
            ssl_ca_certs=self.files["ca"],
            socket_timeout=PATIENCE,
            **own,  # type: ignore[arg-type]
        )  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


WATCHED = pytest.mark.parametrize("mode", ["v2", "v3"])


@pytest.mark.tls
@WATCHED
def test_tls(mode: str, certificates: Certificates) -> None:
    """Clients connect by TLS, with large values and pipelines."""
    with Tseep(mode, endpoint=f"ssl:0:{certificates.server}") as server:
        with certificates.client(server) as r:
            value = os.urandom(3_000_000)
            assert r.set("k", value) and r.get("k") == value
            pipeline = r.pipeline(transaction=False)
            for number in range(10_000):
                pipeline.set(f"k{number}", number)
            assert pipeline.execute() == [True] * 10_000
        plain = connect(server.address)
        plain.sendall(encode("PING"))
        assert b"PONG" not in plain.recv(100)
        plain.close()
        assert server.stop() == 0
        assert "Traceback" not in server.output


@pytest.mark.tls
@WATCHED
def test_client_certificates(mode: str, certificates: Certificates) -> None:
    """An mtls: endpoint accepts only clients with a certificate of the configured authority."""
    with Tseep(mode, endpoint=f"mtls:0:{certificates.server}:clientCA={certificates.files['ca']}") as server:
        with certificates.client(server, "client") as r:
            assert r.ping()
            for name in ("", "stranger"):
                with certificates.client(server, name) as other, pytest.raises((redis.ConnectionError, ssl.SSLError)):
                    other.ping()
            until(lambda: len(r.client_list()) == 1, "no other client is connected")
        assert server.stop() == 0
        assert "Traceback" not in server.output


@pytest.mark.tls
def test_wrong_certificates(certificates: Certificates, tmp_path: Path) -> None:
    """An error in a certificate file is reported in one line, before the start."""
    nothing = tmp_path / "nothing.pem"
    nothing.write_text("nothing")
    key, cert, ca = (certificates.files[name] for name in ("server-key", "server-cert", "ca"))
    for parts, said in (
        (f"privateKey={key}:certKey={cert}", "clientCA=FILE is missing"),
        (f"privateKey={key}:certKey={cert}:clientCA={nothing}", "nothing.pem holds no certificate"),
        (f"privateKey={key}:certKey={nothing}:clientCA={ca}", "nothing.pem holds no certificate"),
        (f"privateKey={nothing}:certKey={cert}:clientCA={ca}", "nothing.pem holds no private key"),
        (f"privateKey=/nosuch.pem:certKey={cert}:clientCA={ca}", "/nosuch.pem: No such file or directory"),
    ):
        with Process([sys.executable, "-m", "tseep", "--listen", f"mtls:0:{parts}"]) as process:
            assert process.wait() == 1
            assert len(process.lines) == 1 and said in process.lines[0], process.output


@pytest.mark.tls
def test_v1_refuses(certificates: Certificates) -> None:
    """v1 refuses TLS endpoints with an error, as its threads block in the plain socket."""
    endpoints = [f"ssl:0:{certificates.server}", f"mtls:0:{certificates.server}:clientCA={certificates.files['ca']}",
                 "haproxy:tcp:0:interface=127.0.0.1"]  # fmt: skip
    for endpoint in endpoints:
        with Process([sys.executable, "-m", "tseep", "--mode", "v1", "--listen", endpoint]) as process:
            assert process.wait() == 1
            assert "v1 serves bare sockets only" in process.lines[-1]
            assert "Traceback" not in process.output


def _unused_ports(count: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@MODES
def test_changed_addresses(mode: str) -> None:
    """CONFIG SET port and bind change what listens, keep connected clients, and change nothing if they fail."""
    first, second = _unused_ports(2)

    def answers(host: str, port: int) -> bool:
        try:
            with socket.create_connection((host, port), PATIENCE) as sock:
                sock.sendall(b"PING\r\n")
                return read_exactly(sock, 7) == b"+PONG\r\n"
        except ConnectionRefusedError:
            return False

    with Tseep(mode, "--port", str(first), unix=True) as server, server.connect() as client:
        connected = socket.create_connection(("127.0.0.1", first), PATIENCE)
        assert client("CONFIG", "SET", "port", second) == "OK"
        assert (answers("127.0.0.1", first), answers("127.0.0.1", second)) == (False, True)
        connected.sendall(b"PING\r\n")
        assert read_exactly(connected, 7) == b"+PONG\r\n"
        connected.close()
        assert f"tcp_port:{second}\r\n".encode() in client("INFO", "server")
        with socket.create_server(("127.0.0.1", 0)) as other:
            taken = str(client("CONFIG", "SET", "timeout", 9, "port", other.getsockname()[1]))
        failed = "ERR CONFIG SET failed (possibly related to argument '%s') - %s"
        assert taken == failed % ("port", "Unable to listen on this port. Check server logs.")
        wrong = str(client("CONFIG", "SET", "bind", "999.999.999.999"))
        assert wrong == failed % ("bind", "Failed to bind to specified addresses.")
        assert answers("127.0.0.1", second)
        values: Any = client("CONFIG", "GET", "port", "timeout", "bind")
        assert values[1::2] == [str(second).encode(), b"0", b"127.0.0.1"]
        assert client("CONFIG", "SET", "bind", "127.0.0.2 127.0.0.3 -192.0.2.1") == "OK"
        found = [answers(f"127.0.0.{number}", second) for number in (1, 2, 3)]
        assert found == [False, True, True]
        assert client("CONFIG", "SET", "bind", "") == "OK"
        assert not answers("127.0.0.2", second)
        assert server.stop() == 0
        assert "Traceback" not in server.output


@MODES
def test_unix_permissions(mode: str, tmp_path: Path) -> None:
    """A Unix socket has the configured permissions, and is removed at shutdown."""
    path = tmp_path / "socket"
    with Tseep(mode, endpoint=f"unix:{path}:mode=600") as server:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with server.connect() as client:
            assert client("PING") == "PONG"
        assert server.stop() == 0
    assert not path.exists()


@MODES
@pytest.mark.parametrize("family", ["INET", "UNIX"])
def test_systemd_activation(mode: str, family: str, tmp_path: Path) -> None:
    """The server accepts clients of a socket from systemd, including those that connected before the start."""
    listening = socket.socket(getattr(socket, f"AF_{family}"))
    listening.bind(("127.0.0.1", 0) if family == "INET" else str(tmp_path / "socket"))
    listening.listen()
    early = connect(listening.getsockname())
    early.sendall(encode("PING"))

    # systemd's part, as in sd_listen_fds(3)
    code = "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); from tseep.__main__ import main; main()"
    argv = [sys.executable, "-c", code, "--mode", mode, "--listen", f"systemd:domain={family}:index=0"]
    with (
        listening,
        Process(argv, env={"LISTEN_FDS": "1", "LISTEN_FDNAMES": "tseep"}, descriptor=listening.fileno()) as server,
    ):
        server.wait_for("is ready")
        assert read_exactly(early, 7) == b"+PONG\r\n"
        with connect(listening.getsockname()) as other:
            other.sendall(encode("PING"))
            assert read_exactly(other, 7) == b"+PONG\r\n"
        early.close()
        assert server.stop() == 0
        assert "Traceback" not in server.output


ADDRESSES = struct.pack(">4s4sHH", bytes([192, 0, 2, 9]), bytes([192, 0, 2, 1]), 5555, 6379)


def test_no_systemd() -> None:
    """Without sockets from systemd, a systemd: endpoint is an error."""
    with Process([sys.executable, "-m", "tseep", "--listen", "systemd:domain=INET:index=0"]) as server:
        assert server.wait() == 1
        assert server.output == "tseep: --listen 'systemd:domain=INET:index=0': systemd has passed no such socket"


PROXY_V2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack(">H", len(ADDRESSES)) + ADDRESSES


@pytest.mark.parametrize(
    "header", [b"PROXY TCP4 192.0.2.9 192.0.2.1 5555 6379\r\n", PROXY_V2], ids=["version 1", "version 2"]
)  # fmt: skip
@WATCHED
def test_proxy(mode: str, header: bytes) -> None:
    """Behind a proxy, CLIENT LIST shows the clients' own addresses."""
    with Tseep(mode, "--protected-mode", "no", endpoint="haproxy:tcp:0:interface=127.0.0.1") as server:
        with connect(server.address) as sock:
            sock.sendall(header + encode("CLIENT", "LIST"))
            assert b"addr=192.0.2.9:5555 laddr=192.0.2.1:6379 " in read_bulk(sock)
            for _ in range(1000):
                sock.sendall(encode("ECHO", "x" * 1000))
                assert read_bulk(sock) == b"x" * 1000
        with connect(server.address) as sock:
            sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert sock.recv(100) == b""
        assert server.stop() == 0


HEADERS = [
    b"PROXY ", b"TCP4 ", b"TCP6 ", b"UNKNOWN", b"192.0.2.9 ", b"::1 ", b"5555 ", b"-1 ", b"99999", b"\r\n", b"\r",
    b"\n", b" ", b"PROXY TCP4 192.0.2.9 192.0.2.1 5555 6379\r\n", b"PROXY UNKNOWN\r\n", PROXY_V2, PROXY_V2[:12],
    PROXY_V2[:16],
    PROXY_V2[:12] + b"\x20\0\0\0", PROXY_V2[:12] + b"\x21\x21\0\x24", PROXY_V2[:12] + b"\x21\xff\0\0", encode("PING"),
    PROXY_V2[:12] + b"\x21\x31\0\xd8", b"x" * 110, encode("SET", "a", 1),
]  # fmt: skip


@WATCHED
def test_invalid_proxy_headers(mode: str) -> None:
    """Invalid PROXY headers, in any pieces, end in EOF, and other clients are served."""
    with Tseep(mode, "--protected-mode", "no", endpoint="haproxy:tcp:0:interface=127.0.0.1") as server:

        @given(st.lists(st.one_of(st.sampled_from(HEADERS), st.binary(max_size=20)), max_size=6))
        def check(pieces: list[bytes]) -> None:
            with connect(server.address) as sock:
                try:
                    for piece in pieces:
                        sock.sendall(piece)
                    sock.shutdown(socket.SHUT_WR)
                    read_to_end(sock)
                except OSError:
                    pass  # the server has closed it already
            with connect(server.address) as sock:
                sock.sendall(PROXY_V2 + encode("PING"))
                assert read_exactly(sock, 7) == b"+PONG\r\n"

        check()
        assert server.stop() == 0
        assert "Traceback" not in server.output, server.output


@WATCHED
def test_proxy_and_protected_mode(mode: str) -> None:
    """Protected mode refuses a client that connects to a local proxy from another machine."""
    with Tseep(mode, endpoint="haproxy:tcp:0:interface=127.0.0.1") as server, connect(server.address) as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.9 192.0.2.1 5555 6379\r\n" + encode("PING"))
        assert sock.recv(1000).startswith(b"-DENIED protected mode")


def read_bulk(sock: socket.socket) -> bytes:
    """Read a bulk string; return its bytes."""
    head = b""
    while not head.endswith(b"\r\n"):
        head += read_exactly(sock, 1)
    return read_exactly(sock, int(head[1:]) + 2)[:-2]
