"""
Packages of a release of Debian, fetched by apt into a folder of its own: the machine's packages and lists stay as they
are. The sources are the machine's, with the name of the release replaced. Fetching requires no privileges.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
"""The keys of all releases of Debian; a source can name those of its own release only."""

MAX_RUN_S = 600

_POCKETS = ("", "-updates", "-security")


class Unavailable(LookupError):
    """Something cannot be fetched; the text states the cause and the remedy."""


class Archive:
    """
    The archive of a release.

    @param release: its code name, such as C{bookworm}.
    @param types: C{deb}, packages; or C{deb-src}, source packages.
    @ivar folder: for apt's lists and caches, and the downloads.
    """

    def __init__(self, folder: Path, release: str, types: str = "deb") -> None:
        self.folder = folder
        self._release = release
        self._types = types

    def update(self) -> None:
        """
        Fetch the lists of packages.

        @raise Unavailable: if that fails, or the machine has no sources of Debian.
        """
        sources = sources_of(self._release, self._types)
        for name in ("sources", "lists/partial", "cache/archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        (self.folder / "sources" / "debian.sources").write_text(sources)
        self._apt("update")

    def download(self, packages: tuple[str, ...]) -> list[Path]:
        """Fetch packages; return their files. Raises L{Unavailable}."""
        self._apt("download", *packages)
        return sorted(self.folder.glob("*.deb"))

    def download_source(self, package: str) -> Path:
        """Fetch a source package; return its description (C{.dsc}). Raises L{Unavailable}."""
        self._apt("source", "--download-only", package)
        (description,) = self.folder.glob(f"{package}_*.dsc")
        return description

    def _apt(self, *words: str) -> None:
        where = {
            "Dir::Etc::sourcelist": "/dev/null",
            "Dir::Etc::sourceparts": self.folder / "sources",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Dir::State::lists": self.folder / "lists",
            "Dir::State::status": self.folder / "status",
            "Dir::Cache": self.folder / "cache",
        }
        options = [word for name, value in where.items() for word in ("-o", f"{name}={value}")]
        run("apt-get", *options, "--quiet=2", *words, cwd=self.folder)


def run(*command: str, cwd: Path) -> None:
    """
    Run a program to its end.

    @raise Unavailable: if it is not installed or fails, with its output.
    """
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=MAX_RUN_S, check=False)
    except FileNotFoundError:
        raise Unavailable(f"{command[0]} is not installed") from None
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{' '.join(command)}: not finished in {MAX_RUN_S} s") from None
    if done.returncode:
        raise Unavailable(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")


def own_release(path: Path = Path("/etc/os-release")) -> str:
    """Return the code name of the machine's release of Debian; an empty string if it is another system."""
    lines = path.read_text().replace('"', "").splitlines() if path.exists() else []
    facts = dict(line.split("=", 1) for line in lines if "=" in line)
    return facts.get("VERSION_CODENAME", "") if facts.get("ID") == "debian" else ""


def sources_of(release: str, types: str = "deb", folder: Path = Path("/etc/apt"), own: str = "") -> str:
    """
    Return the machine's sources as those of another release, in apt's deb822 format.

    @param types: as in L{Archive}.
    @param folder: apt's configuration.
    @param own: the code name of the sources' release; the machine's by default.
    @raise Unavailable: if there are none for the machine's own release.
    """
    own = own or own_release()
    if not own:
        raise Unavailable(f"Debian's {release} cannot be fetched, as this system is not Debian")
    found = [
        f"Types: {types}\nURIs: {uris}\nSuites: {' '.join(suites)}\nComponents: {components}\nSigned-By: {KEYRING}\n"
        for uris, names, components in _entries(folder)
        if (suites := [release + name[len(own) :] for name in names if name in {own + pocket for pocket in _POCKETS}])
    ]
    if not found or not Path(KEYRING).exists():
        raise Unavailable(f"Debian's {release} cannot be fetched: {folder} has no sources of Debian's {own}")
    return "\n".join(found)


def mirror_of(release: str) -> str:
    """Return the address of the machine's main archive. Raises L{Unavailable}."""
    match = re.search(rf"(?m)^URIs: (\S+).*\nSuites: (?:.* )?{release}( |$)", sources_of(release))
    assert match is not None
    return match[1]


def _entries(folder: Path) -> Iterator[tuple[str, list[str], str]]:
    """Yield addresses, suites and components of the entries of binary packages."""
    for path in sorted(folder.glob("sources.list.d/*.sources")):
        text = re.sub(r"(?m)^#.*\n", "", path.read_text())
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"(?m)^([\w-]+):[ \t]*(.*)$", stanza))
            if "deb" in fields.get("Types", "").split() and fields.get("Enabled", "yes") != "no":
                yield fields["URIs"], fields["Suites"].split(), fields.get("Components", "")
    for path in (folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))):
        text = path.read_text() if path.exists() else ""
        for uri, suite, components in re.findall(r"(?m)^deb\s+(?:\[.*?\]\s+)?(\S+)\s+(\S+)\s+(.*?)\s*$", text):
            yield uri, [suite], components
