"""
deploy/: the servers that it describes start, and dashboard and alerts use existing metrics.

The tests marked C{deploy} need promtool, systemd's programs and the extra C{deploy}: C{make deploy-check} runs them.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..support.client import PATIENCE, Client
from ..support.servers import ROOT, Process, find_program

DEPLOY = ROOT / "deploy"
SERVICE = (DEPLOY / "tseep.service").read_text()
CONTAINER = (DEPLOY / "Containerfile").read_text()
ALERTS = DEPLOY / "prometheus-alerts.yml"
DASHBOARD = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
PASSWORD = "secret"


def run(*argv: object, cwd: Path | None = None) -> str:
    """Run a command to its end; return what it wrote."""
    done = subprocess.run(
        [str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd,
        timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, f"{argv} failed:\n{done.stdout}"
    return done.stdout


def moved(text: str, folder: Path) -> str:
    """A configuration or options with the directories below a folder, and a free port in place of each port."""
    for path in ("/var/lib/tseep", "/etc/tseep", "/data", "${CREDENTIALS_DIRECTORY}"):
        text = re.sub(rf"(?<![\w/.]){re.escape(path)}\b|{re.escape(path)}(?=/)", str(folder), text)
    return re.sub(r"tcp:[0-9]+", "tcp:0", text)


def write(folder: Path, configuration: str) -> None:
    """Write the files of a server into its folder: C{tseep.conf} and C{password}."""
    (folder / "tseep.conf").write_text(moved(configuration, folder))
    (folder / "password").write_text(PASSWORD + "\n")


def check_server(options: list[str], **env: str) -> None:
    """Start a server, and check that it keeps data, requires the password, and passes the container's health check."""
    with Process([sys.executable, "-m", "tseep", *options], env=env) as server:
        ready = server.wait_for(r"is ready: mode v2 on (\S+):(\d+)")
        with Client(("127.0.0.1", int(ready[2]))) as client:
            assert client("PING").startswith("NOAUTH")
            assert client("AUTH", PASSWORD) == "OK"
            assert client("CONFIG", "GET", "appendonly") == [b"appendonly", b"yes"]
        (check,) = re.findall(r"^HEALTHCHECK .*?(\[.+?\])$", CONTAINER.replace("\\\n", ""), re.MULTILINE)
        port = server.wait_for(r"/health are on \S+:(\d+)")[1]
        run(sys.executable, "-c", json.loads(check)[2].replace("9121", port))
        assert server.stop() == 0


def test_service(tmp_path: Path) -> None:
    """The command of the systemd unit starts a server with deploy/tseep.conf and the password of the credential."""
    write(tmp_path, (DEPLOY / "tseep.conf").read_text())
    (command,) = re.findall(r"^ExecStart=/opt/tseep/bin/tseep (.+)$", SERVICE, re.MULTILINE)
    assert "LoadCredential=password:" in SERVICE
    check_server(moved(command, tmp_path).split())


def test_container(tmp_path: Path) -> None:
    """The command of the container starts a server, and the build copies files that exist."""
    for source in re.findall(r"^COPY ([^-].*) \S+$", CONTAINER, re.MULTILINE):
        assert all((ROOT / name).exists() for name in source.split()), source
    (command,) = re.findall(r"^CMD (.+)$", CONTAINER, re.MULTILINE)
    check_server([moved(word, tmp_path) for word in json.loads(command)], TSEEP_REQUIREPASS=PASSWORD)


def expressions() -> Iterator[str]:
    """Every PromQL expression of the dashboard, with values in place of Grafana's variables."""
    for panel in DASHBOARD["panels"]:
        yield from [target["expr"] for target in panel.get("targets", [])]
    yield from [annotation["expr"] for annotation in DASHBOARD["annotations"]["list"]]


def metrics_in(text: str) -> set[str]:
    """The names of tseep's and prometheus_client's metrics in a text, without the suffixes of a histogram."""
    names = re.findall(r"\b(?:tseep|process)_\w+", text)
    return {re.sub(r"(_seconds|_clients)_(bucket|count|sum)$", r"\1", name) for name in names}


def test_metrics_exist() -> None:
    """Dashboard and alerts use metrics that docs/metrics.md and prometheus_client's ProcessCollector have."""
    from prometheus_client import CollectorRegistry, ProcessCollector

    page = (ROOT / "docs" / "metrics.md").read_text()
    known = set(re.findall(r"^\| `(tseep_\w+)`", page, re.MULTILINE))
    for metric in ProcessCollector(registry=CollectorRegistry()).collect():
        known.add(metric.name + ("_total" if metric.type == "counter" else ""))
    alerts = " ".join(re.findall(r"expr: (.+(?:\n {10}.+)*)", ALERTS.read_text()))
    for where, used in (("dashboard", metrics_in(" ".join(expressions()))), ("alerts", metrics_in(alerts))):
        assert used - known == set(), where
        assert len(used) > 10, where


