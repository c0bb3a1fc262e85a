"""SIGUSR1 and SIGUSR2 of an operator as a process: what it is doing, and its log level."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane

from .processes import Processes, wait_until

pytestmark = pytest.mark.envtest


@pytest.fixture
def processes(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Processes:
    async def create() -> None:
        async with Client.connect(control_plane.kubeconfig) as client:
            await client.create(ConfigMap(metadata=ObjectMeta(name="job", namespace=namespace)))

    asyncio.run(create())
    return Processes(tmp_path, control_plane.kubeconfig)


def test_a_dump_of_what_it_does(processes: Processes, namespace: str) -> None:
    with processes.start("a", f"--namespace={namespace}", RECONCILE_SECONDS="60") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGUSR1)
        wait_until(lambda: "threads:" in processes.log("a") and "MainThread" in processes.log("a"))
        log = processes.log("a")
        assert "manager: ready=true leader=no election log_level=info" in log
        assert f"working=1 ({namespace}/job for " in log
        assert f"ConfigMap (v1): objects=1 synced=true handlers=1 namespaces={namespace}" in log.replace(
            "objects=2", "objects=1"
        )
        assert "Journalling.reconcile:" in log, log
        assert operator.poll() is None


def test_a_dump_while_the_event_loop_is_blocked(processes: Processes, namespace: str) -> None:
    with processes.start("a", f"--namespace={namespace}", RECONCILE_MISTAKE="blocks the loop") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGUSR1)
        wait_until(lambda: "journalling_operator.py" in processes.log("a"), why=lambda: processes.log("a"))
        assert "reconcile" in processes.log("a").partition("MainThread:")[2]


def test_the_log_level_back_and_forth(processes: Processes, namespace: str) -> None:
    with processes.start("a", f"--namespace={namespace}", "--log-level=error") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        assert processes.log("a") == ""
        operator.send_signal(signal.SIGUSR2)
        wait_until(lambda: '"level": "info"' in processes.log("a"), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGUSR2)
        wait_until(lambda: processes.log("a").count("Changed the log level") >= 1)
        operator.send_signal(signal.SIGTERM)
        assert operator.wait(timeout=20) == 0
    first = json.loads(processes.log("a").splitlines()[0])
    assert (first["msg"], first["before"], first["after"]) == ("Changed the log level", "error", "debug")
