"""Failed starts: one line of error, also in the background, and nothing left behind. And --check-config."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ..support.client import PATIENCE, connect, encode, read_exactly
from ..support.oracles import find_configuration
from ..support.servers import ROOT, Process, Tseep, until

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
TSEEP = [sys.executable, "-m", "tseep"]
TWISTD = [sys.executable, "-c", "from twisted.scripts.twistd import run; run()"]
LOCAL = "tcp:0:interface=127.0.0.1"


def processes_of(folder: Path) -> list[int]:
    """IDs of the processes that work in a folder, or whose command lines contain its path; a title hides these."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd") == str(folder) or os.fsencode(folder) in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except OSError:
            pass  # it has exited
    return found


class Background:
    """
    C{twistd tseep} in the background, with its files in a folder.

    @ivar status: the exit status of the command that started it.
    @ivar said: that command's output.
    """

    def __init__(
        self, folder: Path, *words: str, twistd: tuple[str, ...] = (), env: dict[str, str] | None = None
    ) -> None:
        self.folder, self.pidfile, self.logfile = folder, folder / "pid", folder / "log"
        about = ["--pidfile", str(self.pidfile), "--logfile", str(self.logfile), *twistd]
        # into a file, as a daemon left behind would keep a pipe open
        with (folder / "said").open("wb") as said:
            self.status = subprocess.run(
                [*TWISTD, *about, "tseep", *words], cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}, timeout=PATIENCE,
            ).returncode  # fmt: skip
        self.said = (folder / "said").read_text()

    @property
    def log(self) -> str:
        """The present content of the log file."""
        return self.logfile.read_text() if self.logfile.exists() else ""

    def assert_gone(self) -> None:
        """Assert that there is neither a process nor a PID file."""
        until(lambda: not processes_of(self.folder), "all processes have exited")
        assert not self.pidfile.exists()


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path: Path):  # type: ignore[no-untyped-def]
    """Kill what a failed test left behind."""
    yield
    for pid in processes_of(tmp_path):
        os.kill(pid, signal.SIGKILL)


def corrupt_dump(folder: Path) -> list[str]:
    (folder / "dump.rdb").write_bytes(b"REDIS0011nonsense")
    return ["--dir", str(folder)]


def dump_corrupt_at_its_end(folder: Path) -> list[str]:
    """A snapshot of which a piece is loaded before the wrong checksum is found."""
    keys = b"".join(b"\0\2%02d\x80\0\1\0\0" % number + bytes(65536) for number in range(90))
    (folder / "dump.rdb").write_bytes(b"REDIS0010" + keys + b"\xffchecksum")
    return ["--dir", str(folder)]


def bad_aclfile(folder: Path) -> list[str]:
    (folder / "users.acl").write_text("user eve +nosuch\n")
    return ["--aclfile", str(folder / "users.acl")]


def no_folder_for_the_append_only_file(folder: Path) -> list[str]:
    (folder / "appendonlydir").write_text("")
    return ["--dir", str(folder), "--appendonly", "yes"]


def undone_password(folder: Path) -> list[str]:
    """A password, and a file of users in which the default user has none."""
    (folder / "users.acl").write_text("user default on nopass ~* &* +@all\n")
    return ["--aclfile", str(folder / "users.acl"), "--requirepass", "secret"]


FAULTS = {
    "an address that does not exist": (lambda folder: ["--listen", "tcp:0:interface=192.0.2.1"], "192.0.2.1"),
    "a Unix socket in a missing folder": (lambda folder: ["--listen", "unix:/nonexistent/socket"], "no such directory"),
    "a corrupt dump.rdb": (corrupt_dump, "Fatal error loading the DB: .*dump.rdb"),
    "a dump.rdb that is corrupt at its end": (
        dump_corrupt_at_its_end,
        "Fatal error loading the DB: .*dump.rdb: .*RDB CRC error",
    ),
    "a wrong aclfile": (bad_aclfile, "cannot load the users: .*acl:1: Error in applying operation '.nosuch'"),
    "a missing aclfile": (lambda folder: ["--aclfile", "/nonexistent.acl"], "cannot load the users: /nonexistent.acl"),
    "a rule that undoes the password": (undone_password, "requirepass is set, but an ACL rule allows the default user"),
    "no folder for the append-only file": (no_folder_for_the_append_only_file, "appendonlydir.*--dir"),
}
"""Causes of a failed start after the process has become a daemon: options, and the expected line."""


