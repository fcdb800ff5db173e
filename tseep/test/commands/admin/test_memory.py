"""Tests of L{tseep.commands.admin.memory}."""

from __future__ import annotations

from tseep.datatypes.memory import size
from tseep.system import process
from tseep.test.support import SessionTests, Verbatim

MIB = 2**20


class UsageTests(SessionTests):
    """MEMORY USAGE."""

    def test_usage(self) -> None:
        """A key takes what the store says, more if it will expire; no key takes nothing."""
        self.assertReply(None, "MEMORY", "USAGE", "key")
        self.run_command("SET", "key", "x" * 100)
        self.assertReply(size(b"key", b"x" * 100), "MEMORY", "USAGE", "key", "SAMPLES", 0)
        self.run_command("EXPIRE", "key", 100)
        self.assertReply(size(b"key", b"x" * 100, True), "MEMORY", "USAGE", "key")

    def test_no_trace(self) -> None:
        """Looking at a key's memory is no use of it."""
        self.run_command("SET", "key", "value")
        before = self.session.db.accessed[b"key"]
        self.pass_time(10)
        self.run_command("MEMORY", "USAGE", "key")
        self.assertEqual((before, 0), (self.session.db.accessed[b"key"], self.server.keyspace.hits))

    def test_wrong_options(self) -> None:
        """Only SAMPLES with a count may follow the key."""
        for options in (["FOO"], ["SAMPLES"], ["SAMPLES", -1], ["FOO", 1], ["SAMPLES", 1, "FOO"]):
            self.assertError("ERR syntax error", "MEMORY", "USAGE", "key", *options)
        self.assertError("ERR value is not an integer or out of range", "MEMORY", "USAGE", "key", "SAMPLES", "x")


class ProcessTests(SessionTests):
    """What the process takes."""

    def setUp(self) -> None:
        """A process of 90 MiB that was 100 MiB large once, of 1000 MiB, and 30 MiB when it began."""
        super().setUp()
        self.sizes(resident=90, peak=100, system=1000)
        self.server.startup_memory = 30 * MIB
        self.run_command("HELLO", 3)

    def sizes(self, **mebibytes: int) -> None:
        """Let the system say so."""
        for name, number in mebibytes.items():
            self.patch(process, f"{name}_memory", lambda number=number: number * MIB)

    def test_stats(self) -> None:
        """MEMORY STATS tells what the process takes, and what of that came with each key."""
        for database in (0, 1):
            self.run_command("SELECT", database)
            self.run_command("SET", "key", "value")
        self.assertReply(
            {
                b"peak.allocated": 100 * MIB,
                b"total.allocated": 90 * MIB,
                b"startup.allocated": 30 * MIB,
                b"replication.backlog": 0,
                b"clients.slaves": 0,
                b"clients.normal": self.session.memory,
                b"cluster.links": 0,
                b"aof.buffer": 0,
                b"functions.caches": 0,
                b"dataset.bytes": 60 * MIB,
                b"dataset.percentage": 100 * 60 / 90,
                b"keys.count": 2,
                b"keys.bytes-per-key": 30 * MIB,
                b"peak.percentage": 90.0,
            },
            "MEMORY",
            "STATS",
        )

    def test_no_keys(self) -> None:
        """Without keys there are no bytes per key."""
        self.assertEqual(0, self.run_command("MEMORY", "STATS")[b"keys.bytes-per-key"])

    def test_doctor(self) -> None:
        """The doctor finds a process that once was much larger, or takes half of the machine."""
        self.assertEqual(b"Nothing to complain of: the process takes 90.00M.\n", self.run_command("MEMORY", "DOCTOR"))
        self.sizes(peak=200)
        self.assertEqual(b"The process took 200.00M once; now it takes 90.00M.\n", self.run_command("MEMORY", "DOCTOR"))
        self.sizes(peak=90, system=100)
        report = self.run_command("MEMORY", "DOCTOR")
        self.assertEqual(b"The process takes 90.00M, more than half of the machine's 100.00M.\n", report)

    def test_malloc_stats(self) -> None:
        """MEMORY MALLOC-STATS tells something on every Python."""
        stats = self.run_command("MEMORY", "MALLOC-STATS")
        self.assertIsInstance(stats, Verbatim)
        self.assertGreater(stats.count(b"\n"), 1)

    def test_purge(self) -> None:
        """MEMORY PURGE frees what refers only to itself."""
        import weakref

        class Node:
            """Refers to itself."""

        node = Node()
        node.itself = node
        reference = weakref.ref(node)
        del node
        self.assertReply("OK", "MEMORY", "PURGE")
        self.assertIsNone(reference())
