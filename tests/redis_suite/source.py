"""
Redis's source package, as Debian patches it: fetched by apt, unpacked, and never committed.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from ..support.apt import Archive, Unavailable, run
from ..support.oracles import REDIS_7_0, find_program

VERSION = "7.0.15"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "redis-suite"
TOOLS = ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb")
"""Programs that the suite calls in C{src/}, and that stay Redis's."""


def fetch() -> Path:
    """
    Return the unpacked source of redis VERSION.

    @raise Unavailable: if it cannot be fetched.
    """
    unpacked = FOLDER / "redis"
    if not (unpacked / "tests" / "test_helper.tcl").exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        archive = Archive(FOLDER / "apt", REDIS_7_0.release, "deb-src")
        archive.update()
        description = archive.download_source("redis")
        if not description.name.startswith(f"redis_{VERSION}-"):
            raise Unavailable(f"Debian's {REDIS_7_0.release} has another redis than {VERSION}: {description.name}")
        run("dpkg-source", "--no-check", "--extract", str(description), str(unpacked), cwd=FOLDER)
    return unpacked


def prepare(tree: Path, mode: str) -> None:
    """
    Make a copy of the suite in which C{src/redis-server} is the server under test.

    @param tree: the new folder. The suite writes into its own folder, so that each unit that runs has one.
    @param mode: v1, v2 or v3; or C{redis} for redis-server itself.
    """
    source = fetch()
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(source / "tests", tree / "tests", symlinks=True)
    for name in ("src", "utils"):
        (tree / name).mkdir()
    for each in (source / "src").glob("*.[ch]"):
        (tree / "src" / each.name).symlink_to(each)
    for each in (source / "utils").iterdir():
        (tree / "utils" / each.name).symlink_to(each)
    for name in (*TOOLS, *(["redis-server"] if mode == "redis" else [])):
        (tree / "src" / name).symlink_to(find_program(name))
    if mode != "redis":
        server = tree / "src" / "redis-server"
        script = Path(__file__).resolve().parent / "server.py"
        server.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {mode} "$0" "$@"\n')
        server.chmod(0o755)
