"""A status that two versions of a kind name differently: managed fields stay in the version that was written."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from kaiwu_runtime import Client, Manager, ManagerOptions, PatchType, Request
from kaiwu_runtime.api import APIModel, Conditions, CustomResource, ListMapKeys, ListType, resource
from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.controller._object_path import ObjectPath
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._ports import free_port
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.testing import eventually, run_manager
from kaiwu_runtime.webhook import webhook_managed_by

from ..webhook.widgets import installed, raw, running, write_pair
from .test_status_interrupted import Cut
from .test_status_owners import condition

pytestmark = pytest.mark.envtest

GROUP = "racks.example.com"


class Row(APIModel):
    name: str
    side: str = "left"


class Place(APIModel):
    hall: str
    floor: int


class OldBook(APIModel):
    name: str
    ours: str | None = None


class OldStatus(APIModel):
    state: str = ""
    note: str | None = None
    labels: dict[str, str] = Field(default_factory=dict)
    books: Annotated[list[OldBook], ListMapKeys("name")] = Field(default_factory=list)
    rows: Annotated[list[Row], ListMapKeys("name")] = Field(default_factory=list)
    colours: Annotated[list[str], ListType("set")] = Field(default_factory=list)
    place: Place | None = None
    conditions: Conditions = Conditions()


@resource(group=GROUP, version="v1", kind="Shelf", plural="shelves", storage=False)
class Old(CustomResource):
    status: OldStatus = OldStatus()


class NewBook(APIModel):
    id: str
    ours: str | None = None


class NewStatus(APIModel):
    phase: str = ""
    note: str | None = None
    tags: dict[str, str] = Field(default_factory=dict)
    books: Annotated[list[NewBook], ListMapKeys("id")] = Field(default_factory=list)
    rows: Annotated[list[Row], ListMapKeys("name", "side")] = Field(default_factory=list)
    paints: Annotated[list[str], ListType("set")] = Field(default_factory=list)
    stand: Place | None = None
    conditions: Conditions = Conditions()


@resource(group=GROUP, version="v2", kind="Shelf", plural="shelves", storage=True)
class New(CustomResource):
    status: NewStatus = NewStatus()


def to_new(old: Old) -> New:
    was = old.status
    books = [NewBook(id=each.name, ours=each.ours) for each in was.books]
    status = NewStatus(phase=was.state, note=was.note, tags=was.labels, books=books, conditions=was.conditions)
    status.rows, status.paints, status.stand = was.rows, was.colours, was.place
    return New(status=status)


def to_old(new: New) -> Old:
    was = new.status
    books = [OldBook(name=each.id, ours=each.ours) for each in was.books]
    status = OldStatus(state=was.phase, note=was.note, labels=was.tags, books=books, conditions=was.conditions)
    status.rows, status.colours, status.place = was.rows, was.paints, was.stand
    return Old(status=status)


def path(client: Client, version: str, name: str = "/a") -> str:
    return f"/apis/{GROUP}/{version}/namespaces/{client.namespace}/shelves{name}"


@pytest.fixture
async def client(control_plane: ControlPlane, namespace: str, tmp_path: Path) -> AsyncIterator[Client]:
    """A client, while a manager converts."""
    authority, port = CertificateAuthority(), free_port()
    write_pair(tmp_path / "pair", authority)
    (crd,) = build_crds([Old, New])
    bundle = base64.b64encode(authority.certificate).decode()
    service = {"url": f"https://127.0.0.1:{port}/convert", "caBundle": bundle}
    webhook = {"clientConfig": service, "conversionReviewVersions": ["v1"]}
    crd.manifest["spec"]["conversion"] = {"strategy": "Webhook", "webhook": webhook}

    def setup(manager: Manager) -> None:
        webhook_managed_by(manager).for_(New).with_spoke(Old, to_new, to_old).complete()

    with installed(control_plane, crd.manifest, tmp_path):
        async with (
            running(control_plane, tmp_path / "pair", setup, webhook_port=port),
            Client.connect(control_plane.kubeconfig) as made,
        ):
            made.namespace = namespace
            body = {"apiVersion": f"{GROUP}/v2", "kind": "Shelf", "metadata": {"name": "a"}}
            await raw(made, "POST", path(made, "v2", ""), body)
            yield made


class Work:
    finalizer = ""

    def __init__(self, kind: type[Any], change: Callable[[Any], None]) -> None:
        self.kind = kind
        self._change = change

    async def reconcile(self, obj: Any, /) -> None:
        self._change(obj.status)

    async def finalize(self, obj: Any, /) -> None: ...


async def reconcile(client: Client, kind: type[Any], change: Callable[[Any], None]) -> int:
    """Reconcile the shelf once, as an operator that knows one version, and return the number of writes."""
    cut = Cut((client.reconnect() or client).transport)
    options = ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0", namespaces=(client.namespace,))
    manager = Manager(options, client=Client(cut, namespace=client.namespace))
    informer = manager.cache.informer(kind)
    key = ObjectKey(client.namespace, "a")
    version = (await raw(client, "GET", path(client, "v2")))["metadata"]["resourceVersion"]

    def is_newest() -> bool:
        found = informer.store.get(key)
        return found is not None and found.resource_version == version

    async with run_manager(manager):
        await eventually(is_newest)
        work = Work(kind, change)
        reader = manager.api_reader
        await ObjectPath(work, informer=informer, cache=manager.cache, client=reader, decode_failures=None).reconcile(
            Request(*key)
        )
    return cut.writes


def change_old(status: OldStatus) -> None:
    status.state, status.labels["o"] = "X", "1"
    if not any(each.name == "own" for each in status.books):
        status.books.append(OldBook(name="own", ours="1"))
    status.conditions.set("Ready", True, reason="R")


def change_new(status: NewStatus) -> None:
    status.phase, status.tags["o"] = "X", "1"
    if not any(each.id == "own" for each in status.books):
        status.books.append(NewBook(id="own", ours="1"))
    status.conditions.set("Ready", True, reason="R")


def noted(change: Callable[[Any], None], note: str) -> Callable[[Any], None]:
    def changed(status: Any) -> None:
        change(status)
        status.note = note

    return changed


THEIRS = {"v1": {"labels": {"x": "1"}, "books": [{"name": "x"}]}, "v2": {"tags": {"x": "1"}, "books": [{"id": "x"}]}}


async def apply_theirs(client: Client, version: str, status: dict[str, Any]) -> None:
    obj = {"apiVersion": f"{GROUP}/{version}", "kind": "Shelf", "metadata": {"name": "a"}, "status": status}
    await client.transport.request(
        "PATCH",
        path(client, version) + "/status",
        params={"fieldManager": "other", "force": "true"},
        body=json.dumps(obj).encode(),
        content_type=PatchType.APPLY.value,
    )


@pytest.mark.parametrize("theirs", ["v1", "v2"])
async def test_an_operator_that_writes_another_version_than_before(client: Client, theirs: str) -> None:
    """Once its own part was gone: it was found in managed fields, by names that the API server converts."""
    await apply_theirs(client, theirs, {**THEIRS[theirs], "conditions": [condition("Theirs")]})
    steps = [(Old, change_old, None), (New, noted(change_new, "n"), "n"), (Old, noted(change_old, "o"), "o")]
    for kind, change, note in steps:
        assert [await reconcile(client, kind, change) for _ in range(2)] == [1, 0]
        status = (await raw(client, "GET", path(client, "v2")))["status"]
        assert (status["phase"], status["tags"], status.get("note")) == ("X", {"o": "1", "x": "1"}, note)
        assert {each["id"] for each in status["books"]} == {"own", "x"}
        assert {each["type"] for each in status["conditions"]} == {"Ready", "Theirs"}


@pytest.mark.parametrize(("theirs", "kind", "change"), [("v1", New, change_new), ("v2", Old, change_old)])
async def test_what_others_remove_in_another_version_is_gone(
    client: Client, theirs: str, kind: type[Any], change: Callable[[Any], None]
) -> None:
    await apply_theirs(client, theirs, THEIRS[theirs])
    await reconcile(client, kind, change)
    await apply_theirs(client, theirs, {"conditions": [condition("Theirs")]})
    status = (await raw(client, "GET", path(client, "v2")))["status"]
    assert (status["tags"], status["books"]) == ({"o": "1"}, [{"id": "own", "ours": "1"}])


ROWS = [{"name": name, "side": "left"} for name in ("x", "y")]
SHARED: dict[str, dict[str, Any]] = {
    "v1": {"labels": {"x": "1"}, "books": [{"name": "x"}, {"name": "y"}], "rows": ROWS, "colours": ["x", "y"]},
    "v2": {"tags": {"x": "1"}, "books": [{"id": "x"}, {"id": "y"}], "rows": ROWS, "paints": ["x", "y"]},
}
IN_VERSIONS = pytest.mark.parametrize(("theirs", "kind"), [(theirs, kind) for theirs in SHARED for kind in (Old, New)])


def parts(status: dict[str, Any]) -> dict[str, list[str]]:
    """Return the names of items in the form of v2."""
    return {
        "books": sorted(each["id"] for each in status.get("books", [])),
        "rows": sorted(each["name"] for each in status.get("rows", [])),
        "paints": sorted(status.get("paints", [])),
    }


def change_items(status: Any, *, remove: str = "none", add: str = "") -> None:
    colours = status.colours if isinstance(status, OldStatus) else status.paints
    for found in (status.books, status.rows, colours):
        found[:] = [each for each in found if remove not in (each, getattr(each, "id", ""), getattr(each, "name", ""))]
    if add and add not in colours:
        colours.append(add)
        status.rows.append(Row(name=add, side="right"))
        status.books.append(OldBook(name=add) if isinstance(status, OldStatus) else NewBook(id=add))


@IN_VERSIONS
async def test_what_was_applied_in_another_version_is_removed(client: Client, theirs: str, kind: type[Any]) -> None:
    """Managed fields call it by names of that version, so that none of them was found to be left."""
    await apply_theirs(client, theirs, SHARED[theirs])
    writes = [await reconcile(client, kind, lambda status: change_items(status, remove="x")) for _ in range(2)]
    status = (await raw(client, "GET", path(client, "v2")))["status"]
    assert parts(status) == {"books": ["y"], "rows": ["y"], "paints": ["y"]}
    assert writes == [2, 0]


@IN_VERSIONS
async def test_items_that_another_version_names_by_other_keys_stay(
    client: Client, theirs: str, kind: type[Any]
) -> None:
    """Once its own were taken for those of others, by their keys, and were gone after the next write."""
    await apply_theirs(client, theirs, SHARED[theirs])
    for note in ("1", "2", "3"):
        await reconcile(client, kind, noted(lambda status: change_items(status, add="z"), note))
        status = (await raw(client, "GET", path(client, "v2")))["status"]
        assert (status["note"], status["tags"]) == (note, {"x": "1"})
        assert [*parts(status).values()] == [["x", "y", "z"]] * 3


@pytest.mark.parametrize("theirs", ["v1", "v2"])
@pytest.mark.parametrize("kinds", [(Old, New, Old), (New, Old, New)], ids=["old", "new"])
async def test_a_required_member_in_a_part_of_others(client: Client, theirs: str, kinds: tuple[type[Any], ...]) -> None:
    """The API server converts the part of others alone, which is no such part: once each write was rejected."""
    await apply_theirs(client, theirs, {"place" if theirs == "v1" else "stand": {"hall": "h", "floor": 1}})

    def change(status: Any) -> None:
        place = status.place if isinstance(status, OldStatus) else status.stand
        assert place is not None
        place.hall = "own"

    for number, kind in enumerate(kinds):
        for note in ("a", "b"):
            await reconcile(client, kind, noted(change, f"{number}{note}"))
            status = (await raw(client, "GET", path(client, "v2")))["status"]
            assert (status["stand"], status["note"]) == ({"hall": "own", "floor": 1}, f"{number}{note}")
