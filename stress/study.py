"""Runs a study, by its name.

    python stress/study.py versus --types
    python stress/study.py versus --help

Each study is a module of stress/studies with options and exit statuses of its own. Exit status 2 when there is no study
of that name.
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path

from rig.options import require, run

STUDIES = Path(__file__).with_name("studies")


def studies() -> dict[str, str]:
    """Return the names of the studies, each with the first line of its docstring."""
    found = {}
    for path in sorted(STUDIES.glob("*.py")):
        tree = ast.parse(path.read_text())
        if any(isinstance(node, ast.FunctionDef) and node.name == "main" for node in tree.body):
            found[path.stem] = (ast.get_docstring(tree) or "").partition("\n")[0]
    return found


def usage() -> str:
    """Return the help: the name and title of every study."""
    lines = [f"  {name:<10} {title}" for name, title in studies().items()]
    return "\n".join(["usage: stress/study.py NAME [OPTION ...], or NAME --help", "", *lines])


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    name, *rest = (sys.argv[1:] if argv is None else argv) or [""]
    if name in ("-h", "--help"):
        print(usage())
        return 0
    if name not in studies():
        print(usage() if not name else f"stress/study.py: there is no study {name!r}\n\n{usage()}", file=sys.stderr)
        return 2
    try:
        study = import_module(f"studies.{name}")
    except ModuleNotFoundError as missing:
        require("stress", missing)
    status: int = study.main(rest)
    return status


if __name__ == "__main__":
    run(main)
