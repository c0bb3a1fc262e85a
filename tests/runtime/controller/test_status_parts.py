"""A status of which several writers have parts: maps, lists, names with any character, and defaults of the schema."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from pydantic import Field

from kaiwu_runtime import Client, Manager, ManagerOptions, PatchType, Request
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, ListMapKeys, ListType, remove_condition, resource
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.controller._object_path import ObjectPath
from kaiwu_runtime.testing import eventually, run_manager

from ..on_both import SERVERS, connected
from .test_status_interrupted import Cut
from .test_status_owners import condition


class Port(APIModel):
    port: int
    protocol: str = "TCP"


class Lock(APIModel):
    pin: str | None = None
    color: str = "red"


class Part(APIModel):
    name: str
    ours: str | None = None
    theirs: str | None = None


class CrateStatus(APIModel):
    phase: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    groups: dict[str, dict[str, str]] = Field(default_factory=dict)
    locks: dict[str, Lock] = Field(default_factory=dict)
    lock: Lock | None = None
    parts: Annotated[list[Part], ListMapKeys("name")] = Field(default_factory=list)
    ports: Annotated[list[Port], ListMapKeys("port", "protocol")] | None = None
    spare: list[Lock] = Field(default_factory=list)
    tags: Annotated[list[str], ListType("set")] = Field(default_factory=list)
    conditions: Conditions = Conditions()


@resource(group="crates.example.com", version="v1")
class Crate(CustomResource):
    status: CrateStatus = CrateStatus()


@pytest.fixture(params=SERVERS)
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    async with connected(request, tmp_path, Crate) as client:
        await client.create(Crate(metadata=ObjectMeta(name="a", namespace=client.namespace)))
        yield client


real = pytest.mark.parametrize("client", [pytest.param("real", marks=pytest.mark.envtest)], indirect=True)


class Work:
    kind = Crate
    finalizer = ""

    def __init__(self, reconcile: Callable[[CrateStatus], Any]) -> None:
        self._reconcile = reconcile

    async def reconcile(self, obj: Crate, /) -> None:
        if (waiting := self._reconcile(obj.status)) is not None:
            await waiting

    async def finalize(self, obj: Crate, /) -> None: ...


class Operator:
    """Reconciles the crate once, when its cache has the newest state, and counts the writes."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._cut = Cut((client.reconnect() or client).transport)
        options = ManagerOptions(
            health_probe_bind_address="0", metrics_bind_address="0", namespaces=(client.namespace,)
        )
        self.manager = Manager(options, client=Client(self._cut, namespace=client.namespace))
        self._informer = self.manager.cache.informer(Crate)

    async def reconcile(self, change: Callable[[CrateStatus], Any]) -> int:
        """Return the number of writes."""
        return await self.run(Work(change))

    async def run(self, work: Work) -> int:
        """Return the number of writes."""
        version = (await read(self._client))["metadata"]["resourceVersion"]
        key = ObjectKey(self._client.namespace, "a")

        def is_newest() -> bool:
            found = self._informer.store.get(key)
            return found is not None and found.resource_version == version

        await eventually(is_newest)
        path = ObjectPath(
            work,
            informer=self._informer,
            cache=self.manager.cache,
            client=self.manager.api_reader,
            decode_failures=None,
        )
        self._cut.writes = 0
        await path.reconcile(Request(*key))
        return self._cut.writes


def path_of(client: Client, subresource: str = "") -> str:
    return f"/apis/crates.example.com/v1/namespaces/{client.namespace}/crates/a{subresource}"


async def read(client: Client) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await client.transport.request("GET", path_of(client)))
    return found


async def apply_as(client: Client, manager: str, status: dict[str, Any]) -> None:
    obj = {"apiVersion": "crates.example.com/v1", "kind": "Crate", "metadata": {"name": "a"}, "status": status}
    await client.transport.request(
        "PATCH",
        path_of(client, "/status"),
        params={"fieldManager": manager, "force": "true"},
        body=json.dumps(obj).encode(),
        content_type=PatchType.APPLY.value,
    )


def owned(obj: dict[str, Any]) -> str:
    """Return what the operator owns of the status."""
    return json.dumps(
        [
            each["fieldsV1"]
            for each in obj["metadata"].get("managedFields", ())
            if each["manager"] == "kaiwu-runtime-status"
        ],
        ensure_ascii=False,
    )


SAME: dict[str, Callable[[], dict[str, Any]]] = {
    "keys in another order": lambda: {"labels": {"z": "1", "a": "2"}, "groups": {"z": {"y": "1", "b": "2"}, "a": {}}},
    "a default": lambda: {"lock": Lock(pin="1"), "locks": {"z": Lock(pin="1"), "a": Lock()}, "spare": [Lock(pin="2")]},
    "a key's default": lambda: {"ports": [Port(port=80, protocol="UDP"), Port(port=80)]},
    "nothing in them": lambda: {"labels": {}, "groups": {"a": {}}, "parts": [], "tags": []},
}


@pytest.mark.parametrize("same", SAME.values(), ids=SAME)
async def test_what_is_made_anew_and_the_same_is_not_written(
    client: Client, same: Callable[[], dict[str, Any]]
) -> None:
    def change(status: CrateStatus) -> None:
        for name, value in same().items():
            setattr(status, name, value)

    operator = Operator(client)
    async with run_manager(operator.manager):
        assert [await operator.reconcile(change) for _ in range(3)] == [1, 0, 0]


