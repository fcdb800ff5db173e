"""Celery: a worker with tseep as broker and as result backend."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..support.servers import Process

TASKS = """
import os
from celery import Celery

app = Celery("tasks", broker=os.environ["URL"], backend=os.environ["URL"])

@app.task
def add(x, y):
    return x + y

@app.task
def total(numbers):
    return sum(numbers)

@app.task(bind=True, max_retries=3)
def stubborn(self):
    if self.request.retries < 2:
        raise self.retry(countdown=0)
    return self.request.retries

@app.task
def fail():
    raise ValueError("no luck")
"""


@pytest.fixture
def worker(tmp_path: Path, url: str) -> Iterator[Process]:
    (tmp_path / "tasks.py").write_text(TASKS)
    options = ["--pool", "solo", "--without-gossip", "--without-mingle", "--loglevel", "info"]
    argv = [sys.executable, "-m", "celery", "--app", "tasks", "worker", *options]
    with Process(argv, env={"URL": url}, cwd=tmp_path) as process:
        process.wait_for("ready")
        yield process
        process.stop()


def test_celery(worker: Process, url: str) -> None:
    """Celery runs, retries and combines tasks, and returns their results and failures."""
    from celery import Celery, chord, group
    from celery.exceptions import TimeoutError as Late

    app = Celery("client", broker=url, backend=url)
    assert app.send_task("tasks.add", (2, 3)).get(timeout=20) == 5
    assert app.send_task("tasks.stubborn").get(timeout=20) == 2
    with pytest.raises(Exception, match="no luck"):
        app.send_task("tasks.fail").get(timeout=20)
    several = group(app.signature("tasks.add", (n, n)) for n in range(5)).apply_async()
    assert several.get(timeout=20) == [0, 2, 4, 6, 8]
    both = chord([app.signature("tasks.add", (n, 1)) for n in range(5)], app=app)(app.signature("tasks.total"))
    assert both.get(timeout=20) == 15
    undelivered = app.send_task("tasks.add", (1, 1), queue="nobody")
    with pytest.raises(Late):
        undelivered.get(timeout=0.2)
    undelivered.forget()
    assert app.control.ping(timeout=1)
    app.close()
