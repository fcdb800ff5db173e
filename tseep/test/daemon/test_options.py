"""Tests for L{tseep.daemon.options}."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from tseep import __version__
from tseep.configuration.parameters import PARAMETERS
from tseep.daemon import options as options_module
from tseep.daemon.endpoints import DEFAULT_ENDPOINT
from tseep.daemon.factory import make_server
from tseep.daemon.options import PASSWORD_VARIABLE, Options


def parse(*words: str) -> Options:
    """Return the options of a command line."""
    options = Options()
    options.parseOptions(list(words))
    return options


class OptionsTests(SynchronousTestCase):
    """Parsing of command line, configuration file and environment; errors are one line."""

    def setUp(self) -> None:
        self.patch(options_module.os, "environ", {})

    def assertRefused(self, line: str, *words: str) -> None:
        with self.assertRaises(SystemExit) as caught:
            parse(*words)
        message = str(caught.exception)
        self.assertIn(line, message)
        self.assertTrue(message.startswith("tseep: "))
        self.assertNotIn("\n", message)

    def test_defaults(self) -> None:
        """The default is v2, listening on 127.0.0.1:6379."""
        options = parse()
        self.assertEqual((options["mode"], options["listen"]), ("v2", [DEFAULT_ENDPOINT]))
        self.assertEqual((options.config["maxclients"], options.config["requirepass"]), (10000, ""))

    def test_listen(self) -> None:
        """C{--listen} can be repeated and replaces the default endpoint."""
        self.assertEqual(parse("--listen", "tcp:1", "-l", "unix:x")["listen"], ["tcp:1", "unix:x"])

    def test_parameters(self) -> None:
        """Parameters of CONFIG are command-line options."""
        config = parse("--maxclients", "5", "--proto-max-bulk-len=2mb", "--enable-debug-command", "yes").config
        self.assertEqual((config["maxclients"], config["proto-max-bulk-len"]), (5, 2**21))
        self.assertEqual(config["enable-debug-command"], "yes")

    def test_wrong(self) -> None:
        """An invalid option or value stops the start with an error that has its name."""
        self.assertRefused("--mode must be one of v1, v2, v3, not 'v9'", "--mode", "v9")
        self.assertRefused("--maxclients 'many': argument couldn't be parsed into an integer", "--maxclients", "many")
        self.assertRefused("--timeout '-1': argument must be between 0 and", "--timeout", "-1")
        self.assertRefused("unexpected argument 'start'", "start")
        self.assertRefused("--no-such", "--no-such")
        self.assertRefused("no endpoint to listen on", "--port", "0")
        self.assertRefused("did you mean twistd tseep?", "--daemonize", "yes")
        self.assertRefused("did you mean --maxmemory-policy?", "--maxmemory-polcy", "noeviction")
        self.assertRefused(f"did you mean --config {__file__}?", __file__)
        self.assertRefused("--requirepass-file /no/such/file: ", "--requirepass-file", "/no/such/file")

    def read_file(self, text: str, *words: str) -> Options:
        path = self.mktemp()
        with open(path, "w") as file:
            file.write(text)
        return parse("--config", path, *words)

    def test_config_file(self) -> None:
        """The command line overrides the configuration file, also with a default value."""
        options = self.read_file("timeout 5\nmaxclients 6\nactiverehashing yes\n", "--timeout", "0")
        self.assertEqual((options.config["timeout"], options.config["maxclients"]), (0, 6))

    def test_config_file_options(self) -> None:
        """
        Options that are no CONFIG parameters can be in the file; the command line overrides them, errors have file
        and line.
        """
        text = "mode v1\nlog-format json\nlisten tcp:1\nlisten unix:a unix:b\noperator-listen tcp:2\nmetrics tcp:3\n"
        options = self.read_file(text)
        self.assertEqual((options["mode"], options["log-format"]), ("v1", "json"))
        self.assertEqual(options["listen"], ["tcp:1", "unix:a", "unix:b"])
        self.assertEqual((options["operator-listen"], options["metrics"]), (["tcp:2"], ["tcp:3"]))
        words = ["--mode", "v2", "--log-format", "text", "--listen", "tcp:9", "--metrics", "tcp:8"]
        options = self.read_file(text, *words, "--operator-listen", "tcp:7")
        self.assertEqual((options["mode"], options["log-format"], options["listen"]), ("v2", "text", ["tcp:9"]))
        self.assertEqual((options["operator-listen"], options["metrics"]), (["tcp:7"], ["tcp:8"]))
        self.assertEqual(self.read_file("port 0\nlisten tcp:1")["listen"], ["tcp:1"])
        self.assertEqual(
            self.read_file("port 7\nbind ::1\nlisten tcp:1")["listen"], ["tcp6:7:interface=\\:\\:1", "tcp:1"]
        )
        with self.assertRaisesRegex(SystemExit, "^tseep: .*:2: mode must be one of v1, v2, v3, not 'v9'"):
            self.read_file("\nmode v9")
        options = self.read_file("\nmetrics 9121")
        with self.assertRaisesRegex(SystemExit, "^tseep: .*:2: metrics '9121': write it as tcp:9121:interface="):
            make_server(MemoryReactorClock(), options)

    def test_several_errors(self) -> None:
        """The first error stops the start; its line has the number of others and the command to show them."""
        with self.assertRaisesRegex(
            SystemExit, "^tseep: .*:1: 'a 1': Bad .* \\(and 2 more: tseep --check-config .*\\)$"
        ):
            self.read_file("a 1\nb 2\nc 3")

    def test_config_file_endpoints(self) -> None:
        """C{bind}, C{port} and C{unixsocket} become endpoints, unless C{--listen} is given."""
        text = "port 1\nbind 127.0.0.1 ::1 -192.0.2.1\nunixsocket /tmp/a:b\nunixsocketperm 700\n"
        endpoints = ["tcp:1:interface=127.0.0.1", "tcp6:1:interface=\\:\\:1", "unix:/tmp/a\\:b:mode=700"]
        self.assertEqual(self.read_file(text)["listen"], endpoints)
        self.assertEqual(self.read_file(text, "-l", "tcp:9")["listen"], ["tcp:9"])
        self.assertEqual(self.read_file("bind *")["listen"], ["tcp:6379"])
        self.assertEqual(self.read_file("port 0\nunixsocket x")["listen"], ["unix:x:mode=666"])
        self.assertEqual(self.read_file('bind ""\nunixsocket x')["listen"], ["unix:x:mode=666"])
        self.assertEqual(self.read_file("unixsocket x", "--bind", "*")["listen"], ["tcp:6379", "unix:x:mode=666"])
        self.assertEqual(self.read_file("unixsocket x", "-l", "tcp:9", "--port", "0")["listen"], ["tcp:9"])
        self.assertEqual(self.read_file("port 1", "--port", "2", "--bind", "*")["listen"], ["tcp:2"])

    def test_redis_addresses(self) -> None:
        """With a file, bind defaults to all addresses, as in Redis; listen replaces port and bind."""
        for text, listens in (("", "tcp:6379"), ("port 7", "tcp:7")):
            self.assertIn(listens, self.read_file(text)["listen"])
        self.assertEqual("* -::*", self.read_file("").config.show("bind"))
        for options in (self.read_file("listen tcp:1"), self.read_file("", "--listen", "tcp:1"), parse("-l", "tcp:1")):
            self.assertEqual(["tcp:1"], options["listen"])
            self.assertEqual(0, options.config["port"])
            self.assertTrue(options.config.is_default("port"))

    def test_several_values(self) -> None:
        """Options with several values take them as several words, also repeated, as in Redis."""
        words = [
            "--save",
            "3600",
            "1",
            "300",
            "100",
            "--port",
            "7",
            "--bind",
            "127.0.0.1",
            "-::1",
            "-m",
            "v1",
            "--save",
            "60",
            "10000",
        ]
        options = parse(*words)
        self.assertEqual("3600 1 300 100 60 10000", options.config.show("save"))
        self.assertEqual(("127.0.0.1 -::1", "v1"), (options.config.show("bind"), options["mode"]))
        self.assertEqual("", parse("--save", "--bind", "*").config.show("save"))
        self.assertEqual("5 1", parse("--save", "5 1").config.show("save"))
        self.assertRefused("unexpected argument '2'", "--maxclients", "1", "2")

    def test_config_file_wrong(self) -> None:
        """An invalid configuration file stops the start with one line."""
        self.assertRefused("cannot read the configuration file", "--config", "/no/such/file")
        for text in ("port x", "port 0", "port 1\nunixsocket a\nunixsocketperm 9", "unixsocket a b"):
            self.assertRaises(SystemExit, self.read_file, text)
        for text in ('bind ""', "bind", "bind -192.0.2.1", "port 0\nbind *"):
            with self.assertRaisesRegex(SystemExit, "^tseep: .*no endpoint to listen on"):
                self.read_file(text)
            self.assertEqual(["tcp:9"], self.read_file(text, "--listen", "tcp:9")["listen"])
        for name in (
            "listen",
            "operator-listen",
            "metrics",
            "mode",
            "log-format",
            "requirepass-file",
            "unixsocket",
            "port",
        ):
            with self.assertRaisesRegex(SystemExit, f"^tseep: .*:1: '{name}': wrong number of arguments"):
                self.read_file(name)

    def test_password(self) -> None:
        """The password comes from its option, its file or the environment, in this order of precedence."""
        path = self.mktemp()
        with open(path, "w") as file:
            file.write("from the file\nmore\n")
        self.patch(options_module.os, "environ", {PASSWORD_VARIABLE: "from the environment"})
        self.assertEqual(parse().config["requirepass"], "from the environment")
        self.assertEqual(parse("--requirepass-file", path).config["requirepass"], "from the file")
        words = ("--requirepass-file", path, "--requirepass", "from the option")
        self.assertEqual(parse(*words).config["requirepass"], "from the option")
        self.assertEqual(parse("--requirepass", "").config["requirepass"], "")

    def test_no_password(self) -> None:
        """An empty password file or variable stops the start; an explicitly empty password does not."""
        path = self.mktemp()
        open(path, "w").close()
        self.assertRefused(f"--requirepass-file {path}: the first line is empty", "--requirepass-file", path)
        self.assertEqual(parse("--requirepass-file", path, "--requirepass", "").config["requirepass"], "")
        self.patch(options_module.os, "environ", {PASSWORD_VARIABLE: ""})
        self.assertRefused("TSEEP_REQUIREPASS is empty")
        self.assertEqual(parse("--requirepass", "").config["requirepass"], "")
        self.patch(options_module.os, "environ", {})
        self.assertEqual(self.read_file('requirepass ""').config["requirepass"], "")

    def test_help(self) -> None:
        """C{--help} lists every option in its group, with unit, choices and default, and ends with examples."""
        text = str(Options())
        for name in ["mode", "listen", "requirepass-file"] + [p.name for p in PARAMETERS if p.option]:
            self.assertIn(f"--{name}", text)
        lines = " ".join(text.split())
        self.assertIn(
            "or when the system does (no). One of: everysec, always, no. [default: everysec] --appendonly=", lines
        )
        self.assertIn("Server: --busy-reply-threshold= * Milliseconds after which other clients get BUSY", lines)
        self.assertIn("--databases= Number of databases. [default: 16]", lines)
        self.assertIn("Examples: tseep --check-config redis.conf && tseep --config redis.conf", lines[-200:])

    def test_version(self) -> None:
        """C{--version} prints tseep's version."""
        output = io.StringIO()
        with redirect_stdout(output), self.assertRaises(SystemExit) as caught:
            parse("--version")
        self.assertEqual((output.getvalue(), caught.exception.code), (f"tseep {__version__}\n", 0))
