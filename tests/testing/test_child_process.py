"""Servers in child processes, without pytest's fixtures: start, end, misuse, threads and forks."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path
from typing import Any, Callable

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pytest_tseep import process
from pytest_tseep.child import ChildProcess
from pytest_tseep.process import ServerEnded

from ..support.client import PATIENCE
from ..support.servers import until
from .conftest import ended, is_running


def connects(server: ChildProcess) -> bool:
    try:
        socket.create_connection((server.host, server.port)).close()
        return True
    except ConnectionRefusedError:
        return False


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_life(mode: str) -> None:
    """A server runs in its block, in each mode, and leaves no process."""
    with ChildProcess(mode, maxclients=10, appendonly=False) as server, redis.Redis.from_url(server.url) as client:
        assert client.config_get("maxclients") == {"maxclients": "10"}
        pids = server.pids()
        assert len(pids) == (3 if mode == "v3" else 1)
        assert pids[0] == server.pid
        assert repr(server) == f"<tseep {mode} on 127.0.0.1:{server.port}, runs>"
    ended(*pids)
    assert not connects(server)
    assert server.status == "was stopped"
    assert server.errors() == ""
    server.stop()
    server.kill()


def test_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has started collects garbage, and has not imported TLS."""
    code = (
        "import atexit, gc, runpy, sys\n"
        "atexit.register(lambda: print(gc.isenabled(), 'cryptography' in sys.modules, file=sys.stderr))\n"
        "runpy.run_module('tseep.testing', run_name='__main__')"
    )
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", code])
    with ChildProcess() as server:
        pass
    assert server.errors() == "True False\n"


def test_without_waiting() -> None:
    """A server can be started without waiting for it; requests, C{start} and C{wait} wait."""
    for use in (ChildProcess.flush, ChildProcess.start, ChildProcess.wait):
        with ChildProcess(wait=False) as server:
            url = server.url
            use(server)
            server.wait()
            assert redis.Redis.from_url(url).ping()


@pytest.mark.parametrize("use", [ChildProcess.flush, ChildProcess.start, ChildProcess.wait])
def test_wrong_without_waiting(use: Callable[[ChildProcess], None]) -> None:
    """The first wait has the error of the start."""
    server = ChildProcess(wait=False, maxmemory="much")
    with pytest.raises(ValueError, match="argument must be a memory value"):
        use(server)


@pytest.mark.parametrize("end", [ChildProcess.stop, ChildProcess.kill])
def test_end_without_waiting(end: Callable[[ChildProcess], None]) -> None:
    """A server that has not yet started can be ended, and started again."""
    with ChildProcess(wait=False) as server:
        pid = server.pid
        end(server)
        ended(pid)
        server.wait()
        assert server.status == "was stopped"
        server.start()
        assert connects(server)


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_blocked_client(mode: str) -> None:
    """A client that waits for an element gets its reply before its connection is closed, and does not wait again."""
    results: list[Any] = []
    with ChildProcess(mode) as server, redis.Redis.from_url(server.url) as client:
        waiting = threading.Thread(target=lambda: results.append(redis.Redis(port=server.port).blpop("jobs", 100)))
        waiting.start()
        while client.info("clients")["blocked_clients"] == 0:
            pass
        server.flush()
        client.rpush("jobs", "one")
        waiting.join()
        assert results == [None]
        assert client.lrange("jobs", 0, -1) == [b"one"]


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_kept_client(mode: str) -> None:
    """A client whose connection a flush has closed notices that before its next command, and connects again."""
    with ChildProcess(mode) as server:
        clients = [redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) for _ in range(5)]
        for _ in range(20):
            for client in clients:
                client.ping()
            server.flush()
        for client in clients:
            client.close()


