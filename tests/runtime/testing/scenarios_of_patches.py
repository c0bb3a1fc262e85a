"""Patches, the status subresource, generations and deletion, on both servers."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from .api import API, JSON, STRATEGIC
from .scenarios import condition, owner, scenario


@scenario
async def merge_patches(api: API) -> None:
    await api.create("ConfigMap", "a", metadata={"labels": {"x": "1"}}, data={"k": "1", "old": "1"})
    await api.patch("ConfigMap", "a", {"data": {"old": None, "new": "1"}})
    await api.patch("ConfigMap", "a", {"data": {"new": "1"}})  # no change, no version
    await api.patch("ConfigMap", "a", {"metadata": {"labels": None, "annotations": {"y": "1"}}})
    await api.patch("ConfigMap", "a", {"data": None})
    await api.patch("ConfigMap", "missing", {"data": {"k": "1"}})
    await api.create("Gadget", "a", spec={"size": 1, "tags": ["x"], "options": {"a": "1"}})
    await api.patch("Gadget", "a", {"spec": {"tags": ["y", "z"], "options": {"b": "2"}}})
    await api.patch("Gadget", "a", {"spec": {"options": {"a": None, "b": None}}})
    await api.patch("Gadget", "a", {"spec": {"nested": {"deeper": {"name": "n"}}}})
    await api.patch("Gadget", "a", {"spec": None})


VALUES: tuple[Any, ...] = (
    1,
    True,
    0,
    False,
    "",
    "1",
    1.5,
    [],
    [1],
    [True],
    {},
    {"a": 1},
    {"a": True},
    [[0]],
    [[False]],
)


@scenario
async def values_of_json(api: API) -> None:
    """A change from one value to another that Python's == takes for the same is a change."""
    await api.create("Gadget", "a", spec={"free": {"v": VALUES[0]}})
    for before, value in pairwise((*VALUES, *reversed(VALUES))):
        await api.patch("Gadget", "a", {"spec": {"free": {"v": value}}})
        for tested in (before, value):
            await api.patch("Gadget", "a", [{"op": "test", "path": "/spec/free/v", "value": tested}], JSON)
    for number, value in enumerate((*VALUES[:10], *VALUES[:2])):
        await api.apply(f"m{number % 2}", "Gadget", "b", spec={"free": {"v": value}}, force=number % 3 == 0)


@scenario
async def patches_of_metadata(api: API) -> None:
    await api.create("Gadget", "a", metadata={"generateName": "a"}, spec={"size": 1})
    await api.patch("Gadget", "a", {"metadata": {"labels": {"x": "1"}}})
    await api.patch("Gadget", "a", {"metadata": {"generation": 9, "creationTimestamp": None}})
    await api.patch("Gadget", "a", {"metadata": {"name": "b"}})
    await api.patch("Gadget", "a", {"kind": "Gizmo"})
    await api.create("ConfigMap", "a")
    await api.patch("ConfigMap", "a", {"kind": "Secret"})
    await api.patch("ConfigMap", "a", {"metadata": {"name": "b"}})


@scenario
async def optimistic_locking(api: API) -> None:
    changes: dict[str, tuple[str, dict[str, Any]]] = {
        "ConfigMap": ("data", {"k": "1"}),
        "Gadget": ("spec", {"size": 1}),
    }
    for kind, (part, change) in changes.items():
        old = await api.create(kind, "a")
        new = await api.patch(kind, "a", {"metadata": {"labels": {"x": "1"}}})
        for metadata in (old["metadata"], new["metadata"]):
            version = {"resourceVersion": metadata["resourceVersion"]}
            await api.patch(kind, "a", {"metadata": version, part: change})
        await api.patch(kind, "a", {"metadata": {"uid": "another"}, part: {**change, "x": "1"}})
        await api.apply("m", kind, "a", metadata={"resourceVersion": old["metadata"]["resourceVersion"]})
        current = await api.get(kind, "a")
        await api.apply("m", kind, "a", metadata={"resourceVersion": current["metadata"]["resourceVersion"]})
        await api.apply("m", kind, "a", metadata={"uid": "another"})
        await api.apply("m", kind, "none", metadata={"uid": "another"})


