"""What the documentation says is so."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import Any

from .servers import ROOT, Redis


def test_commands_are_current() -> None:
    """The table of commands is what the command table says."""
    code = "import commands; print(commands.text(), end='')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True, timeout=60)
    assert run.stdout == (ROOT / "docs" / "commands.md").read_text(), run.stderr or "run: python docs/commands.py"


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


def test_options_are_all() -> None:
    """The README tells of each option of the command line, with its default."""
    code = "import json; from tseep.config import PARAMETERS as p; print(json.dumps([x[:2] for x in p if x.option]))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    readme = (ROOT / "README.md").read_text()
    for name, default in json.loads(run.stdout):
        assert re.search(rf"^\| `--{name}`[^|]*\| *`?{re.escape(default)}`? *\|", readme, re.MULTILINE), name
