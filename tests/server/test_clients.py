"""Existing clients: redis-cli, redis-benchmark, redis-py; passwords, CLIENT KILL, timeouts and Unix sockets."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from socket import SHUT_WR
from threading import Thread
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from ..support.client import PATIENCE, Client, connect, encode, error_frame, read_exactly, read_frame, read_to_end
from ..support.oracles import Unavailable, find_program
from ..support.servers import Tseep, until, until_connected

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])


def run_program(name: str, *argv: str, stdin: str = "", **env: str) -> str:
    """Run one of Redis's programs; return its output."""
    try:
        path = find_program(name)
    except Unavailable as missing:
        pytest.fail(str(missing), pytrace=False)
    done = subprocess.run([path, *argv], input=stdin, capture_output=True, text=True, timeout=PATIENCE, env=env or None)
    assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
    return done.stdout


def redis_cli(server: Tseep, *argv: str, **more: str) -> str:
    return run_program("redis-cli", "-p", str(server.port), *argv, **more)


# redis-cli


def test_redis_cli(server: Tseep) -> None:
    """redis-cli runs SET and GET, in RESP2 and RESP3."""
    assert redis_cli(server, "SET", "a", "hello world") == "OK\n"
    assert redis_cli(server, "GET", "a") == "hello world\n"
    assert redis_cli(server, "-3", "--json", "CONFIG", "GET", "timeout") == '{"timeout":"0"}\n'
    assert redis_cli(server, "-n", "3", "EXISTS", "a") == "0\n"


def test_redis_cli_interactive(server: Tseep) -> None:
    """redis-cli runs the lines of its standard input in order."""
    script = "SET a 1\nINCR a\nGET a\nNOSUCH\nSELECT 1\nGET a\n"
    lines = redis_cli(server, "--no-raw", stdin=script).splitlines()
    assert [line for line in lines if line] == [
        "OK", "(integer) 2", '"2"', "(error) ERR unknown command 'NOSUCH', with args beginning with: ", "OK", "(nil)",
    ]  # fmt: skip


def test_redis_cli_pipe(server: Tseep) -> None:
    """redis-cli --pipe inserts many keys."""
    commands = b"".join(encode("SET", f"key:{number}", number) for number in range(2000)).decode()
    said = redis_cli(server, "--pipe", stdin=commands)
    assert "errors: 0, replies: 2000" in said
    assert redis_cli(server, "DBSIZE") == "2000\n"


def test_redis_cli_scan(server: Tseep) -> None:
    """redis-cli --scan lists all keys."""
    with server.connect() as client:
        for number in range(300):
            client("SET", f"key:{number}", number)
    found = redis_cli(server, "--scan", "--pattern", "key:1*").split()
    assert sorted(set(found)) == sorted(f"key:{n}" for n in range(300) if str(n).startswith("1"))


@pytest.mark.parametrize("pipeline", ["1", "16"])
def test_redis_benchmark(server: Tseep, pipeline: str) -> None:
    """redis-benchmark runs SET and GET, and reports both."""
    said = run_program(
        "redis-benchmark", "-p", str(server.port), "-t", "get,set", "-n", "2000", "-c", "20", "-P", pipeline, "--csv"
    )
    assert '"SET"' in said
    assert '"GET"' in said
    assert redis_cli(server, "EXISTS", "key:__rand_int__") == "1\n"


# redis-py


def redis_py(server: Tseep, protocol: int, **more: Any) -> redis.Redis:
    """redis-py's client, without retries."""
    retry = Retry(NoBackoff(), 0)
    return redis.Redis(
        host="127.0.0.1", port=server.port, protocol=protocol, retry=retry, socket_timeout=PATIENCE, **more
    )


@pytest.fixture(params=[2, 3])
def r(server: Tseep, request: pytest.FixtureRequest) -> Iterator[redis.Redis]:
    """redis-py's client, in each mode and protocol."""
    with redis_py(server, request.param) as client:
        yield client


