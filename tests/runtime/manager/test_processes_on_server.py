"""The operator as a process: how it starts, stops, and shares the leadership."""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane

from ..faults.proxy import FaultProxy
from .processes import Processes, proxied, wait_until

pytestmark = pytest.mark.envtest

LEASE_SECONDS, RETRY_SECONDS = 15.0, 2.0


def on_server(control_plane: ControlPlane, namespace: str, what: str) -> str:
    """Create the job's ConfigMap, or read who holds the Lease."""

    async def main() -> str:
        async with Client.connect(control_plane.kubeconfig) as client:
            if what == "job":
                await client.create(ConfigMap(metadata=ObjectMeta(name="job", namespace=namespace)))
                return ""
            lease = await client.get(Lease, "election.example.com", namespace=namespace)
            return (lease.spec.holderIdentity or "") if lease.spec else ""

    return asyncio.run(main())


@pytest.fixture
def processes(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> Processes:
    on_server(control_plane, namespace, "job")
    return Processes(tmp_path, control_plane.kubeconfig)


def flags(namespace: str, *, elect: bool = False) -> list[str]:
    election = ["--leader-elect", f"--leader-election-namespace={namespace}"] if elect else []
    return [f"--namespace={namespace}", *election]


def test_sigterm_finishes_the_reconcile_in_progress_and_exits_0(processes: Processes, namespace: str) -> None:
    with processes.start("a", *flags(namespace), RECONCILE_SECONDS="1.5") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGTERM)
        assert operator.wait(timeout=20) == 0
    assert [entry.word for entry in processes.journal] == ["begin", "end"]


def test_a_reconcile_that_outlasts_the_grace_period_is_cancelled(processes: Processes, namespace: str) -> None:
    with processes.start("a", *flags(namespace), "--grace-period=0.3", RECONCILE_SECONDS="60") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGINT)
        assert operator.wait(timeout=20) == 0
    assert [entry.word for entry in processes.journal] == ["begin"]
    assert "Cancelled reconciles" in processes.log("a")


def test_a_second_signal_ends_at_once(processes: Processes, namespace: str) -> None:
    with processes.start("a", *flags(namespace), RECONCILE_SECONDS="60") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGTERM)
        wait_until(lambda: "a second signal" in processes.log("a"))
        operator.send_signal(signal.SIGTERM)
        assert operator.wait(timeout=5) == 1


def test_a_second_signal_ends_a_process_that_a_reconciler_blocks(processes: Processes, namespace: str) -> None:
    with processes.start("a", *flags(namespace), RECONCILE_MISTAKE="blocks the loop") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGTERM)
        operator.send_signal(signal.SIGINT)
        assert operator.wait(timeout=5) == 1


def test_a_reconcile_that_hangs_in_its_thread_does_not_keep_the_process(processes: Processes, namespace: str) -> None:
    with processes.start("a", *flags(namespace), "--grace-period=0.3", RECONCILE_MISTAKE="hangs") as operator:
        wait_until(lambda: processes.runs(operator.pid), why=lambda: processes.log("a"))
        operator.send_signal(signal.SIGTERM)
        assert operator.wait(timeout=10) == 0
    assert "did not finish in time" in processes.log("a")


@pytest.mark.parametrize(
    ("mistake", "message"),
    [("", "at work"), ("hangs", "at work in a thread"), ("raises", "Reconciler error")],
)
def test_every_line_of_a_reconcile_names_controller_and_object(
    processes: Processes, namespace: str, mistake: str, message: str
) -> None:
    with processes.start("a", *flags(namespace), RECONCILE_MISTAKE=mistake):
        wait_until(lambda: f'"msg": "{message}"' in processes.log("a"), why=lambda: processes.log("a"))
    lines = [json.loads(line) for line in processes.log("a").splitlines() if line.endswith("}")]
    line = next(line for line in lines if line["msg"] == message)
    assert (line["controller"], line["namespace"], line["name"]) == ("configmap", namespace, "job")
    assert len(line["reconcileID"]) == 36


