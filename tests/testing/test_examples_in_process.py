"""The examples of docs/testing.md for C{InProcess} that have a server and a client."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

from ..support.servers import ROOT

SECTIONS = ("Faults", "Time", "Records", "Seeds")

FRAME = """
from twisted.internet import reactor
from twisted.internet.endpoints import clientFromString, connectProtocol
from twisted.trial.unittest import TestCase

from tseep.test.testing.test_in_process import Client
from tseep.testing import InProcess


class Examples(TestCase):
    async def test_it(self):
        async with InProcess() as server:
            client = await connectProtocol(clientFromString(reactor, f"tcp:{server.host}:{server.port}"), Client())
"""


def test_examples(tmp_path: Path) -> None:
    """Each section has an example of at most five lines, which works."""
    text = (ROOT / "docs" / "testing.md").read_text()
    for section in SECTIONS:
        _, _, rest = text.partition(f"\n## {section}\n")
        blocks = re.findall(r"```python\n(.*?)```", rest.partition("\n## ")[0], re.DOTALL)
        examples = [block for block in blocks if "await client.send" in block]
        assert len(examples) == 1, section
        assert examples[0].count("\n") <= 5, section
        (tmp_path / f"test_{section.lower()}.py").write_text(FRAME + textwrap.indent(examples[0], 12 * " "))
    names = [f"test_{section.lower()}" for section in SECTIONS]
    run = subprocess.run(
        [sys.executable, "-m", "twisted.trial", *names], cwd=tmp_path, capture_output=True, text=True, timeout=600
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"Ran {len(SECTIONS)} tests" in run.stdout
