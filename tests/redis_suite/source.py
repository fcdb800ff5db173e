"""
Redis's source package, as Debian patches it: fetched by apt, unpacked, and never committed.

The list of C{deb-src} entries is derived from the machine's own apt sources.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

VERSION = "7.0.15"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "redis-suite"
TOOLS = ("redis-cli", "redis-benchmark", "redis-check-aof", "redis-check-rdb")
"""Programs that the suite calls in C{src/}, and that stay Redis's."""


class Unavailable(Exception):
    """The suite cannot run here; the text says why."""


def fetch() -> Path:
    """
    Return the unpacked source of redis VERSION.

    @raise Unavailable: if apt has no such source package, or a program is missing.
    """
    unpacked = FOLDER / "redis"
    if not (unpacked / "tests" / "test_helper.tcl").exists():
        shutil.rmtree(FOLDER, ignore_errors=True)
        _download()
        (description,) = FOLDER.glob(f"redis_{VERSION}-*.dsc")
        _run("dpkg-source", "--no-check", "--extract", description.name, "redis")
    return unpacked


def _download() -> None:
    sources, lists = FOLDER / "sources", FOLDER / "lists"
    sources.mkdir(parents=True)
    (lists / "partial").mkdir(parents=True)
    for path in Path("/etc/apt/sources.list.d").glob("*.sources"):
        (sources / path.name).write_text(re.sub(r"(?m)^Types:.*$", "Types: deb-src", path.read_text()))
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.list")):
        if path.exists():
            lines = re.findall(r"(?m)^deb (.+)$", path.read_text())
            (sources / f"{path.stem}.list").write_text("".join(f"deb-src {line}\n" for line in lines))
    options = ["-o", "Dir::Etc::sourcelist=/dev/null", "-o", f"Dir::Etc::sourceparts={sources}"]
    options += ["-o", f"Dir::State::lists={lists}"]
    _run("apt-get", *options, "--quiet=2", "update")
    _run("apt-get", *options, "--quiet=2", "source", "--download-only", "redis")
    if not list(FOLDER.glob(f"redis_{VERSION}-*.dsc")):
        raise Unavailable(f"this machine's apt sources have another redis than {VERSION}")


def _run(*command: str) -> None:
    try:
        run = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    if run.returncode:
        raise Unavailable(f"{' '.join(command)}: {run.stderr.strip() or run.stdout.strip()}")


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
        program = shutil.which(name)
        if program is None:
            raise Unavailable(f"{name} is not installed")
        (tree / "src" / name).symlink_to(program)
    if mode != "redis":
        server = tree / "src" / "redis-server"
        script = Path(__file__).resolve().parent / "server.py"
        server.write_text(f'#!/bin/sh\nexec {sys.executable} {script} {mode} "$@"\n')
        server.chmod(0o755)