def _assert_refused(server: Background, said: str) -> None:
    assert server.status == 1, server.said
    assert re.search(f"^tseep: .*{said}", server.said, re.MULTILINE), server.said
    assert "Traceback" not in server.said
    server.assert_gone()


@MODES
@pytest.mark.parametrize("fault", FAULTS)
def test_failure_in_the_background(mode: str, fault: str, tmp_path: Path) -> None:
    """A command that cannot start a daemon reports why in one line, exits with 1, and leaves nothing behind."""
    make, said = FAULTS[fault]
    options = make(tmp_path)
    listen = [] if "--listen" in options else ["--listen", LOCAL]
    server = Background(tmp_path, "--mode", mode, *listen, *options)
    _assert_refused(server, said)
    assert server.said.splitlines()[0] in server.log


@pytest.mark.parametrize("option", ["--listen", "--operator-listen", "--metrics"])
def test_busy_port_in_the_background(option: str, tmp_path: Path) -> None:
    """A port in use is reported by the command that should start the daemon."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        busy = f"tcp:{other.getsockname()[1]}:interface=127.0.0.1"
        server = Background(tmp_path, "--listen", LOCAL, option, busy)
    _assert_refused(server, f"cannot listen on {busy}: the address is in use; .*{option}")


def test_wrong_options_in_the_background(tmp_path: Path) -> None:
    """Invalid options are reported before the process becomes a daemon."""
    _assert_refused(
        Background(tmp_path, "--listen", "23000"), "--listen '23000': write it as tcp:23000:interface=127.0"
    )
    file = tmp_path / "a.conf"
    file.write_text("port 0\n\nrequirepas secret\n")
    server = Background(tmp_path, "--config", str(file))
    _assert_refused(server, r"\S+a.conf:3: 'requirepas secret': Bad directive or wrong number of arguments")


@pytest.mark.parametrize("option", ["--pidfile", "--logfile", "--rundir"])
@pytest.mark.parametrize("daemon", [True, False], ids=["in the background", "in the foreground"])
def test_twistd_cannot_write(option: str, daemon: bool, tmp_path: Path) -> None:
    """A file that twistd cannot write, or a folder that it cannot change to, is reported in one line."""
    words = (f"{option}=/nonexistent/file", *([] if daemon else ["--nodaemon"]))
    server = Background(tmp_path, "--listen", LOCAL, twistd=words)
    _assert_refused(server, f"twistd.*{'/nonexistent/file' if option == '--rundir' else option}")


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("argv", [TSEEP, [*TWISTD, "-n", "tseep"]], ids=["tseep", "twistd -n tseep"])
def test_failure_in_the_foreground(argv: list[str], fault: str, tmp_path: Path) -> None:
    """In the foreground, standard error has only that line, and the status is 1."""
    make, said = FAULTS[fault]
    options = make(tmp_path)
    listen = [] if "--listen" in options else ["--listen", LOCAL]
    run = subprocess.run(
        [*argv, *listen, *options], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == 1
    assert re.fullmatch(f"tseep: .*{said}.*\n", run.stderr), run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert not (tmp_path / "twistd.pid").exists()


@pytest.mark.parametrize("endpoint", ["ssl:0", "mtls:0:privateKey=k:certKey=c:clientCA=a"])
def test_tls_without_its_extra(endpoint: str, tmp_path: Path) -> None:
    """Without pyOpenSSL, TLS endpoints stop the start with the name of the extra."""
    code = "import sys; sys.modules['OpenSSL'] = None; from tseep.__main__ import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", code, "--listen", endpoint], cwd=tmp_path, capture_output=True, text=True,
        timeout=PATIENCE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert run.returncode == 1
    assert re.fullmatch(r"tseep: .*OpenSSL.*; TLS needs pip install 'tseep\[tls\]'\n", run.stderr), run.stderr


@MODES
def test_good_start_in_the_background(mode: str, tmp_path: Path) -> None:
    """A daemon starts with status 0 and serves; SIGHUP has no effect; SIGTERM leaves nothing behind."""
    path = tmp_path / "socket"
    server = Background(tmp_path, "--mode", mode, "--listen", f"unix:{path}", "--save", "1 1000")
    assert (server.status, server.said) == (0, "")
    until(lambda: "is ready" in server.log, "the daemon is ready")
    pid = int(server.pidfile.read_text())
    os.kill(pid, signal.SIGHUP)
    with connect(str(path)) as sock:
        sock.sendall(encode("PING"))
        assert read_exactly(sock, 7) == b"+PONG\r\n"
    os.kill(pid, signal.SIGTERM)
    server.assert_gone()


def test_crash_in_the_background(tmp_path: Path) -> None:
    """The log of a daemon that crashes has the stacks of Python's threads."""
    server = Background(tmp_path, "--listen", f"unix:{tmp_path}/socket", "--save", "1 1000")
    until(lambda: "is ready" in server.log, "the daemon is ready")
    os.kill(int(server.pidfile.read_text()), signal.SIGABRT)
    until(lambda: "Fatal Python error: Aborted" in server.log, "the report is in the log")


