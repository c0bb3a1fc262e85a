"""--webhook-local: an operator outside the cluster serves its webhooks, and nothing is left when it ends."""

from __future__ import annotations

import asyncio
import importlib
import json
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kaiwu_runtime import Manager, ManagerOptions
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.testing import eventually

from ..cancelling import steps
from .local_operator import CONFIGURATIONS, CRD, GROUP, Operator

pytestmark = pytest.mark.envtest


@pytest.fixture
def operator(control_plane: ControlPlane, tmp_path: Path) -> Iterator[Operator]:
    found = Operator(control_plane, tmp_path)
    control_plane.install_crds(tmp_path / "crd.yaml")
    yield found
    for process in found.processes:
        if process.poll() is None:
            process.kill()
            process.communicate()
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        control_plane.rest.request("DELETE", f"{CONFIGURATIONS}/{kind}")
    control_plane.rest.request("DELETE", CRD)
    deadline = time.monotonic() + 20
    while control_plane.rest.request("GET", CRD)[0] != 404:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_while_it_runs_and_not_longer(operator: Operator, namespace: str, number: int) -> None:
    before = operator.crd()["spec"]["conversion"]
    process = operator.started()
    assert operator.names() == [
        "shop-mutating-webhook-configuration-local",
        "shop-validating-webhook-configuration-local",
    ]
    code, message = operator.create(namespace, "big", 10)
    assert (code, "a shop has at most 9 rooms" in message) == (403, True)
    assert json.loads(operator.create(namespace, "a", None)[1])["spec"]["size"] == 3
    # Both versions, through the conversion of this process.
    code, data = operator.plane.rest.request("GET", f"/apis/{GROUP}/v1/namespaces/{namespace}/shops/a")
    assert (code, json.loads(data)["spec"]) == (200, {"size": 3})
    assert operator.end(process, number) == 0
    assert operator.names() == []
    assert operator.crd()["spec"]["conversion"] == before
    assert "annotations" not in operator.crd()["metadata"] or not [
        name for name in operator.crd()["metadata"]["annotations"] if "webhook-local" in name
    ]
    assert operator.create(namespace, "big", 10)[0] == 201


