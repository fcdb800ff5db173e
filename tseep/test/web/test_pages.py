"""Tests of L{tseep.web.pages}."""

from __future__ import annotations

import re
from socket import gethostname

from tseep.persistence.aof_loader import Loader
from tseep.test.browsing import SiteTests
from tseep.web.pages import MOST_CLIENTS, STATIC


class HealthTests(SiteTests):
    """The health check at C{/health}."""

    def test_ok(self) -> None:
        """A healthy server returns 200 and C{"status": "ok"} as JSON."""
        answer = self.get("/health")
        self.assertEqual((200, {"status": "ok", "reasons": []}), (answer.status, answer.json))
        self.assertEqual("application/json", answer.headers["content-type"])

    def test_writes_refused(self) -> None:
        """While writes are refused, for persistence or maxmemory, the status is 503, with the reason."""
        self.server.refusal = "MISCONF ..."
        answer = self.get("/health")
        self.assertEqual((503, ["writes are refused: persistence"]), (answer.status, answer.json["reasons"]))

    def test_no_memory(self) -> None:
        """While no key can be evicted, the status is 503; with a policy that evicts keys it is 200."""
        self.run_command("SET", "a", "x" * 200_000)
        self.run_command("CONFIG", "SET", "maxmemory", "100kb")
        answer = self.get("/health")
        self.assertEqual((503, ["writes are refused: maxmemory"]), (answer.status, answer.json["reasons"]))
        self.assertIn("noeviction has no key to evict", self.get("/live.json").json["server"]["problems"][0])
        self.run_command("CONFIG", "SET", "maxmemory-policy", "volatile-ttl")
        self.assertEqual(503, self.get("/health").status)
        self.run_command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        self.assertEqual(200, self.get("/health").status)

    def test_no_place(self) -> None:
        """While C{maxclients} clients are connected, the status is 503, with the reason."""
        self.run_command("CONFIG", "SET", "maxclients", "2")
        self.assertEqual(200, self.get("/health").status)
        other = self.connect()
        answer = self.get("/health")
        self.assertEqual((503, ["clients are refused: maxclients"]), (answer.status, answer.json["reasons"]))
        self.server.disconnect(other)
        self.assertEqual(200, self.get("/health").status)

    def test_alive(self) -> None:
        """C{/alive} is 200 whatever the server refuses."""
        self.server.refusal = "MISCONF ..."
        self.assertEqual((200, {"status": "ok"}), (self.get("/alive").status, self.get("/alive").json))

    def test_loading(self) -> None:
        """While the dataset is loaded the status of C{/health} is 503, with the reason; C{/alive} is 200."""
        self.server.set_loading(Loader(self.server))
        answer = self.get("/health")
        self.assertEqual((503, ["loading the dataset"]), (answer.status, answer.json["reasons"]))
        self.assertEqual(200, self.get("/alive").status)
        self.assertIn("0 of 0 bytes", self.get("/live.json").json["server"]["problems"][0])
        self.server.set_loading(None)
        self.assertEqual(200, self.get("/health").status)

    def test_ending(self) -> None:
        """During shutdown the status is 503, with the reason."""
        self.server.stopping = True
        self.assertEqual((503, ["shutting down"]), (self.get("/health").status, self.get("/health").json["reasons"]))


class LiveTests(SiteTests):
    """The data of the live page at C{/live.json}."""

    def test_samples(self) -> None:
        """All samples are returned, or with C{since} those after that time; an invalid C{since} is ignored."""
        for _ in range(3):
            self.pass_time(1)
            self.samples.take()
        times = [sample["time"] for sample in self.get("/live.json").json["samples"]]
        self.assertEqual([sample.time for sample in self.samples.kept], times)
        self.assertEqual(times[1:], [each["time"] for each in self.get(f"/live.json?since={times[0]}").json["samples"]])
        self.assertEqual(3, len(self.get("/live.json?since=nonsense").json["samples"]))

    def test_server(self) -> None:
        """The host, the mode, the uptime and the problems are included."""
        self.server.mode, self.server.refusal = "v2", "MISCONF no"
        self.pass_time(90)
        about = self.get("/live.json").json["server"]
        self.assertEqual(("v2", 90.0, ["MISCONF no"]), (about["mode"], round(about["uptime"], 3), about["problems"]))
        self.assertEqual((gethostname(), self.server.run_id), (about["host"], about["run"]))

    def test_slow_log(self) -> None:
        """Slow-log entries are newest first; bytes that are not UTF-8 are escaped."""
        self.server.slowlog.configure(0, 10)
        for argv in ([b"GET", b"a"], [b"SET", b"\xff<b>", "ü".encode()]):
            self.server.slowlog.note(self.clock.seconds(), 2_500_000, argv, self.session)
        first, second = self.get("/live.json").json["slowlog"]
        self.assertEqual(("SET \\xff<b> ü", 2500), (first["command"], first["microseconds"]))
        self.assertEqual(("GET a", "127.0.0.1:50000"), (second["command"], second["client"]))

    def test_clients(self) -> None:
        """The count is of all clients; only the C{MOST_CLIENTS} largest are listed."""
        for _ in range(MOST_CLIENTS + 5):
            self.connect()
        self.session.receive(b"*1\r\n$1000\r\n" + b"x" * 900)
        self.run_command("CLIENT", "SETNAME", b"\xff", session=self.connect())
        clients = self.get("/live.json").json["clients"]
        self.assertEqual((MOST_CLIENTS + 7, MOST_CLIENTS), (clients["count"], len(clients["shown"])))
        self.assertEqual(self.session.id, clients["shown"][0]["id"])


class PageTests(SiteTests):
    """The live page and its static files."""

    def test_whole(self) -> None:
        """All files that the page refers to are served, and none is of another host."""
        page = self.get("/")
        self.assertIn("text/html", page.headers["content-type"])
        named = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
        for name in [each for each in named if each not in ("data:,", "metrics")]:
            answer = self.get(f"/{name}")
            self.assertEqual((200, (STATIC / name).read_bytes()), (answer.status, answer.body), name)
        self.assertEqual([], re.findall(r"https?://", page.body.decode()))

    def test_nothing_else(self) -> None:
        """Directories, and files that the page does not use, return 404."""
        for path in ("/static", "/..", "/../service.py", "/uPlot.LICENSE", "/live.js/x"):
            self.assertEqual(404, self.get(path).status, path)

    def test_hardened(self) -> None:
        """C{Content-Security-Policy} forbids foreign resources; C{nosniff} is set."""
        for path in ("/", "/live.json", "/nosuch"):
            headers = self.get(path).headers
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertEqual("nosniff", headers["x-content-type-options"])