@scenario
async def json_patches(api: API) -> None:
    await api.create("Gadget", "a", spec={"size": 1, "tags": ["a", "b"], "options": {"x/y": "1", "m~n": "2"}})
    operations: list[list[dict[str, Any]]] = [
        [{"op": "test", "path": "/spec/size", "value": 1}, {"op": "replace", "path": "/spec/size", "value": 2}],
        [{"op": "add", "path": "/spec/tags/-", "value": "c"}, {"op": "add", "path": "/spec/tags/0", "value": "z"}],
        [{"op": "remove", "path": "/spec/tags/1"}, {"op": "replace", "path": "/spec/tags/0", "value": "y"}],
        [{"op": "remove", "path": "/spec/options/x~1y"}, {"op": "add", "path": "/spec/options/m~0n", "value": "3"}],
        [{"op": "move", "from": "/spec/options/m~0n", "path": "/spec/options/moved"}],
        [{"op": "copy", "from": "/spec/options/moved", "path": "/spec/options/copied"}],
        [{"op": "add", "path": "/metadata/labels", "value": {"x": "1"}}],
        [{"op": "test", "path": "/spec/size", "value": 9}, {"op": "replace", "path": "/spec/size", "value": 3}],
        [{"op": "remove", "path": "/spec/nothing"}],
        [{"op": "replace", "path": "/spec/options/fresh", "value": "1"}],
        [{"op": "add", "path": "/spec/nested/a", "value": "1"}],
        [{"op": "add", "path": "/spec/tags/9", "value": "x"}],
        [{"op": "jump", "path": "/spec/size"}],
    ]
    for patch in operations:
        await api.patch("Gadget", "a", patch, JSON)
    await api.get("Gadget", "a")


@scenario
async def patches_of_lists_with_keys(api: API) -> None:
    web = {"name": "web", "image": "web:1", "env": [{"name": "A", "value": "1"}]}
    await api.create("Gadget", "a", spec={"containers": [web, {"name": "db"}]})
    changed = {"name": "web", "image": "web:2", "env": [{"name": "A", "value": "1"}, {"name": "B"}]}
    await api.patch("Gadget", "a", {"spec": {"containers": [changed, {"name": "new"}]}})
    await api.apply("m", "Gadget", "a", spec={"containers": [web]})
    await api.apply("m", "Gadget", "a", spec={"containers": [web]}, force=True)
    await api.patch("Gadget", "a", {"spec": {"containers": []}})
    await api.patch("Gadget", "a", {"status": {"conditions": [condition("A"), condition("B")]}}, subresource="status")
    await api.patch("Gadget", "a", {"status": {"conditions": [condition("B", "False")]}}, subresource="status")
    await api.create("ConfigMap", "a", metadata={"finalizers": ["x.com/a"], "ownerReferences": [owner("1")]})
    references = [owner("1", controller=True), owner("2")]
    await api.patch("ConfigMap", "a", {"metadata": {"finalizers": ["x.com/b"], "ownerReferences": references}})
    patch = [{"op": "add", "path": "/metadata/finalizers/-", "value": "x.com/c"}]
    await api.patch("ConfigMap", "a", patch, JSON)


@scenario
async def patches_that_are_not_taken(api: API) -> None:
    await api.create("Gadget", "a")
    await api.patch("Gadget", "a", {"spec": {}}, STRATEGIC)
    await api.patch("Gadget", "a", {"spec": {}}, "application/json")


@scenario
async def the_status_is_a_resource_of_its_own(api: API) -> None:
    await api.create("Gadget", "a", spec={"size": 1})
    await api.patch("Gadget", "a", {"spec": {"size": 2}, "status": {"phase": "Ignored"}})
    await api.patch("Gadget", "a", {"spec": {"size": 9}, "status": {"phase": "Running"}}, subresource="status")
    await api.patch("Gadget", "a", {"metadata": {"labels": {"x": "1"}}}, subresource="status")
    await api.patch("Gadget", "a", {"status": {"phase": None}}, subresource="status")
    await api.patch("Gadget", "a", [{"op": "add", "path": "/status/phase", "value": "b"}], JSON, subresource="status")
    await api.patch("Gadget", "missing", {"status": {"phase": "x"}}, subresource="status")
    await api.send("GET", api.path("Gadget", "a", "status"))
    await api.apply("m", "Gadget", "a", spec={"size": 2}, status={"phase": "Ignored"}, force=True)
    await api.apply("m", "Gadget", "none", status={"phase": "x"}, subresource="status")


