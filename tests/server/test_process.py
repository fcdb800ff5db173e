"""The process: start, shutdown, and errors at the start."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.client import connect, encode, read_exactly, read_frame, read_to_end, response_frame
from ..support.servers import ROOT, Process, Tseep, until

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
SIGNALS = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
TSEEP = [sys.executable, "-m", "tseep"]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]


def run(argv: list[str], files: int = 0) -> tuple[int, list[str]]:
    """Run a command; return its exit status and its lines of output."""
    with Process(argv, files=files) as process:
        return process.wait(), process.lines


DETAILS = {"v1": r"; \d+ futex slots", "v2": "", "v3": r"; \d+ workers?"}
"""Regular expressions of the ready line's details by mode."""


@MODES
def test_start(mode: str) -> None:
    """One line reports readiness: version, mode, address, interpreter and maximum number of clients."""
    with Tseep(mode, "--maxclients", "77") as server:
        line = server.wait_for(".*is ready.*")[0]
        pattern = (
            rf"tseep \d+\.\d+\.\d+\S* is ready: mode {mode} on 127\.0\.0\.1:{server.port}; "
            rf"(CPython|PyPy) \d+\.\d+\.\d+\S*, \w+Reactor; at most 77 clients{DETAILS[mode]}$"
        )
        assert re.search(pattern, line), line
        assert server.stop() == 0
        assert "Traceback" not in server.output


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--mode", "v9"], r"--mode must be one of v1, v2.*'v9'"),
        (["--maxclients", "abc"], r"--maxclients 'abc'"),
        (["--maxclients", "0"], r"--maxclients '0'"),
        (["--timeout", "-1"], r"--timeout '-1'"),
        (["--proto-max-bulk-len", "1"], r"--proto-max-bulk-len '1'"),
        (["--databases", "none"], r"--databases 'none'"),
        (["--enable-debug-command", "perhaps"], r"--enable-debug-command 'perhaps'"),
        (["--nonsense"], r"nonsense"),
        (["--timeout"], r"timeout"),
        (["word"], r"'word'"),
        (["--listen", "nonsense"], r"--listen 'nonsense'"),
        (["--listen", "tcp:abc"], r"--listen 'tcp:abc'"),
        (["--listen", "tcp:99999:interface=127.0.0.1"], r"99999"),
        (["--listen", ""], r"--listen ''"),
        (["--listen", "unix:/nonexistent/folder/socket"], r"unix:/nonexistent/folder/socket"),
        (["--listen", "tcp:0:interface=192.0.2.1"], r"192\.0\.2\.1"),
        (["--requirepass-file", "/nonexistent/file"], r"--requirepass-file.*/nonexistent/file"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_wrong_options(options: list[str], said: str) -> None:
    """An invalid option is reported in one line, with an exit status other than 0."""
    listen = [] if "--listen" in options else ["--listen", "tcp:0:interface=127.0.0.1"]
    status, lines = run([*TSEEP, *listen, *options])
    _one_line(status, lines, said)


def _one_line(status: int, lines: list[str], said: str) -> None:
    lines = [line for line in lines if not _usual(line)]
    assert status != 0, lines
    assert len(lines) == 1, lines
    assert re.search(said, lines[0]), lines[0]
    assert "Traceback" not in lines[0]


def _usual(line: str) -> bool:
    """True for lines that twistd writes at every start and shutdown."""
    return bool(re.search(r"twistd [\d.]+ .*starting up|reactor class:|Listener for clients starting|"
                          r"Server Shut Down|Main loop terminated|Port \S+ Closed", line))  # fmt: skip


@MODES
def test_busy_port(mode: str) -> None:
    """A port in use is reported in one line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, lines = run([*TSEEP, "--mode", mode, "--listen", f"tcp:{port}:interface=127.0.0.1"])
    _one_line(status, lines, rf"{port}.*in use")


def test_second_endpoint_is_busy() -> None:
    """A port in use is reported for a second endpoint, too."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        endpoints = ["--listen", "tcp:0:interface=127.0.0.1", "--listen", f"tcp:{port}:interface=127.0.0.1"]
        status, lines = run([*TSEEP, *endpoints])
    _one_line(status, lines, rf"{port}.*in use")


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_unreadable_password_file(tmp_path: Path) -> None:
    """A password file without read permission is reported in one line."""
    file = tmp_path / "password"
    file.touch(mode=0)
    _one_line(*run([*TSEEP, "--requirepass-file", str(file)]), "Permission denied")


def test_password_file_is_a_folder(tmp_path: Path) -> None:
    """A password file that is a folder is reported in one line."""
    _one_line(*run([*TSEEP, "--requirepass-file", str(tmp_path)]), "directory")


def test_password_file_that_is_no_text(tmp_path: Path) -> None:
    """A password file that is not text is reported in one line."""
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe\x00\n")
    _one_line(*run([*TSEEP, "--requirepass-file", str(file)]), "requirepass-file")


@pytest.mark.parametrize(
    "argv",
    [[*TSEEP, "--help"], [*TWISTD, "-n", "--pidfile=", "tseep", "--help"]],
    ids=["python -m tseep", "twistd tseep"],
)
def test_help(argv: list[str]) -> None:
    """--help lists every option with its description."""
    status, lines = run(argv)
    assert status == 0, lines
    text = "\n".join(lines)
    for option in (
        "--mode=",
        "--listen=",
        "--requirepass=",
        "--requirepass-file=",
        "--maxclients=",
        "--timeout=",
        "--version",
    ):
        assert option in text, text
    assert "Redis-compatible" in text


def test_version() -> None:
    """--version prints one line."""
    status, lines = run([*TSEEP, "--version"])
    assert status == 0
    assert len(lines) == 1
    assert re.fullmatch(r"tseep \d+\.\d+\.\d+\S*", lines[0])


def test_twistd_lists_it() -> None:
    """twistd --help lists tseep as a command."""
    status, lines = run([*TWISTD, "--help"])
    assert status == 0
    assert any(re.match(r"\s+tseep\s+\S", line) for line in lines)


@MODES
def test_crash_report(mode: str) -> None:
    """A signal that reports a fault ends the process, after the log has the stacks of Python's threads."""
    with Tseep(mode, "--enable-debug-command", "yes") as server:
        with server.connect() as client:
            client.send(encode("DEBUG", "SEGFAULT"))
            assert server.wait() == -signal.SIGSEGV
        assert "Fatal Python error: Segmentation fault" in server.output
        assert re.search(r'File ".*debug.py", line \d+ in _segfault', server.output), server.output
    with Tseep(mode) as server:
        with server.connect() as client:
            assert client("CONFIG", "SET", "crash-log-enabled", "no") == "OK"
            server.send_signal(signal.SIGABRT)
            assert server.wait() == -signal.SIGABRT
        assert "Fatal Python error" not in server.output


def _stop_under(mode: str, clients: int, number: int) -> None:
    """Stop a server with C{clients} clients; some of them sent commands just before, while it was busy."""
    with Tseep(mode, "--enable-debug-command", "yes") as server:
        socks = [connect(server.address) for _ in range(clients)]
        busy = server.connect()
        shown = f"connected_clients:{clients + 1}\r\n".encode()
        until(lambda: shown in busy("INFO", "clients"), "all clients are connected")
        asking, native = socks[::50], socks[1::50]
        busy.send(encode("DEBUG", "SLEEP", 0.1))
        for sock in asking:
            sock.sendall(encode("SET", "a", "1") + encode("GET", "a"))
        for sock in native:
            sock.sendall(read_frame(b"nosuch"))
        assert server.stop(number) == 0, server.output
        assert read_to_end(busy.socket) == b"+OK\r\n"
        busy.close()
        for sock in asking:
            assert read_to_end(sock) == b"+OK\r\n$1\r\n1\r\n"
        for sock in native:
            assert read_to_end(sock) == response_frame(b"")
        for sock in socks:
            assert read_to_end(sock) == b""
            sock.close()
        assert "Traceback" not in server.output, server.output
        assert "Unhandled" not in server.output, server.output
        assert "tseep is now ready to exit" in server.output


@SIGNALS
@pytest.mark.parametrize(("mode", "clients"), [("v1", 500), ("v2", 2000)])
def test_shutdown(mode: str, clients: int, number: signal.Signals) -> None:
    """SIGTERM and SIGINT make the server reply to received commands, close all clients, and exit with status 0."""
    _stop_under(mode, clients, number)


@pytest.mark.soak
@SIGNALS
@MODES
def test_shutdown_under_8000(mode: str, number: signal.Signals) -> None:
    """SIGTERM and SIGINT do the same with 8,000 clients."""
    _stop_under(mode, 8000, number)


@MODES
def test_shutdown_with_a_client_that_does_not_read(mode: str) -> None:
    """A client that does not read its replies does not prevent shutdown."""
    with Tseep(mode) as server:
        greedy = connect(server.address, receive_buffer=4096)
        with server.connect() as client:
            assert client("SET", "big", "x" * 2**20) == "OK"
            greedy.sendall(encode("GET", "big") * 50)
            assert client("PING") == "PONG"
        assert server.stop() == 0, server.output
        greedy.close()


@MODES
def test_second_signal(mode: str) -> None:
    """A second signal during shutdown has no effect."""
    with Tseep(mode) as server:
        socks = [connect(server.address) for _ in range(50)]
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGTERM)
        server.send_signal(signal.SIGINT)
        assert server.wait() == 0, server.output
        for sock in socks:
            sock.close()


