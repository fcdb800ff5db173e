"""Django's own Redis cache, and django-redis."""

from __future__ import annotations

from typing import Any


def _configure() -> None:
    from django.conf import settings

    if not settings.configured:
        settings.configure()


def _use(cache: Any) -> None:
    """The operations that both caches support."""
    cache.set("a", {"x": [1, 2]}, timeout=100)
    assert cache.get("a") == {"x": [1, 2]}
    assert cache.get("none", "default") == "default"
    assert cache.add("a", 1) is False
    assert cache.add("b", 1) is True
    assert cache.incr("b", 5) == 6
    assert cache.decr("b") == 5
    assert cache.get_many(["a", "b", "c"]) == {"a": {"x": [1, 2]}, "b": 5}
    cache.set_many({"c": 1, "d": 2}, timeout=100)
    assert cache.touch("c", 200) is True
    assert cache.has_key("d")
    cache.delete_many(["c", "d"])
    assert not cache.has_key("c")
    assert cache.get_or_set("e", lambda: 7) == 7
    assert cache.delete("e") is True


def test_core(url: str) -> None:
    """Django's cache sets, increments, touches and deletes keys."""
    _configure()
    from django.core.cache.backends.redis import RedisCache

    cache = RedisCache(url, {})
    _use(cache)
    cache.clear()
    assert cache.get("a") is None
    cache.close()


def test_django_redis(url: str) -> None:
    """django-redis does the same, and supports TTLs, patterns and locks."""
    _configure()
    from django_redis.cache import RedisCache

    cache = RedisCache(url, {})
    _use(cache)
    cache.set("ttl", 1, timeout=50)
    assert 0 < cache.ttl("ttl") <= 50
    assert cache.persist("ttl") is True
    assert cache.ttl("ttl") is None
    assert cache.expire("ttl", 10) is True
    cache.set_many({"user:1": 1, "user:2": 2})
    assert sorted(cache.iter_keys("user:*")) == ["user:1", "user:2"]
    assert cache.delete_pattern("user:*") == 2
    with cache.lock("door", timeout=5):
        assert cache.lock("door", timeout=5).acquire(blocking=False) is False
    cache.sadd("set", "x", "y")
    assert cache.smembers("set") == {"x", "y"}
    cache.clear()
    assert cache.keys("*") == []
    cache.close()
