"""The HTTP endpoint of a running server: health, metrics, and the live page in a browser."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from ..support.browsers import emulate, open_browser, resize
from ..support.client import connect, read_to_end
from ..support.servers import Tseep, until

MODES = pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
MOST_HTTP = 32
METRICS = ["--metrics", "tcp:0:interface=127.0.0.1"]


def page_of(server: Tseep) -> str:
    """The URL of a server's pages."""
    return f"http://{server.wait_for(r'/metrics and /health are on (.+)')[1]}"


def get(url: str, user: str = "") -> str:
    """A page's content, requested as the user C{name:password}."""
    headers = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"} if user else {}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
        return str(answer.read().decode())


def status(url: str, user: str = "") -> int:
    """The HTTP status of a page."""
    try:
        get(url, user)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return 200


def scraped(url: str) -> dict[str, float]:
    """Every metric without labels, by name; and the calls of each command, as C{calls_get}."""
    found = {}
    for family in text_string_to_metric_families(get(f"{url}/metrics")):
        for sample in family.samples:
            if not sample.labels:
                found[sample.name] = sample.value
            elif sample.name == "tseep_command_duration_seconds_count":
                found[f"calls_{sample.labels['command']}"] = sample.value
    return found


@MODES
def test_metrics(mode: str) -> None:
    """The metrics report clients' commands while they run, in each mode."""
    with Tseep(mode, *METRICS) as server, server.connect() as client, server.connect() as other:
        url = page_of(server)
        for number in range(50):
            client("SET", f"k{number}", "x")
            other("GET", f"k{number}")
        found = scraped(url)
        assert found["calls_set"] == found["calls_get"] == found["tseep_keyspace_hits_total"] == 50
        assert found["tseep_connected_clients"] == 2
        assert found["process_resident_memory_bytes"] > 10 * 2**20
        assert found["tseep_loop_lag_seconds_count"] >= 0
        assert status(f"{url}/health") == 200
        assert server.stop() == 0
        assert "Traceback" not in server.output


def test_health_fails(tmp_path: Any) -> None:
    """The health page reports refused writes."""
    with Tseep("v2", *METRICS, "--dir", str(tmp_path)) as server, server.connect() as client:
        url = page_of(server)
        assert client("CONFIG", "SET", "save", "3600 1") == "OK"
        (tmp_path / "dump.rdb").mkdir()  # in place of the snapshot
        client("SET", "a", "1")
        client("BGSAVE")
        until(lambda: status(f"{url}/health") == 503, "the health page reports the failed snapshot")
        assert scraped(url)["tseep_writes_refused"] == 1


@MODES
def test_password(mode: str) -> None:
    """With a password set, pages require it; the health page shows only its status without one."""
    with Tseep(mode, *METRICS, "--requirepass", "secret") as server:
        url = page_of(server)
        paths = ["", "/metrics", "/live.json"]
        assert [status(f"{url}{path}") for path in paths] == [401] * 3
        assert [status(f"{url}{path}", "default:secret") for path in paths] == [200] * 3
        assert json.loads(get(f"{url}/health")) == {"status": "ok", "reasons": []}


def test_unix_socket(tmp_path: Path) -> None:
    """The pages are served on a Unix socket, to every user with access to the socket."""
    path = tmp_path / "metrics"
    with Tseep("v2", "--metrics", f"unix:{path}:mode=600") as server:
        server.wait_for("/metrics and /health are on")
        for name in ("/", "/metrics", "/live.json", "/health"):
            with connect(str(path)) as sock:
                sock.sendall(f"GET {name} HTTP/1.0\r\n\r\n".encode())
                assert read_to_end(sock).startswith(b"HTTP/1.0 200 OK\r\n"), name
        assert server.stop() == 0
        assert "Traceback" not in server.output, server.output
        assert not path.exists()


REQUESTS = [
    b"GET ", b"HEAD ", b"POST ", b"PUT ", b"/", b"/metrics", b"/live.json?since=", b"/health", b"/nosuch",
    b"/..%2f%00", b"//", b"1e999", b"nan", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b" HTTP/9\r\n", b"\r\n", b"\r\n\r\n",
    b"Host: localhost\r\n", b"Host: [::1\r\n", b"Host: \xff\r\n", b"Authorization: Basic x\r\n",
    b"Authorization: Basic ZGVmYXVsdDpzZWNyZXQ=\r\n", b"Authorization: Digest x\r\n",
    b"Authorization: Basic /w==\r\n", b"Authorization: Basic Onjk\r\n", b"Content-Length: 9\r\n",
    b"Content-Length: -1\r\n", b"Accept: */*\r\n", b"Transfer-Encoding: chunked\r\n", b"Accept-Encoding: gzip\r\n",
    b"ffffffff\r\n", b"\0", b"\xff", b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n",
    b"GET / HTTP/1.1\r\nHost: [::1]:1\r\n", b"GET /live.json HTTP/1.1\r\n",
]  # fmt: skip


@pytest.mark.parametrize("options", [[], ["--requirepass", "secret"]], ids=["open", "password"])
def test_invalid_requests(options: list[str]) -> None:
    """After invalid requests of any kind the pages are served, and the server has logged no error."""
    with Tseep("v2", *METRICS, *options) as server:
        url = page_of(server)
        host, port = url[len("http://") :].split(":")

        @given(st.lists(st.one_of(st.sampled_from(REQUESTS), st.binary(max_size=9)), max_size=8).map(b"".join))
        def check(request: bytes) -> None:
            with connect((host, int(port))) as sock:
                try:
                    sock.sendall(request + b"\r\nConnection: close\r\n\r\n")
                    sock.shutdown(socket.SHUT_WR)
                    read_to_end(sock)
                except OSError:
                    pass  # the server has closed it already
            assert status(f"{url}/health") == 200

        check()
        assert status(url, "default:secret") == 200
        assert server.stop() == 0
        assert "Traceback" not in server.output, server.output


