"""RQ: jobs, failures, retries, schedules."""

from __future__ import annotations

import operator
from datetime import timedelta


def test_rq(url: str) -> None:
    """An RQ worker runs queued jobs, keeps the failed ones, and retries those with retries left."""
    from redis import Redis
    from rq import Queue, Retry, SimpleWorker
    from rq.job import Dependency

    connection = Redis.from_url(url)
    queue = Queue(connection=connection)
    job = queue.enqueue(operator.add, 2, 3)
    after = queue.enqueue(operator.mul, 2, 3, depends_on=Dependency(jobs=[job]))
    failing = queue.enqueue(operator.truediv, 1, 0)
    stubborn = queue.enqueue(operator.truediv, 1, 0, retry=Retry(max=2))
    later = queue.enqueue_in(timedelta(hours=1), operator.add, 1, 1)
    worker = SimpleWorker([queue], connection=connection)
    assert worker.work(burst=True)
    assert (job.return_value(), after.return_value()) == (5, 6)
    assert set(queue.failed_job_registry.get_job_ids()) == {failing.id, stubborn.id}
    stubborn.refresh()
    assert stubborn.retries_left == 0
    assert queue.scheduled_job_registry.get_job_ids() == [later.id]
    assert queue.failed_job_registry.requeue(failing.id).get_status() == "queued"
    assert len(queue) == 1
    connection.close()
