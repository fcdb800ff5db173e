"""dramatiq: a worker whose broker is one Lua script, with results and a rate limiter."""

from __future__ import annotations


def test_dramatiq(url: str) -> None:
    """dramatiq processes, delays and retries messages, and stores results."""
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from dramatiq.results import Results
    from dramatiq.results.backends import RedisBackend

    broker = RedisBroker(url=url)
    broker.add_middleware(Results(backend=RedisBackend(url=url)))
    dramatiq.set_broker(broker)  # results are looked up in the one of all
    tries: list[int] = []

    @dramatiq.actor(broker=broker, store_results=True)
    def add(x: int, y: int) -> int:
        return x + y

    @dramatiq.actor(broker=broker, store_results=True, max_retries=3, min_backoff=10, max_backoff=20)
    def stubborn() -> int:
        tries.append(1)
        if len(tries) < 3:
            raise ValueError("not yet")
        return len(tries)

    worker = dramatiq.Worker(broker, worker_timeout=50)
    worker.start()
    try:
        assert add.send(2, 3).get_result(block=True, timeout=10_000) == 5
        assert add.send_with_options(args=(3, 4), delay=100).get_result(block=True, timeout=10_000) == 7
        assert stubborn.send().get_result(block=True, timeout=10_000) == 3
        broker.join("default", timeout=10_000)
    finally:
        worker.stop()
    broker.close()


def test_rate_limiter(url: str) -> None:
    """A concurrent rate limiter admits up to its limit."""
    from dramatiq.rate_limits import ConcurrentRateLimiter, WindowRateLimiter
    from dramatiq.rate_limits.backends import RedisBackend

    backend = RedisBackend(url=url)
    mutex = ConcurrentRateLimiter(backend, "mutex", limit=1)
    with mutex.acquire(raise_on_failure=False) as first, mutex.acquire(raise_on_failure=False) as second:
        assert (first, second) == (True, False)
    window = WindowRateLimiter(backend, "window", limit=2, window=60)
    let_in = []
    for _ in range(3):
        with window.acquire(raise_on_failure=False) as entered:
            let_in.append(entered)
    assert let_in == [True, True, False]
