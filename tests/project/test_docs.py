"""What the documentation says is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from ..support.servers import ROOT, Process, Redis


def test_commands_are_current() -> None:
    """The table of commands is what the command table says."""
    code = "import commands; print(commands.text(), end='')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True, timeout=60)
    assert run.stdout == (ROOT / "docs" / "commands.md").read_text(), run.stderr or "run: python docs/commands.py"


def test_directives_are_current() -> None:
    """The tables of directives are what the server's own tables say."""
    code = "import directives; print(directives.document(directives.PAGE.read_text()), end='')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True, timeout=60)
    assert run.stdout == (ROOT / "docs" / "upgrading.md").read_text(), run.stderr or "run: python docs/directives.py"


def test_commands_are_all(oracle: Redis) -> None:
    """The table's commands are redis-server's."""
    with oracle.connect() as client:
        documents: Any = client("COMMAND", "DOCS")
    lines = []
    for name, about in zip(documents[::2], documents[1::2]):
        facts = dict(zip(about[::2], about[1::2]))
        subcommands = [sub.decode().partition("|")[2] for sub in facts.get(b"subcommands", [])[::2]]
        names = [f"{name.decode()} {sub}" for sub in subcommands] or [name.decode()]
        lines += [f"{facts[b'group'].decode()} {each}" for each in names]
    assert sorted(lines) == sorted((ROOT / "docs" / "redis-7.0.txt").read_text().splitlines())


def test_options_are_current() -> None:
    """The page of options is what the server's own tables say."""
    code = "import options; print(options.page(), end='')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True, timeout=60)
    assert run.stdout == (ROOT / "docs" / "options.md").read_text(), run.stderr or "run: python docs/options.py"


def test_options_are_those_of_the_help() -> None:
    """--help shows the options of the page, and no others."""
    run = subprocess.run(
        [sys.executable, "-m", "tseep", "--help"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    rows = re.findall(r"^\| (`--[^|]+) \|", (ROOT / "docs" / "options.md").read_text(), re.MULTILINE)
    shown = {option for row in rows for option in re.findall(r"--[a-z-]+", row)}
    assert shown == set(re.findall(r"^ .{5}(--[a-z-]+)", run.stdout, re.MULTILINE))
    assert len(rows) > 40


def _printed(expression: str) -> str:
    """What an interpreter of its own prints of the table of parameters, as tests import nothing of the server."""
    code = f"import json; from tseep.configuration.parameters import PARAMETERS; print({expression})"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_targets_are_all() -> None:
    """The README names every target that make help does."""
    targets = re.findall(r"^([a-z-]+):.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    (line,) = re.findall("`make help` lists the targets: (.*)\\.", (ROOT / "README.md").read_text())
    assert [*re.findall("`(.+?)`", line)] == [target for target in targets if target != "help"]


def test_links_lead_somewhere() -> None:
    """What the documentation links to in the repository is there, headings included."""
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("stress/*.md")):
        text = path.read_text()
        headings = {
            re.sub(r"[^a-z0-9 -]", "", line.lower()).replace(" ", "-") for line in re.findall("^#+ (.+)", text, re.M)
        }
        for link in re.findall(r"\]\(([^)]+)\)", text):
            if not link.startswith("http"):
                file, _, heading = link.partition("#")
                assert (path.parent / file).exists(), f"{path.name}: {link}"
                assert file or heading in headings, f"{path.name}: {link}"


def test_metrics_are_all() -> None:
    """The README names every metric that is of tseep's own, and no others."""
    source, readme = [(ROOT / name).read_text() for name in ("tseep/web/metrics.py", "README.md")]
    made = re.findall(r'(Counter)?(?:MetricFamily|_durations|_batches)[(,]\s*"(tseep_\w+)"', source)
    names = {name + ("_total" if counter else "") for counter, name in made}
    assert len(names) > 30
    rows = [line for line in readme.splitlines() if line.startswith("| `tseep_")]
    assert set(re.findall(r"`(tseep_\w+)`", "".join(rows))) == names


def test_what_is_deployed_starts(tmp_path: Path) -> None:
    """The container's command and systemd's service start, and the container's health check passes."""
    unit, container = [(ROOT / "deploy" / name).read_text() for name in ("tseep.service", "Containerfile")]
    for source in re.findall(r"^COPY ([^-].*) \S+$", container, re.MULTILINE):
        assert all((ROOT / name).exists() for name in source.split()), source
    (service,) = re.findall(r"^ExecStart=/opt/tseep/bin/tseep (.+)$", unit, re.MULTILINE)
    (command,) = re.findall(r"^CMD (.+)$", container, re.MULTILINE)
    (check,) = re.findall(r"^HEALTHCHECK .*?(\[.+?\])$", container.replace("\\\n", ""), re.MULTILINE)
    for number, options in enumerate((service.split(), json.loads(command))):
        folder = tmp_path / str(number)
        folder.mkdir()
        moved = [re.sub("^tcp:[0-9]+", "tcp:0", word) for word in options]
        moved[moved.index("--dir") + 1] = str(folder)
        with Process([sys.executable, "-m", "tseep", *moved]) as server:
            server.wait_for("is ready")
            if "--metrics" in moved:
                port = server.wait_for(r"/health are on 127\.0\.0\.1:(\d+)")[1]
                code = json.loads(check)[2].replace("9121", port)
                assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
            assert server.stop() == 0