@MODES
def test_port_is_free_after_shutdown(mode: str) -> None:
    """After shutdown the port is free."""
    with Tseep(mode) as server:
        assert server.stop() == 0
        with pytest.raises(ConnectionRefusedError):
            connect(server.address)
        with socket.create_server(("127.0.0.1", server.port)):
            pass


@MODES
def test_limit_on_files(mode: str) -> None:
    """A hard limit on open files that is too low lowers maxclients, and a line explains how to raise it."""
    with Tseep(mode, "--workers", "1", files=256) as server:
        lowered = re.search(r"maxclients is (\d+), not 10000.* 256.*ulimit -Hn", server.output)
        assert lowered is not None, server.output
        clients = int(lowered[1])
        assert 128 <= clients < 256
        assert f"at most {clients} clients" in server.output
        socks = [connect(server.address) for _ in range(clients)]
        for sock in socks:
            sock.sendall(encode("PING"))
            assert read_exactly(sock, 7) == b"+PONG\r\n"
        extra = connect(server.address)
        assert read_to_end(extra) == b"-ERR max number of clients reached\r\n"
        expected = b"*2\r\n$10\r\nmaxclients\r\n$3\r\n%d\r\n" % clients
        socks[0].sendall(encode("CONFIG", "GET", "maxclients"))
        assert read_exactly(socks[0], len(expected)) == expected
        for sock in [*socks, extra]:
            sock.close()
        assert server.stop() == 0


