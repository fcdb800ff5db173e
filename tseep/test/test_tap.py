"""Tests for L{tseep.tap}, C{tseep.__main__} and the twistd plugin."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from twisted.application.service import IServiceMaker
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import getPlugins
from twisted.trial.unittest import SynchronousTestCase

from tseep import __main__, tap
from tseep.daemon import factory
from tseep.daemon.factory import make_server
from tseep.daemon.options import MODE_NAMES, Options
from tseep.modes.evented import EventedMode
from tseep.modes.threaded import ThreadedMode
from tseep.tap import MODES, make_service
from tseep.test.daemon.test_options import parse


class MakeServiceTests(SynchronousTestCase):
    """Options become a service."""

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.patch(factory, "allow_clients", lambda wanted, processes, reserved: (wanted + 100, wanted))

    def make(self, *words: str) -> Any:
        options = parse(*words)
        return make_service(self.reactor, options, make_server(self.reactor, options))

    def test_modes(self) -> None:
        """C{--mode} selects the mode."""
        self.assertIsInstance(self.make("--mode", "v1").mode, ThreadedMode)
        self.assertIsInstance(self.make("--mode", "v2").mode, EventedMode)

    def test_mode_names(self) -> None:
        """Every name that --mode accepts has a mode."""
        self.assertEqual(set(MODE_NAMES), set(MODES))

    def test_bad_endpoint(self) -> None:
        """An endpoint that Twisted cannot parse stops the start with one line."""
        with self.assertRaisesRegex(SystemExit, "^tseep: --listen 'gopher:70': .*'gopher'"):
            self.make("--listen", "gopher:70")

    def test_users(self) -> None:
        """Users of the configuration file exist from the start; an invalid rule stops the start."""
        path = os.path.abspath(self.mktemp())
        with open(path, "w") as file:
            file.write("user eve on >pw ~k* +get\nuser default on >other ~* &* +@all\nrequirepass first\n")
        users = self.make("--config", path)._server.users
        self.assertIsNotNone(users.find(b"eve", b"pw"))
        self.assertEqual([None], [users.find(b"default", b"first")])
        self.assertIsNotNone(users.find(b"default", b"other"))
        with self.assertRaisesRegex(SystemExit, f"^tseep: {path}:1: define users in .* not in both"):
            self.make("--config", path, "--aclfile", "users.acl")
        with open(path, "w") as file:
            file.write("\nuser eve +nosuch\n")
        with self.assertRaisesRegex(
            SystemExit, f"^tseep: {path}:2: Error in applying operation '[+]nosuch': Unknown command"
        ):
            self.make("--config", path)

    def test_file_limit(self) -> None:
        """C{maxclients} is lowered to the limit of open files."""
        self.patch(factory, "allow_clients", lambda wanted, processes, reserved: (100, 36))
        self.assertEqual(self.make()._server.config["maxclients"], 36)


class CommandTests(SynchronousTestCase):
    """The twistd plugin and the C{tseep} command."""

    def test_plugin(self) -> None:
        """The plugin provides the options and C{makeService}."""
        (maker,) = [plugin for plugin in getPlugins(IServiceMaker) if plugin.tapname == "tseep"]
        self.assertIs(maker.options, Options)
        self.assertIs(maker.makeService, tap.makeService)

    def test_main(self) -> None:
        """C{tseep} runs twistd in the foreground without a PID file and ignores SIGHUP."""
        ignored: dict[int, Any] = {}
        self.patch(signal, "signal", ignored.__setitem__)
        self.patch(sys, "argv", ["tseep", "--mode", "v1"])
        self.patch(__main__, "run", lambda: None)
        __main__.main()
        self.assertEqual(sys.argv, ["tseep", "--nodaemon", "--pidfile=", "tseep", "--mode", "v1"])
        self.assertEqual(ignored, {signal.SIGHUP: signal.SIG_IGN})
