"""Tests for L{tseep.configuration.file}: reading and rewriting redis.conf."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from tseep.configuration.file import REDIS_SAVES, ConfigError, read_file, read_password, rewritten
from tseep.configuration.parameters import PARAMETERS, Config
from tseep.test.properties import given, settings, st

NAMES = [parameter.name.encode() for parameter in PARAMETERS] + [b"include", b"user", b"port", b"bind", b"nosuch"]
WORDS = [
    b"yes", b"no", b"0", b"1", b"-1", b"5mb", b"1e3", b"always", b"normal", b"pubsub", b"lru", b"KEA", b'""',
    b'"a b"', b"'", b'"', b"\\", b"\xff", b"\xc2\xb2", b"\xe3\x80\x80", b"\0", b"#", b"/nosuch", b".", b"*", b"\t",
    b"\x0b", b"\x1c", b"\r",
]  # fmt: skip
LINE = st.builds(
    lambda name, words: b" ".join([name, *words]),
    st.sampled_from(NAMES),
    st.lists(st.one_of(st.sampled_from(WORDS), st.binary(max_size=4)), max_size=5),
)


class ConfigFileTests(SynchronousTestCase):
    """Syntax, errors and includes of redis.conf files."""

    def setUp(self) -> None:
        self.folder = self.mktemp()
        os.mkdir(self.folder)

    def write(self, text: str, name: str = "a.conf") -> str:
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def apply(self, text: str) -> Config:
        config = Config()
        self.errors: list[str] = []
        read_file(self.write(text), config, self.errors)
        return config

    def assertRefused(self, text: str, line: str) -> None:
        self.apply(text)
        self.assertIn(line, self.errors[0])

    def test_lines(self) -> None:
        """Comments and empty lines are skipped, names are case-insensitive, and quotes and escapes are decoded."""
        config = self.apply('# timeout 1\n\n  TimeOut 30\r\nrequirepass "a b\\x21"\nmaxclients 7')
        self.assertEqual((config["timeout"], config["requirepass"], config["maxclients"]), (30, "a b!", 7))

    def test_last_wins(self) -> None:
        """The last line of a parameter determines its value."""
        self.assertEqual(self.apply("timeout 1\ntimeout 2")["timeout"], 2)

    def test_words(self) -> None:
        """Lines of client-output-buffer-limit are combined by client class."""
        limit = "client-output-buffer-limit"
        limits = self.apply(f"{limit} normal 1 2 3\n{limit} pubsub 4 5 6")[limit]
        self.assertEqual((limits["normal"], limits["pubsub"]), ((1, 2, 3), (4, 5, 6)))

    def test_unknown(self) -> None:
        """The error for an unknown directive is Redis's, with file, line and a similar name if there is one."""
        said = "a.conf:3: 'requirepas secret': Bad directive or wrong number of arguments; did you mean requirepass?"
        self.assertRefused("timeout 1\n\nrequirepas secret", said)
        self.assertRefused("qwxyz 1", "'qwxyz 1': Bad directive or wrong number of arguments")

    def test_refused(self) -> None:
        """A directive that would change what clients can do is refused with a remedy, unless it has no effect."""
        self.assertRefused(
            "replicaof 192.0.2.1 6379", "a.conf:1: 'replicaof 192.0.2.1 6379': tseep cannot be a replica;"
        )
        self.assertRefused('rename-command CONFIG ""', "'rename-command CONFIG \"\"': tseep renames no commands; deny")
        self.assertRefused("TLS-PORT 6380", "'TLS-PORT 6380': TLS is an endpoint; write listen ssl:PORT")
        harmless = 'replicaof NO ONE\ncluster-enabled no\ntls-port 0\nmin-replicas-to-write 0\nmasterauth ""'
        self.apply(f"{harmless}\nshutdown-on-sigterm default\nio-threads 4\ndaemonize yes\nport 7000")
        self.assertEqual([], self.errors)

    def test_every_error(self) -> None:
        """All errors are reported, in the order of the lines, those of included files too."""
        self.write("\nnosuch 2", "b.part")
        self.apply(f"nosuch 1\n\ninclude {self.folder}/b.part\ntimeout x\nrequirepass 'a\nmaxclients 5 6")
        self.assertEqual(
            ["a.conf:1", "b.part:2", "a.conf:4", "a.conf:5", "a.conf:6"],
            [":".join(line[len(self.folder) + 1 :].split(":")[:2]) for line in self.errors],
        )

    def test_save(self) -> None:
        """Without a save directive the default is Redis's, and CONFIG REWRITE adds none."""
        config = self.apply("timeout 5")
        self.assertEqual(REDIS_SAVES, config.show("save"))
        self.assertEqual([b"timeout 5"], rewritten([b"timeout 5"], config, []))
        config.set("save", "")
        self.assertIn(b'save ""', rewritten([b"timeout 5"], config, []))
        self.assertEqual("", self.apply('save ""').show("save"))
        self.assertEqual("900 1 60 5", self.apply("save 900 1\nsave 60 5").show("save"))

    def test_password_file(self) -> None:
        """requirepass-file sets requirepass; CONFIG REWRITE writes no password from a file or the environment."""
        path = self.write("secret\r\nmore", "password")
        config = self.apply(f"requirepass-file {path}")
        self.assertEqual("secret", config["requirepass"])
        line = f"requirepass-file {path}".encode()
        self.assertEqual([line], rewritten([line], config, []))
        config = self.apply("requirepass old")
        config.presume("requirepass", "of the environment")
        self.assertEqual([b"requirepass old"], rewritten([b"requirepass old"], config, []))
        config.set("requirepass", "new")
        self.assertEqual([b"requirepass new"], rewritten([b"requirepass old"], config, []))
        self.assertRefused(f"requirepass-file {self.write('', 'empty')}", "empty: the first line is empty")

    def test_read_password(self) -> None:
        """L{read_password} returns the first line without BOM and line end; it raises if that is empty or not UTF-8."""
        path = os.path.join(self.folder, "password")
        for raw, password in ((b"a b\nc", "a b"), (b"a\r\n", "a"), (b"\xef\xbb\xbfa", "a"), (b"\xc3\xa4\n", "\xe4")):
            with open(path, "wb") as file:
                file.write(raw)
            self.assertEqual(password, read_password(path, "--requirepass-file"))
        for raw in (b"", b"\n", b"\r\n", b"\xef\xbb\xbf\n", b"\nsecret", b"\xff\n"):
            with open(path, "wb") as file:
                file.write(raw)
            self.assertRaises(ConfigError, read_password, path, "--requirepass-file")

    def test_include(self) -> None:
        """An include applies the lines of a file in place; a pattern includes all matching files, or none."""
        self.write("timeout 5\n", "b-1.part")
        self.write("maxclients 6\n", "b-2.part")
        config = self.apply(f"timeout 1\ninclude {self.folder}/b-*.part\ninclude {self.folder}/no*\n")
        self.assertEqual((config["timeout"], config["maxclients"]), (5, 6))

    @settings(deadline=None, derandomize=True, database=None, max_examples=500)
    @given(st.lists(LINE, max_size=4))
    def test_anything(self, lines: list[bytes]) -> None:
        """A file with random lines is refused, or has the same values after CONFIG REWRITE."""
        path = os.path.join(self.folder, "any.conf")
        before, after = Config(), Config()
        with open(path, "wb") as file:
            file.write(b"\n".join(lines))
        errors: list[str] = []
        read_file(path, before, errors)
        if errors:
            return
        text = b"\n".join(rewritten(b"\n".join(lines).split(b"\n"), before, []))
        with open(path, "wb") as file:
            file.write(text)
        read_file(path, after, errors)
        for parameter in PARAMETERS:
            self.assertEqual(before.show(parameter.name), after.show(parameter.name), text)

    def test_wrong(self) -> None:
        """An error names the file and the line."""
        self.assertRefused("\ntimeout many", "a.conf:2: 'timeout many': argument couldn't be parsed into an integer")
        self.assertRefused("timeout 1 2", "a.conf:1: 'timeout 1 2': wrong number of arguments")
        self.assertRefused('requirepass "a', "a.conf:1: unbalanced quotes")
        self.assertRefused("include /no/such/file", "cannot read the configuration file /no/such/file: No such file")
        self.assertRefused(f"include {self.folder}/a.conf", "a.conf:1: files include each other more than 16 deep")


