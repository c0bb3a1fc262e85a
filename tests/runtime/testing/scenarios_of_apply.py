"""Server-side apply, on both servers."""

from __future__ import annotations

from typing import Any

from .api import API, APPLY
from .scenarios import condition, owner, scenario


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


@scenario
async def texts_of_secrets_become_data(api: API) -> None:
    opaque: dict[str, Any] = {"type": "Opaque"}
    await api.create("Secret", "a", stringData={"a": "1", "both": "text"}, data={"both": "eA==", "c": "eA=="}, **opaque)
    await api.create("Secret", "empty", stringData={}, **opaque)
    await api.patch("Secret", "a", {"stringData": {"a": "2", "d": "ü"}})
    await api.patch("Secret", "a", {"stringData": {"a": "2"}})
    await api.apply("m", "Secret", "b", stringData={"a": "1", "b": ""}, **opaque)
    await api.apply("m", "Secret", "b", stringData={"a": "1", "b": ""}, **opaque)
    await api.apply("m", "Secret", "b", stringData={"a": "2"}, **opaque)
    await api.apply("other", "Secret", "b", stringData={"a": "3"})
    await api.apply("m", "Secret", "b", data={"a": "eA=="}, **opaque)
    await api.apply("m", "Secret", "b", **opaque)
    await api.get("Secret", "a")
