"""Tests for L{tseep.system.title}."""

from __future__ import annotations

from types import ModuleType

from twisted.trial.unittest import SynchronousTestCase

from tseep.system import title
from tseep.system.title import expand, set_title


class TitleTests(SynchronousTestCase):
    def test_expand(self) -> None:
        """Variables are replaced, two braces are one, and spaces at the ends are removed, as in Redis."""
        variables = {"title": "tseep", "listen-addr": "*:6379", "server-mode": ""}
        self.assertEqual("tseep *:6379", expand("{title} {listen-addr} {server-mode}", variables))
        self.assertEqual("TEST {title} {tseep}", expand(" TEST {{title} {{{title}}", variables))

    def test_package(self) -> None:
        """The title is set if the package is installed."""
        titles: list[str] = []
        package = ModuleType("setproctitle")
        package.setproctitle = titles.append
        for each in (package, None):
            self.patch(title, "setproctitle", each)
            set_title("a title")
        self.assertEqual(["a title"], titles)
