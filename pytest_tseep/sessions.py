"""The servers that the tests of a session share, and what pytest's configuration and the marker say about them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Union, cast

import pytest

from pytest_tseep.child import ChildProcess
from pytest_tseep.process import ServerEnded
from pytest_tseep.shared import check_mode

if TYPE_CHECKING:
    from pytest_tseep.external import ExternalServer

MAX_SHARED = 4
"""Servers that run at once for markers; the one that was used least recently stops."""

REPORT_TIMEOUT_S = 2.0
"""Timeout for the last commands of a server that may have harmed itself."""


class Sessions:
    """
    The servers of a session. They stop at its end.

    @raise pytest.UsageError: if the configuration is wrong.
    @ivar variables: the environment variables for the URL of the tests' server.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._shared: dict[str, ChildProcess] = {}
        self._problems: dict[str, str] = {}
        self._external: ExternalServer | None = None
        self._last_tests: dict[int, str] = {}
        self.variables: list[str] = config.getini("tseep_env")
        self._mode = self._valid_mode(self._option("mode") or config.getini("tseep_mode"))
        words = [*config.getini("tseep_parameters"), *(self._option("parameter") or [])]
        self._parameters: dict[str, object] = dict(_pair(word) for word in words)
        self._own_key = _key(self._mode, self._parameters)
        self._seed = self._find_seed()
        self._keeps = _choice(config, "tseep_connections", ("close", "keep")) == "keep"
        self._timeout = _number(config, "tseep_timeout")
        self._url: str | None = self._option("url")
        if self._url:
            self._check_external()
        config.add_cleanup(self._stop)

    def _check_external(self) -> None:
        """Check that the configuration can be met with C{--tseep-url}."""
        if hasattr(self._config, "workerinput") or self._known("numprocesses"):
            raise pytest.UsageError("the workers of pytest-xdist cannot share the server of --tseep-url: add -n 0")
        if self._option("mode") or self._option("parameter"):
            raise pytest.UsageError("--tseep-url: the server has its own mode and parameters: leave out the options")
        if self._parameters:
            names = ", ".join(sorted(self._parameters))
            text = f"--tseep-url: the server has its own parameters; tseep_parameters has no effect: {names}"
            warnings.warn(pytest.PytestWarning(text), stacklevel=2)

    def _known(self, name: str) -> Any:
        """An option, of which pytest has read those of plugins only when it loads conftest.py."""
        return getattr(self._config.option, name, None) or getattr(self._config.known_args_namespace, name, None)

    def _option(self, name: str) -> Any:
        return self._known(f"tseep_{name}")

    def _find_seed(self) -> Path | None:
        """The file of the command line, from the working folder, or of the configuration, from pytest's root."""
        given, configured = self._option("seed"), self._config.getini("tseep_seed")
        if given:
            return Path(self._config.invocation_params.dir, given)
        return Path(self._config.rootpath, configured) if configured else None

    def _valid_mode(self, mode: str) -> str:
        try:
            return check_mode(mode)
        except ValueError as error:
            raise pytest.UsageError(f"--tseep-mode or tseep_mode: {error}") from None

    def _stop(self) -> None:
        shared, self._shared = self._shared, {}
        for server in shared.values():
            if "dir" in server.parameters:
                server.stop()
            else:
                server.kill()  # sooner, and there is nothing to save
        if self._external is not None:
            self._external.stop()

    @property
    def external(self) -> bool:
        """Whether C{--tseep-url} replaces the servers."""
        return bool(self._url)

    def require_child(self, what: str) -> None:
        """Skip the test if C{--tseep-url} is given."""
        if self._url:
            from pytest_tseep.external import skip

            skip(what)

    def set_environment(self) -> None:
        """Start the shared server, and set the environment variables to its URL until the end of the session."""
        url = self.shared().url
        environment = pytest.MonkeyPatch()
        self._config.add_cleanup(environment.undo)
        for name in self.variables:
            environment.setenv(name, url)

    def start(self, mode: str | None, parameters: dict[str, object], wait: bool = True) -> ChildProcess:
        """Start a server, in the mode of the session by default."""
        return ChildProcess(mode or self._mode, answer_timeout=self._timeout, wait=wait, **parameters)

    def begin(self, item: pytest.Item) -> None:
        """
        Start the server of the session's first test that uses one, without waiting for it.

        @raise Exception: if the configuration or the marker is wrong, which the test reports.
        """
        if not self._url and not self._shared:
            mode, _, parameters = _marked(item)
            merged = {**self._parameters, **parameters}
            self._shared[_key(mode or self._mode, merged)] = self.start(mode, merged, wait=False)

    def shared(self, mode: str | None = None, parameters: dict[str, object] | None = None) -> ChildProcess:
        """Return the running or ended server for a mode and parameters. By default, those of the session."""
        if self._url:
            return cast(ChildProcess, self._of_url(self._url))
        merged = {**self._parameters, **(parameters or {})}
        key = _key(mode or self._mode, merged)
        if key in self._problems:
            raise pytest.UsageError(self._problems[key])
        server = self._shared.pop(key, None)
        try:
            if server is None or server.foreign:  # pytest was forked after it had begun to start that one
                server = self.start(mode, merged)
            server.wait()
        except (RuntimeError, TypeError, ValueError) as error:
            self._problems[key] = str(error)  # further tests need not wait for it
            raise
        self._shared[key] = server
        unused = [key for key in self._shared if key != self._own_key]
        for key in unused[:-MAX_SHARED]:
            self._shared.pop(key).stop()
        return server

    def _of_url(self, url: str) -> ExternalServer:
        if self._external is None:
            from pytest_tseep.external import ExternalServer

            self._external = ExternalServer(url)
        return self._external

    def prepared(self, item: pytest.Item) -> ChildProcess:
        """Return the server for a test, as good as new; it has the keys of the seed."""
        mode, seed, parameters = _marked(item)
        if parameters or seed or self._seed:
            self.require_child("pytest.mark.tseep" if parameters or seed else "tseep_seed")
        server = self.shared(mode, parameters)
        self.reset(server, item)
        path = self.find(seed, item) if seed else self._seed
        if path is not None:
            server.load(path)
        return server

    def reset(self, server: ChildProcess, item: pytest.Item) -> None:
        """Bring a server into the state of its start. If it has ended, warn which test has ended it."""
        ended = server.reset(keep_connections=self._keeps)
        before = self._last_tests.get(server.port, "its start")
        self._last_tests[server.port] = item.nodeid
        if ended:
            text = f"the tseep server {ended} during {before}; it runs again, on port {server.port}"
            item.add_report_section("setup", "tseep", text)
            warnings.warn(pytest.PytestWarning(text), stacklevel=2)

    def find(self, path: str | os.PathLike[str], item: pytest.Item) -> Path:
        """
        Return the path of a file that a test names: relative to the test's folder, or else to pytest's root.

        @raise FileNotFoundError: if there is none.
        """
        places = [item.path.parent / path, self._config.rootpath / path]
        for place in places:
            if place.exists():
                return place
        raise FileNotFoundError(f"there is no RDB file {' or '.join(str(place) for place in dict.fromkeys(places))}")


