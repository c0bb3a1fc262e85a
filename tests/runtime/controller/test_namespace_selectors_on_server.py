"""Selectors for each namespace, on a real API server: with a Role in each, and a kind that comes and goes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ConfigMap
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, controller_managed_by
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import EventType, ObjectEvent, Selectors
from kaiwu_runtime.cache import _reflector as reflector_module
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConfigurationError, NotFoundError
from kaiwu_runtime.testing import eventually, run_manager

from ..crds import install, uninstall

pytestmark = pytest.mark.envtest

GROUP = "rbac.authorization.k8s.io"


class DialSpec(APIModel):
    """The desired state of a Dial."""

    of: str = ""
    """What is shown."""


@resource(group="selected.example.com", version="v1", plural="dials")
class Dial(CustomResource):
    """Dial comes and goes."""

    spec: DialSpec = DialSpec()


@pytest.fixture
def folder(tmp_path: Path, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(reflector_module, "ABSENT_SECONDS", (0.2, 0.3))
    yield tmp_path
    uninstall(control_plane, Dial)


@pytest.fixture
def others(control_plane: ControlPlane, namespace: str) -> Iterator[str]:
    name = control_plane.create_namespace()
    yield name
    control_plane.delete_namespace(name)


async def permit(client: Client, user: str, *namespaces: str) -> None:
    """Let a user read Dials and ConfigMaps in some namespaces, and nothing of the cluster."""
    rules = [
        PolicyRule(apiGroups=["", "selected.example.com"], resources=["configmaps", "dials"], verbs=["list", "watch"])
    ]
    for namespace in namespaces:
        metadata = ObjectMeta(name=user, namespace=namespace)
        await client.create(Role(metadata=metadata, rules=rules))
        reference = RoleRef(apiGroup=GROUP, kind="Role", name=user)
        subjects = [Subject(kind="User", name=user, apiGroup=GROUP)]
        await client.create(RoleBinding(metadata=metadata, roleRef=reference, subjects=subjects))


def managed(kubeconfig: Path, *namespaces: str) -> Manager:
    options = ManagerOptions(kubeconfig=str(kubeconfig), namespaces=namespaces, health_probe_bind_address="0")
    return Manager(options)


def dial(name: str, namespace: str, **labels: str) -> Dial:
    return Dial(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels))


async def label(client: Client, name: str, namespace: str, team: str | None) -> None:
    await client.patch(Dial, name, {"metadata": {"labels": {"team": team}}}, namespace=namespace)


async def test_an_optional_kind_with_a_selector_for_each_namespace_and_a_role_in_each(
    control_plane: ControlPlane, client: Client, namespace: str, others: str, folder: Path
) -> None:
    """It is absent, appears, is removed and appears again; objects move in and out of their selector meanwhile."""
    await permit(client, "dials", namespace, others)
    keys: list[str] = []

    class Dials(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            namespaces = {namespace: Selectors("team=a"), others: Selectors("team!=a")}
            controller_managed_by(manager).for_(Dial, namespaces=namespaces, optional=True).complete(self)

        async def reconcile(self, request: Request) -> None:
            keys.append(str(request))

    manager = managed(control_plane.add_user("dials"), namespace, others)
    manager.setup(Dials)
    informer = manager.cache.informer(Dial)
    events: list[tuple[EventType, str]] = []

    def follow(event: ObjectEvent) -> None:
        events.append((event.type, str(event.object.key)))

    informer.add_event_handler(follow)
    x, y = f"{namespace}/x", f"{others}/y"
    async with run_manager(manager):
        assert not informer.is_served
        for _ in range(2):
            events.clear()
            await asyncio.to_thread(install, control_plane, [Dial], folder)
            await eventually(lambda: informer.is_served)
            for where in (namespace, others):
                await client.create(dial("x", where, team="a"))
                await client.create(dial("y", where, team="b"))
            await eventually(lambda: {*events} == {(EventType.ADDED, x), (EventType.ADDED, y)})
            assert {str(obj.key) for obj in informer.store} == {x, y}
            with pytest.raises(NotFoundError, match=r"holds labels 'team=a' only"):
                await manager.client.get(Dial, "y", namespace=namespace)
            with pytest.raises(NotFoundError, match=r"holds labels 'team!=a' only"):
                await manager.client.get(Dial, "x", namespace=others)
            # Out of the selector, and in again, in both namespaces.
            events.clear()
            await label(client, "x", namespace, "b")
            await eventually(lambda: events == [(EventType.DELETED, x)])
            await label(client, "x", namespace, "a")
            await eventually(lambda: events == [(EventType.DELETED, x), (EventType.ADDED, x)])
            events.clear()
            await label(client, "y", others, "a")
            await eventually(lambda: events == [(EventType.DELETED, y)])
            await label(client, "y", others, None)
            await eventually(lambda: events == [(EventType.DELETED, y), (EventType.ADDED, y)])
            assert {*keys} == {x, y}
            await asyncio.to_thread(uninstall, control_plane, Dial)
            await eventually(lambda: not informer.is_served and not len(informer.store))
        assert f"selectors=({namespace}: labels 'team=a'; {others}: labels 'team!=a')" in manager.describe()


async def test_a_missing_role_in_one_namespace_is_named(
    control_plane: ControlPlane, client: Client, namespace: str, others: str
) -> None:
    await permit(client, "half", namespace)

    class Maps(Reconciler):
        def setup_with_manager(self, manager: Manager) -> None:
            namespaces = {namespace: Selectors("team=a"), others: Selectors()}
            controller_managed_by(manager).for_(ConfigMap, namespaces=namespaces).complete(self)

        async def reconcile(self, request: Request) -> None:
            pass

    manager = managed(control_plane.add_user("half"), namespace)
    manager.setup(Maps)
    with pytest.raises(ConfigurationError, match=rf"missing RBAC rule: .*configmaps.* in namespace {others};"):
        await asyncio.wait_for(manager.start(), 30)


async def test_all_other_namespaces_have_a_selector_of_their_own(
    control_plane: ControlPlane, client: Client, namespace: str, others: str
) -> None:
    for where in (namespace, others):
        for team in ("a", "b"):
            metadata = ObjectMeta(name=team, namespace=where, labels={"test": "others", "team": team})
            await client.create(ConfigMap(metadata=metadata))
    manager = managed(control_plane.kubeconfig)
    manager.cache.configure(ConfigMap, namespaces={namespace: Selectors("team=a"), "": Selectors("test=others,team=b")})
    async with run_manager(manager):
        found = await manager.client.list(ConfigMap, label_selector="test=others")
        assert sorted((obj.metadata.namespace, obj.metadata.name) for obj in found if obj.metadata) == sorted(
            [(namespace, "a"), (others, "b")]
        )
        # A write is waited for, also one that takes the object out of the selector or into it.
        for team in ("a", "b") * 3:
            await manager.client.patch(ConfigMap, "b", {"metadata": {"labels": {"team": team}}}, namespace=others)
            assert (await manager.client.find(ConfigMap, "b", namespace=others) is not None) == (team == "b")
