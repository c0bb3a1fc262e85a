"""What is done to both servers. Each scenario only acts; its answers are what is compared."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .api import API, APPLY, JSON, STRATEGIC

Scenario = Callable[[API], Awaitable[None]]
SCENARIOS: dict[str, Scenario] = {}


def scenario(function: Scenario) -> Scenario:
    SCENARIOS[function.__name__] = function
    return function


def condition(kind: str, status: str = "True") -> dict[str, str]:
    time = "2026-01-01T00:00:00Z"
    return {"type": kind, "status": status, "reason": "Tested", "message": "", "lastTransitionTime": time}


def owner(uid: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "name": uid, "uid": f"own-{uid}", **more}


# Create, get, list


@scenario
async def create_and_get(api: API) -> None:
    await api.create("ConfigMap", "a", metadata={"labels": {"x": "1"}, "annotations": {"y": "2"}}, data={"k": "v"})
    await api.get("ConfigMap", "a")
    await api.create("ConfigMap", "a")
    await api.get("ConfigMap", "missing")
    await api.create("Gadget", "a", spec={"size": 1, "options": {}, "tags": []}, status={"phase": "Ignored"})
    await api.get("Gadget", "missing")
    await api.create("Gizmo", f"a-{api.namespace}", spec={"size": 1}, status={"phase": "Kept"})
    await api.create(
        "ClusterRole",
        f"system:Odd {api.namespace}",
        rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    )


@scenario
async def create_with_a_generated_name(api: API) -> None:
    for _ in range(2):
        await api.create("ConfigMap", metadata={"generateName": "batch-"})
    await api.create("ConfigMap", "named", metadata={"generateName": "batch-"})


@scenario
async def create_what_is_refused(api: API) -> None:
    await api.create("ConfigMap")
    await api.create("ConfigMap", "A_B")
    await api.create("ConfigMap", "a", metadata={"resourceVersion": "7"})
    await api.create("ConfigMap", "a", metadata={"namespace": "another"})
    await api.send("POST", api.path("ConfigMap"), api.body("Gadget", "a"))
    await api.send("GET", "/apis/testing.example.com/v1/nothings")
    await api.send("GET", "/apis/nowhere.example.com/v1/nothings/a")


@scenario
async def create_ignores_what_the_server_writes(api: API) -> None:
    metadata = {
        "uid": "1",
        "generation": 9,
        "creationTimestamp": "2001-01-01T00:00:00Z",
        "deletionTimestamp": "2001-01-01T00:00:00Z",
        "selfLink": "/x",
        "labels": {},
        "finalizers": [],
    }
    await api.create("Gadget", "a", metadata=metadata, spec={"size": 1})
    await api.create("ConfigMap", "a", metadata=metadata, data={})


@scenario
async def dry_runs(api: API) -> None:
    await api.create("ConfigMap", "a", data={"k": "1"})
    api.quiet = True  # whether an object that is not stored has a version differs by verb
    await api.create("ConfigMap", "b", dry_run=True)
    await api.patch("ConfigMap", "a", {"data": {"k": "2"}}, dryRun="All")
    await api.apply("m", "ConfigMap", "a", data={"k": "3"}, params={"dryRun": "All"}, force=True)
    await api.apply("m", "ConfigMap", "c", data={"k": "3"}, params={"dryRun": "All"})
    await api.delete("ConfigMap", "a", dryRun=["All"])
    api.quiet = False
    await api.get("ConfigMap", "a")
    await api.get("ConfigMap", "b")
    await api.get("ConfigMap", "c")


@scenario
async def lists_and_selectors(api: API) -> None:
    for number, labels in enumerate(({"tier": "db"}, {"tier": "db", "old": ""}, {"tier": "web"}, {})):
        await api.create("ConfigMap", f"c-{number}", metadata={"labels": labels})
        await api.create("Gadget", f"g-{number}", metadata={"labels": labels})
    for selector in ("tier=db", "tier==db,!old", "tier!=db", "tier in (db, web)", "tier notin (db)", "tier", "!tier"):
        await api.listed("ConfigMap", labelSelector=selector)
        await api.listed("Gadget", labelSelector=selector)
    for selector in ("metadata.name=c-1", "metadata.name!=c-1", f"metadata.namespace={api.namespace}", "data.key=1"):
        await api.listed("ConfigMap", fieldSelector=selector)
    await api.listed("ConfigMap", labelSelector="tier", fieldSelector="metadata.name=c-2")
    await api.listed("Gadget", labelSelector="=(")
    await api.listed("Gadget", fieldSelector="metadata.name=g-1")
    await api.listed("Gadget", fieldSelector="spec.size=1")


@scenario
async def lists_across_namespaces(api: API) -> None:
    await api.create("Gadget", "a", metadata={"labels": {"across": api.namespace}})
    await api.send("GET", "/apis/testing.example.com/v1/gadgets", labelSelector=f"across={api.namespace}")


@scenario
async def lists_page_by_page(api: API) -> None:
    for number in range(5):
        await api.create("Gadget", f"g-{number}", metadata={"labels": {"x": "1"}})
    page = await api.listed("Gadget", limit="2")
    await api.delete("Gadget", "g-4")  # the pages are of one moment
    page = await api.listed("Gadget", limit="2", **{"continue": page["metadata"]["continue"]})
    await api.listed("Gadget", limit="2", **{"continue": page["metadata"]["continue"]})
    await api.listed("Gadget", limit="2", labelSelector="x")
    await api.listed("Gadget", limit="9")
    await api.listed("Gadget", limit="2", **{"continue": "nonsense"})


# Patches


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


# Server-side apply


@scenario
async def apply_creates_changes_and_removes(api: API) -> None:
    await api.apply("m", "ConfigMap", "a", metadata={"labels": {"x": "1"}}, data={"keep": "1", "drop": "1"})
    await api.apply("m", "ConfigMap", "a", metadata={"labels": {"x": "1"}}, data={"keep": "1", "drop": "1"})
    await api.apply("m", "ConfigMap", "a", data={"keep": "2"})
    await api.apply("m", "ConfigMap", "a")
    spec = {"size": 1, "tags": ["a"], "options": {"a": "1"}, "nested": {"a": "1", "deeper": {"name": "n"}}}
    await api.apply("m", "Gadget", "a", spec=spec)
    await api.apply("m", "Gadget", "a", spec={**spec, "nested": {"a": "1"}, "tags": ["b", "c"]})
    await api.apply("m", "Gadget", "a", spec={"options": {}, "nested": {}})
    await api.apply("m", "Gadget", "a", spec={})
    await api.apply("m", "Gadget", "a")


@scenario
async def apply_conflicts_name_the_manager(api: API) -> None:
    await api.apply("theirs", "ConfigMap", "a", metadata={"labels": {"x": "1"}}, data={"k": "1", "l": "1"})
    await api.apply("ours", "ConfigMap", "a", data={"k": "2"})
    await api.apply("ours", "ConfigMap", "a", metadata={"labels": {"x": "2"}}, data={"k": "2", "l": "2"})
    await api.apply("ours", "ConfigMap", "a", data={"k": "1"})  # the same value: both own it
    await api.apply("theirs", "ConfigMap", "a", data={"l": "1"})  # gives it up: ours stays
    await api.apply("ours", "ConfigMap", "a", data={"k": "3", "l": "3"}, force=True)
    await api.apply("theirs", "ConfigMap", "a")
    await api.get("ConfigMap", "a")


@scenario
async def apply_and_updates_by_others(api: API) -> None:
    await api.create("Gadget", "a", spec={"size": 1, "options": {"a": "1"}})
    await api.apply("m", "Gadget", "a", spec={"size": 1, "options": {"b": "1"}})
    await api.apply("m", "Gadget", "a", spec={"size": 2})
    await api.apply("m", "Gadget", "a", spec={"size": 2, "options": {"b": "1"}}, force=True)
    await api.patch("Gadget", "a", {"spec": {"size": 3, "options": {"b": None}}})
    await api.apply("m", "Gadget", "a", spec={"size": 4})
    await api.apply("patcher", "Gadget", "a", spec={"size": 5})  # the name is the same, the operation is another
    await api.apply("m", "Gadget", "a", spec={})
    await api.patch("Gadget", "a", {"spec": {"size": 3}})


@scenario
async def apply_replaces_atomic_lists(api: API) -> None:
    await api.apply("a", "Gadget", "a", spec={"tags": ["a", "b"]})
    await api.apply("b", "Gadget", "a", spec={"tags": ["a"]})
    await api.apply("b", "Gadget", "a", spec={"tags": ["a", "b"]})
    await api.apply("b", "Gadget", "a", spec={"tags": ["c"]}, force=True)
    await api.apply("b", "Gadget", "a", spec={"tags": []})
    await api.apply("b", "Gadget", "a")


@scenario
async def apply_merges_lists_by_key(api: API) -> None:
    web = {"name": "web", "image": "web:1", "args": ["x"], "env": [{"name": "A", "value": "1"}, {"name": "B"}]}
    port = {"containerPort": 80, "protocol": "TCP"}
    await api.apply("a", "Gadget", "a", spec={"containers": [web, {"name": "db", "ports": [port]}]})
    await api.apply("b", "Gadget", "a", spec={"containers": [{"name": "sidecar", "image": "s:1"}]})
    await api.apply("b", "Gadget", "a", spec={"containers": [{"name": "web", "env": [{"name": "C", "value": "3"}]}]})
    await api.apply("b", "Gadget", "a", spec={"containers": [{"name": "web", "image": "web:2"}]})
    other = {"containerPort": 80, "protocol": "UDP", "host": "h"}
    await api.apply("b", "Gadget", "a", spec={"containers": [{"name": "db", "ports": [other, {**port, "host": "i"}]}]})
    await api.apply("a", "Gadget", "a", spec={"containers": [{"name": "db"}, web]})
    await api.apply("a", "Gadget", "a", spec={"containers": [{"name": "new"}, web]})
    await api.apply("a", "Gadget", "a", spec={"containers": []})
    await api.apply("a", "Gadget", "a")
    await api.apply("b", "Gadget", "a")


@scenario
async def apply_keeps_what_others_have_in_an_item_that_is_dropped(api: API) -> None:
    await api.apply("a", "Gadget", "a", spec={"containers": [{"name": "web", "image": "i", "env": [{"name": "A"}]}]})
    await api.apply("b", "Gadget", "a", spec={"containers": [{"name": "web", "env": [{"name": "B", "value": "1"}]}]})
    await api.apply("a", "Gadget", "a", spec={"size": 1})
    await api.patch("Gadget", "a", {"metadata": {"labels": {"x": "1"}}})
    await api.apply("b", "Gadget", "a", spec={"nested": {"b": "1"}})


@scenario
async def apply_orders_items(api: API) -> None:
    def named(*names: str) -> dict[str, Any]:
        return {"containers": [{"name": name} for name in names]}

    await api.apply("a", "Gadget", "a", spec=named("a", "b", "c"))
    await api.apply("b", "Gadget", "a", spec=named("x", "b", "y"))
    await api.apply("b", "Gadget", "a", spec=named("c", "z", "a"))
    await api.apply("a", "Gadget", "a", spec=named("c", "b", "a"))
    await api.apply("a", "Gadget", "a", spec=named("q", "a"))


@scenario
async def apply_merges_metadata(api: API) -> None:
    await api.apply("a", "ConfigMap", "a", metadata={"finalizers": ["a.com/a"], "ownerReferences": [owner("1")]})
    await api.apply("b", "ConfigMap", "a", metadata={"finalizers": ["b.com/b"], "ownerReferences": [owner("2")]})
    await api.apply("b", "ConfigMap", "a", metadata={"ownerReferences": [owner("1", controller=True)]})
    await api.apply("b", "ConfigMap", "a", metadata={"ownerReferences": [owner("1")], "annotations": {"x": "1"}})
    await api.apply("a", "ConfigMap", "a", metadata={"labels": {"x": "1"}})
    await api.apply("b", "ConfigMap", "a", metadata={"labels": {"y": "1"}})
    await api.apply("b", "ConfigMap", "a")
    await api.apply("a", "ConfigMap", "a", metadata={"labels": {}})


@scenario
async def apply_of_built_in_kinds(api: API) -> None:
    """The objects are defaulted by a real server, so only the ownership is compared: see the test."""
    template = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {
            "containers": [
                {
                    "name": "web",
                    "image": "web:1",
                    "env": [{"name": "A", "value": "1"}],
                    "ports": [{"containerPort": 80, "protocol": "TCP"}],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "emptyDir": {}}],
            "imagePullSecrets": [{"name": "pull"}],
            "nodeSelector": {"disk": "fast"},
        },
    }
    selector = {"matchLabels": {"app": "a"}}
    await api.apply("a", "Deployment", "a", spec={"replicas": 2, "selector": selector, "template": template})
    extra = {"template": {"spec": {"containers": [{"name": "web", "env": [{"name": "B", "value": "2"}]}]}}}
    await api.apply("b", "Deployment", "a", spec=extra)
    await api.apply("b", "Deployment", "a", spec={"replicas": 3})
    await api.apply("b", "Deployment", "a", spec={"replicas": 3}, force=True)
    ports = [{"port": 80, "protocol": "TCP", "name": "http"}]
    await api.apply("a", "Service", "a", spec={"selector": {"app": "a"}, "ports": ports})
    await api.apply("b", "Service", "a", spec={"ports": [{"port": 443, "protocol": "TCP", "name": "https"}]})
    await api.apply("b", "Service", "a", spec={"selector": {"app": "b"}})
    await api.apply("c", "Service", "a", spec={"ports": [{"port": 8080, "name": "other"}]})
    for manager, kind in (("a", "Available"), ("b", "Progressing")):
        status = {"conditions": [condition(kind) | {"lastUpdateTime": "2026-01-01T00:00:00Z"}]}
        await api.apply(manager, "Deployment", "a", status=status, subresource="status")


@scenario
async def apply_to_what_nobody_owns(api: API) -> None:
    for name in ("a", "b"):
        await api.create("Gadget", name)
        await api.patch("Gadget", name, {"status": {"phase": "1"}}, subresource="status")
    await api.apply("m", "Gadget", "a")
    await api.apply("m", "Gadget", "b", status={"phase": "1"}, subresource="status")
    await api.apply("m", "Gadget", "a", spec={"size": 1})


@scenario
async def apply_what_is_refused(api: API) -> None:
    await api.apply("a", "ConfigMap", "a")
    await api.apply("a", "ConfigMap", "a", metadata={"name": "b"})
    entry = {"manager": "x", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {}}
    await api.apply("a", "ConfigMap", "a", metadata={"managedFields": [entry]})
    await api.send("PATCH", api.path("ConfigMap", "a"), api.body("Gadget", "a"), APPLY, fieldManager="a")


# Status, generation


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


# Delete


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


# Watch


@scenario
async def watches(api: API) -> None:
    await api.create("Gadget", "before", metadata={"finalizers": ["x.com/wait"]})
    version = (await api.listed("Gadget"))["metadata"]["resourceVersion"]

    async def change() -> None:
        await api.create("Gadget", "a", spec={"size": 1})
        await api.patch("Gadget", "a", {"spec": {"size": 2}})
        await api.patch("Gadget", "a", {"status": {"phase": "x"}}, subresource="status")
        await api.delete("Gadget", "before")
        await api.patch("Gadget", "before", {"metadata": {"finalizers": None}})
        await api.delete("Gadget", "a")

    await api.watch("Gadget", version, 6, change)
    await api.watch("Gadget", version, 6)  # the same once more, from the history


@scenario
async def watches_with_selectors(api: API) -> None:
    version = (await api.listed("ConfigMap"))["metadata"]["resourceVersion"]

    async def change() -> None:
        await api.create("ConfigMap", "a", metadata={"labels": {"x": "1"}})
        await api.create("ConfigMap", "b")
        await api.patch("ConfigMap", "b", {"metadata": {"labels": {"x": "1"}}})
        await api.patch("ConfigMap", "b", {"data": {"k": "1"}})
        await api.patch("ConfigMap", "b", {"metadata": {"labels": {"x": "2"}}})
        await api.patch("ConfigMap", "b", {"data": {"k": "2"}})
        await api.delete("ConfigMap", "b")
        await api.delete("ConfigMap", "a")

    await api.watch("ConfigMap", version, 5, change, labelSelector="x=1")
    await api.watch("ConfigMap", version, 3, fieldSelector="metadata.name=a,metadata.namespace!=x", timeoutSeconds="1")


@scenario
async def watches_from_the_beginning(api: API) -> None:
    await api.create("Gadget", "a")
    await api.create("Gadget", "b")

    async def change() -> None:
        await api.delete("Gadget", "a")

    await api.watch("Gadget", "0", 3, change)


@scenario
async def watches_end(api: API) -> None:
    version = (await api.listed("Gadget"))["metadata"]["resourceVersion"]
    await api.watch("Gadget", version, 9, timeoutSeconds="1")


@scenario
async def watches_of_what_is_refused(api: API) -> None:
    events = await api.watch("Gadget", "1", 1)
    api.log[-1] = [(event["type"], event["object"]["code"], event["object"]["reason"]) for event in events]
    await api.send("GET", api.path("ConfigMap"), fieldSelector="data.x=1", watch="1")
