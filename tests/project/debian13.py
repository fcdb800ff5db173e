"""
Runs README's commands in a new Debian 13, as root (C{make debian13}).

debootstrap makes the system in C{build/debian13}. C{make serve} must answer PING and end at SIGINT, and C{make test}
must pass, in a clone of the last commit. Both run in namespaces of their own: mounts vanish and processes end with
them. Standard library only.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..support.apt import KEYRING, Unavailable, mirror_of, sources_of

TREE = Path(__file__).resolve().parents[2]
SYSTEM = TREE / "build" / "debian13"
CLONE = "/srv/tseep"
RELEASE = "trixie"
PACKAGES = "ca-certificates,git,make,python3-venv"

MAX_SETUP_S = 900
MAX_TEST_S = 3600
MAX_DATA = 8 * 2**30
"""Bytes of memory of each process (RLIMIT_DATA)."""

ADDRESS = ("127.0.0.1", 6379)

_ENTER = """
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
mount --rbind /sys "$0/sys"
chroot "$0" "$@" || exit $?  # this shell stays, to reap orphans
"""


class Failed(Exception):
    """A command does not work on Debian 13; the text states which, and how."""


def main() -> int:
    """Return the exit status."""
    try:
        if os.geteuid() != 0:
            raise Failed("make debian13 needs root, for debootstrap and chroot")
        create()
        serve()
        test()
    except (Failed, Unavailable, subprocess.TimeoutExpired) as error:
        print(f"Debian 13: {error}", file=sys.stderr)
        return 1
    print("Debian 13: make serve and make test work")
    return 0


def create() -> None:
    """Make the system, with a clone of the tree. Raises L{Failed}."""
    if str(SYSTEM) in Path("/proc/self/mountinfo").read_text():
        raise Failed(f"something is mounted in {SYSTEM}: umount it")
    shutil.rmtree(SYSTEM, ignore_errors=True)
    SYSTEM.mkdir(parents=True)
    options = ["--variant=minbase", f"--include={PACKAGES}", f"--keyring={KEYRING}"]
    _call("debootstrap", *options, RELEASE, str(SYSTEM), mirror_of(RELEASE))
    sources = SYSTEM / "etc" / "apt"
    (sources / "sources.list").unlink(missing_ok=True)
    (sources / "sources.list.d" / "debian.sources").write_text(sources_of(RELEASE))
    for name in ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copyfile(name, f"{SYSTEM}{name}")
    _call("git", "clone", "--quiet", "--no-hardlinks", str(TREE), f"{SYSTEM}{CLONE}")


def serve() -> None:
    """Run C{make serve} until it answers PING, and interrupt it. Raises L{Failed}."""
    if answers():
        raise Failed("port 6379 of this machine is in use, and make serve needs it")
    with entered("make", "serve") as server:
        deadline = time.monotonic() + MAX_SETUP_S
        while not answers():
            if server.poll() is not None or time.monotonic() > deadline:
                raise Failed("make serve does not answer PING")
            time.sleep(0.2)
        os.killpg(server.pid, signal.SIGINT)  # as Ctrl-C does
        server.wait(MAX_SETUP_S)


def test() -> None:
    """Run C{make test}. Raises L{Failed}."""
    with entered("make", "test") as run:
        if run.wait(MAX_TEST_S):
            raise Failed("make test failed")


def answers() -> bool:
    """Return whether a server on port 6379 replies to PING."""
    try:
        with socket.create_connection(ADDRESS, 10) as client:
            client.sendall(b"PING\r\n")
            return client.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


@contextmanager
def entered(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in the clone. At the end it is killed with all its processes, if any are left."""
    namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    script = ["sh", "-ec", _ENTER, str(SYSTEM), "env", "-C", CLONE, *command]
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}
    process = subprocess.Popen(
        [*namespaces, *script],
        env={**kept, "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MAX_DATA, MAX_DATA)),
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _call(*command: str) -> None:
    """Run a program of this machine, with its output on stderr if it fails. Raises L{Failed}."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=MAX_SETUP_S)
    if done.returncode:
        raise Failed(f"{' '.join(command)} failed:\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    sys.exit(main())
