"""Several caches of one manager, on the API server in memory."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret
from lightkube.resources.events_v1 import Event
from prometheus_client import generate_latest

from kaiwu_runtime import (
    Client,
    ControllerBuilder,
    Manager,
    ManagerOptions,
    NotFoundError,
    ObjectKey,
    ObjectReconciler,
    Reconciler,
    Request,
    child_of,
    controller_managed_by,
)
from kaiwu_runtime.api import APIModel, CustomResource, rbac_rules, resource
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.testing import FakeTransport, eventually, run_manager, wait_for


def managed(client: Client | None = None, **options: Any) -> Manager:
    given = {"health_probe_bind_address": "0", "metrics_bind_address": "0", **options}
    return Manager(ManagerOptions(**given), client=client or Client(FakeTransport()))


def secret(name: str, namespace: str = "a", **labels: str) -> Secret:
    return Secret(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels))


async def relabel(client: Client, name: str, **labels: str | None) -> None:
    await client.patch(Secret, name, {"metadata": {"labels": labels}}, namespace="a")


async def names(reader: Client) -> list[str]:
    return sorted(str(ObjectKey.of(found).name) for found in await reader.list(Secret))


@pytest.mark.parametrize("name", ["", "Backups", "a b", "a/b", "ä", "a" * 64, "-a", "a\n"])
def test_a_name_that_no_log_or_metric_should_have(name: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^invalid cache name .*: use lower-case letters, digits and '-'"):
        managed().add_cache(name)


def test_two_caches_of_one_name() -> None:
    manager = managed()
    manager.add_cache("backups")
    with pytest.raises(ConfigurationError, match=r"^there is a cache named 'backups' already"):
        manager.add_cache("backups")


def test_namespaces_that_are_a_string() -> None:
    with pytest.raises(ConfigurationError, match=r"^cache 'x': namespaces='team': use a list, \['team'\]"):
        managed().add_cache("x", namespaces="team")


def test_a_client_for_the_cache_of_another_manager() -> None:
    for foreign in (managed().add_cache("backups"), managed().cache, Cache(FakeTransport())):
        manager = managed()
        manager.add_cache("backups")
        assert manager.cache.name == ""
        with pytest.raises(ConfigurationError, match=r"is not one of this manager: use manager\.add_cache"):
            manager.client_for(foreign)


def test_there_is_one_client_for_each_cache() -> None:
    manager = managed()
    backups = manager.add_cache("backups")
    assert manager.client_for(backups) is manager.client_for(backups)
    assert manager.client_for(manager.cache) is manager.client is not manager.client_for(backups)


@pytest.mark.parametrize(
    ("own", "given", "expected"),
    [((), None, ()), (("a",), None, ("a",)), (("a",), ["b", "c"], ("b", "c")), (("a",), [], ())],
)
def test_a_cache_has_the_namespaces_of_the_manager_or_its_own(
    own: tuple[str, ...], given: list[str] | None, expected: tuple[str, ...]
) -> None:
    assert managed(namespaces=own).add_cache("x", namespaces=given).informer(Secret).namespaces == expected


class Watching(Reconciler):
    """Keeps what it is asked to reconcile."""

    def __init__(self, manager: Manager, cache: Cache | None, selector: str, name: str) -> None:
        super().__init__(manager.client)
        self.names: list[str] = []
        builder = controller_managed_by(manager).named(name)
        self.controller = builder.for_(Secret, label_selector=selector, cache=cache).complete(self)

    def setup_with_manager(self, manager: Manager) -> None:
        """Nothing: the constructor has done it."""

    async def reconcile(self, request: Request) -> None:
        self.names.append(request.name)


async def test_two_controllers_of_one_kind_see_what_their_caches_hold(caplog: pytest.LogCaptureFixture) -> None:
    plain = Client(FakeTransport())
    for name, team in (("x", "a"), ("y", "b"), ("z", "c")):
        await plain.create(secret(name, team=team))
    manager = managed(plain)
    backups = manager.add_cache("backups")
    mine, theirs = Watching(manager, None, "team=a", "mine"), Watching(manager, backups, "team=b", "theirs")
    readers = manager.client, manager.client_for(backups)
    with caplog.at_level(logging.DEBUG):
        async with run_manager(manager):
            assert [cache.informer(Secret).has_synced for cache in (manager.cache, backups)] == [True, True]
            await eventually(lambda: (mine.names, theirs.names) == (["x"], ["y"]))
            assert [await names(reader) for reader in readers] == [["x"], ["y"]]
            # From one selector into the other: gone for one controller, and new for the other.
            await relabel(readers[0], "x", team="b")
            assert [await names(reader) for reader in readers] == [[], ["x", "y"]]
            await eventually(lambda: (mine.names, theirs.names) == (["x", "x"], ["y", "x"]))
            with pytest.raises(NotFoundError, match=r"in the cache, which holds labels 'team=a' only"):
                await readers[0].get(Secret, "x", namespace="a")
            with pytest.raises(NotFoundError, match=r"in the cache 'backups', which holds labels 'team=b' only"):
                await readers[1].get(Secret, "z", namespace="a")
            dump = manager.describe()
            assert "Secret (v1): objects=0 synced=true handlers=1 selectors=(labels 'team=a')" in dump
            assert "Secret (v1) in backups: objects=2 synced=true handlers=1 selectors=(labels 'team=b')" in dump
            tasks = {task.get_name() for task in asyncio.all_tasks()}
            assert {"cache", "cache backups"} <= tasks
    assert not {task.get_name() for task in asyncio.all_tasks()} & {"cache", "cache backups"}
    starting = [record for record in caplog.records if record.getMessage() == "Starting EventSource"]
    assert [getattr(record, "cache", "") for record in starting] == ["", "backups"]


async def test_a_write_through_one_client_is_not_overlooked_by_another() -> None:
    """The other would leave out an apply that puts something right."""
    plain = Client(FakeTransport(), field_manager="operator")
    manager = managed(plain)
    backups = manager.add_cache("backups")
    backups.configure(ConfigMap, label_selector="backup")
    wanted = ConfigMap(metadata=ObjectMeta(name="x", namespace="a", labels={"backup": "1"}), data={"k": "v"})
    readers = manager.client, manager.client_for(backups)
    manager.cache.informer(ConfigMap)
    backups.informer(ConfigMap)
    async with run_manager(manager):
        for writer in readers:
            for other in (*readers, plain):
                await writer.apply(wanted)
                await other.patch(ConfigMap, "x", {"data": {"k": "other"}}, namespace="a")
                await writer.apply(wanted)
                for reader in (*readers, plain):
                    found = await reader.get(ConfigMap, "x", namespace="a")
                    assert found.data == {"k": "v"}


@pytest.mark.parametrize("late", [0, 1])
async def test_an_apply_is_sent_while_one_of_the_caches_shows_the_change_of_another_client(
    late: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTransport()
    plain, stranger = Client(fake, field_manager="operator"), Client(fake, field_manager="stranger")
    manager = managed(plain)
    other = manager.add_cache("other")
    reader = manager.client_for(other)
    wanted = ConfigMap(metadata=ObjectMeta(name="x", namespace="a"), data={"k": "v"})
    informers = [cache.informer(ConfigMap) for cache in (manager.cache, other)]
    async with run_manager(manager):
        await reader.apply(wanted)
        for client in (manager.client, reader):
            await client.get(ConfigMap, "x", namespace="a")
        before = len(fake.requests)
        await reader.apply(wanted)
        assert len(fake.requests) == before, "not sent: nothing has changed"
        monkeypatch.setattr(informers[late], "put", lambda _: None)  # its watch is behind
        await stranger.patch(ConfigMap, "x", {"data": {"k": "theirs"}}, namespace="a")
        found = informers[1 - late].store
        await eventually(lambda: b"theirs" in (found.get(ObjectKey("a", "x")) or _raise()).raw)
        await reader.apply(wanted)
        assert (await plain.get(ConfigMap, "x", namespace="a")).data == {"k": "v"}


def _raise() -> Any:
    raise AssertionError("not cached")


async def test_a_cache_that_is_added_while_the_manager_runs() -> None:
    plain = Client(FakeTransport())
    await plain.create(secret("x", team="a"))
    manager = managed(plain)
    mine = Watching(manager, None, "team=none", "mine")
    async with run_manager(manager):
        late = manager.add_cache("late")
        late.configure(Secret, label_selector="team=a")
        assert await names(manager.client_for(late)) == ["x"]
        await mine.controller.watch(Secret, lambda found: [Request("a", f"late-{found.metadata.name}")], cache=late)
        await eventually(lambda: mine.names == ["late-x"])
        await plain.create(secret("y", team="a"))
        await eventually(lambda: mine.names == ["late-x", "late-y"])
    with pytest.raises(ConfigurationError, match=r"^the cache 'too-late' cannot be added: the manager has stopped"):
        manager.add_cache("too-late")


class Copied(ObjectReconciler[Secret]):
    """Has a ConfigMap for each Secret that is labelled; only those of its own are in its cache."""

    def __init__(self, manager: Manager) -> None:
        self.cache = manager.add_cache("copies")
        self.cache.configure(ConfigMap, label_selector="copy")
        super().__init__(manager.client_for(self.cache))
        self.seen: list[str] = []

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        """Watch both kinds in that cache."""
        return controller.for_(Secret, label_selector="copied", cache=self.cache).owns(ConfigMap, cache=self.cache)

    async def reconcile(self, obj: Secret) -> None:
        """Apply the ConfigMap of one Secret."""
        assert obj.metadata is not None
        self.seen.append(str(obj.metadata.name))
        copy = child_of(obj, ConfigMap, data={"of": str(obj.metadata.name)})
        assert copy.metadata is not None
        copy.metadata.labels = {"copy": "1"}
        await self.client.apply(copy)
        assert (await self.client.get(ConfigMap, str(obj.metadata.name), namespace="a")).data == copy.data


async def test_an_object_reconciler_in_another_cache() -> None:
    plain = Client(FakeTransport())
    await plain.create(secret("x", copied="1"))
    await plain.create(secret("ignored"))
    await plain.create(ConfigMap(metadata=ObjectMeta(name="ignored", namespace="a")))
    manager = managed(plain)
    manager.setup(Copied)
    async with run_manager(manager):
        await wait_for(plain, ConfigMap, ObjectKey("a", "x"), lambda _: True)
        await plain.delete(ConfigMap, "x", namespace="a")
        await wait_for(plain, ConfigMap, ObjectKey("a", "x"), lambda _: True)
        described = manager.describe()
    assert "ConfigMap (v1) in copies: objects=1" in described
    assert "Secret (v1) in copies: objects=1" in described
    assert "(v1): objects" not in described, "nothing is watched in the manager's own cache"


def test_the_rules_of_a_kind_do_not_depend_on_its_cache() -> None:
    rules = {(each.groups, each.resources) for each in rbac_rules(Copied)}
    assert {(("",), ("configmaps",)), (("",), ("secrets",))} <= rules


async def test_readiness_waits_for_every_cache_and_an_error_names_it() -> None:
    fake = FakeTransport()
    manager = managed(Client(fake), cache_sync_timeout=0.5)
    backups = manager.add_cache("backups")
    backups.informer(Secret)
    fake.fail("list", Secret, error=APIConnectionError("no answer"), times=1000)
    with pytest.raises(APIConnectionError, match=r"^the cache 'backups' of Secret \(v1\) did not sync within 0\.5 s: "):
        await asyncio.wait_for(manager.start(), 20)


async def test_reads_that_wait_are_measured_for_each_cache() -> None:
    plain = Client(FakeTransport())
    manager = managed(plain, metrics_bind_address="127.0.0.1:0", metrics_secure=False)
    early = manager.add_cache("early")
    for cache in (manager.cache, early):
        cache.informer(Secret)
    async with run_manager(manager):
        late = manager.add_cache("late")
        await late.list(Secret)
        for number, cache in enumerate((manager.cache, early, late)):
            await manager.client.create(secret(f"s{number}"))
            assert len(await manager.client_for(cache).list(Secret)) == number + 1
        assert manager.metrics is not None
        text = generate_latest(manager.metrics.registry).decode()
    for name in ("", "early", "late"):
        assert f'own_write_wait_seconds_count{{cache="{name}",group="",kind="Secret"}} 1.0' in text


async def test_a_kind_that_a_constructor_reads_is_synced_before_controllers_run() -> None:
    plain = Client(FakeTransport())
    await plain.create(secret("x"))
    await plain.create(ConfigMap(metadata=ObjectMeta(name="x", namespace="a")))
    manager = managed(plain)
    read: list[int] = []

    class Counting(Reconciler):
        def __init__(self, client: Client, cache: Cache, manager: Manager) -> None:
            super().__init__(client)
            self.informers = [cache.informer(Secret), manager.add_cache("more").informer(Secret)]

        def setup_with_manager(self, manager: Manager) -> None:
            controller_managed_by(manager).for_(ConfigMap).complete(self)

        async def reconcile(self, request: Request) -> None:
            read.extend(len(informer.list()) for informer in self.informers)

    manager.setup(Counting)
    async with run_manager(manager):
        await eventually(lambda: read == [1, 1])


class GadgetSpec(APIModel):
    """The desired state of a Gadget."""

    size: int = 1
    """How large it is."""


@resource(group="caches.example.com", version="v1")
class Gadget(CustomResource):
    """Gadget is a kind with a type of its own."""

    spec: GadgetSpec = GadgetSpec()


class Gadgets(ObjectReconciler[Gadget]):
    """Keeps what it is asked to reconcile."""

    def __init__(self, manager: Manager) -> None:
        super().__init__(manager.client)
        self.cache = manager.add_cache("gadgets")
        self.names: list[str] = []

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        """Set which objects are watched, in which cache."""
        return controller.for_(Gadget, label_selector="mine", cache=self.cache).watches(
            Secret, lambda found: [Request("a", found.metadata.name)], cache=self.cache
        )

    async def reconcile(self, obj: Gadget) -> None:
        """Keep the name of one Gadget."""
        self.names.append(str(obj.metadata.name))


async def test_an_object_that_does_not_fit_its_type_is_reported_from_its_cache() -> None:
    plain = Client(FakeTransport(Gadget))
    for name, spec in (("bad", {"size": "large"}), ("good", {"size": 2})):
        header = {"apiVersion": "caches.example.com/v1", "kind": "Gadget"}
        body = {**header, "metadata": {"name": name, "namespace": "a", "labels": {"mine": "1"}}, "spec": spec}
        path = "/apis/caches.example.com/v1/namespaces/a/gadgets"
        await plain.transport.request("POST", path, body=json.dumps(body).encode())
    manager = managed(plain)
    reconciler = Gadgets(manager)
    reconciler.setup_with_manager(manager)
    async with run_manager(manager):
        await eventually(lambda: reconciler.names == ["good"])
        reported: object = await eventually(lambda: _reasons(plain, "bad"))
        assert reported == ["DecodeFailed"]
        # Another kind in the same cache wakes it.
        await plain.create(secret("good"))
        await eventually(lambda: reconciler.names == ["good", "good"])
        assert manager.cache.informers == ()


async def _reasons(client: Client, name: str) -> list[str]:
    events = await client.list(Event, namespace="a")
    return [str(each.reason) for each in events if each.regarding is not None and each.regarding.name == name]