@pytest.mark.parametrize(
    ("kubeconfig", "message"),
    [
        pytest.param("absent", "no Kubernetes credentials", id="no kubeconfig"),
        pytest.param("refused", "the API server gives no answer: ", id="connection refused"),
        pytest.param("stranger", "missing RBAC rule: groups='' resources='configmaps'", id="no permission"),
    ],
)
def test_what_keeps_it_from_starting_is_one_line_and_status_1(  # noqa: PLR0917
    processes: Processes, control_plane: ControlPlane, namespace: str, tmp_path: Path, kubeconfig: str, message: str
) -> None:
    path = {
        "absent": lambda: tmp_path / "absent",
        "refused": lambda: proxied(control_plane.kubeconfig, 1, tmp_path / "refused"),
        "stranger": lambda: control_plane.add_user("stranger"),
    }[kubeconfig]()
    with processes.start("a", *flags(namespace), kubeconfig=path) as operator:
        assert operator.wait(timeout=30) == 1
    lines = [json.loads(line) for line in processes.log("a").splitlines()]
    errors = [line for line in lines if line["level"] == "error"]
    assert len(errors) == 1, processes.log("a")
    assert message in errors[0]["msg"]
    assert "Traceback" not in processes.log("a")


def test_a_stopped_leader_hands_over_at_once(processes: Processes, control_plane: ControlPlane, namespace: str) -> None:
    with processes.start("a", *flags(namespace, elect=True)) as first:
        wait_until(lambda: processes.runs(first.pid), why=lambda: processes.log("a"))
        with processes.start("b", *flags(namespace, elect=True)) as second:
            wait_until(lambda: "Attempting to acquire" in processes.log("b"))
            first.send_signal(signal.SIGTERM)
            assert first.wait(timeout=20) == 0
            began = time.monotonic()
            wait_until(lambda: processes.runs(second.pid), why=lambda: processes.log("b"))
            assert time.monotonic() - began < LEASE_SECONDS / 2, (
                "the lease was released, the next leader does not have to wait for it"
            )
            assert on_server(control_plane, namespace, "holder")
    assert processes.overlaps() == []


@pytest.mark.parametrize("fault", ["killed", "paused", "cut off"])
def test_never_two_leaders_and_takeover_in_time(
    processes: Processes, control_plane: ControlPlane, namespace: str, tmp_path: Path, fault: str
) -> None:
    with proxy_thread(int(control_plane.url.rsplit(":", 1)[1])) as proxy:
        through = proxied(control_plane.kubeconfig, proxy.port, tmp_path / "through")
        with processes.start("a", *flags(namespace, elect=True), kubeconfig=through) as first:
            wait_until(lambda: processes.runs(first.pid), why=lambda: processes.log("a"))
            with processes.start("b", *flags(namespace, elect=True)) as second:
                wait_until(lambda: "Attempting to acquire" in processes.log("b"))
                if fault == "killed":
                    first.kill()
                elif fault == "paused":
                    processes.pause_between_reconciles(first)
                else:
                    proxy.cut_off()
                began = time.monotonic()
                wait_until(lambda: processes.runs(second.pid), 40, why=lambda: processes.log("b"))
                took = time.monotonic() - began
                assert took < LEASE_SECONDS + 2 * RETRY_SECONDS * 1.2 + 2.0, took
                before = processes.runs(first.pid)
                if fault == "paused":
                    first.send_signal(signal.SIGCONT)
                if fault != "killed":
                    assert first.wait(timeout=30) == 1
                    assert "Leader election lost" in processes.log("a")
                    assert processes.runs(first.pid) == before, "it worked on after another one led"
                wait_until(lambda: processes.runs(second.pid) > 3)
    assert processes.overlaps() == []


class proxy_thread:  # noqa: N801 - used as a function
    """A fault proxy with an event loop of its own, for tests that are not asynchronous."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.proxy = FaultProxy(port)

    def __enter__(self) -> FaultProxy:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.proxy.__aenter__(), self._loop).result(10)
        return self.proxy

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self.proxy.__aexit__(None, None, None), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