class Isolation:
    """The plugin that resets the server of C{tseep_env} for each test, also for those that name no fixture."""

    @pytest.fixture(autouse=True)
    def _tseep_isolation(self, tseep_server: ChildProcess) -> None:
        pass


def described(server: ChildProcess, begin: int, count: int) -> list[tuple[str, str]]:
    """
    Return sections for a test's report: the last commands of a server, and what it wrote to standard error.

    @param begin: the size of standard error before the test.
    """
    sections = []
    if server.status == "runs":
        try:
            commands = server.last_commands(count, answer_timeout=REPORT_TIMEOUT_S)
        except ServerEnded as error:
            sections.append(("tseep", str(error)))
        else:
            lines = [f"{each.client} [{each.database}] {' '.join(map(repr, each.argv))}" for each in commands]
            sections.append((f"tseep: last commands on port {server.port}", "\n".join(lines)))
    else:
        sections.append(("tseep", f"the server on port {server.port} {server.status}"))
    errors = server.errors(begin)
    if errors:
        sections.append((f"tseep: standard error of the server on port {server.port}", errors))
    return [section for section in sections if section[1]]


def _marked(item: pytest.Item) -> tuple[str | None, Union[str, os.PathLike[str], None], dict[str, object]]:
    """Return mode, seed and parameters of a test's markers; the closest one wins."""
    merged: dict[str, Any] = {}
    for marker in reversed(list(item.iter_markers("tseep"))):
        if marker.args:
            raise pytest.UsageError("pytest.mark.tseep takes keyword arguments alone, such as mode='v1'")
        merged.update(marker.kwargs)
    mode, seed = merged.pop("mode", None), merged.pop("seed", None)
    if mode is not None:
        try:
            check_mode(mode)
        except ValueError as error:
            raise pytest.UsageError(f"pytest.mark.tseep: {error}") from None
    return mode, seed, merged


def _key(mode: str, parameters: dict[str, object]) -> str:
    return repr((mode, sorted(parameters.items())))


def _pair(word: str) -> tuple[str, str]:
    name, separator, value = word.partition("=")
    if not separator:
        raise pytest.UsageError(f"--tseep-parameter or tseep_parameters: {word!r} is not NAME=VALUE")
    return name.replace("-", "_"), value


def _choice(config: pytest.Config, name: str, choices: tuple[str, ...]) -> str:
    value = str(config.getini(name))
    if value not in choices:
        raise pytest.UsageError(f"{name} is {value!r}, not {' or '.join(choices)}")
    return value


def _number(config: pytest.Config, name: str) -> float:
    try:
        return float(config.getini(name))
    except ValueError:
        raise pytest.UsageError(f"{name} is {config.getini(name)!r}, not a number of seconds") from None
