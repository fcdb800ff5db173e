"""Tests for L{tseep.commands.admin.info}: INFO and its sections."""

from __future__ import annotations

import os

from tseep.commands.admin.info import SECTIONS
from tseep.commands.admin.memory_figures import human
from tseep.errors import OUT_OF_MEMORY
from tseep.scripting.functions import Library
from tseep.session.client_info import memory_of
from tseep.system import futex, process
from tseep.test.support import START, SessionTests, Verbatim

FIELDS = {
    "server": "redis_version redis_git_sha1 redis_git_dirty redis_build_id redis_mode os arch_bits monotonic_clock "
    "multiplexing_api atomicvar_api gcc_version process_id process_supervised run_id tcp_port server_time_usec "
    "uptime_in_seconds uptime_in_days hz configured_hz lru_clock executable config_file io_threads_active",
    "clients": "connected_clients cluster_connections maxclients client_recent_max_input_buffer "
    "client_recent_max_output_buffer blocked_clients tracking_clients clients_in_timeout_table",
    "memory": "used_memory used_memory_human used_memory_rss used_memory_rss_human used_memory_peak "
    "used_memory_peak_human used_memory_peak_perc used_memory_overhead used_memory_startup used_memory_dataset "
    "used_memory_dataset_perc allocator_allocated allocator_active allocator_resident total_system_memory "
    "total_system_memory_human used_memory_lua used_memory_vm_eval used_memory_lua_human used_memory_scripts_eval "
    "number_of_cached_scripts number_of_functions number_of_libraries used_memory_vm_functions used_memory_vm_total "
    "used_memory_vm_total_human used_memory_functions used_memory_scripts used_memory_scripts_human maxmemory "
    "maxmemory_human maxmemory_policy allocator_frag_ratio allocator_frag_bytes allocator_rss_ratio "
    "allocator_rss_bytes rss_overhead_ratio rss_overhead_bytes mem_fragmentation_ratio mem_fragmentation_bytes "
    "mem_not_counted_for_evict mem_replication_backlog mem_total_replication_buffers mem_clients_slaves "
    "mem_clients_normal mem_cluster_links mem_aof_buffer mem_allocator active_defrag_running lazyfree_pending_objects "
    "lazyfreed_objects",
    "persistence": "loading async_loading current_cow_peak current_cow_size current_cow_size_age current_fork_perc "
    "current_save_keys_processed current_save_keys_total rdb_changes_since_last_save rdb_bgsave_in_progress "
    "rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec rdb_current_bgsave_time_sec rdb_saves "
    "rdb_last_cow_size rdb_last_load_keys_expired rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress "
    "aof_rewrite_scheduled aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status "
    "aof_rewrites aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size module_fork_in_progress "
    "module_fork_last_cow_size",
    "stats": "total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes "
    "total_net_output_bytes total_net_repl_input_bytes total_net_repl_output_bytes instantaneous_input_kbps "
    "instantaneous_output_kbps instantaneous_input_repl_kbps instantaneous_output_repl_kbps rejected_connections "
    "sync_full sync_partial_ok sync_partial_err expired_keys expired_stale_perc expired_time_cap_reached_count "
    "expire_cycle_cpu_milliseconds evicted_keys evicted_clients total_eviction_exceeded_time "
    "current_eviction_exceeded_time keyspace_hits keyspace_misses pubsub_channels pubsub_patterns "
    "pubsubshard_channels latest_fork_usec total_forks migrate_cached_sockets slave_expires_tracked_keys "
    "active_defrag_hits active_defrag_misses active_defrag_key_hits active_defrag_key_misses total_active_defrag_time "
    "current_active_defrag_time tracking_total_keys tracking_total_items tracking_total_prefixes "
    "unexpected_error_replies total_error_replies dump_payload_sanitizations total_reads_processed "
    "total_writes_processed io_threaded_reads_processed io_threaded_writes_processed reply_buffer_shrinks "
    "reply_buffer_expands",
    "replication": "role connected_slaves master_failover_state master_replid master_replid2 master_repl_offset "
    "second_repl_offset repl_backlog_active repl_backlog_size repl_backlog_first_byte_offset repl_backlog_histlen",
    "cpu": "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children used_cpu_sys_main_thread "
    "used_cpu_user_main_thread",
}
"""The fields of Redis 7.0.15 by section."""


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

    def test_hz(self) -> None:
        """hz is the frequency of the periodic tasks, which is limited; the lag of a second has as many values."""
        for configured, used in ((0, 1), (30, 30), (501, 500)):
            self.run_command("CONFIG", "SET", "hz", configured)
            fields = self.fields("server")
            self.assertEqual([str(used), str(configured)], [fields["hz"], fields["configured_hz"]])
            self.server.lag.note(5_000_000)
            for left in range(used, 0, -1):
                self.assertEqual("5000", self.fields("stats")["tseep_loop_lag_usec"], left)
                self.server.lag.note(1000)
            self.assertEqual("1", self.fields("stats")["tseep_loop_lag_usec"])

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
        """The memory section has used, resident and peak memory, and the memory of clients and of functions."""
        self.patch(process, "resident_memory", lambda: 3 * 2**20)
        self.run_command("SET", "key", bytes(3 * 2**20))
        before = self.server.eviction.measured().used
        self.run_command("SET", "key", bytes(3 * 2**19))
        fields = self.fields("memory")
        used = self.server.eviction.measured()
        self.assertEqual((str(used.used), "1.50M"), (fields["used_memory"], fields["used_memory_human"]))
        self.assertEqual(("3145728", "3.00M"), (fields["used_memory_rss"], fields["used_memory_rss_human"]))
        peak = str(before), f"{100 * used.used / before:.2f}%"
        self.assertEqual(peak, (fields["used_memory_peak"], fields["used_memory_peak_perc"]))
        parts = str(used.dataset), str(used.overhead)
        self.assertEqual(parts, (fields["used_memory_dataset"], fields["used_memory_overhead"]))
        self.assertEqual(f"{3 * 2**20 / used.used:.2f}", fields["mem_fragmentation_ratio"])
        self.assertEqual(str(memory_of(self.session)), fields["mem_clients_normal"])
        self.server.scripting.functions.libraries[b"l"] = Library(b"l", b"#!lua name=l\n")
        self.assertEqual("13", self.fields("memory")["used_memory_functions"])

    def test_maxmemory(self) -> None:
        """used_memory is what maxmemory is held against, with or without a limit, and includes clients and scripts."""
        self.run_command("RPUSH", "list", *range(3000))
        for number in range(5000):
            self.run_command("SET", number, "x" * 100)
        used = int(self.fields("memory")["used_memory"])
        self.run_command("CONFIG", "SET", "maxmemory", "1gb")
        counted = self.server.eviction.measured().used
        self.assertEqual(str(counted), self.fields("memory")["used_memory"])
        self.assertEqual(counted, self.server.eviction.used)
        self.assertTrue(0.9 < used / counted < 1.1, (used, counted))
        self.run_command("CONFIG", "SET", "maxmemory", counted + 10_000)
        waiting = self.connect()
        waiting.receive(b"*1\r\n$50000\r\n" + b"x" * 40_000)
        self.server.cron.run()
        self.assertError(OUT_OF_MEMORY, "SET", "key", "value")
        waiting.connection.close()
        self.server.disconnect(waiting)
        self.pass_time(1)
        self.server.cron.run()
        self.assertReply("OK", "SET", "key", "value")
        self.run_command("SCRIPT", "LOAD", "return '" + "x" * 1000 + "'")
        fields = self.fields("memory")
        self.assertEqual("1009", fields["used_memory_scripts_eval"])
        self.assertGreater(int(fields["used_memory_lua"]), 10_000)
        self.assertGreater(self.server.eviction.measured().used, counted + 10_000)

    def test_exceeded(self) -> None:
        """The stats section has the time for which maxmemory was exceeded, and the sweeps that took too long."""
        self.run_command("SET", "key", "value")
        self.run_command("CONFIG", "SET", "maxmemory", 1)
        self.pass_time(2)
        fields = self.fields("stats")
        self.assertEqual(
            ["2000", "2000"], [fields["total_eviction_exceeded_time"], fields["current_eviction_exceeded_time"]]
        )
        self.run_command("CONFIG", "SET", "maxmemory", 0)
        self.pass_time(2)
        fields = self.fields("stats")
        self.assertEqual(
            ["2000", "0"], [fields["total_eviction_exceeded_time"], fields["current_eviction_exceeded_time"]]
        )

    def test_expired_share(self) -> None:
        """expired_stale_perc is the share of expired keys among the volatile ones."""
        for number in range(4):
            self.run_command("SET", number, "value", "PX", 10 if number else 10_000)
        self.assertEqual("0.00", self.fields("stats")["expired_stale_perc"])
        self.pass_time(1)
        self.assertEqual("75.00", self.fields("stats")["expired_stale_perc"])

    def test_buffers(self) -> None:
        """The clients section has the largest input and output buffer, and the blocked clients with a timeout."""
        for timeout in (0, 5):
            self.send("BLPOP", "key", timeout, session=self.connect())
        partial = self.connect()
        partial.receive(b"*1\r\n$100\r\n" + b"x" * 60)
        partial.connection.unsent = 77
        fields = self.fields("clients")
        names = ("client_recent_max_output_buffer", "blocked_clients", "clients_in_timeout_table")
        self.assertEqual(["77", "2", "1"], [fields[name] for name in names])
        self.assertGreaterEqual(int(fields["client_recent_max_input_buffer"]), 60)

    def test_names(self) -> None:
        """INFO has all fields of Redis 7.0, in the sections that have fixed ones, with values of their form."""
        for section, names in FIELDS.items():
            fields = self.fields(section)
            self.assertEqual([], [name for name in names.split() if name not in fields], section)

    def test_processed(self) -> None:
        """total_reads_processed and total_writes_processed count reads with their replies."""
        self.run_command("PING")
        self.session.receive(b"PI")
        self.session.receive(b"NG\r\n")
        fields = self.fields("stats")
        self.assertEqual(["4", "2"], [fields["total_reads_processed"], fields["total_writes_processed"]])

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
        self.run_command("CONFIG", "SET", "latency-tracking-info-percentiles", "0.0 99.90")
        self.assertReply([b"latency-tracking-info-percentiles", b"0 99.9"], "CONFIG", "GET", "latency-tracking-*s")
        self.assertIn("latency_percentiles_usec_get:p0=1.024,p99.9=996.147", self.lines("latencystats"))
        for wrong in ("50 a", "50 101", "-1"):
            self.assertIn(
                "latency-tracking-info-percentiles",
                self.run_command("CONFIG", "SET", "latency-tracking-info-percentiles", wrong),
            )
        self.run_command("CONFIG", "SET", "latency-tracking", "no")
        self.assertEqual({}, self.fields("latencystats"))
        self.assertReply([], "LATENCY", "HISTOGRAM")

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
