"""Two caches of one kind on a real API server: it comes and goes, and objects move from one selector into the other."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.models.rbac_v1 import PolicyRule, RoleRef, Subject
from lightkube.resources.core_v1 import ConfigMap, Secret
from lightkube.resources.rbac_authorization_v1 import Role, RoleBinding

from kaiwu_runtime import Client, Manager, ManagerOptions, Reconciler, Request, controller_managed_by
from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.cache import Cache, EventType, Informer, ObjectEvent
from kaiwu_runtime.cache import _reflector as reflector_module
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ConfigurationError, NotFoundError
from kaiwu_runtime.testing import eventually, run_manager

from ..crds import install, uninstall

pytestmark = pytest.mark.envtest

GROUP = "rbac.authorization.k8s.io"


class MeterSpec(APIModel):
    """The desired state of a Meter."""

    of: str = ""
    """What is measured."""


@resource(group="caches.example.com", version="v1", plural="meters")
class Meter(CustomResource):
    """Meter comes and goes."""

    spec: MeterSpec = MeterSpec()


@pytest.fixture
def folder(tmp_path: Path, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(reflector_module, "ABSENT_SECONDS", (0.2, 0.3))
    yield tmp_path
    uninstall(control_plane, Meter)


async def permit(client: Client, user: str, namespace: str, *resources: str) -> None:
    """Let a user read and write in one namespace, and nothing of the cluster."""
    verbs = ["list", "watch", "patch"]
    rules = [PolicyRule(apiGroups=["", "caches.example.com"], resources=list(resources), verbs=verbs)]
    metadata = ObjectMeta(name=user, namespace=namespace)
    await client.create(Role(metadata=metadata, rules=rules))
    subjects = [Subject(kind="User", name=user, apiGroup=GROUP)]
    reference = RoleRef(apiGroup=GROUP, kind="Role", name=user)
    await client.create(RoleBinding(metadata=metadata, roleRef=reference, subjects=subjects))


class Meters(Reconciler):
    """Keeps what it is asked to reconcile."""

    def __init__(self, manager: Manager, cache: Cache | None, team: str) -> None:
        super().__init__(manager.client)
        self.names: list[str] = []
        builder = controller_managed_by(manager).named(f"team-{team}")
        builder.for_(Meter, label_selector=f"team={team}", cache=cache, optional=True).complete(self)

    def setup_with_manager(self, manager: Manager) -> None:
        """Nothing: the constructor has done it."""

    async def reconcile(self, request: Request) -> None:
        self.names.append(request.name)


class Followed:
    """The events of an informer."""

    def __init__(self, informer: Informer[Meter]) -> None:
        self.informer = informer
        self.events: list[tuple[EventType, str]] = []
        informer.add_event_handler(self.follow)

    def follow(self, event: ObjectEvent) -> None:
        self.events.append((event.type, event.object.key.name))

    async def until(self, *events: tuple[EventType, str]) -> None:
        await eventually(lambda: self.events == list(events))
        self.events.clear()


async def there_and_back(
    writer: Client, readers: Sequence[Client], namespace: str, first: Followed, second: Followed
) -> None:
    """Move an object from the first selector into the second and back; all clients wait for what one has written."""
    added, modified, deleted = EventType.ADDED, EventType.MODIFIED, EventType.DELETED

    async def change(**changes: object) -> None:
        await writer.patch(Meter, "x", changes, namespace=namespace)

    await change(metadata={"labels": {"team": "b"}})
    assert [len(await reader.list(Meter)) for reader in readers] == [0, 1]
    await first.until((deleted, "x"))
    await second.until((added, "x"))
    await change(spec={"of": "tide"})
    assert (await readers[1].get(Meter, "x", namespace=namespace)).spec.of == "tide"
    await second.until((modified, "x"))
    await change(metadata={"labels": {"team": "a"}}, spec={"of": ""})
    assert [len(await reader.list(Meter)) for reader in readers] == [1, 0]
    await first.until((added, "x"))
    await second.until((deleted, "x"))


async def test_two_caches_of_a_kind_that_comes_and_goes(
    control_plane: ControlPlane, client: Client, namespace: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await permit(client, "meters", namespace, "meters")
    manager = Manager(
        ManagerOptions(
            kubeconfig=str(control_plane.add_user("meters")),
            namespaces=(namespace,),
            health_probe_bind_address="0",
        )
    )
    other = manager.add_cache("team-b")
    one, two = Meters(manager, None, "a"), Meters(manager, other, "b")
    readers = manager.client, manager.client_for(other)
    first, second = Followed(manager.cache.informer(Meter)), Followed(other.informer(Meter))
    added, deleted = EventType.ADDED, EventType.DELETED
    with caplog.at_level(logging.INFO):
        async with run_manager(manager):
            assert manager.is_ready
            assert not first.informer.is_served
            assert not second.informer.is_served
            for _ in range(2):
                await asyncio.to_thread(install, control_plane, [Meter], folder)
                await eventually(lambda: first.informer.is_served and second.informer.is_served)
                labels = {"team": "a"}
                await client.create(Meter(metadata=ObjectMeta(name="x", namespace=namespace, labels=labels)))
                await first.until((added, "x"))
                await eventually(lambda: one.names == ["x"])
                assert (await readers[0].get(Meter, "x", namespace=namespace)).spec.of == ""
                with pytest.raises(NotFoundError, match=r"in the cache 'team-b', which holds labels 'team=b' only"):
                    await readers[1].get(Meter, "x", namespace=namespace)
                for writer in readers:
                    await there_and_back(writer, readers, namespace, first, second)
                assert {*one.names, *two.names} == {"x"}
                await asyncio.to_thread(uninstall, control_plane, Meter)
                await eventually(lambda: not first.informer.is_served and not second.informer.is_served)
                await first.until((deleted, "x"))
                assert second.events == []
                one.names.clear()
                assert [len(await reader.list(Meter)) for reader in readers] == [0, 0]
            dump = manager.describe()
            assert "Meter (caches.example.com/v1): objects=0 synced=(not served)" in dump
            assert "Meter (caches.example.com/v1) in team-b: objects=0 synced=(not served)" in dump
    said = [
        getattr(record, "cache", "") for record in caplog.records if "optional kind is served" in record.getMessage()
    ]
    assert sorted(said) == ["", "", "team-b", "team-b"]


async def test_a_cache_that_must_not_read_is_named(control_plane: ControlPlane, client: Client, namespace: str) -> None:
    await permit(client, "maps", namespace, "configmaps")
    manager = Manager(
        ManagerOptions(
            kubeconfig=str(control_plane.add_user("maps")), namespaces=(namespace,), health_probe_bind_address="0"
        )
    )
    manager.cache.informer(ConfigMap)
    manager.add_cache("secrets").informer(Secret)
    with pytest.raises(ConfigurationError, match=rf"missing RBAC rule: .*secrets.* in namespace {namespace};"):
        await asyncio.wait_for(manager.start(), 30)