def test_dashboard_layout() -> None:
    """The panels have IDs of their own, and do not overlap."""
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    cells = [
        (x, y)
        for place in [panel["gridPos"] for panel in panels]
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@pytest.mark.deploy
def test_dashboard_expressions(tmp_path: Path) -> None:
    """promtool parses every expression of the dashboard."""
    rules = []
    for number, text in enumerate(expressions()):
        text = text.replace("$__rate_interval", "5m").replace("$job", "tseep").replace("$instance", ".*")
        rules.append({"record": f"dashboard:{number}", "expr": text})
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in run(find_program("promtool"), "check", "rules", tmp_path / "rules.yml")


@pytest.mark.deploy
def test_alerts() -> None:
    """Each alert fires for the server that has its fault, and not for a healthy one; each is tested."""
    promtool = find_program("promtool")
    run(promtool, "check", "rules", ALERTS)
    tests = Path(__file__).with_name("alerts.yml")
    run(promtool, "test", "rules", tests)
    alerts = re.findall(r"alert: (\w+)", ALERTS.read_text())
    assert set(alerts) == set(re.findall(r"alertname: (\w+)", tests.read_text()))


@pytest.mark.deploy
def test_systemd_units(tmp_path: Path) -> None:
    """systemd accepts the units."""
    service = tmp_path / "tseep.service"
    service.write_text(SERVICE.replace("/opt/tseep/bin/tseep", "/bin/true"))
    (tmp_path / "tseep.socket").write_text((DEPLOY / "tseep.socket").read_text())
    assert run(find_program("systemd-analyze"), "verify", "--man=no", service, tmp_path / "tseep.socket") == ""


@pytest.mark.deploy
def test_systemd_socket(tmp_path: Path) -> None:
    """With the line that tseep.socket names, the first connection to systemd's socket starts the server."""
    unit = (DEPLOY / "tseep.socket").read_text()
    (line,) = re.findall(r"^#     (listen .+)$", unit, re.MULTILINE)
    write(tmp_path, re.sub("^listen .+$", line, (DEPLOY / "tseep.conf").read_text(), flags=re.MULTILINE))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (address,) = re.findall(r"^ListenStream=(\S+):6379$", unit, re.MULTILINE)
    (command,) = re.findall(r"^ExecStart=/opt/tseep/bin/tseep (.+)$", SERVICE, re.MULTILINE)
    argv = [find_program("systemd-socket-activate"), "--listen", f"{address}:{port}", "--fdname=tseep.socket"]
    argv += [f"--setenv={name}={value}" for name, value in os.environ.items() if name in ("PATH", "PYTHONPATH")]
    with Process([*argv, sys.executable, "-m", "tseep", *moved(command, tmp_path).split()]) as server:
        server.wait_for("Listening on")
        with Client(("127.0.0.1", port)) as client:
            assert client("AUTH", PASSWORD) == "OK"
            assert client("SET", "a", "1") == "OK"
        assert server.stop() == 0


def documents(name: str) -> list[Any]:
    """The documents of a YAML file of deploy/."""
    import yaml

    return list(yaml.safe_load_all((DEPLOY / name).read_text()))


@pytest.mark.deploy
def test_compose(tmp_path: Path) -> None:
    """The Compose file has the form that the specification requires, and its command starts a server."""
    bin = Path(sys.executable).parent
    run(bin / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    (compose,) = documents("compose.yaml")
    service = compose["services"]["tseep"]
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).exists()
    assert "?" in service["environment"]["TSEEP_REQUIREPASS"], "Compose stops without a password"
    check_server([moved(word, tmp_path) for word in service["command"]], TSEEP_REQUIREPASS=PASSWORD)


@pytest.mark.deploy
def test_kubernetes(tmp_path: Path) -> None:
    """The manifests have the form that Kubernetes requires, refer to each other, and their configuration starts."""
    run(Path(sys.executable).with_name("kubernetes-validate"), "--strict", "--quiet", DEPLOY / "kubernetes.yaml")
    config, service, stateful = documents("kubernetes.yaml")
    pod = stateful["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    assert service["spec"]["selector"] == stateful["spec"]["selector"]["matchLabels"] == pod["metadata"]["labels"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"] for port in service["spec"]["ports"]} == set(ports)
    volumes = {each["name"] for each in pod["spec"]["volumes"]}
    volumes |= {each["metadata"]["name"] for each in stateful["spec"]["volumeClaimTemplates"]}
    assert {each["name"] for each in container["volumeMounts"]} == volumes
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["port"] in ports
    write(tmp_path, config["data"]["tseep.conf"])
    check_server([moved(word, tmp_path) for word in container["args"]])
