"""
Generates the tables of docs/redis-suite.md from the counts and the list of tests/redis_suite.

L{generate} writes the page.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "redis_suite"
MODES = ("v1", "v2", "v3")


def _rows(name: str) -> list[list[str]]:
    with (FOLDER / name).open(newline="") as file:
        return [row for row in csv.reader(file, "excel-tab") if row]


def counts() -> list[str]:
    """Return the lines of the table by unit: the tests that pass in redis-server and in each mode."""
    tests = [row for row in _rows("known.tsv") if row[4] != "error"]
    listed = Counter((unit, mode) for unit, _, modes, *_ in tests for mode in modes.split())
    lines = [f"| unit | redis-server | {' | '.join(MODES)} |", "|---|--:" + "|--:" * len(MODES) + "|"]
    total = Counter[str]()
    for unit, count in _rows("counts.tsv"):
        passed = {mode: int(count) - listed[unit, mode] for mode in MODES}
        total.update(passed, redis=int(count))
        lines.append(f"| {unit} | {count} | " + " | ".join(str(passed[mode]) for mode in MODES) + " |")
    lines.append(f"| **all** | {total['redis']} | " + " | ".join(str(total[mode]) for mode in MODES) + " |")
    return lines


def listed() -> list[str]:
    """Return the lines of the table of tests that may fail."""
    lines = ["| unit | test | modes | reason |", "|---|---|---|---|"]
    for unit, test, modes, reason, mark in _rows("known.tsv"):
        if mark == "error":
            continue
        name = test.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;").replace("$", "\\$")
        lines.append(f"| {unit} | {name} | {modes} | {reason} |")
    return lines


def document(text: str) -> str:
    """Return the page with its tables as the files require them."""
    for name, table in (("counts", counts()), ("listed", listed())):
        begin, end = f"<!-- {name}: by docs/suite.py -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + "\n".join(table) + "\n" + end + after
    return text
