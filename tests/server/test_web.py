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
        assert 'tseep_writes_refused{reason="persistence"} 1.0' in get(f"{url}/metrics")


@MODES
def test_health_without_room(mode: str) -> None:
    """The health page reports refused writes at maxmemory and refused clients at maxclients; the server is alive."""
    with Tseep(mode, *METRICS) as server, server.connect() as client:
        url = page_of(server)
        client("SET", "a", "x" * 100_000)
        client("CONFIG", "SET", "maxmemory", "50kb")
        with pytest.raises(urllib.error.HTTPError, match="503") as refused:
            get(f"{url}/health")
        with refused.value as answer:
            assert json.loads(answer.read())["reasons"] == ["writes are refused: maxmemory"]
        assert 'tseep_writes_refused{reason="maxmemory"} 1.0' in get(f"{url}/metrics")
        client("CONFIG", "SET", "maxmemory", "0")
        assert status(f"{url}/health") == 200
        client("CONFIG", "SET", "maxclients", "2")
        with server.connect() as other:
            assert other("PING") == "PONG"
            assert (status(f"{url}/health"), status(f"{url}/alive")) == (503, 200)
        until(lambda: status(f"{url}/health") == 200, "another client can connect")


@MODES
def test_permissions(mode: str) -> None:
    """A user without the permissions gets 403 with their names."""
    with Tseep(mode, *METRICS, "--requirepass", "secret") as server, server.connect() as client:
        client("AUTH", "secret")
        client("ACL", "SETUSER", "bob", "on", ">pw", "+info")
        with pytest.raises(urllib.error.HTTPError, match="403") as refused:
            get(f"{page_of(server)}/metrics", "bob:pw")
        with refused.value as answer:
            assert b"no permission for SLOWLOG GET, CLIENT LIST" in answer.read()


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

ROWS = """
const tops = [...document.querySelectorAll("figure")].map((figure) => figure.offsetTop);
return [...new Set(tops)].map((top) => tops.filter((other) => other === top).length);
"""
"""The number of charts in each row."""

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
        assert browser.title == f"{socket.gethostname()} 127.0.0.1:{server.port} · tseep"
        assert browser.execute_script(ROWS) == ([1] * 9 if width < 500 else [3] * 3)
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
@MODES
def test_accessible_names(browser: Any, mode: str) -> None:
    """Every chart, table and scrollable region has a name in the browser's accessibility tree."""
    with Tseep(mode, *METRICS) as server:
        browser.get(page_of(server))
        until(lambda: texts(browser, "#state") == ["live"], "the page is live")
        found: dict[str, list[str]] = {"figure": [], "image": [], "table": [], "region": []}
        for node in browser.execute_cdp_cmd("Accessibility.getFullAXTree", {})["nodes"]:
            role = node.get("role", {}).get("value")
            found.get(role, []).append(node.get("name", {}).get("value", ""))
        assert len(found["figure"]) == len(found["image"]) == 9
        assert len(found["table"]) == (3 if mode == "v3" else 2)
        assert len(found["region"]) == len(found["table"]) + 1
        assert all(all(names) for names in found.values()), found
        assert "Keys, the last five minutes: 0" in found["image"]


@pytest.mark.browser
def test_workers(browser: Any) -> None:
    """In v3 the page has every worker with its clients, and lines of all workers together; other modes have none."""
    with Tseep("v3", *METRICS, "--workers", "3") as server, server.connect() as first, server.connect() as second:
        assert first("PING") == second("PING") == "PONG"
        browser.get(page_of(server))
        rows = "return [...document.querySelectorAll('#workers tbody tr')].map((row) => row.children[2].textContent)"
        until(lambda: sum(map(int, browser.execute_script(rows) or [0])) == 2, "the workers have two clients")
        assert len(browser.execute_script(rows)) == 3
        assert any("all workers" in text for text in texts(browser, "figure"))
    with Tseep("v2", *METRICS) as server:
        browser.get(page_of(server))
        until(lambda: texts(browser, "#state") == ["live"], "the page is live")
        assert browser.execute_script("return document.getElementById('of-workers').hidden")


@pytest.mark.browser
def test_alarm(browser: Any) -> None:
    """While writes are refused, the page and its title show it."""
    with Tseep("v2", *METRICS, "--maxmemory", "50kb") as server, server.connect() as client:
        client("SETRANGE", "a", 100_000, "x")
        browser.get(page_of(server))
        until(lambda: "Writes are refused" in texts(browser, "#problems")[0], "the page shows the refusal")
        assert browser.title.startswith("⚠ ")
        client("DEL", "a")
        until(lambda: texts(browser, "#problems") == [""], "the page shows no problem")
        assert not browser.title.startswith("⚠ ")


@pytest.mark.browser
def test_isolated_samples(browser: Any) -> None:
    """A sample without neighbours is drawn as a point: the first one, and one between two that are missing."""
    with Tseep("v2", *METRICS) as server:
        browser.get(page_of(server))
        script = "return [[7], [null, 7, null], [7, 7, null, 7], [null]].map((line) => isolated({data: [[], line]}, 1))"
        assert browser.execute_script(script) == [[0], [1], [3], []]


@pytest.mark.browser
def test_gaps(browser: Any) -> None:
    """An empty sample stands where one is missing; if the server's clock is set back, its later samples are removed."""
    script = """
    samples = [{time: 10}, {time: 11}];
    run = "a";
    append([{time: 12}, {time: 16}], "a");
    const missing = samples.map(({time}) => time);
    append([{time: 11.5}], "a");
    return [missing, samples.map(({time}) => time)];
    """
    with Tseep("v2", *METRICS) as server:
        browser.get(page_of(server))
        assert browser.execute_script(script) == [[10, 11, 12, 14, 16], [10, 11, 11.5]]


@pytest.mark.browser
def test_restart(browser: Any) -> None:
    """After a restart the lines are interrupted, and continue with the new server's samples."""
    count = "return samples.filter((sample) => arguments[0] === (sample.commands === undefined)).length"
    with Tseep("v2", *METRICS) as server:
        url, port = page_of(server), page_of(server).rpartition(":")[2]
        browser.get(url)
        until(lambda: browser.execute_script(count, False) > 0, "there is a sample")
        assert browser.execute_script(count, True) == 0
        assert server.stop() == 0
    before = browser.execute_script(count, False)
    with Tseep("v2", "--metrics", f"tcp:{port}:interface=127.0.0.1"):
        until(lambda: browser.execute_script(count, False) > before, "there are samples of the new server")
        assert browser.execute_script(count, True) == 1


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
