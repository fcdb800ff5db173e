"""
The servers that tests compare tseep with.

A test names the oracle that it needs; L{REDIS_7_0} is the default. An oracle is the machine's own redis-server if its
version fits. Otherwise it is fetched from the release of Debian that has it, unpacked into C{build/oracles}, and run
with that release's own loader and libraries.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from . import apt
from .apt import Unavailable

FOLDER = Path(__file__).resolve().parents[2] / "build" / "oracles"

_LIBRARIES = (
    "libatomic1", "libc6", "libcap2", "libgcc-s1", "libjemalloc2", "liblzf1", "libstdc++6", "libsystemd0", "libzstd1",
)  # fmt: skip


@dataclass(frozen=True)
class Oracle:
    """
    A version of redis-server.

    @ivar version: the beginning of its version.
    @ivar release: the release of Debian that has it.
    @ivar packages: the packages that its programs need there.
    """

    version: str
    release: str
    packages: tuple[str, ...]

    def __str__(self) -> str:
        return f"redis-server {self.version}"


REDIS_7_0 = Oracle(
    "7.0",
    "bookworm",
    ("redis-server", "redis-tools", *_LIBRARIES, "libgcrypt20", "libgpg-error0", "liblz4-1", "liblzma5", "libssl3"),
)
REDIS_8_0 = Oracle("8.0", "trixie", ("redis-server", "redis-tools", *_LIBRARIES, "libssl3t64", "zlib1g"))


def find_program(name: str, oracle: Oracle = REDIS_7_0) -> str:
    """
    Return the path of a program of an oracle: redis-server, redis-cli, redis-benchmark, redis-check-aof or
    redis-check-rdb.

    @raise Unavailable: if the machine has another version or none, and the oracle cannot be fetched.
    """
    if fits(shutil.which("redis-server"), oracle):
        path = shutil.which(name)
        if path is None:
            raise Unavailable(f"{name} is not installed, and tests need it: apt-get install redis-tools")
        return path
    return str(_unpacked(oracle) / "bin" / name)


def find_configuration(oracle: Oracle = REDIS_7_0) -> Path:
    """Return Debian's redis.conf of an oracle. Raises L{Unavailable}."""
    file = Path("/etc/redis/redis.conf")
    if fits(shutil.which("redis-server"), oracle) and os.access(file, os.R_OK):
        return file
    return _unpacked(oracle) / "root" / file.relative_to("/")


def fits(path: str | None, oracle: Oracle) -> bool:
    """Return whether the redis-server at a path has the version of an oracle."""
    if path is None:
        return False
    printed = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    return f" v={oracle.version}." in printed


@cache
def _unpacked(oracle: Oracle, folder: Path = FOLDER) -> Path:
    """Return the folder of an oracle that is not installed. It is fetched once, also if several processes need it."""
    made = folder / f"redis-{oracle.version}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = folder / "unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            _fetch(oracle, unfinished)
            unfinished.rename(made)
    return made


def _fetch(oracle: Oracle, folder: Path) -> None:
    """Make a folder with an oracle: C{root} has the files of its packages, C{bin} starts its programs."""
    archive = apt.Archive(folder / "apt", oracle.release)
    archive.update()
    root = folder / "root"
    for package in archive.download(oracle.packages):
        apt.run("dpkg-deb", "--extract", str(package), str(root), cwd=folder)
    shutil.rmtree(archive.folder)
    libraries = [path for where in ("lib", "usr/lib") for path in root.glob(f"{where}/*-linux-gnu*") if path.is_dir()]
    (loader,) = [path for each in libraries for path in each.glob("ld-linux*.so.*")]
    (folder / "bin").mkdir()
    for program in root.glob("usr/bin/redis-*"):
        script = folder / "bin" / program.name
        script.write_text(_start(folder, loader, libraries, program))
        script.chmod(0o755)
    if not fits(str(folder / "bin" / "redis-server"), oracle):
        raise Unavailable(f"Debian's {oracle.release} has another version than {oracle}")


def _start(folder: Path, loader: Path, libraries: list[Path], program: Path) -> str:
    """Return a script that runs a program with its release's loader. It finds them from its own place."""
    there, path, started = (
        ":".join(f"$here/{each.relative_to(folder)}" for each in paths) for paths in ([loader], libraries, [program])
    )
    return (
        '#!/bin/sh\nhere=$(dirname "$(dirname "$(readlink -f "$0")")")\n'
        f'exec "{there}" --library-path "{path}" "{started}" "$@"\n'
    )