@MODES
def test_hangup(mode: str, tmp_path: Path) -> None:
    """SIGHUP neither stops the server nor saves, as in Redis, and has no effect on v3's workers."""
    with Tseep(
        mode, "--dir", str(tmp_path), "--save", "1000 1000", *(["--workers", "2"] if mode == "v3" else [])
    ) as server:
        with server.connect() as client:
            assert client("SET", "a", "1") == "OK"
            children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
            assert len(children) == (2 if mode == "v3" else 0)
            for pid in (server.pid, *map(int, children)):
                os.kill(pid, signal.SIGHUP)
            for _ in range(3):  # the signal would be handled during the next wait
                assert client("GET", "a") == b"1"
        with server.connect() as client:
            assert client("GET", "a") == b"1"
        assert not list(tmp_path.iterdir())
        assert server.stop() == 0
        assert "has ended" not in server.output


def check(tmp_path: Path, text: str, *words: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    """The output of --check-config for a file, and its exit status."""
    file = tmp_path / "a.conf"
    file.write_text(text)
    with Process([*TSEEP, "--check-config", str(file), *words], cwd=ROOT, env=env) as process:
        return process.wait(), process.output.replace(f"{file}", "a.conf")


def test_check_names_every_error(tmp_path: Path) -> None:
    """--check-config reports every error with its line."""
    lines = [
        "port 7000", "requirepas secret", "timeout many", "nosuch.module 1", 'appendonly "yes',
        "replicaof 192.0.2.1 6379", "slaveof no one", "user eve +nosuch", "mode v9", "metrics 9121",
        "include /nonexistent.conf",
    ]  # fmt: skip
    status, said = check(tmp_path, "\n".join(lines))
    assert status == 1
    places = [line.split()[1] for line in said.splitlines() if line.startswith("error: ")]
    assert places == [f"a.conf:{number}:" for number in (2, 3, 4, 5, 6, 11, 9, 10, 8)], said
    assert (
        "a.conf:2: 'requirepas secret': Bad directive or wrong number of arguments; did you mean requirepass?" in said
    )
    assert "a.conf:6: 'replicaof 192.0.2.1 6379': tseep cannot be a replica; remove the line" in said
    assert "a.conf:11: cannot read the configuration file /nonexistent.conf: No such file or directory" in said
    assert said.endswith("a.conf: tseep would not start")


def test_check_of_a_good_file(tmp_path: Path) -> None:
    """--check-config reports endpoints, access, persistence and ignored directives; it writes nothing."""
    folder = tmp_path / "data"
    folder.mkdir()
    text = f"dir {folder}\nport 7000\ndynamic-hz no\ndaemonize yes\nappendonly yes\nmaxclients 77\n"
    text += f"listen unix:{folder}/socket\n"
    status, said = check(tmp_path, text)
    assert (status, list(folder.iterdir())) == (0, []), said
    for line in (
        "a.conf: tseep would start in mode v2", "listen: tcp:7000", f"listen: unix:{folder}/socket",
        "clients without a password: from this machine only (protected-mode yes)", "set: maxclients 77",
        f"kept on disk: every write, in the append-only file in {folder}/appendonlydir (appendfsync everysec); "
        f"snapshots, in {folder}/dump.rdb (save 3600 1 300 100 60 10000)",
        "a.conf: without effect in tseep: dynamic-hz", "a.conf: left to twistd: daemonize (twistd tseep)",
    ):  # fmt: skip
        assert line in said.splitlines(), said
    status, said = check(tmp_path, 'save ""\nuser bob on nopass\nprotected-mode no\n')
    assert "clients without a password: ALL that reach the addresses (protected-mode no)" in said
    assert "kept on disk: nothing; the data are lost when the server exits" in said
    assert 'set: save ""' in said.splitlines()
    status, said = check(tmp_path, "requirepass secret\n", "--mode", "v3")
    assert "clients without a password: none" in said and "mode v3" in said and "set: requirepass ..." in said
    assert "secret" not in said
    (tmp_path / "password").write_text("new\n")
    secret = f"requirepass-file {tmp_path}/password\n"
    for rules, starts in (("on >old +@all", False), ("on >new >old +@all", True), ("off", True)):
        status, said = check(tmp_path, f"{secret}user default {rules}\n")
        assert status == (0 if starts else 1), said
        assert starts == ("is none of the default user's" not in said)
    status, said = check(tmp_path, "workers 2\n")
    assert "workers has no effect in mode v2: only v3 has workers" in said and status == 0


def test_check_agrees_with_the_start(tmp_path: Path) -> None:
    """A configuration starts if and only if --check-config accepts it."""
    for text, starts in (("timeout 5", True), ("nosuch 5", False), ("tls-port 0", True), ("tls-port 1", False)):
        file = tmp_path / "b.conf"
        file.write_text(f"dir {tmp_path}\n{text}\n")
        status, said = check(tmp_path, file.read_text())
        assert status == (0 if starts else 1), said
        with Process([*TSEEP, "--config", str(file), "--listen", LOCAL]) as server:
            if starts:
                server.wait_for("is ready")
                assert server.stop() == 0
            else:
                assert server.wait() == 1
                assert server.output.startswith(f"tseep: {file}:2: "), server.output


def test_stock_redis_conf(tmp_path: Path) -> None:
    """Debian's redis.conf starts tseep: one line lists ignored directives, one those left to twistd."""
    with Tseep("v2", "--config", str(find_configuration()), "--dir", str(tmp_path)) as server:
        assert re_count(server, r"without effect in tseep: \S+, ") == 1
        assert re_count(server, "left to twistd: daemonize .*, pidfile .*, logfile ") == 1
        with server.connect() as client:
            assert client("CONFIG", "GET", "save") == [b"save", b"3600 1 300 100 60 10000"]
        assert server.stop() == 0
        assert "#error" not in server.output


def re_count(server: Process, pattern: str) -> int:
    return sum(bool(re.search(pattern, line)) for line in server.lines)


def test_redis_saves_with_a_file(tmp_path: Path) -> None:
    """With a configuration file, save has redis-server's default; without one it is off, and a line reports that."""
    file = tmp_path / "a.conf"
    for text, options, save in (
        ("", (), b"3600 1 300 100 60 10000"), ('save ""', (), b""), ("save 900 1\nsave 60 5", (), b"900 1 60 5"),
        ("", ("--save", ""), b""), ("save 900 1", ("--save", "7 7"), b"7 7"),
    ):  # fmt: skip
        file.write_text(text)
        with Tseep("v2", "--config", str(file), "--dir", str(tmp_path), *options) as server:
            with server.connect() as client:
                assert client("CONFIG", "GET", "save") == [b"save", save]
                assert client("SET", "a", "1") == "OK"
            assert re_count(server, "Persistence is off") == (not save)
            assert server.stop() == 0
        assert (tmp_path / "dump.rdb").exists() is bool(save)
        (tmp_path / "dump.rdb").unlink(missing_ok=True)
    with Tseep("v2") as server:
        assert re_count(server, "Persistence is off") == 1


@MODES
def test_both_wildcards(mode: str, tmp_path: Path) -> None:
    """One port on all IPv4 and all IPv6 addresses can be served, as Redis does with bind * -::*."""
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("this machine has no IPv6")
        port = probe.getsockname()[1]
    file = tmp_path / "a.conf"
    file.write_text(f"port {port}\nbind * -::*\nmode {mode}\ndir {tmp_path}\n")
    with Process([*TSEEP, "--config", str(file)]) as server:
        server.wait_for("is ready")
        for host in ("127.0.0.1", "::1"):
            with socket.create_connection((host, port), PATIENCE) as sock:
                sock.sendall(encode("PING"))
                assert read_exactly(sock, 7) == b"+PONG\r\n"
        assert server.stop() == 0