def test_redis_py(r: redis.Redis) -> None:
    """redis-py reads the values that it has written."""
    assert r.ping()
    assert r.set("a", "1", ex=100)
    assert r.get("a") == b"1"
    assert 90 < r.ttl("a") <= 100
    assert r.incr("a") == 2
    assert r.incrbyfloat("a", 0.5) == 2.5
    assert r.mset({"b": "2", "c": "3"})
    assert r.mget("a", "b", "nosuch") == [b"2.5", b"2", None]
    assert sorted(r.scan_iter(match="[bc]")) == [b"b", b"c"]
    assert r.set("b", "x", nx=True) is None
    assert r.set("b", "x", get=True) == b"2"
    assert r.delete("a", "b", "nosuch") == 2
    assert r.exists("c") == 1
    assert r.type("c") == b"string"
    assert r.setbit("bits", 7, 1) == 0
    assert r.bitcount("bits") == 1
    assert r.bitfield("bits").incrby("u8", 0, 1).execute() == [2]
    assert r.set("text", "x")
    with pytest.raises(redis.ResponseError, match="not an integer"):
        r.incr("text")


def test_redis_py_server_commands(r: redis.Redis) -> None:
    """redis-py parses the replies of commands that it converts to its own objects."""
    info = r.info()
    assert [int(part) for part in info["redis_version"].split(".")] == [7, 0, 15]
    assert r.config_get("timeout") == {"timeout": "0"}
    assert r.config_set("timeout", 0)
    assert r.client_setname("me")
    assert r.client_getname() in ("me", b"me")
    assert r.client_info()["name"] == "me"
    until(lambda: [client["name"] for client in r.client_list()] == ["me"], "CLIENT LIST has only this client")
    assert r.dbsize() == 0
    assert r.command_count() > 50
    assert r.slowlog_len() >= 0
    assert r.time()[0] > 1_600_000_000
    assert r.echo("x") == b"x"
    assert r.flushall()


def test_redis_py_pipeline(r: redis.Redis) -> None:
    """A pipeline without a transaction gets every reply in order, errors included."""
    with r.pipeline(transaction=False) as pipe:
        for number in range(500):
            pipe.set(f"key:{number}", number)
            pipe.get(f"key:{number}")
        pipe.incr("key:1").set("text", "x").incr("text")
        answers = pipe.execute(raise_on_error=False)
    assert answers[:-1] == [answer for n in range(500) for answer in (True, b"%d" % n)] + [2, True]
    assert isinstance(answers[-1], redis.ResponseError)


def test_redis_py_decoded(server: Tseep) -> None:
    """With decode_responses redis-py returns all replies as text."""
    with redis_py(server, 3, decode_responses=True, client_name="me", db=2) as r:
        assert r.set("ключ", "значение")
        assert r.get("ключ") == "значение"
        assert r.client_info()["db"] in (2, "2")


@pytest.mark.parametrize("protocol", [2, 3])
def test_redis_py_asyncio(server: Tseep, protocol: int) -> None:
    """redis-py's asyncio client runs many calls concurrently."""
    import asyncio

    async def work() -> None:
        r = redis.asyncio.Redis(host="127.0.0.1", port=server.port, protocol=protocol)
        assert await asyncio.gather(*[r.set(f"key:{n}", n) for n in range(100)]) == [True] * 100
        assert await asyncio.gather(*[r.get(f"key:{n}") for n in range(100)]) == [b"%d" % n for n in range(100)]
        async with r.pipeline(transaction=False) as pipe:
            assert await pipe.incr("key:1").get("key:1").execute() == [2, b"2"]
        await r.aclose()

    asyncio.run(work())


# Clients that the server closes