def test_off_by_default(v2: Tseep) -> None:
    """Without --metrics no page is served."""
    assert "/metrics" not in v2.output


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    with open_browser() as driver:
        yield driver


def texts(browser: Any, selector: str) -> list[str]:
    """The texts of the elements that a selector matches."""
    return list(browser.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector
    ))  # fmt: skip


CLIPPED = """
return [...document.querySelectorAll("figure, figure *")].filter((one) => one.clientWidth &&
  one.scrollWidth > one.clientWidth + 1).map((one) => one.outerHTML.slice(0, 80));
"""
"""The parts of the charts that do not fit."""

DRAWN = """
return [...document.querySelectorAll("canvas")].map((canvas) => {
  const line = getComputedStyle(document.documentElement).getPropertyValue("--a").trim();
  const wanted = [1, 3, 5].map((at) => parseInt(line.slice(at, at + 2), 16));
  const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let found = 0;
  for (let at = 0; at < data.length; at += 4) {
    if (wanted.every((value, part) => Math.abs(data[at + part] - value) < 24) && data[at + 3] > 128) found += 1;
  }
  return found;
});
"""
"""The number of pixels of each chart in the first line's colour."""


@pytest.mark.browser
@pytest.mark.parametrize(("width", "height"), [(400, 850), (1280, 900)], ids=["phone", "desktop"])
@MODES
def test_live_page(browser: Any, mode: str, width: int, height: int) -> None:
    """Every chart has a line, the tables show commands and clients, nothing is truncated, and there is no error."""
    with Tseep(mode, *METRICS, "--slowlog-log-slower-than", "0") as server, server.connect() as client:
        client("CLIENT", "SETNAME", "painter")
        client("SET", "<img src=x onerror=alert(1)>", "x")
        resize(browser, width, height)
        browser.get("about:blank")  # a page of a stopped server would log errors
        browser.get_log("browser")
        browser.get(page_of(server))
        until(lambda: texts(browser, "#state") == ["live"], "the page is live")

        def drawn() -> list[int]:
            for number in range(20):
                client("SET", f"k{number}", "x")
                client("GET", f"k{number}")
            return list(browser.execute_script(DRAWN))

        until(lambda: len(drawn()) == 9 and min(drawn()) > 2, "every chart has a line")
        assert f"mode {mode}" in texts(browser, "#about")[0]
        assert "painter" in texts(browser, "#clients td")
        client("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        client("SLOWLOG", "RESET")
        client("CONFIG", "SET", "slowlog-log-slower-than", "0")
        client("SET", "<img src=x onerror=alert(1)>", "x")
        client("CONFIG", "SET", "slowlog-log-slower-than", "-1")
        shown = "SET <img src=x onerror=alert(1)> x"
        until(lambda: shown in texts(browser, "#slowlog td"), "the slow log shows a command as text")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        assert browser.execute_script(CLIPPED) == []
        complaints = [entry for entry in browser.get_log("browser") if entry["source"] != "rendering"]
        assert complaints == []  # except about the test's own frequent reads of canvases


@pytest.mark.browser
def test_live_page_of_a_stopped_server(browser: Any) -> None:
    """When figures stop arriving, the page reports since when."""
    with Tseep("v2", *METRICS) as server:
        browser.get(page_of(server))
        until(lambda: texts(browser, "#state") == ["live"], "the page is live")
        assert server.stop() == 0
    until(lambda: "no data since" in texts(browser, "#state")[0], "the page reports that the server is unreachable")


@pytest.mark.browser
def test_live_page_with_a_password(browser: Any) -> None:
    """A browser with the password shows everything."""
    with Tseep("v2", *METRICS, "--requirepass", "secret") as server:
        browser.get(page_of(server).replace("://", "://default:secret@"))
        until(lambda: texts(browser, "#state") == ["live"], "the page is live")


@pytest.mark.browser
def test_dark(browser: Any) -> None:
    """The page follows the browser's dark color scheme."""
    with Tseep("v2", *METRICS) as server:
        grounds = []
        for scheme in ("light", "dark"):
            emulate(browser, scheme)
            browser.get(page_of(server))
            colour = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
            grounds.append(sum(int(part) for part in colour.strip("rgb()").split(",")))
        assert grounds[0] > 600 > 200 > grounds[1]


@MODES
def test_incomplete_requests_are_limited(mode: str) -> None:
    """Connections with incomplete requests are limited: more are closed at once, and clients still connect."""
    with Tseep(mode, *METRICS, files=300) as server:
        host, port = page_of(server)[len("http://") :].split(":")
        halves = [connect((host, int(port))) for _ in range(120)]
        try:
            for half in halves:
                half.setblocking(False)
                _say(half, b"GET /health HTTP/1.1\r\n")
            until(
                lambda: len([half for half in halves if _closed(half)]) == len(halves) - MOST_HTTP, "others are closed"
            )
            with server.connect() as first, server.connect() as second:
                assert first("SET", "a", "1") == "OK"
                assert second("GET", "a") == b"1"
        finally:
            for half in halves:
                half.close()
        until(lambda: _answers(page_of(server)), "the pages are served again")


def _answers(url: str) -> bool:
    try:
        return status(f"{url}/health") == 200
    except OSError:
        return False


def _say(sock: socket.socket, data: bytes) -> None:
    try:
        sock.send(data)
    except OSError:
        pass  # the server has closed it


def _closed(sock: socket.socket) -> bool:
    """True if the server has closed the connection; any data must be a refusal."""
    try:
        while sock.recv(4096):
            pass
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True