class RewrittenTests(SynchronousTestCase):
    """Lines of redis.conf after CONFIG REWRITE."""

    def rewritten(self, text: str, *users: str, **changed: str) -> str:
        """Return the text of a file after it was read, these parameters were set, and it was rewritten."""
        config = Config()
        lines = text.encode().splitlines()
        path = self.mktemp()
        with open(path, "w") as file:
            file.write(text)
        read_file(path, config, [])
        for name, value in changed.items():
            config.set(name.replace("_", "-"), value)
        return b"\n".join(rewritten(lines, config, users)).decode()

    def test_nothing_changed(self) -> None:
        """CONFIG REWRITE leaves a file unchanged if no parameter has changed."""
        text = "# a\n\nport 7000\ntimeout 5\nsave 900 1 60 10\ndaemonize no\ninclude b.conf"
        self.assertEqual(text, self.rewritten(text))

    def test_changed(self) -> None:
        """A changed value replaces the parameter's first line, defaults included; later lines are removed."""
        before = "timeout 5\n# b\nLUA-TIME-LIMIT 9\ntimeout 6\nmaxclients 5"
        after = "timeout 0\n# b\nbusy-reply-threshold 9\nmaxclients 8"
        self.assertEqual(after, self.rewritten(before, timeout="0", maxclients="8"))

    def test_added(self) -> None:
        """A parameter that is not in the file is appended below one comment, unless it has its default."""
        text = self.rewritten("timeout 5\n\n", maxmemory="1mb", maxclients="10000")
        self.assertEqual("timeout 5\n# Generated by CONFIG REWRITE\nmaxmemory 1048576", text)
        self.assertEqual(f"{text}\nslowlog-max-len 1", self.rewritten(text, slowlog_max_len="1"))

    def test_words(self) -> None:
        """A value of several words is on one line; empty values and values with special bytes are quoted."""
        before = "client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit pubsub 4 5 6\nsave 1 1\n"
        after = self.rewritten(before, save="", requirepass='a "b"\n').splitlines()
        limits = "client-output-buffer-limit normal 1 2 3 slave 268435456 67108864 60 pubsub 4 5 6"
        self.assertEqual([limits, 'save ""'], after[:2])
        self.assertEqual(r'requirepass "a \"b\"\n"', after[-1])

    def test_users(self) -> None:
        """The current users replace the user lines of the file."""
        before = "user a on\ntimeout 1\nuser b on"
        self.assertEqual("user x off\nuser y off\ntimeout 1", self.rewritten(before, "user x off", "user y off"))
        self.assertEqual("timeout 1", self.rewritten(before))

    def test_unbalanced_quotes(self) -> None:
        """A line with unbalanced quotes stays unchanged."""
        config = Config()
        self.assertEqual([b'nosuch "a'], rewritten([b'nosuch "a'], config, []))