async def test_nothing_is_left_by_a_manager_whose_stop_is_cancelled(
    operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the time limit of a test, for example: what is left would refuse every write of the next one."""
    before = operator.crd()["spec"]["conversion"]
    monkeypatch.syspath_prepend(str(operator.folder))
    monkeypatch.delitem(sys.modules, "operator_under_test", raising=False)
    module = importlib.import_module("operator_under_test")
    options = ManagerOptions(
        kubeconfig=str(operator.plane.kubeconfig),
        field_manager="shop",
        health_probe_bind_address="0",
        webhook_local="auto",
        webhook_manifests=str(operator.folder / "config/webhook/manifests.yaml"),
        webhook_port=operator.port,
    )
    for count in range(0, 80, 8):
        manager = Manager(options)
        manager.setup(module.Hooks)
        task = asyncio.create_task(manager.start())
        await eventually(lambda: manager.is_ready)  # noqa: B023
        manager.stop()
        await steps(count)
        task.cancel()
        await asyncio.wait([task])
        assert operator.names() == []
        assert operator.crd()["spec"]["conversion"] == before


def test_what_a_killed_process_left_is_taken_over(operator: Operator, namespace: str) -> None:
    before = operator.crd()["spec"]["conversion"]
    operator.end(operator.started(), signal.SIGKILL)
    assert len(operator.names()) == 2
    assert operator.create(namespace, "a", 1)[0] == 500  # what it left refuses every write
    # A webhook that the project has no more goes too.
    (operator.folder / "config/webhook/manifests.yaml").write_text(json.dumps(operator.configurations[1]))
    operator.port = free_port()
    process = operator.started()
    assert operator.names() == ["shop-validating-webhook-configuration-local"]
    assert operator.create(namespace, "big", 10)[0] == 403
    assert operator.end(process) == 0
    assert operator.names() == []
    assert operator.crd()["spec"]["conversion"] == before


def test_a_deployed_operator_is_in_the_way(operator: Operator) -> None:
    configuration = operator.configurations[1]
    configuration["metadata"]["name"] = "web-validating-webhook-configuration"
    operator.plane.rest.apply(f"{CONFIGURATIONS}/validatingwebhookconfigurations", configuration)
    output = operator.refused()
    assert "ValidatingWebhookConfiguration web-validating-webhook-configuration: the operator is deployed" in output
    assert operator.names() == ["web-validating-webhook-configuration"]
    process = operator.started("--webhook-local", "--webhook-local-force")
    assert operator.end(process) == 0
    assert operator.names() == ["web-validating-webhook-configuration"]


def test_the_service_of_a_conversion_is_in_the_way(operator: Operator) -> None:
    rest = operator.plane.rest
    rest.apply("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "system"}})
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "webhook-service"}}
    rest.apply("/api/v1/namespaces/system/services", {**service, "spec": {"ports": [{"port": 443}]}})
    try:
        assert f"CustomResourceDefinition shops.{GROUP}: its conversion is served by the Service" in operator.refused()
    finally:
        rest.request("DELETE", "/api/v1/namespaces/system/services/webhook-service")


def test_a_second_process_is_refused(operator: Operator) -> None:
    process = operator.started()
    operator.port = free_port()
    assert "another process serves these webhooks at https://127.0.0.1:" in operator.refused()
    assert len(operator.names()) == 2
    assert operator.end(process) == 0
    assert operator.names() == []


def test_an_address_that_the_api_server_does_not_reach(operator: Operator, namespace: str) -> None:
    # Nothing listens there: the server itself is bound to another address.
    output = operator.refused("--webhook-local", "127.0.0.2", "--webhook-host", "127.0.0.1")
    assert "the API server cannot call https://127.0.0.2:" in output
    assert "--webhook-local=HOST" in output
    assert operator.names() == []
    assert operator.create(namespace, "a", 1)[0] == 201


def test_without_manifests_or_crds(operator: Operator) -> None:
    file = operator.folder / "config/webhook/manifests.yaml"
    text = file.read_text()
    file.unlink()
    assert "config/webhook/manifests.yaml: not found: run `make manifests`" in operator.refused()
    file.write_text("{")
    assert "config/webhook/manifests.yaml" in operator.refused()
    file.write_text(text)
    operator.plane.rest.request("DELETE", CRD)
    time.sleep(0.5)
    assert f"CustomResourceDefinition shops.{GROUP}: not found in the cluster: run `make install`" in operator.refused()
    assert operator.names() == []
    operator.plane.install_crds(operator.folder / "crd.yaml")


def test_a_process_that_was_replaced_leaves_its_successor_alone(operator: Operator, namespace: str) -> None:
    before = operator.crd()["spec"]["conversion"]
    first = operator.started()
    operator.port = free_port()
    second = operator.started("--webhook-local", "--webhook-local-force")
    assert operator.end(first) == 0
    assert len(operator.names()) == 2
    assert operator.create(namespace, "big", 10)[0] == 403
    assert operator.create(namespace, "a", None)[0] == 201
    # The conversion as well: the first process is gone.
    assert operator.plane.rest.request("GET", f"/apis/{GROUP}/v1/namespaces/{namespace}/shops/a")[0] == 200
    assert operator.end(second) == 0
    assert operator.names() == []
    assert operator.crd()["spec"]["conversion"] == before


@pytest.mark.parametrize("number", range(2))
def test_of_processes_that_start_at_the_same_time_one_serves(operator: Operator, namespace: str, number: int) -> None:
    before = operator.crd()["spec"]["conversion"]
    processes = []
    for _ in range(3):
        operator.port = free_port()
        processes.append(operator.start())
    deadline = time.monotonic() + 60
    while sum(process.poll() is None for process in processes) > 1 and time.monotonic() < deadline:
        time.sleep(0.1)
    serving = [process for process in processes if process.poll() is None]
    for process in processes:
        if process not in serving:
            output, _ = process.communicate()
            assert "Traceback" not in output
            assert "another process" in output
            assert process.returncode == 1
    if serving:  # they may have refused each other
        (last,) = serving
        while len(operator.names()) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        while operator.create(namespace, "big", 10)[0] != 403 and time.monotonic() < deadline:
            operator.plane.rest.request("DELETE", f"/apis/{GROUP}/v2/namespaces/{namespace}/shops/big")
        assert operator.create(namespace, "big", 10)[0] == 403
        assert operator.end(last) == 0
    assert operator.names() == []
    assert operator.crd()["spec"]["conversion"] == before


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL])
def test_a_conversion_that_was_installed_meanwhile_stays(operator: Operator, signal_number: int) -> None:
    process = operator.started()
    crd = operator.crd()
    client = {"service": {"namespace": "elsewhere", "name": "hooks", "path": "/convert", "port": 443}}
    webhook = {"clientConfig": client, "conversionReviewVersions": ["v1"]}
    crd["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}
    assert operator.plane.rest.request("PUT", CRD, crd)[0] == 200
    operator.end(process, signal_number)
    if signal_number == signal.SIGKILL:
        operator.port = free_port()
        assert operator.end(operator.started()) == 0
    after = operator.crd()
    assert after["spec"]["conversion"]["webhook"]["clientConfig"] == client
    assert "webhook-local-conversion" not in str(after["metadata"].get("annotations"))


@pytest.mark.parametrize("kept", ["", "[]", "{}", '{"webhook": 5, "strategy": "Webhook"}', "[" * 5000, "\u2028"])
def test_an_annotation_that_was_edited(operator: Operator, kept: str) -> None:
    process = operator.started()
    crd = operator.crd()
    crd["metadata"]["annotations"]["kaiwuctl.io/webhook-local-conversion"] = kept
    assert operator.plane.rest.request("PUT", CRD, crd)[0] == 200
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in output
    assert "Cannot restore the conversion of a CRD" in output
    assert operator.names() == []


def test_what_is_deleted_meanwhile_is_not_missed(operator: Operator) -> None:
    process = operator.started()
    for kind in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        operator.plane.rest.request("DELETE", f"{CONFIGURATIONS}/{kind}")
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=30)
    assert (process.returncode, "Cannot" in output) == (0, False)


def test_a_configuration_of_another_client_is_in_the_way(operator: Operator) -> None:
    name = "shop-validating-webhook-configuration-local"
    there = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration"}
    path = f"{CONFIGURATIONS}/validatingwebhookconfigurations"
    operator.plane.rest.apply(path, {**there, "metadata": {"name": name}})
    output = operator.refused()
    assert f"ValidatingWebhookConfiguration {name}: another process has created it meanwhile, or it lacks" in output
    assert operator.names() == [name]


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": None},
        {"metadata": {}},
        {"metadata": {"name": 5}},
        {"webhooks": {"a": "b"}},
        {"webhooks": ["a"]},
        {"webhooks": [{"name": "a"}]},
        {"webhooks": [{"name": "a", "clientConfig": {"service": "webhook-service"}}]},
        {"apiVersion": None},
    ],
)
def test_manifests_that_were_edited(operator: Operator, change: dict[str, Any]) -> None:
    file = operator.folder / "config/webhook/manifests.yaml"
    file.write_text(json.dumps({**operator.configurations[0], **change}))
    assert "config/webhook/manifests.yaml: MutatingWebhookConfiguration: lacks metadata.name" in operator.refused()
    assert operator.names() == []


def test_nothing_hangs_when_the_api_server_is_gone(tmp_path: Path) -> None:
    with ControlPlane() as plane:
        operator = Operator(plane, tmp_path)
        plane.install_crds(tmp_path / "crd.yaml")
        process = operator.started()
        plane.kill_apiserver()
        begin = time.monotonic()
        operator.end(process)
        assert time.monotonic() - begin < 30
        plane.start_apiserver()
        assert len(operator.names()) == 2
        # The next run cleans up.
        assert operator.end(operator.started()) == 0
        assert operator.names() == []