@real
async def test_one_item_changes_where_a_key_is_left_to_its_default(client: Client) -> None:
    def change(status: CrateStatus) -> None:
        status.ports = [Port(port=80), Port(port=443)]

    def less(status: CrateStatus) -> None:
        status.ports = [Port(port=443)]
        status.lock = Lock(color="blue")

    operator = Operator(client)
    await apply_as(client, "other", {"ports": [{"port": 53, "protocol": "UDP"}, {"port": 80}]})
    async with run_manager(operator.manager):
        await operator.reconcile(change)
        await operator.reconcile(less)
    status = (await read(client))["status"]
    assert status["ports"] == [{"port": 443, "protocol": "TCP"}]
    assert status["lock"] == {"color": "blue"}


NAMES = ["A<B", "a&b", "\u2028", "é", "😀", "\x7f", "\x01", 'q"q', "b\\b", "", "a/b.c", "tab\t"]


@real
async def test_names_that_an_api_server_writes_in_its_own_way(client: Client) -> None:
    def change(status: CrateStatus) -> None:
        status.parts = [Part(name=name, ours="1") for name in NAMES]
        status.tags = list(NAMES)
        status.labels = dict.fromkeys(NAMES, "1")

    def one(status: CrateStatus) -> None:
        status.phase, status.parts[0].ours = "P", "2"
        status.tags.append("new")

    operator = Operator(client)
    await apply_as(client, "other", {"conditions": [condition("Theirs")]})
    async with run_manager(operator.manager):
        await operator.reconcile(change)
        await operator.reconcile(one)
    status = (await read(client))["status"]
    assert [each["name"] for each in status["parts"]] == NAMES
    assert sorted(status["tags"]) == sorted([*NAMES, "new"])
    assert status["labels"] == dict.fromkeys(NAMES, "1")


ODD = "<&/.ü"


class Wanted:
    """What one writer wants of a status, in random numbers."""

    def __init__(self, rng: random.Random, writer: str) -> None:
        def some(*names: str) -> dict[str, str]:
            return {f"{writer}{name}": rng.choice("123") for name in names if rng.random() < 0.5}

        self.labels, self.tags, self.conditions = some("a", ODD), [*some("t", ODD)], some("C", "D")
        self.groups = {name: {f"{writer}always": "1", **some("a", ODD)} for name in ("g", "g" + ODD)}
        self.groups |= {name: {f"{writer}a": "1"} for name in some("own")}
        self.parts = {**{name: rng.choice("123") for name in ("p", "p" + ODD)}, **some("x", ODD)}

    def part_of(self, status: dict[str, Any], writer: str) -> None:
        """Check that a stored status has this, and no more of this writer's."""
        field = "ours" if writer == "o" else "theirs"

        def own(found: Any) -> Any:
            return {name: value for name, value in found if name.startswith(writer)}

        groups = {name: own(group.items()) for name, group in status.get("groups", {}).items()}
        assert own(status.get("labels", {}).items()) == self.labels
        assert {name: group for name, group in groups.items() if group} == self.groups
        assert {each["name"]: each[field] for each in status["parts"] if field in each} == self.parts
        assert sorted(each for each in status.get("tags", ()) if each.startswith(writer)) == sorted(self.tags)
        assert own((each["type"], each["message"]) for each in status.get("conditions", ())) == self.conditions

    def applied(self) -> dict[str, Any]:
        conditions = [{**condition(name), "message": text} for name, text in self.conditions.items()]
        parts = [{"name": name, "theirs": value} for name, value in self.parts.items()]
        found = {"labels": self.labels, "groups": self.groups, "tags": self.tags, "conditions": conditions}
        return {name: value for name, value in {**found, "parts": parts}.items() if value}

    def set(self, status: CrateStatus) -> None:
        def kept(items: dict[str, str]) -> dict[str, str]:
            return {name: value for name, value in items.items() if not name.startswith("o")}

        status.labels = {**kept(status.labels), **self.labels}
        groups = {name: kept(group) | self.groups.get(name, {}) for name, group in status.groups.items()}
        status.groups = {**self.groups, **{name: group for name, group in groups.items() if group}}
        parts = {each.name: each for each in status.parts if each.theirs is not None}
        for part in parts.values():
            part.ours = None
        for name, value in self.parts.items():
            parts.setdefault(name, Part(name=name)).ours = value
        status.parts = [*parts.values()]
        status.tags = [*(each for each in status.tags if not each.startswith("o")), *self.tags]
        for type_ in ("oC", "oD"):
            if type_ in self.conditions:
                status.conditions.set(type_, True, reason="R", message=self.conditions[type_])
            else:
                remove_condition(status.conditions, type_)


@real
@pytest.mark.parametrize("seed", range(6))
async def test_each_keeps_its_parts(client: Client, seed: int) -> None:
    rng = random.Random(seed)
    theirs = Wanted(rng, "x")

    async def outside() -> None:
        nonlocal theirs
        theirs = Wanted(rng, "x")
        await apply_as(client, "locksmith", theirs.applied())

    operator = Operator(client)
    await outside()
    async with run_manager(operator.manager):
        for _ in range(10):
            if rng.random() < 0.5:
                await outside()
            ours, times = Wanted(rng, "o"), rng.choice((0, 0, 1, 2))

            async def change(status: CrateStatus, ours: Wanted = ours, times: int = times) -> None:
                ours.set(status)
                for _ in range(times):
                    await outside()

            await operator.reconcile(change)
            obj = await read(client)
            ours.part_of(obj["status"], "o")
            theirs.part_of(obj["status"], "x")
            assert not [each for each in ("f:theirs", '"f:x', '\\"x', "v:\\x") if each in owned(obj)]
            assert await operator.reconcile(lambda _: None) == 0
