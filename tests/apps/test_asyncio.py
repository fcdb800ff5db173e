"""Applications on asyncio: arq, channels_redis, valkey-glide, redis-py's asyncio half."""

from __future__ import annotations

import asyncio
from typing import Any


async def add(context: dict[str, Any], x: int, y: int) -> int:
    """The task of an arq worker."""
    return x + y


def test_arq(port: int) -> None:
    """A worker of arq runs immediate and deferred jobs, once each."""
    from arq import create_pool
    from arq.connections import RedisSettings
    from arq.worker import Worker

    settings = RedisSettings(port=port)

    async def talk() -> None:
        pool = await create_pool(settings)
        job = await pool.enqueue_job("add", 2, 3, _job_id="one")
        assert await pool.enqueue_job("add", 2, 3, _job_id="one") is None
        later = await pool.enqueue_job("add", 1, 1, _defer_by=0.2)
        worker = Worker(functions=[add], redis_settings=settings, burst=True, poll_delay=0.05, handle_signals=False)
        await worker.async_run()
        assert job is not None and later is not None
        assert (await job.result(timeout=5), await later.result(timeout=5)) == (5, 2)
        await worker.close()
        await pool.aclose()

    asyncio.run(talk())


def test_channels(url: str) -> None:
    """Both layers of Django Channels send to channels and to groups."""
    from channels_redis.core import RedisChannelLayer
    from channels_redis.pubsub import RedisPubSubChannelLayer

    async def talk(layer: Any) -> None:
        channel = await layer.new_channel()
        other = await layer.new_channel()
        await layer.group_add("group", channel)
        await layer.group_add("group", other)
        await layer.group_send("group", {"type": "hello", "n": 1})
        assert [await layer.receive(each) for each in (channel, other)] == [{"type": "hello", "n": 1}] * 2
        await layer.group_discard("group", other)
        await layer.send(channel, {"type": "only"})
        assert await layer.receive(channel) == {"type": "only"}
        await layer.flush()

    asyncio.run(talk(RedisChannelLayer(hosts=[url])))
    asyncio.run(talk(RedisPubSubChannelLayer(hosts=[url])))


def test_glide(port: int) -> None:
    """valkey-glide connects, and runs commands, batches, scripts and pub/sub."""
    from glide import Batch, GlideClient, GlideClientConfiguration, NodeAddress, Script

    async def talk() -> None:
        configuration = GlideClientConfiguration(
            [NodeAddress("127.0.0.1", port)],
            pubsub_subscriptions=GlideClientConfiguration.PubSubSubscriptions(
                channels_and_patterns={GlideClientConfiguration.PubSubChannelModes.Exact: {"news"}},
                callback=None,
                context=None,
            ),
        )
        client = await GlideClient.create(configuration)
        assert await client.set("k", "v") == "OK"
        assert await client.get("k") == b"v"
        assert await client.hset("h", {"f": "1"}) == 1
        assert await client.hgetall("h") == {b"f": b"1"}
        batch = Batch(is_atomic=True)
        batch.incr("n")
        batch.incr("n")
        assert await client.exec(batch, raise_on_error=True) == [1, 2]
        assert await client.invoke_script(Script("return {KEYS[1], ARGV[1]}"), keys=["k"], args=["a"]) == [b"k", b"a"]
        await client.publish("hello", "news")
        message = await client.get_pubsub_message()
        assert message.message == b"hello"
        await client.close()

    asyncio.run(talk())


def test_redis_py(url: str) -> None:
    """redis-py on asyncio: pipelines, locks, blocking pops and pub/sub."""
    import redis.asyncio

    async def talk() -> None:
        client = redis.asyncio.from_url(url, protocol=3)
        async with client.pipeline() as pipe:
            assert await pipe.set("a", 1).incr("a").get("a").execute() == [True, 2, b"2"]
        async with client.lock("door", timeout=5):
            assert await client.lock("door", blocking=False).acquire() is False
        waiting = asyncio.ensure_future(client.blpop(["jobs"], timeout=5))
        await asyncio.sleep(0.05)
        await client.rpush("jobs", "one")
        assert list(await waiting) == [b"jobs", b"one"]  # type: ignore[arg-type]
        async with client.pubsub() as pubsub:
            await pubsub.subscribe("news")
            await client.publish("news", "hello")
            messages = [await pubsub.get_message(timeout=5) for _ in range(2)]
            assert [message["data"] for message in messages if message] == [1, b"hello"]
        await client.aclose()

    asyncio.run(talk())