def test_client_kill(server: Tseep) -> None:
    """CLIENT KILL closes the clients that it names, and no others."""
    with server.connect() as control, server.connect() as first, server.connect() as second, server.connect() as third:
        until_connected(control, 4)
        number = first("CLIENT", "ID")
        assert second("PING") == third("PING") == "PONG"
        assert control("CLIENT", "KILL", "ID", number) == 1
        assert read_to_end(first.socket) == b""
        host, port = second.socket.getsockname()
        assert control("CLIENT", "KILL", f"{host}:{port}") == "OK"
        assert read_to_end(second.socket) == b""
        assert control("CLIENT", "KILL", f"{host}:{port}") == "ERR No such client"
        assert third("PING") == "PONG"
        assert control("CLIENT", "KILL", "TYPE", "normal") == 1
        assert read_to_end(third.socket) == b""
        assert control("CLIENT", "LIST").count(b"\n") == 1


def test_client_kills_itself(server: Tseep) -> None:
    """A client that kills itself gets the reply first."""
    with server.connect() as client:
        number = client("CLIENT", "ID")
        client.send(encode("CLIENT", "KILL", "ID", number, "SKIPME", "no") + encode("PING"))
        assert read_to_end(client.socket) == b":1\r\n"


def test_quit_ends_the_session(server: Tseep) -> None:
    """A client that has read the reply to QUIT is not in CLIENT LIST and has no subscription."""
    cases: list[list[list[str]]] = [[], [["SUBSCRIBE", "channel"]], [["SET", "a", "1"], ["MULTI"]]]
    with server.connect() as other:
        for before in cases * 10:
            with server.connect() as client:
                id = client("CLIENT", "ID")
                for words in before:
                    client(*words)
                assert client("QUIT") == "OK"
                assert f"id={id} " not in other("CLIENT", "LIST").decode()
                assert other("PUBSUB", "NUMSUB", "channel") == [b"channel", 0]


def test_client_kill_of_a_client_that_does_not_read(server: Tseep) -> None:
    """CLIENT KILL closes a client that does not read its replies, too."""
    with server.connect() as control:
        assert control("SET", "big", "x" * 2**20) == "OK"
        greedy = Client(server.address)
        number = greedy("CLIENT", "ID")
        greedy.send(encode("GET", "big") * 100)
        assert control("CLIENT", "KILL", "ID", number) == 1
        until_connected(control, 1)
        greedy.close()


@MODES
def test_timeout(mode: str) -> None:
    """The server closes a client that is idle for longer than --timeout, whatever the protocol, until CONFIG SET."""
    with Tseep(mode, "--timeout", "1") as server:
        silent, native = connect(server.address), connect(server.address)
        native.sendall(read_frame(b"a"))
        assert read_exactly(native, 2) == b"\x03\x00"
        assert read_to_end(silent) == b""
        assert read_to_end(native) == b""
        with server.connect() as client:
            assert client("CONFIG", "SET", "timeout", 0) == "OK"
        assert server.stop() == 0


@MODES
@pytest.mark.parametrize("words", [["SHUTDOWN"], ["SHUTDOWN", "NOSAVE"], ["shutdown", "now"]])
def test_shutdown(mode: str, words: list[str]) -> None:
    """SHUTDOWN closes all connections, and ends the server with status 0."""
    with Tseep(mode) as server:
        idle = connect(server.address)
        with server.connect() as client:
            client.send(encode(*words))
            assert read_to_end(client.socket) == b""
        assert read_to_end(idle) == b""
        assert server.wait() == 0, server.output


# Passwords


def _password_works(server: Tseep, password: str) -> None:
    with server.connect() as client:
        assert client("GET", "a") == "NOAUTH Authentication required."
        assert client("AUTH", password + "x").startswith("WRONGPASS ")
        assert client("AUTH", password) == "OK"
        assert client("GET", "a") is None
        hello = client.ask("HELLO", 3, "AUTH", "default", password)
        assert hello.mark == "%"
    sock = connect(server.address)
    sock.sendall(read_frame(b"a"))
    refused = error_frame(b"NOAUTH Authentication required.")
    assert read_exactly(sock, len(refused)) == refused
    sock.close()