def unread_bytes(port: int) -> int:
    """Bytes that the kernel has received for a local port, and no process has read. Source: proc(5)."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(
        int(words[4].split(":")[1], 16) for words in lines if words[1].endswith(f":{port:04X}") and words[3] == "01"
    )


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_request_on_its_way(mode: str) -> None:
    """A request that has arrived and is not read when the server is flushed is not executed after that."""
    with ChildProcess(mode) as server, redis.Redis.from_url(server.url) as client:
        pids = server.pids()
        for _ in range(10):
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            with socket.create_connection((server.host, server.port)) as late:
                late.sendall(b"SET k v\r\n")
                until(lambda: unread_bytes(server.port) > 0, "the request has not arrived")
                flushing = threading.Thread(target=server.flush)
                flushing.start()
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)
                flushing.join()
                assert [client.dbsize() for _ in range(3)] == [0, 0, 0]


def test_outage(child: ChildProcess) -> None:
    """A server can be away for a while; it has its port again, and its data if they are kept."""
    port = child.port
    with redis.Redis.from_url(child.url, retry=None) as client:
        client.set("k", "v")
        with child.stopped(keep_data=True):
            assert not connects(child)
            with pytest.raises(redis.ConnectionError):
                client.ping()
        assert client.get("k") == b"v"
        child.restart()
        assert client.get("k") is None
        child.kill()
        assert child.status == "was stopped"
        child.start()
        child.start()
        assert client.ping()
    assert child.port == port


def test_stopped_server(child: ChildProcess) -> None:
    """Requests to a server that does not run raise an error that explains it."""
    child.stop()
    for call in (child.flush, child.snapshot, lambda: child.fail("GET"), lambda: child.pid):
        with pytest.raises(
            ServerEnded, match=rf"port {child.port} was stopped; start\(\) or restart\(\) starts it again"
        ):
            call()
    child.start()
    os.kill(child.pid, signal.SIGKILL)
    with pytest.raises(ServerEnded, match="was killed by SIGKILL"):
        child.flush()
    assert child.reset() == "was killed by SIGKILL"
    assert child.reset() == ""


def test_change_ends_with_its_process(child: ChildProcess) -> None:
    """A fault that a restart has ended is not undone in the new process."""
    with child.fail("GET"), child.freeze(), redis.Redis.from_url(child.url) as client:
        child.restart()
        assert client.get("k") is None
    with child.fail("GET"):
        child.kill()


@pytest.mark.parametrize(
    ("mode", "parameters", "problem"),
    [
        ("V2", {}, "the mode is 'V2', not one of v1, v2, v3; did you mean 'v2'?"),
        ("3", {}, "the mode is '3', not one of v1, v2, v3"),
        ("v2", {"requirpass": "x"}, "no parameter 'requirpass'; did you mean 'requirepass'?"),
        ("v2", {"maxmemory": None}, "the value of maxmemory must be a text, a number or a bool, not NoneType"),
        ("v2", {"maxmemory": "much"}, "maxmemory cannot be 'much': argument must be a memory value"),
        ("v2", {"port": "here"}, "invalid literal for int"),
    ],
)
def test_misuse(mode: str, parameters: dict[str, Any], problem: str) -> None:
    """Wrong arguments are errors of this process."""
    with pytest.raises((TypeError, ValueError)) as caught:
        ChildProcess(mode, **parameters)
    assert problem in str(caught.value)
    assert "Traceback" not in str(caught.value)


def test_port(child: ChildProcess) -> None:
    """A server can have a certain port; one that is taken is an error."""
    with pytest.raises(OSError, match=f"in use: 127.0.0.1:{child.port}"):
        ChildProcess(port=child.port)
    child.stop()
    with ChildProcess(port=str(child.port)) as other:
        assert other.port == child.port


def test_address() -> None:
    """The address is that of the parameter bind."""
    with ChildProcess(bind="127.0.0.2 127.0.0.3") as child, redis.Redis.from_url(child.url) as client:
        assert child.url == f"redis://127.0.0.2:{child.port}/0"
        assert client.ping()


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_shutdown_without_its_reply(mode: str) -> None:
    """A server that a client is shutting down when it is reset starts again."""
    with ChildProcess(mode) as server:
        for _ in range(5):
            with socket.create_connection((server.host, server.port)) as late:
                late.sendall(b"SHUTDOWN NOSAVE\r\n")
                server.reset()
            with redis.Redis.from_url(server.url, retry=None) as client:
                assert client.ping()


def test_record_around_a_failure(child: ChildProcess) -> None:
    """An exception of the block is not replaced by one of the record, which the restart has ended."""

    def fail() -> None:
        with child.record():
            child.restart()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with child.record() as commands:
        pass
    assert commands == []


def test_wrong_calls(child: ChildProcess) -> None:
    """Wrong arguments of a call are errors, and the server goes on."""
    with pytest.raises(ValueError, match="did you mean 'GET'"):
        child.fail("GETT")
    with pytest.raises((TypeError, ValueError)):
        child.fail("GET", times=0)
    with pytest.raises((TypeError, ValueError)):
        child.delay("GET", "long")  # type: ignore[arg-type]
    now: Any = datetime.now()
    for call in (child.set_time, child.freeze, child.advance):
        with pytest.raises(TypeError, match=r"must be a number, not datetime; use its timestamp\(\)"):
            call(now)
    with pytest.raises(OSError, match=r"none\.rdb"):
        child.load("none.rdb")
    with pytest.raises(ValueError, match=r"\w"):
        child.restore(b"REDIS")
    child.flush()


def test_threads(child: ChildProcess) -> None:
    """All threads can use a server at once."""
    problems: list[BaseException] = []

    def use() -> None:
        try:
            for _ in range(20):
                child.flush()
                assert child.pids() == [child.pid]
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


STUBBORN = """
import json, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: None)
print(json.dumps({"port": 1}), flush=True)
print("a word on standard error", file=sys.stderr, flush=True)
while True:
    time.sleep(1000)