def test_soft_limit_is_raised() -> None:
    """A soft limit on open files that is too low is raised, up to the hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 3000:
        pytest.fail(f"the hard limit on open files, {hard}, is too low for this test", pytrace=False)
    argv = [
        "sh",
        "-c",
        f"ulimit -Sn 128; exec {sys.executable} -m tseep --maxclients 2000 --listen tcp:0:interface=127.0.0.1",
    ]
    with Process(argv) as server:
        assert server.wait_for("at most 2000 clients")
        limits = Path(f"/proc/{server.pid}/limits").read_text()
        soft = re.search(r"Max open files\s+(\d+)", limits)
        assert soft is not None
        assert int(soft[1]) >= 2000
        assert server.stop() == 0


def test_plain_twistd(tmp_path: Path) -> None:
    """twistd's own options work: a daemon with a PID file, a log file and another reactor."""
    log, pid = tmp_path / "log", tmp_path / "pid"
    about = ["--pidfile", str(pid), "--logfile", str(log), "--reactor", "poll"]
    argv = [*TWISTD, *about, "tseep", "--listen", f"unix:{tmp_path}/socket"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(argv, cwd=tmp_path, env=env, check=True, timeout=60)
    try:
        until(lambda: log.exists() and "is ready" in log.read_text(), "the daemon is ready")
        assert "PollReactor" in log.read_text()
        sock = connect(f"{tmp_path}/socket")
        sock.sendall(encode("PING"))
        assert read_exactly(sock, 7) == b"+PONG\r\n"
        sock.close()
    finally:
        os.kill(int(pid.read_text()), signal.SIGTERM)
        until(lambda: not pid.exists(), "the daemon has exited")


def test_log_in_json(tmp_path: Path) -> None:
    """--log-format json writes every log line as JSON, to the output or to twistd's log file."""
    argv = [*TSEEP, "--log-format", "json", "--listen", "tcp:0:interface=127.0.0.1"]
    with Process(argv) as server:
        server.wait_for("is ready")
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.lines]
    ready = next(line for line in lines if "is ready" in line["message"])
    assert (ready["level"], ready["logger"], ready["fields"]["mode"]) == ("info", "tseep.service.TseepService", "v2")
    file = tmp_path / "log"
    with Process([*TWISTD, "-n", "--pidfile=", f"--logfile={file}", *argv[argv.index("-m") + 1 :]]) as server:
        until(lambda: file.exists() and "is ready" in file.read_text(), "the log is in the file")
        assert server.stop() == 0
        assert server.lines == []
    assert all(json.loads(line)["time"] for line in file.read_text().splitlines())


def test_log_format_unknown() -> None:
    """An unknown --log-format is refused."""
    _one_line(*run([*TSEEP, "--log-format", "xml"]), "--log-format must be one of text, json")
