"""The recipes of docs/testing.md for frameworks pass as they stand, and fail when they are broken."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..support.recipes import PAGE, RECIPES, broken, run_recipe

PASSED = {"Flask": 2, "Django": 3, "Celery": 2, "FastAPI": 2}
"""The number of tests by recipe."""

NEEDS = {
    "Flask": ("flask", "flask_caching"),
    "Django": ("django", "pytest_django"),
    "Celery": ("celery",),
    "FastAPI": ("anyio", "fastapi", "httpx"),
}


@pytest.mark.parametrize("name", PASSED)
def test_recipe(name: str, tmp_path: Path) -> None:
    """The tests of a recipe pass."""
    shown = run_recipe(RECIPES[name], tmp_path, NEEDS[name])
    assert re.search(rf"\b{PASSED[name]} passed\b", shown) and not re.search(r"\d (failed|error)", shown), shown


@pytest.mark.parametrize(
    ("name", "file", "old", "new", "test"),
    [
        ("Flask", "shop.py", "timeout=300", "timeout=900", "test_price_is_cached_for_five_minutes"),
        ("Flask", "shop.py", '"CACHE_TYPE": "RedisCache"', '"CACHE_TYPE": "SimpleCache"', "test_price_without_redis"),
        ("Flask", "test_shop.py", "advance(301)", "advance(200)", "test_price_is_cached_for_five_minutes"),
        ("Django", "test_cache.py", "advance(301)", "advance(200)", "test_price_expires"),
        ("Django", "settings.py", "redis.RedisCache", "locmem.LocMemCache", "test_read_only"),
        ("Django", "test_settings.py", '"KEY_PREFIX": "shop"', '"KEY_PREFIX": ""', "test_prefix"),
        ("Celery", "tasks.py", "return x + y", "return x - y", "test_result_expires_after_a_day"),
        ("Celery", "test_tasks.py", "24 * 3600 + 1", "24 * 3600 - 60", "test_result_expires_after_a_day"),
        ("Celery", "tasks.py", 'broker=os.environ["REDIS_URL"]', 'broker="memory://"', "test_is_queued"),
        ("FastAPI", "visits.py", "redis.RedisError", "OSError", "test_failover"),
        ("FastAPI", "test_visits.py", "INCRBY", "GET", "test_failover"),
        ("FastAPI", "visits.py", 'incr("visits")', 'incr("visits", 2)', "test_visits"),
    ],
)
def test_broken_recipe(name: str, file: str, old: str, new: str, test: str, tmp_path: Path) -> None:
    """A test of a broken recipe fails."""
    shown = run_recipe(broken(RECIPES[name], file, old, new), tmp_path, NEEDS[name])
    assert re.search(rf"^FAILED \S+::{test}\b", shown, re.MULTILINE), shown


def test_celery_settings(tmp_path: Path) -> None:
    """A fixture sets the broker of an application that does not read the environment, as the recipe says."""
    assert "`tasks.app.conf.update(broker_url=tseep_url, result_backend=tseep_url)`" in PAGE
    recipe = broken(RECIPES["Celery"], "tasks.py", 'os.environ["REDIS_URL"]', '"redis://127.0.0.1:1"')
    update = "tasks.app.conf.update(broker_url=tseep_url, result_backend=tseep_url)"
    recipe = broken(recipe, "conftest.py", "celery_app():", f"celery_app(tseep_url):\n    {update}")
    recipe = broken(recipe, "test_tasks.py", "tseep_client)", "tseep_client, celery_app)")
    del recipe["pytest.ini"]
    assert re.search(r"\b2 passed\b", run_recipe(recipe, tmp_path, NEEDS["Celery"]))


def test_all_recipes() -> None:
    """The recipes that are not here are those of asyncio, which tests/testing runs."""
    assert [name for name in RECIPES if not name.startswith("asyncio")] == list(PASSED) == list(NEEDS)
