"""Tests of L{tseep.web.pages}."""

from __future__ import annotations

import re

from tseep.test.browsing import SiteTests
from tseep.web.pages import MOST_CLIENTS, STATIC


class HealthTests(SiteTests):
    """C{/health}."""

    def test_ok(self) -> None:
        """All is well."""
        answer = self.get("/health")
        self.assertEqual((200, {"status": "ok", "reasons": []}), (answer.status, answer.json))
        self.assertEqual("application/json", answer.headers["content-type"])

    def test_writes_refused(self) -> None:
        """While writes are refused it is not."""
        self.server.refusal = "MISCONF ..."
        answer = self.get("/health")
        self.assertEqual((503, ["writes are refused"]), (answer.status, answer.json["reasons"]))

    def test_ending(self) -> None:
        """Nor when the server ends."""
        self.server.stopping = True
        self.assertEqual((503, ["it ends"]), (self.get("/health").status, self.get("/health").json["reasons"]))


class LiveTests(SiteTests):
    """C{/live.json}."""

    def test_samples(self) -> None:
        """All samples, or those since a time."""
        for _ in range(3):
            self.pass_time(1)
            self.samples.take()
        times = [sample["time"] for sample in self.get("/live.json").json["samples"]]
        self.assertEqual([sample.time for sample in self.samples.kept], times)
        self.assertEqual(times[1:], [each["time"] for each in self.get(f"/live.json?since={times[0]}").json["samples"]])
        self.assertEqual(3, len(self.get("/live.json?since=nonsense").json["samples"]))

    def test_server(self) -> None:
        """What runs, and whether writes are refused."""
        self.server.mode, self.server.refusal = "v2", "MISCONF no"
        self.pass_time(90)
        about = self.get("/live.json").json["server"]
        self.assertEqual(("v2", 90.0, "MISCONF no"), (about["mode"], round(about["uptime"], 3), about["refusal"]))

    def test_slow_log(self) -> None:
        """The slow log, youngest first, whatever bytes are in it."""
        self.server.slowlog.configure(0, 10)
        for argv in ([b"GET", b"a"], [b"SET", b"\xff<b>", "ü".encode()]):
            self.server.slowlog.note(self.clock.seconds(), 2_500_000, argv, self.session)
        first, second = self.get("/live.json").json["slowlog"]
        self.assertEqual(("SET \\xff<b> ü", 2500), (first["command"], first["microseconds"]))
        self.assertEqual(("GET a", "127.0.0.1:50000"), (second["command"], second["client"]))

    def test_clients(self) -> None:
        """The clients, but only the largest of many."""
        for _ in range(MOST_CLIENTS + 5):
            self.connect()
        self.session.receive(b"*1\r\n$1000\r\n" + b"x" * 900)
        self.run_command("CLIENT", "SETNAME", b"\xff", session=self.connect())
        clients = self.get("/live.json").json["clients"]
        self.assertEqual((MOST_CLIENTS + 7, MOST_CLIENTS), (clients["count"], len(clients["shown"])))
        self.assertEqual(self.session.id, clients["shown"][0]["id"])


class PageTests(SiteTests):
    """The page itself."""

    def test_whole(self) -> None:
        """All that it refers to is there, and nothing is of elsewhere."""
        page = self.get("/")
        self.assertIn("text/html", page.headers["content-type"])
        named = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
        for name in [each for each in named if each not in ("data:,", "metrics")]:
            answer = self.get(f"/{name}")
            self.assertEqual((200, (STATIC / name).read_bytes()), (answer.status, answer.body), name)
        self.assertEqual([], re.findall(r"https?://", page.body.decode()))

    def test_nothing_else(self) -> None:
        """No folder is shown, and no file that is not of the page."""
        for path in ("/static", "/..", "/../service.py", "/uPlot.LICENSE", "/live.js/x"):
            self.assertEqual(404, self.get(path).status, path)

    def test_hardened(self) -> None:
        """The browser is told to run nothing that came from elsewhere."""
        for path in ("/", "/live.json", "/nosuch"):
            headers = self.get(path).headers
            self.assertIn("default-src 'none'", headers["content-security-policy"])
            self.assertEqual("nosniff", headers["x-content-type-options"])
