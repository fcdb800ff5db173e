"""deploy/backup.sh: backups of a running server, restored in another one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from threading import Event, Thread

import pytest

from ..support.client import PATIENCE
from ..support.contents import contents, difference
from ..support.durable import LIBRARY, fill, held, info, tseep
from ..support.servers import ROOT, Tseep, until

SCRIPT = ROOT / "deploy" / "backup.sh"
PERMISSIONS = ("+info", "+bgsave", "+config|get", "+config|set")


def run_script(server: Tseep, target: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the script as the user C{backup}, which has the permissions that the script names, and no others."""
    with server.connect() as client:
        assert client("ACL", "SETUSER", "backup", "on", ">secret", *PERMISSIONS) == "OK"
    how = {"REDIS_CLI": f"redis-cli -p {server.port} --user backup", "REDISCLI_AUTH": "secret"}
    return subprocess.run(
        ["sh", str(SCRIPT), str(target)], capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, **how, **env},
    )  # fmt: skip


def backup_of(server: Tseep, target: Path) -> Path:
    """The folder of a new backup."""
    run = run_script(server, target)
    assert (run.returncode, run.stderr) == (0, ""), run.stderr
    return Path(run.stdout.strip())


@pytest.mark.parametrize("options", [["--appendonly", "yes"], []], ids=["append-only file", "snapshot"])
def test_backup(options: list[str], tmp_path: Path) -> None:
    """A server that is started on the backup has every key of each type, with expiry times, and the functions."""
    folder = tmp_path / "data"
    folder.mkdir()
    with tseep(folder, *options) as server:
        with server.connect() as client:
            fill(client)
            if options:  # a base file, and changes after it
                client("BGREWRITEAOF")
                until(lambda: info(client, "aof_rewrite_in_progress") == "0", "the rewrite is done")
                client("SET", "after", "the rewrite")
            assert client("FUNCTION", "LOAD", LIBRARY) == b"lib"
            before = contents(client)
        found = backup_of(server, tmp_path / "backups")
        with server.connect() as client:
            client("FLUSHALL")
            assert client("CONFIG", "GET", "auto-aof-rewrite-percentage")[1] == b"100"
    with tseep(found, *options) as restored:
        assert not difference(before, held(restored))
        with restored.connect() as client:
            assert client("FCALL", "f", 1, "string:1") == b"7"


@pytest.mark.parametrize("options", [["--appendonly", "yes"], []], ids=["append-only file", "snapshot"])
def test_backup_under_writes(options: list[str], tmp_path: Path) -> None:
    """A backup has what was acknowledged before it, although clients write during it."""
    folder = tmp_path / "data"
    folder.mkdir()
    stop = Event()
    with tseep(folder, *options) as server, server.connect() as client:

        def write() -> None:
            with server.connect() as other:
                while not stop.is_set():
                    other("INCR", "counter")

        writer = Thread(target=write)
        writer.start()
        try:
            until(lambda: int(client("GET", "counter") or 0) > 100, "there are changes")
            before = int(client("GET", "counter"))
            found = backup_of(server, tmp_path / "backups")
        finally:
            stop.set()
            writer.join()
        after = int(client("GET", "counter"))
    with tseep(found, *options) as restored, restored.connect() as client:
        assert before <= int(client("GET", "counter")) <= after


def test_failed_backup(tmp_path: Path) -> None:
    """Without a snapshot, without the data directory or without permissions there is no backup, and an error."""
    folder = tmp_path / "data"
    folder.mkdir()
    with tseep(folder) as server, server.connect() as client:
        client("SET", "a", "1")
        missing = run_script(server, tmp_path, DATA=str(tmp_path / "nothing"))
        assert missing.returncode != 0 and "nothing" in missing.stderr
        (folder / "dump.rdb").unlink()
        (folder / "dump.rdb").mkdir()  # in place of the snapshot
        failed = run_script(server, tmp_path)
        assert failed.returncode != 0 and "BGSAVE has failed" in failed.stderr
        denied = run_script(server, tmp_path, REDISCLI_AUTH="wrong")
        assert denied.returncode != 0
        assert not list(tmp_path.glob("*Z")), "no folder looks like a backup"
