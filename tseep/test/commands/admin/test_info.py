"""Tests for L{tseep.commands.admin.info}: INFO and its sections."""

from __future__ import annotations

import os

from tseep.commands.admin.info import SECTIONS
from tseep.commands.admin.memory_figures import human
from tseep.scripting.functions import Library
from tseep.system import futex, process
from tseep.test.support import START, SessionTests, Verbatim


class InfoTests(SessionTests):
    def lines(self, *sections: str) -> list[str]:
        """Return the lines of these sections."""
        text = self.run_command("INFO", *sections).decode()
        return text.split("\r\n")

    def fields(self, section: str) -> dict[str, str]:
        """Return the fields of a section by name."""
        return dict(line.split(":", 1) for line in self.lines(section) if ":" in line)

    def titles(self, *sections: str) -> list[str]:
        """Return the titles of the sections in the reply."""
        return [line[2:].lower() for line in self.lines(*sections) if line.startswith("# ")]

    def test_form(self) -> None:
        """Sections have a title and are separated by an empty line; in RESP3 the reply is a verbatim string."""
        self.assertEqual(["# Modules", "", "# Cluster", "cluster_enabled:0", ""], self.lines("CLUSTER", "modules"))
        self.assertReply(b"", "INFO", "nosuch")
        self.run_command("HELLO", 3)
        self.assertIsInstance(self.run_command("INFO"), Verbatim)

    def test_sections(self) -> None:
        """INFO all has every section; by default commandstats and latencystats are omitted."""
        self.assertEqual(list(SECTIONS), self.titles("all"))
        self.assertEqual(list(SECTIONS), self.titles("everything", "nosuch"))
        short = [name for name in SECTIONS if name not in ("commandstats", "latencystats")]
        self.assertEqual(short, self.titles())
        self.assertEqual(short, self.titles("Default"))
        self.assertEqual([*short[:8], "commandstats", *short[8:]], self.titles("commandstats", "default"))

    def test_server(self) -> None:
        """The server section has version, mode, port, process id, run id and uptime."""
        self.server.mode, self.server.addresses = "v2", ["/run/tseep.sock:0", "[::]:7000", "127.0.0.1:7001"]
        self.pass_time(2 * 86400 + 5)
        fields = self.fields("server")
        expected = {
            "redis_version": "7.0.15",
            "tseep_mode": "v2",
            "tcp_port": "7000",
            "process_id": str(os.getpid()),
            "run_id": self.server.run_id,
            "uptime_in_seconds": str(2 * 86400 + 5),
            "uptime_in_days": "2",
            "server_time_usec": str((START + 2 * 86400 + 5) * 1_000_000),
        }
        self.assertEqual(expected, {name: fields[name] for name in expected})

    def test_no_port(self) -> None:
        """tcp_port is 0 if the server listens on no TCP port."""
        self.server.addresses = ["/run/tseep.sock:0"]
        self.assertEqual("0", self.fields("server")["tcp_port"])

    def test_clients(self) -> None:
        """The clients section has the number of connected clients and maxclients."""
        self.server.disconnect(self.connect())
        self.connect()
        fields = self.fields("clients")
        self.assertEqual(("2", "10000"), (fields["connected_clients"], fields["maxclients"]))

    def test_threads(self) -> None:
        """In v1 INFO has the numbers of threads and of waiting clients, and the slots of the kernel's futex table."""
        self.assertNotIn("tseep_threads", self.fields("clients"))

        class SomeThreads(list[int]):
            waiting = ("client", "another")

        self.server.threads = SomeThreads([1, 2, 3])
        fields = self.fields("clients")
        self.assertEqual(("3", "2"), (fields["tseep_threads"], fields["tseep_waiting_clients"]))
        self.patch(futex, "slots", lambda: 512)
        self.assertEqual("512", self.fields("server")["tseep_futex_slots"])

    def test_memory(self) -> None:
        """The memory section has resident and peak memory, and the memory of clients and of functions."""
        self.patch(process, "resident_memory", lambda: 3 * 2**20)
        self.patch(process, "peak_memory", lambda: 4 * 2**20)
        fields = self.fields("memory")
        self.assertEqual(("3145728", "3.00M"), (fields["used_memory"], fields["used_memory_human"]))
        self.assertEqual(("4194304", "75.00%"), (fields["used_memory_peak"], fields["used_memory_peak_perc"]))
        self.assertEqual(str(self.session.memory), fields["mem_clients_normal"])
        self.server.scripting.functions.libraries[b"l"] = Library(b"l", b"#!lua name=l\n")
        self.assertEqual("13", self.fields("memory")["used_memory_functions"])

    def test_stats(self) -> None:
        """The stats section counts connections, commands, bytes, hits, misses, expired keys and errors."""
        self.connect()
        self.send("SET", "key", "value", "PX", 1)
        self.send("GET", "key")
        self.pass_time(1)
        self.send("GET", "key")
        self.send("NOSUCH")
        sent = self.server.stats.output_bytes
        fields = self.fields("stats")
        expected = {
            "total_connections_received": "2",
            "total_commands_processed": "3",
            "total_net_output_bytes": str(sent),
            "keyspace_hits": "1",
            "keyspace_misses": "1",
            "expired_keys": "1",
            "total_error_replies": "1",
        }
        self.assertEqual(expected, {name: fields[name] for name in expected})

    def test_rates(self) -> None:
        """The instantaneous figures are those of the last sample, bytes in KiB."""
        self.server.rates.per_second = [12.4, 2048.0, 512.0]
        fields = self.fields("stats")
        names = ("instantaneous_ops_per_sec", "instantaneous_input_kbps", "instantaneous_output_kbps")
        self.assertEqual(["12", "2.00", "0.50"], [fields[name] for name in names])

    def test_loop_lag(self) -> None:
        """tseep_loop_lag_usec is the highest lag of the event loop in the last second, in microseconds."""
        self.assertEqual("0", self.fields("stats")["tseep_loop_lag_usec"])
        self.server.lag.note(2_500_999)
        self.server.lag.note(1_000)
        self.assertEqual("2500", self.fields("stats")["tseep_loop_lag_usec"])

    def test_replication(self) -> None:
        """The replication section reports a master without replicas."""
        fields = self.fields("replication")
        self.assertEqual(("master", "0"), (fields["role"], fields["connected_slaves"]))

    def test_commandstats(self) -> None:
        """The commandstats section has count, time, rejections and failures of each called command."""
        times = iter([0, 3000, 0, 2000, 0, 4000])
        self.server.timer = times.__next__
        for command in ("GET key", "GET key", "CLIENT NO-EVICT x"):
            self.send(*command.split())
        self.server.timer = lambda: 0
        self.send("GET")
        self.assertEqual(
            {
                "cmdstat_get": "calls=2,usec=5,usec_per_call=2.50,rejected_calls=1,failed_calls=0",
                "cmdstat_client|no-evict": "calls=1,usec=4,usec_per_call=4.00,rejected_calls=0,failed_calls=1",
            },
            self.fields("commandstats"),
        )

    def test_latencystats(self) -> None:
        """The latencystats section has the latency percentiles of each called command."""
        calls = self.server.table.commands[b"get"].calls
        calls.buckets[11] = 98
        calls.buckets[12] = 1
        calls.buckets[20] = 1
        expected = {"latency_percentiles_usec_get": "p50=1.546,p99=4.096,p99.9=996.147"}
        self.assertEqual(expected, self.fields("latencystats"))

    def test_errorstats(self) -> None:
        """The errorstats section counts errors by their code."""
        for command in ("NOSUCH", "GET", "AUTH nobody x"):
            self.run_command(*command.split())
        expected = {"errorstat_ERR": "count=2", "errorstat_WRONGPASS": "count=1"}
        self.assertEqual(expected, self.fields("errorstats"))

    def test_keyspace(self) -> None:
        """The keyspace section has keys, expires and average TTL of each database that is not empty."""
        for command in ("SET a 1", "SET b 1 PX 3000", "SET c 1 PX 1000", "SELECT 3", "SET a 1"):
            self.run_command(*command.split())
        expected = {"db0": "keys=3,expires=2,avg_ttl=2000", "db3": "keys=1,expires=0,avg_ttl=0"}
        self.assertEqual(expected, self.fields("keyspace"))


class HumanTests(SessionTests):
    def test_units(self) -> None:
        """A size is shown in the largest unit in which it is at least 1."""
        sizes = {
            0: "0B",
            1023: "1023B",
            1024: "1.00K",
            1536: "1.50K",
            2**20: "1.00M",
            5 * 2**30: "5.00G",
            2**60: "1024.00P",
        }
        self.assertEqual(sizes, {size: human(size) for size in sizes})
