"""huey: a consumer on lists, and one on a sorted set with priorities."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize("kind", ["RedisHuey", "PriorityRedisHuey", "RedisExpireHuey"])
def test_huey(url: str, kind: str) -> None:
    """huey runs, retries and delays tasks, and returns their results."""
    import huey as package

    huey: Any = getattr(package, kind)(url=url, results=True)
    ran: list[int] = []

    @huey.task()
    def add(x: int, y: int) -> int:
        ran.append(x)
        return x + y

    @huey.task(retries=2)
    def stubborn() -> int:
        ran.append(0)
        if ran.count(0) < 3:
            raise ValueError
        return 7

    first = add(1, 1)
    later = add.schedule((2, 2), delay=0.5)
    consumer = huey.create_consumer(workers=2, periodic=False, initial_delay=0.01, scheduler_interval=1)
    consumer.start()
    try:
        assert first.get(blocking=True, timeout=10) == 2
        assert stubborn().get(blocking=True, timeout=10) == 7
        assert later.get(blocking=True, timeout=10) == 4
    finally:
        consumer.stop(graceful=True)
    assert huey.pending_count() == 0


def test_priority(url: str) -> None:
    """huey runs tasks of higher priority first."""
    from huey import PriorityRedisHuey

    huey: Any = PriorityRedisHuey(url=url)

    @huey.task()
    def work(name: str) -> str:
        return name

    work("low", priority=1)
    work("high", priority=10)
    assert [huey.dequeue().args for _ in range(2)] == [("high",), ("low",)]
