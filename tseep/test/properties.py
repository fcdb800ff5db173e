"""
C{hypothesis}, as far as unit tests use it. Where it is not installed, tests of properties are skipped, and the other
tests of their modules run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from unittest import skip

from tseep.test.packages import skip_without

_REASON = skip_without("hypothesis")

if TYPE_CHECKING or _REASON is None:
    from hypothesis import example, given, settings
    from hypothesis import strategies as st
else:

    class _Strategies:
        """Every strategy, and every method of one."""

        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *_: object, **__: object) -> Any:
            return self

        __or__ = __call__

    def given(*_: object, **__: object) -> Any:
        """A decorator that skips the test."""
        return skip(_REASON)

    example = settings = given
    st = _Strategies()

__all__ = ["example", "given", "settings", "st"]