@MODES
def test_password_option(mode: str) -> None:
    """--requirepass requires a password."""
    with Tseep(mode, "--requirepass", "se cret") as server:
        _password_works(server, "se cret")


def test_password_file(tmp_path: Path) -> None:
    """--requirepass-file reads the password from the first line of a file."""
    file = tmp_path / "password"
    file.write_text("from a file\nnothing\n")
    with Tseep("v2", "--requirepass-file", str(file)) as server:
        _password_works(server, "from a file")


def test_password_in_environment() -> None:
    """TSEEP_REQUIREPASS sets the password, too."""
    with Tseep("v2", env={"TSEEP_REQUIREPASS": "from afar"}) as server:
        _password_works(server, "from afar")


def test_password_changes() -> None:
    """CONFIG SET requirepass applies to new clients; authenticated ones stay connected."""
    with Tseep("v2") as server, server.connect() as first, server.connect() as other:
        assert first("PING") == other("PING") == "PONG"
        assert first("CONFIG", "SET", "requirepass", "later") == "OK"
        assert other("PING") == "PONG"
        _password_works(server, "later")
        assert first("CONFIG", "SET", "requirepass", "") == "OK"
        with server.connect() as new:
            assert new("PING") == "PONG"


def test_redis_py_password(running_guarded: Tseep) -> None:
    """redis-py and redis-cli authenticate with a password."""
    with redis_py(running_guarded, 3, password="secret") as r:
        assert r.ping()
    with redis_py(running_guarded, 2, password="wrong") as r, pytest.raises(redis.AuthenticationError):
        r.ping()
    assert redis_cli(running_guarded, "--no-auth-warning", "-a", "secret", "PING") == "PONG\n"


# Unix sockets


@MODES
def test_unix_socket(mode: str) -> None:
    """A Unix socket serves redis-cli, redis-py and the binary protocol, and is removed at shutdown."""
    with Tseep(mode, unix=True) as server:
        path = str(server.address)
        assert run_program("redis-cli", "-s", path, "SET", "a", "1") == "OK\n"
        with redis.Redis(unix_socket_path=path, protocol=2) as r:
            assert r.get("a") == b"1"
            assert r.client_list()[0]["laddr"] == f"{path}:0"
        sock = connect(path)
        sock.sendall(read_frame(b"a"))
        assert read_exactly(sock, 3) == b"\x03\x011"
        assert server.stop() == 0, server.output
        assert read_to_end(sock) == b""
        assert not Path(path).exists()


def test_endpoints_together(tmp_path: Path) -> None:
    """--listen can be given several times."""
    with Tseep("v2", "--listen", f"unix:{tmp_path}/socket", "--listen", "tcp:0:interface=\\:\\:1") as server:
        addresses = server.wait_for("is ready: mode v2 on (.*?);")[1].split(", ")
        assert addresses[1] == f"{tmp_path}/socket:0"
        assert addresses[2].startswith("[::1]:")
        with Client(f"{tmp_path}/socket") as client:
            assert client("PING") == "PONG"
        six = connect_ipv6(int(addresses[2].rpartition(":")[2]))
        six.sendall(encode("CLIENT", "INFO"))
        assert b"[::1]:" in six.recv(4096)
        six.close()


def connect_ipv6(port: int) -> Any:
    """A plain socket, connected to the loopback address of IPv6."""
    import socket

    return socket.create_connection(("::1", port), PATIENCE)


@MODES
def test_half_close_after_a_pipeline(mode: str) -> None:
    """A client that half-closes after a pipeline receives all replies, however large they are."""
    with Tseep(mode) as server, server.connect() as other:
        value = b"x" * 1000
        other("SET", "a", value)
        reply = b"$%d\r\n%b\r\n" % (len(value), value)
        with connect(server.address) as sock:
            sender = Thread(target=lambda: (sock.sendall(encode("GET", "a") * 20_000), sock.shutdown(SHUT_WR)))
            sender.start()
            assert read_to_end(sock) == reply * 20_000
            sender.join()
        assert server.stop() == 0
