"""
Generates docs/make-targets.md from the Makefile, by its own C{make help}.

L{generate} writes the page.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

HEAD = """\
# Make targets

Each target installs what it needs into an environment of its own (`.venv`, `.venv-pypy`, `.venv-apps`, `.venv-docs`).
"""


def page() -> str:
    """Return the page."""
    shown = subprocess.run(["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    rows = ["| target | |", "|---|---|"]
    for line in shown.stdout.splitlines():
        make, target, about = line.split(maxsplit=2)
        rows.append(f"| `{make} {target}` | {about} |")
    return "\n".join([HEAD, *rows, ""])
