"""A server in a child process, for tests of any kind."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from typing import Any

HOST = "127.0.0.1"

PATIENCE = 30.0
"""How long to wait for replies of a child process, in seconds."""


class ChildProcess:
    """
    A server in a child process. It exits on L{stop}, and when this process ends for any reason.

    @param mode: C{v1}, C{v2} or C{v3}.
    @param parameters: parameters of CONFIG SET, with underscores for dashes and values as text.
    @raise RuntimeError: with the child's standard error, if it does not start.
    @ivar host: the IP address, C{port}: the port.
    """

    host = HOST

    def __init__(self, mode: str = "v2", **parameters: str) -> None:
        words = [word for name, value in parameters.items() for word in (name, value)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tseep.testing", mode, *words],
            stdin=subprocess.PIPE,  # the child exits when this pipe is closed
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # so that Ctrl-C in the terminal does not kill it before the tests end
        )
        self.port: int = self._answer()["port"]

    @property
    def url(self) -> str:
        """The address as a C{redis://} URL, database 0."""
        return f"redis://{self.host}:{self.port}/0"

    @property
    def pid(self) -> int:
        return self._process.pid

    def flush(self) -> None:
        """
        Reset the server, as L{InProcess.flush <tseep.testing.in_process.InProcess.flush>} does.

        @raise RuntimeError: with the child's standard error, if it does not answer.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(b'{"id": 1, "call": "flush", "arguments": {}}\n')
        self._process.stdin.flush()
        self._answer()

    def stop(self) -> None:
        """Stop the server, and wait for the end of the process."""
        self._process.communicate()  # closes the child's standard input

    def _answer(self) -> Any:
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], PATIENCE)
        line: bytes = out.readline() if ready else b""
        if not line:
            self._process.kill()
            _, errors = self._process.communicate()
            raise RuntimeError(f"tseep does not answer: {errors.decode(errors='replace').strip() or 'no output'}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"tseep does not answer: {answer['error']}: {answer['message']}")
        return answer
