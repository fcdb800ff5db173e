"""The documentation: generated pages and internal links."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from ..support.servers import ROOT, Process, Redis

DOCS = ROOT / "docs"
PAGES = (
    "architecture/overview.md", "commands.md", "make-targets.md", "metrics.md", "options.md", "redis-suite.md",
    "upgrading.md",
)  # fmt: skip


@cache
def _generated() -> dict[str, str]:
    """By page, the text that C{docs/generate.py} writes. An interpreter of its own imports the server."""
    code = "import generate, json; print(json.dumps({name: generate.generated(name) for name in generate.PAGES}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=DOCS, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return dict(json.loads(run.stdout))


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_current(page: str) -> None:
    """A generated page is equal to the output of its generator."""
    assert (DOCS / page).read_text() == _generated()[page], "run: python docs/generate.py"


def test_every_generated_page_is_tested() -> None:
    """L{PAGES} has every page of the generator."""
    assert set(PAGES) == set(_generated())


def test_commands_are_complete(oracle: Redis) -> None:
    """docs/redis-7.0.txt lists the commands of redis-server's COMMAND DOCS."""
    with oracle.connect() as client:
        documents: Any = client("COMMAND", "DOCS")
    lines = []
    for name, about in zip(documents[::2], documents[1::2]):
        facts = dict(zip(about[::2], about[1::2]))
        subcommands = [sub.decode().partition("|")[2] for sub in facts.get(b"subcommands", [])[::2]]
        names = [f"{name.decode()} {sub}" for sub in subcommands] or [name.decode()]
        lines += [f"{facts[b'group'].decode()} {each}" for each in names]
    assert sorted(lines) == sorted((DOCS / "redis-7.0.txt").read_text().splitlines())


@pytest.mark.parametrize("mode", ["v1", "v2", "v3"])
def test_metrics_are_documented(mode: str, tmp_path: Path) -> None:
    """A server in any mode serves no metric that docs/metrics.md lacks."""
    options = ["--mode", mode, "--listen", "tcp:0:interface=127.0.0.1", "--metrics", "tcp:0:interface=127.0.0.1"]
    options += ["--dir", str(tmp_path), "--appendonly", "yes", "--maxmemory", "1gb"]
    with Process([sys.executable, "-m", "tseep", *options]) as server:
        port = server.wait_for(r"/health are on 127\.0\.0\.1:(\d+)")[1]
        server.wait_for("is ready")
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as reply:
            lines = reply.read().decode().splitlines()
        server.stop()
    served = {line.split()[2] for line in lines if line.startswith("# TYPE tseep_")}
    documented = {
        line.split("`")[1] for line in (DOCS / "metrics.md").read_text().splitlines() if line.startswith("| `")
    }
    assert served - documented == set()
    assert len(served) > 30


def test_links_lead_somewhere() -> None:
    """Relative links between the Markdown files name existing files and headings."""
    for path in (*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *ROOT.glob("stress/*.md")):
        for link in re.findall(r"\]\(([^)]+)\)", path.read_text()):
            if not link.startswith("http"):
                file, _, heading = link.partition("#")
                target = path.parent / file if file else path
                assert target.exists(), f"{path.name}: {link}"
                assert not heading or heading in _anchors(target), f"{path.name}: {link}"


@cache
def _anchors(path: Path) -> set[str]:
    """The anchors of the headings in a Markdown file."""
    headings = re.findall("^#+ (.+)", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_readme_is_short() -> None:
    """README has at most 150 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150