"""


def test_stubborn_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that neither answers nor obeys is killed, also while another thread waits for its answer."""
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", STUBBORN])
    monkeypatch.setattr(process, "STOP_TIMEOUT_S", 0.1)
    start = process.Process.wait_for_start
    monkeypatch.setattr(process.Process, "wait_for_start", lambda process, timeout: start(process, PATIENCE))
    server = ChildProcess(answer_timeout=0.1)
    pid = server.pid
    with pytest.raises(ServerEnded, match=r"did not answer within 0\.1 s"):
        server.flush()
    assert "did not answer within 0.1 s" in server.reset()
    ended(pid)
    pid = server.pid
    server.answer_timeout = 1000
    caught: list[BaseException] = []

    def ask() -> None:
        try:
            server.flush()
        except ServerEnded as error:
            caught.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    server.stop()
    asking.join()
    assert "was stopped" in str(caught)
    ended(pid)


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("import sys; sys.exit('no luck')", "exited with status 1\nno luck"),
        ("import time; time.sleep(1000)", "did not answer within 1 s"),
    ],
)
def test_cannot_start(monkeypatch: pytest.MonkeyPatch, code: str, problem: str) -> None:
    """A process that does not start is an error with what it wrote."""
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", code])
    with pytest.raises(ServerEnded, match=problem):
        ChildProcess(answer_timeout=1 if "sleep" in code else 30)


def in_fork(action: Any) -> bytes:
    """Return what a forked process writes of the result of an action."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            result = action()
        except BaseException as error:
            result = error
        os.write(writing, str(result).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        written = pipe.read()
    os.waitpid(pid, 0)
    return written


NO_LUA = "import runpy, sys; sys.modules['lupa'] = None; runpy.run_module('tseep.testing', run_name='__main__')"


def test_no_lua(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without lupa, a script of redis-py fails at once with the remedy, without an error NOSCRIPT in between."""
    monkeypatch.setattr(process, "COMMAND", [sys.executable, "-c", NO_LUA])
    with ChildProcess() as server, redis.Redis.from_url(server.url) as client:
        with pytest.raises(redis.ResponseError, match="pip install lupa") as failure:
            client.register_script("return 1")()
        assert failure.value.__context__ is None


def test_forked_process(child: ChildProcess) -> None:
    """A forked process has the address, and neither ends the server nor speaks with it."""

    def leave() -> str:
        with child:
            pass
        child.kill()
        return child.url

    assert in_fork(leave).decode() == child.url
    for call in (child.flush, child.start, child.reset, lambda: child.pid):
        assert b"the server belongs to the process that started it" in in_fork(call)
    child.flush()


def test_forked_process_holds_up_nothing(child: ChildProcess) -> None:
    """The server stops although a forked process goes on."""
    pid = os.fork()
    if not pid:
        signal.pause()
        os._exit(0)
    try:
        server = child.pid
        child.stop()
        ended(server)
        assert is_running(pid)
        assert child._process is not None
        assert child._process._child.returncode == 0, "it was asked, not killed"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_warnings(tmp_path: Path) -> None:
    """No descriptor and no process stays behind, which Python would warn of."""
    code = "from tseep.testing import ChildProcess\nwith ChildProcess() as s: s.restart()\ndel s"
    run = subprocess.run([sys.executable, "-X", "dev", "-W", "error", "-c", code], cwd=tmp_path, capture_output=True)
    assert (run.stdout, run.stderr, run.returncode) == (b"", b"", 0)


def test_start_again_after_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that did not start again starts once the cause has gone; until then, waiting for it has no effect."""
    with ChildProcess() as child:
        child.stop()
        with monkeypatch.context() as patch:
            patch.setattr(process, "COMMAND", [sys.executable, "-c", "raise SystemExit(1)"])
            with pytest.raises(ServerEnded):
                child.start()
        child.wait()
        assert child.reset() in ("", "exited with status 1")
        assert connects(child)


def test_large_answer(child: ChildProcess) -> None:
    """The time for a request and an answer is proportional to their size: 64 MB pass within the timeout."""
    with redis.Redis.from_url(child.url) as client:
        client.set("key", os.urandom(1 << 20) * 48)
        snapshot = child.snapshot()
        client.delete("key")
        child.restore(snapshot)
        assert client.strlen("key") == 48 << 20


def test_late_answer(child: ChildProcess) -> None:
    """An answer that comes without a pause, but too late, is not waited for."""
    with redis.Redis.from_url(child.url) as client:
        client.set("key", os.urandom(1 << 20) * 48)
    child.answer_timeout = 0.001
    with pytest.raises(ServerEnded, match="did not answer within"):
        child.snapshot()


def test_modules_of_the_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules of the tested project do not hide those that the server imports."""
    for name in ("json", "queue", "runpy", "twisted"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('hidden')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with ChildProcess("v3") as child:
        assert connects(child)