@scenario
async def applied_status(api: API) -> None:
    created = await api.create("Gadget", "a", spec={"size": 1})
    status = {"phase": "a", "conditions": [condition("Ready")]}
    await api.apply("a", "Gadget", "a", status=status, subresource="status")
    await api.apply("b", "Gadget", "a", status={"conditions": [condition("Stored")]}, subresource="status")
    await api.apply("b", "Gadget", "a", status={"conditions": [condition("Ready", "False")]}, subresource="status")
    await api.apply("a", "Gadget", "a", status={"conditions": [condition("Ready", "False")]}, subresource="status")
    metadata = {key: created["metadata"][key] for key in ("uid", "resourceVersion")}
    await api.apply("a", "Gadget", "a", metadata=metadata, status={"phase": "b"}, subresource="status")
    await api.apply("a", "Gadget", "a", metadata={"uid": "another"}, status={"phase": "b"}, subresource="status")
    await api.apply("a", "Gadget", "a", status={}, subresource="status")
    await api.apply("b", "Gadget", "a", spec={"size": 5}, subresource="status")


@scenario
async def without_a_status_subresource(api: API) -> None:
    name = f"a-{api.namespace}"
    await api.create("Gizmo", name, spec={"size": 1}, status={"phase": "a"})
    await api.patch("Gizmo", name, {"status": {"phase": "b"}})
    await api.patch("Gizmo", name, {"status": {"phase": "c"}}, subresource="status")
    await api.apply("m", "Gizmo", name, status={"phase": "d"}, force=True)
    await api.patch("ConfigMap", "a", {"status": {}}, subresource="status")
    await api.delete("Gizmo", name)


@scenario
async def the_generation_counts_changes_of_the_spec(api: API) -> None:
    await api.create("Gadget", "a", spec={"size": 1})
    await api.patch("Gadget", "a", {"spec": {"size": 2}})
    await api.patch("Gadget", "a", {"spec": {"size": 2}})
    await api.patch("Gadget", "a", {"metadata": {"annotations": {"x": "1"}}})
    await api.patch("Gadget", "a", {"status": {"phase": "x"}}, subresource="status")
    await api.apply("m", "Gadget", "a", spec={"size": 3}, force=True)
    await api.apply("other", "Gadget", "a", spec={"size": 3})


@scenario
async def deletes(api: API) -> None:
    for kind in ("ConfigMap", "Gadget"):
        created = (await api.create(kind, "a"))["metadata"]
        await api.delete(kind, "a", preconditions={"uid": "another"})
        await api.delete(kind, "a", preconditions={"resourceVersion": "1"})
        await api.delete(kind, "a", preconditions={key: created[key] for key in ("uid", "resourceVersion")})
        await api.get(kind, "a")
        await api.delete(kind, "a")
        await api.create(kind, "a")


@scenario
async def finalizers(api: API) -> None:
    for kind in ("ConfigMap", "Gadget"):
        await api.create(kind, "a", metadata={"finalizers": ["x.com/one", "x.com/two"]})
        await api.delete(kind, "a")
        await api.delete(kind, "a")
        await api.patch(kind, "a", {"metadata": {"finalizers": ["x.com/one", "x.com/two", "x.com/late"]}})
        await api.patch(kind, "a", {"metadata": {"finalizers": ["x.com/one"], "deletionTimestamp": None}})
        await api.create(kind, "a")
        await api.patch(kind, "a", {"metadata": {"finalizers": None}})
        await api.get(kind, "a")


@scenario
async def finalizers_by_apply(api: API) -> None:
    await api.apply("a", "Gadget", "a", metadata={"finalizers": ["a.com/a"]}, spec={"size": 1})
    await api.apply("b", "Gadget", "a", metadata={"finalizers": ["b.com/b"]})
    await api.delete("Gadget", "a")
    await api.apply("a", "Gadget", "a", spec={"size": 1})
    await api.apply("b", "Gadget", "a")
    await api.get("Gadget", "a")


@scenario
async def propagation(api: API) -> None:
    for policy in ("Foreground", "Orphan", "Background"):
        await api.create("ConfigMap", policy.lower())
        await api.delete("ConfigMap", policy.lower(), propagationPolicy=policy)
        await api.get("ConfigMap", policy.lower())
