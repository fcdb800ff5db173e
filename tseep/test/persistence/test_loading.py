"""Tests of a server that loads its data: what clients are answered, INFO, and parameters of loading."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tseep.configuration.parameters import Config
from tseep.errors import LOADING
from tseep.persistence.aof_loader import CannotLoad, Loader
from tseep.server.server import Server
from tseep.system import delay as delays
from tseep.test.support import SessionTests, encode, made_folder

INTERVAL = 1024
MANIFEST = "file appendonly.aof.1.incr.aof seq 1 type i\n"


class LoadingTests(SessionTests):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(made_folder(self))

    def begin(self, **config: str) -> Iterator[None]:
        """Begin to load the folder with a new server."""
        config = {"dir": str(self.folder), "loading_process_events_interval_bytes": str(INTERVAL), **config}
        self.server = Server(Config(**config), self.clock.seconds, self.look_at_timer)
        self.session = self.connect()
        self.addCleanup(self.server.persistence.release_folder)
        return self.server.persistence.start()

    def begin_log(self, data: bytes, **config: str) -> Iterator[None]:
        """Begin to load an append-only file with one increment."""
        folder = self.folder / "appendonlydir"
        folder.mkdir(exist_ok=True)
        (folder / "appendonly.aof.manifest").write_text(MANIFEST)
        (folder / "appendonly.aof.1.incr.aof").write_bytes(data)
        return self.begin(appendonly="yes", **config)

    def save(self, keys: int) -> int:
        """Write a snapshot; return its size."""
        deque(self.begin(), 0)
        for number in range(keys):
            self.run_command("SET", number, "x" * 100)
        self.assertReply("OK", "SAVE")
        self.server.persistence.stop()
        return (self.folder / "dump.rdb").stat().st_size

    def info(self) -> dict[str, str]:
        """The fields of INFO persistence."""
        lines = self.run_command("INFO", "persistence").decode().splitlines()
        return dict(line.split(":") for line in lines if ":" in line)

    def test_refused(self) -> None:
        """Commands without the flag C{loading} are refused until the data are loaded; so is an EXEC of one."""
        pieces = self.begin_log(encode("SET", "a", 1) * 100 + encode("INCR", "a"))
        next(pieces)
        for argv in (["PING"], ["GET", "a"], ["set", "a", "2"], ["EVAL", "return 1", "0"], ["FLUSHALL"], ["SAVE"]):
            self.assertError(LOADING, *argv)
        self.assertReply("OK", "CONFIG", "SET", "timeout", "1")
        self.assertReply("OK", "MULTI")
        self.assertError(LOADING, "GET", "a")
        self.assertError("EXECABORT Transaction discarded because of previous errors.", "EXEC")
        deque(pieces, 0)
        self.assertReply(b"2", "GET", "a")

    def test_exec(self) -> None:
        """EXEC of commands that were queued before the load is refused if one of them lacks the flag."""
        deque(self.begin(), 0)
        for queued, refused in (("PING", True), ("TIME", False)):
            self.assertReply("OK", "MULTI")
            self.assertReply("QUEUED", queued)
            self.server.loading = Loader(self.server)
            self.server.refresh_dispatch()
            reply = self.send("EXEC")
            self.assertEqual(
                refused, reply == b"-EXECABORT Transaction discarded because of: %b\r\n" % LOADING.encode()
            )
            self.server.loading = None
            self.server.refresh_dispatch()

    def test_time(self) -> None:
        """Clients that are served between two pieces do not change the time at which commands are replayed."""
        pieces = self.begin_log(encode("SET", "a", 1, "PXAT", 5) * 100 + encode("INCR", "a"))
        for _ in pieces:
            self.run_command("TIME")
        self.assertEqual({b"a": 5}, self.server.keyspace.databases[0].expires)

    def test_info_of_snapshot(self) -> None:
        """INFO has the progress: start, bytes and an estimate of the rest, which is one second in the first second."""
        total = self.save(100)
        pieces = self.begin()
        next(pieces)
        begun = self.info()
        loaded = int(begun["loading_loaded_bytes"])
        self.assertTrue(INTERVAL <= loaded < 2 * INTERVAL)
        self.assertEqual(("1", "0", "1"), (begun["loading"], begun["async_loading"], begun["loading_eta_seconds"]))
        self.assertEqual(
            (int(self.clock.seconds()), total), (int(begun["loading_start_time"]), int(begun["loading_total_bytes"]))
        )
        self.assertEqual(f"{100 * loaded / total:.2f}", begun["loading_loaded_perc"])
        self.clock.advance(10)
        self.assertEqual(10 * (total - loaded) // (loaded + 1), int(self.info()["loading_eta_seconds"]))
        deque(pieces, 0)
        after = self.info()
        self.assertEqual("0", after["loading"])
        self.assertFalse([name for name in after if name.startswith("loading_")])
        self.assertEqual("100", after["rdb_last_load_keys_loaded"])

    def test_info_of_log(self) -> None:
        """The total is that of all files of an append-only file."""
        data = encode("SET", "a", 1) * 100
        pieces = self.begin_log(data)
        next(pieces)
        self.assertEqual(len(data), int(self.info()["loading_total_bytes"]))

    def test_interval(self) -> None:
        """C{loading-process-events-interval-bytes} decides how many pieces there are."""
        data = encode("SET", "a", "x" * 100) * 100
        few = len(list(self.begin_log(data, loading_process_events_interval_bytes=str(len(data)))))
        self.server.persistence.stop()
        self.assertEqual(1, few)
        many = len(list(self.begin_log(data)))
        self.assertTrue(len(data) // INTERVAL <= many <= len(data) // INTERVAL + 2)

    def test_delay(self) -> None:
        """C{key-load-delay} sleeps after each key or command, or after one in so many if it is negative."""
        slept: list[float] = []
        self.patch(delays.time, "sleep", slept.append)
        self.patch(delays.random, "randrange", lambda most: most - 1)
        self.save(20)
        for delay, expected in (("0", []), ("50", [50e-6] * 20), ("-3", [])):
            slept.clear()
            deque(self.begin(key_load_delay=delay), 0)
            self.server.persistence.stop()
            self.assertEqual(expected, slept[:20])
        self.patch(delays.random, "randrange", lambda most: 0)
        deque(self.begin_log(encode("SET", "a", 1) * 20, key_load_delay="-3"), 0)
        self.assertEqual([1e-6] * 20, slept)

    def test_shutdown(self) -> None:
        """SHUTDOWN SAVE in the middle of a load saves nothing: the data are incomplete."""
        self.save(100)
        before = (self.folder / "dump.rdb").read_bytes()
        pieces = self.begin(save="1 1")
        next(pieces)
        self.assertEqual(b"", self.send("SHUTDOWN", "SAVE"))
        self.assertRaises(CannotLoad, deque, pieces, 0)
        self.server.persistence.stop()
        self.assertEqual(before, (self.folder / "dump.rdb").read_bytes())

    def test_config_set(self) -> None:
        """CONFIG SET of C{appendonly} or C{dir} is refused during a load, with other parameters too."""
        self.save(100)
        pieces = self.begin(enable_protected_configs="yes")
        next(pieces)
        self.assertError(LOADING, "CONFIG", "SET", "timeout", "1", "appendonly", "yes")
        self.assertError(LOADING, "CONFIG", "SET", "dir", "/")
        deque(pieces, 0)
        self.assertReply("OK", "CONFIG", "SET", "appendonly", "yes")
        self.server.persistence.stop()

    def test_checksum(self) -> None:
        """A wrong checksum stops the load, unless C{rdbchecksum} is no."""
        self.save(1)
        path = self.folder / "dump.rdb"
        path.write_bytes(path.read_bytes()[:-8] + b"foobar00")
        error = str(self.assertRaises(CannotLoad, deque, self.begin(), 0))
        self.assertRegex(
            error,
            f"^Fatal error loading the DB: {path}: damaged at .*: RDB CRC error: .*; check it with redis-check-rdb",
        )
        deque(self.begin(rdbchecksum="no"), 0)
        self.assertReply(1, "DBSIZE")
        self.assertReply("OK", "SAVE")
        self.assertEqual(bytes(8), path.read_bytes()[-8:])

    def loaded(self, data: bytes) -> tuple[list[str], str]:
        """Load a snapshot without a checksum; return the log and the error."""
        (self.folder / "dump.rdb").write_bytes(b"REDIS0010" + data + b"\xff" + bytes(8))
        lines: list[str] = []
        pieces = self.begin()
        self.patch(self.server.host, "log", lambda level, text: lines.append(text))
        try:
            deque(pieces, 0)
        except CannotLoad as error:
            return lines, str(error)
        return lines, ""

    def test_empty_keys(self) -> None:
        """Keys with empty values are skipped, each with a line of the log, as in Redis."""
        expiring, expired = (b"\xfc" + when.to_bytes(8, "little") for when in (10**13, 1))
        lines, error = self.loaded(b"\0\1a\1b" + expired + b"\0\1x\1y" + expiring + b"\4\5empty\0\2\3set\0\0\1c\1d")
        self.assertEqual("", error)
        self.assertEqual([
            "rdbLoadObject skipping empty key: empty", "rdbLoadObject skipping empty key: set",
            "Done loading RDB, keys loaded: 2, keys expired: 1, empty keys skipped: 2.",
        ], lines[:3])  # fmt: skip
        self.assertEqual({b"a": b"b", b"c": b"d"}, self.server.keyspace.databases[0].values)
        self.assertEqual({}, self.server.keyspace.databases[0].expires)
        info = self.info()
        self.assertEqual("2 1", f"{info['rdb_last_load_keys_loaded']} {info['rdb_last_load_keys_expired']}")

    def test_damaged_value(self) -> None:
        """A damaged value stops the load, with Redis's lines in the log."""
        lines, error = self.loaded(b"\x0d\1h\3abc")
        self.assertRegex(
            lines[0], "^Internal error in RDB reading: damaged at .*: Hash ziplist integrity check failed: "
        )
        self.assertEqual(["Terminating server after rdb file reading failure."], lines[1:])
        self.assertIn("Hash ziplist integrity check failed", error)
