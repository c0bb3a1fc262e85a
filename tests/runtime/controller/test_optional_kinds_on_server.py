"""Kinds that come and go while the operator runs: their CRDs are installed and removed on a real API server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret

from kaiwu_runtime import (
    Client,
    Manager,
    ManagerOptions,
    ObjectReconciler,
    Reconciler,
    Request,
    child_of,
    controller_managed_by,
)
from kaiwu_runtime.api import APIModel, CustomResource, rbac_rules, resource
from kaiwu_runtime.cache import _reflector as reflector_module
from kaiwu_runtime.controller import Controller
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.testing import eventually, run_manager

from ..crds import install, uninstall

pytestmark = pytest.mark.envtest


class GaugeSpec(APIModel):
    """The desired state of a Gauge."""

    of: str = ""
    """What is measured."""


@resource(group="optional.example.com", version="v1", plural="gauges")
class Gauge(CustomResource):
    """Gauge comes and goes."""

    spec: GaugeSpec = GaugeSpec()


class Site(Reconciler):
    """Has a Gauge for each ConfigMap, where there are Gauges."""

    def __init__(self, client: Client) -> None:
        super().__init__(client)
        self.runs: list[str] = []
        self.controller: Controller | None = None

    def setup_with_manager(self, manager: Manager) -> None:
        builder = controller_managed_by(manager).named("site").for_(ConfigMap, label_selector="of=user")
        self.controller = builder.owns(Gauge, optional=True).complete(self)

    async def reconcile(self, request: Request) -> None:
        self.runs.append(request.name)
        owner = await self.client.find(ConfigMap, request)
        if owner is not None and await self.client.serves(Gauge):
            await self.client.apply(child_of(owner, Gauge, spec=GaugeSpec(of=request.name)))


@pytest.fixture
def folder(tmp_path: Path, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(reflector_module, "ABSENT_SECONDS", (0.2, 0.3))
    yield tmp_path
    uninstall(control_plane, Gauge)


def managed(control_plane: ControlPlane, namespace: str) -> Manager:
    return Manager(
        ManagerOptions(kubeconfig=str(control_plane.kubeconfig), namespaces=(namespace,), health_probe_bind_address="0")
    )


def owner(name: str, namespace: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name=name, namespace=namespace, labels={"of": "user"}))


async def test_an_owned_kind_appears_goes_and_comes_back(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await client.create(owner("a", namespace))
    manager = managed(control_plane, namespace)
    reconciler = Site(manager.client)
    reconciler.setup_with_manager(manager)
    with caplog.at_level(logging.INFO):
        async with run_manager(manager):
            await eventually(lambda: reconciler.runs == ["a"])
            informer = manager.cache.informer(Gauge)
            assert not informer.is_served
            assert await manager.client.list(Gauge, namespace=namespace) == []
            assert "gauges" not in manager.describe() or "(not served)" in manager.describe()
            for _ in range(2):
                reconciler.runs.clear()
                await asyncio.to_thread(install, control_plane, [Gauge], folder)
                await eventually(lambda: informer.is_served)
                await eventually(lambda: len(informer.store) == 1)
                gauge = await manager.client.get(Gauge, "a", namespace=namespace)
                assert gauge.spec.of == "a"
                # Its changes wake the owner.
                reconciler.runs.clear()
                await client.patch(Gauge, "a", {"spec": {"of": "other"}}, namespace=namespace)
                await eventually(lambda: "a" in reconciler.runs)
                reconciler.runs.clear()
                await asyncio.to_thread(uninstall, control_plane, Gauge)
                await eventually(lambda: not informer.is_served)
                assert await manager.client.list(Gauge, namespace=namespace) == []
                await eventually(lambda: "a" in reconciler.runs)
            # Everything else goes on.
            await client.create(owner("b", namespace))
            await eventually(lambda: "b" in reconciler.runs)
    said = [record.getMessage() for record in caplog.records if "optional kind" in record.getMessage()]
    absent, there = "An optional kind is not served; waiting for it", "An optional kind is served now"
    assert said == [absent, there, absent, there, absent]


async def test_a_kind_that_goes_while_its_objects_are_made_logs_no_stack(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Careless(Site):
        async def reconcile(self, request: Request) -> None:
            parent = await self.client.find(ConfigMap, request)
            self.runs.append(request.name)
            if parent is not None:
                await self.client.apply(child_of(parent, Gauge, spec=GaugeSpec(of=request.name)))

    await asyncio.to_thread(install, control_plane, [Gauge], folder)
    manager = managed(control_plane, namespace)
    reconciler = Careless(manager.client)
    reconciler.setup_with_manager(manager)
    async with run_manager(manager):
        informer = manager.cache.informer(Gauge)
        removal = asyncio.create_task(asyncio.to_thread(uninstall, control_plane, Gauge))
        number = 0
        while informer.is_served or not removal.done():
            number += 1
            await client.create(owner(f"a-{number}", namespace))
        await client.create(owner("last", namespace))
        await eventually(lambda: "last" in reconciler.runs)
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert errors
    assert [record.getMessage() for record in errors if record.exc_info] == []


async def test_a_controller_of_a_kind_that_is_not_there_yet(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path
) -> None:
    names: list[str] = []

    class Gauges(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).for_(Gauge, optional=True).complete(self)

        async def reconcile(self, request: Request) -> None:
            names.append(request.name)

    manager = managed(control_plane, namespace)
    manager.setup(Gauges)
    async with run_manager(manager):
        assert manager.is_ready
        await asyncio.to_thread(install, control_plane, [Gauge], folder)
        await client.create(Gauge(metadata=ObjectMeta(name="x", namespace=namespace)))
        await eventually(lambda: names == ["x"])


async def test_a_kind_that_must_be_there_is_an_error_as_ever(
    control_plane: ControlPlane, namespace: str, folder: Path
) -> None:
    class Gauges(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).for_(Gauge).complete(self)

        async def reconcile(self, request: Request) -> None:
            pass

    manager = managed(control_plane, namespace)
    manager.setup(Gauges)
    with pytest.raises(ConfigurationError, match="no resource gauges"):
        await asyncio.wait_for(manager.start(), 30)


async def test_a_source_is_added_while_the_controller_runs(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path
) -> None:
    await client.create(owner("a", namespace))
    await client.create(Secret(metadata=ObjectMeta(name="early", namespace=namespace)))
    manager = managed(control_plane, namespace)
    reconciler = Site(manager.client)
    reconciler.setup_with_manager(manager)
    assert reconciler.controller is not None
    async with run_manager(manager):
        await eventually(lambda: reconciler.runs == ["a"])
        await reconciler.controller.watch(
            Secret, lambda secret: [Request(namespace, f"secret-{secret.metadata.name}")], metadata_only=True
        )
        await eventually(lambda: "secret-early" in reconciler.runs)
        await client.create(Secret(metadata=ObjectMeta(name="late", namespace=namespace)))
        await eventually(lambda: "secret-late" in reconciler.runs)


def test_the_rules_are_those_of_any_owned_kind() -> None:
    class Owner(ObjectReconciler[Gauge]):
        def build(self, controller: Any) -> Any:
            return controller.for_(Gauge, optional=True).owns(ConfigMap, optional=True)

        async def reconcile(self, gauge: Gauge) -> None:
            pass

    rules = {(each.groups, each.resources) for each in rbac_rules(Owner)}
    assert (("",), ("configmaps",)) in rules
    assert (("optional.example.com",), ("gauges",)) in rules
