"""The servers that tests compare with, and where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..support import apt
from ..support.oracles import REDIS_7_0, REDIS_8_0, Oracle, fits
from ..support.servers import Redis

OWN = "own"
"""The release of the configurations below."""

LINE = "deb [arch=amd64 signed-by=/usr/share/keyrings/own.gpg] http://mirror.test/debian own main contrib\n"


def configure(folder: Path, name: str, text: str) -> Path:
    """Write a file of apt's configuration; return the configuration's folder."""
    (folder / "sources.list.d").mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return folder


def other(folder: Path, types: str = "deb") -> list[str]:
    """Return the lines of a configuration as those of another release, without the keyring's."""
    text = apt.sources_of("other", types, folder, OWN)
    return [line for line in text.splitlines() if line and not line.startswith("Signed-By: ")]


DEBIAN = pytest.mark.skipif(not apt.own_release(), reason="only Debian has the packages of this version")


@pytest.mark.parametrize(
    ("oracle", "version"), [(REDIS_7_0, b"7.0."), pytest.param(REDIS_8_0, b"8.0.", marks=DEBIAN)], ids=str
)
def test_oracle(oracle: Oracle, version: bytes) -> None:
    """Each oracle starts, whichever version the machine has installed."""
    with Redis(oracle=oracle) as redis, redis.connect() as client:
        assert b"\nredis_version:" + version in client("INFO", "server")
        assert redis.stop() == 0


@pytest.mark.parametrize(("version", "suitable"), [("7.0.15", True), ("7.00.1", False), ("8.7.0", False)])
def test_version(tmp_path: Path, version: str, suitable: bool) -> None:
    """A redis-server of another version is not taken for the oracle."""
    server = tmp_path / "redis-server"
    server.write_text(f"#!/bin/sh\necho Redis server v={version} sha=00000000:0\n")
    server.chmod(0o755)
    assert fits(str(server), REDIS_7_0) is suitable


def test_sources(tmp_path: Path) -> None:
    """Sources in the deb822 format: those of the machine's release, with the other's name; no others."""
    text = (
        "Types: deb\n# snapshot of own\nURIs: http://mirror.test/debian\nSuites: own own-updates own-backports\n"
        "Components: main\nSigned-By: /usr/share/keyrings/own.gpg\n\n"
        "Types: deb\nURIs: http://vendor.test\nSuites: vendor-own\nComponents: main\n\n"
        "Enabled: no\nTypes: deb\nURIs: http://off.test\nSuites: own\nComponents: main\n\n"
        "Types: deb-src\nURIs: http://source.test\nSuites: own\nComponents: main\n"
    )
    assert other(configure(tmp_path, "sources.list.d/a.sources", text), "deb-src") == [
        "Types: deb-src", "URIs: http://mirror.test/debian", "Suites: other other-updates", "Components: main",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["sources.list", "sources.list.d/a.list"])
def test_source_lines(tmp_path: Path, name: str) -> None:
    """Sources in the format of a line each."""
    text = f"# deb http://comment.test own main\ndeb-src http://source.test own main\n{LINE}"
    assert other(configure(tmp_path, name, text)) == [
        "Types: deb", "URIs: http://mirror.test/debian", "Suites: other", "Components: main contrib",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "release"),
    [
        ('PRETTY_NAME="Debian 13"\nVERSION_CODENAME=trixie\nID=debian\n', "trixie"),
        ("ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n", ""),
    ],
)
def test_own_release(tmp_path: Path, text: str, release: str) -> None:
    """The machine's release is known by /etc/os-release; that of another system is none of Debian's."""
    (tmp_path / "os-release").write_text(text)
    assert apt.own_release(tmp_path / "os-release") == release


def test_no_sources(tmp_path: Path) -> None:
    """A machine without sources of Debian: the error names the folder and the release."""
    with pytest.raises(apt.Unavailable, match=f"Debian's other cannot be fetched: {tmp_path} has no sources of "):
        other(tmp_path)
