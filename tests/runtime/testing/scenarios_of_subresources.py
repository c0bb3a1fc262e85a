"""Scale, evictions, deletion of collections and required fields, on both servers."""

from __future__ import annotations

from typing import Any

from .api import API, JSON
from .scenarios import scenario


async def quietly(api: API, kind: str, name: str, **parts: Any) -> None:
    """Create an object that a real server fills with defaults, without comparing it."""
    api.quiet = True
    await api.create(kind, name, **parts)
    api.quiet = False


def deployment(replicas: int | None = None) -> dict[str, Any]:
    labels = {"app": "a", "tier": "b"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "web", "image": "web:1"}]}}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    return {"spec": spec if replicas is None else {**spec, "replicas": replicas}}


async def managers(api: API, kind: str, name: str) -> None:
    """Write down who owns what, without the defaults of a real server."""
    api.quiet = True
    found = await api.get(kind, name)
    api.quiet = False
    entries = found["metadata"].get("managedFields") or ()
    api.log.append([(entry["manager"], entry["operation"], entry.get("subresource")) for entry in entries[-1:]])
    api.log.append(found["metadata"].get("generation"))


@scenario
async def scale_of_deployments(api: API) -> None:
    await quietly(api, "Deployment", "a", **deployment(2))
    path = api.path("Deployment", "a", "scale")
    await api.send("GET", path)
    for replicas in (3, 3, 0, -1, "x", None):
        await api.patch("Deployment", "a", {"spec": {"replicas": replicas}}, subresource="scale")
    await managers(api, "Deployment", "a")
    await api.patch("Deployment", "a", [{"op": "add", "path": "/spec/replicas", "value": 4}], JSON, subresource="scale")
    await api.patch("Deployment", "a", {"metadata": {"resourceVersion": "1"}}, subresource="scale")
    await api.patch("Deployment", "a", {"spec": {"replicas": 7}}, subresource="scale", dryRun="All")
    await api.send("GET", path)
    await api.send("GET", api.path("Deployment", "missing", "scale"))
    await api.send("GET", api.path("ConfigMap", "a", "scale"))
    await quietly(api, "Deployment", "default", **deployment())
    await api.send("GET", api.path("Deployment", "default", "scale"))


@scenario
async def scale_of_custom_resources(api: API) -> None:
    await api.create("Gear", "a", spec={"size": 2, "mode": "m"})
    path = api.path("Gear", "a", "scale")
    await api.send("GET", path)
    for replicas in (3, 3, 0, -1):
        await api.patch("Gear", "a", {"spec": {"replicas": replicas}}, subresource="scale")
        await api.get("Gear", "a")
    await api.patch("Gear", "a", {"status": {"replicas": 2, "selector": "app=a"}}, subresource="status")
    await api.send("GET", path)
    await api.create("Gear", "b", spec={"mode": "m"})
    await api.send("GET", api.path("Gear", "b", "scale"))
    await api.send("GET", api.path("Gadget", "a", "scale"))


@scenario
async def required_fields_of_custom_resources(api: API) -> None:
    await api.create("Gear", "a")
    await api.create("Gear", "a", spec={})
    await api.create("Gear", "a", spec={"size": 1})
    await api.create("Gear", "a", spec={"mode": "m", "teeth": [{"length": 1}, {}, {"length": 2, "width": 1}]})
    await api.create("Gear", "a", spec={"mode": "m", "teeth": [{"length": 1}]})
    await api.patch("Gear", "a", {"spec": {"mode": None}})
    await api.patch("Gear", "a", {"spec": {"teeth": [{"width": 3}]}})
    await api.patch("Gear", "a", {"status": {"selector": "x"}}, subresource="status")
    await api.apply("m", "Gear", "b", spec={"size": 1})
    await api.apply("m", "Gear", "b", spec={"mode": "m"})
    await api.apply("m", "Gear", "b")
    await api.get("Gear", "b")


def without(obj: Any, path: str) -> Any:
    """Return a copy without one member; a number in the path is an index."""
    first, _, rest = path.partition(".")
    if isinstance(obj, list):
        items = list(obj)
        items[int(first)] = without(items[int(first)], rest)
        return items
    if not rest:
        return {name: part for name, part in obj.items() if name != first}
    return {**obj, first: without(obj[first], rest)}


@scenario
async def required_fields_of_deployments(api: API) -> None:
    spec = deployment(1)["spec"]
    container = {
        "name": "web",
        "image": "web:1",
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "ports": [{"containerPort": 80}],
        "volumeMounts": [{"name": "v", "mountPath": "/v"}],
        "livenessProbe": {"httpGet": {"port": 80}},
    }
    volume = {"name": "v", "configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}}
    spec["template"]["spec"] = {"containers": [container], "volumes": [volume]}
    inner = "template.spec"
    for path in (
        "selector",
        "template",
        f"{inner}.containers",
        f"{inner}.containers.0.name",
        f"{inner}.containers.0.env.0.name",
        f"{inner}.containers.0.env.0.valueFrom.fieldRef.fieldPath",
        f"{inner}.containers.0.ports.0.containerPort",
        f"{inner}.containers.0.volumeMounts.0.mountPath",
        f"{inner}.volumes.0.configMap.items.0.key",
        f"{inner}.volumes.0.configMap.items.0.path",
    ):
        api.quiet = True
        found = await api.create("Deployment", "a", spec=without(spec, path))
        api.quiet = False
        api.log.append([path, found.get("code"), found.get("reason")])


async def pod(
    api: API, name: str, phase: str = "Running", *, ready: bool = True, labels: dict[str, str] | None = None
) -> None:
    api.quiet = True
    containers = [{"name": "web", "image": "web:1"}]
    await api.create("Pod", name, metadata={"labels": labels or {"app": "a"}}, spec={"containers": containers})
    conditions = [{"type": "Ready", "status": str(ready)}]
    await api.patch("Pod", name, {"status": {"phase": phase, "conditions": conditions}}, subresource="status")
    api.quiet = False


async def budget(
    api: API,
    name: str,
    allowed: int,
    healthy: int = 2,
    desired: int = 1,
    *,
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> None:
    api.quiet = True
    selector = {"matchLabels": labels or {"app": "a"}}
    created = await api.create("PodDisruptionBudget", name, spec={"minAvailable": 1, "selector": selector, **spec})
    status = {
        "disruptionsAllowed": allowed,
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "expectedPods": 2,
        "observedGeneration": created["metadata"]["generation"],
    }
    await api.patch("PodDisruptionBudget", name, {"status": status}, subresource="status")
    api.quiet = False


async def evicted(api: API, name: str, **delete_options: Any) -> None:
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}
    if delete_options:
        body["deleteOptions"] = {"apiVersion": "v1", "kind": "DeleteOptions", **delete_options}
    await api.send("POST", api.path("Pod", name, "eviction"), body)


@scenario
async def evictions(api: API) -> None:
    for name in "abcdefg":
        await pod(api, name)
    await pod(api, "pending", "Pending", ready=False)
    await pod(api, "unready", ready=False)
    await evicted(api, "a")
    await evicted(api, "missing")
    await budget(api, "one", 1)
    await evicted(api, "b", dryRun=["All"])
    await evicted(api, "b")
    await evicted(api, "c")  # the budget is spent
    await evicted(api, "pending")
    await evicted(api, "unready")  # enough others are healthy
    await budget(api, "two", 1)
    await evicted(api, "d")
    names = sorted(item["metadata"]["name"] for item in (await quiet_list(api, "Pod"))["items"])
    api.log.append(names)
    await api.send("POST", api.path("ConfigMap", "a", "eviction"), {})


@scenario
async def evictions_of_pods_that_go_already(api: API) -> None:
    for name in "ab":
        await pod(api, name)
        api.quiet = True
        await api.patch("Pod", name, {"metadata": {"finalizers": ["x.com/held"]}})
        api.quiet = False
    await budget(api, "one", 1)
    await evicted(api, "a", preconditions={"uid": "another"})
    await evicted(api, "a")
    await evicted(api, "b")  # the budget is spent
    await evicted(api, "a")  # it goes already
    api.quiet = True
    await api.delete("Pod", "b")
    api.quiet = False
    await evicted(api, "b")
    await budget(api, "more", 0, healthy=3, labels={"app": "z"})
    await pod(api, "c", labels={"app": "z"})
    await evicted(api, "c")
    api.quiet = True
    spent = (await api.get("PodDisruptionBudget", "one"))["status"]
    found = [(await api.get("Pod", name))["status"]["conditions"] for name in "ab"]
    api.quiet = False
    api.log.append([spent["disruptionsAllowed"], sorted(spent["disruptedPods"])])
    shown = ("type", "status", "reason", "message")
    api.log.append([[[each.get(name) for name in shown] for each in conditions] for conditions in found])


@scenario
async def generations_of_deployments(api: API) -> None:
    await quietly(api, "Deployment", "a", **deployment(2))
    for patch, subresource in (
        ({"metadata": {"annotations": {"a": "1"}}}, ""),
        ({"metadata": {"annotations": {"a": "1"}}}, ""),
        ({"metadata": {"annotations": {"a": None}}}, ""),
        ({"metadata": {"labels": {"a": "1"}}}, ""),
        ({"metadata": {"annotations": {"r": "1"}, "labels": {"b": "1"}}, "status": {"replicas": 1}}, "status"),
        ({"metadata": {"annotations": {"r": None}}}, "status"),
        ({"spec": {"replicas": 3}}, ""),
    ):
        api.quiet = True
        await api.patch("Deployment", "a", patch, subresource=subresource)
        found = (await api.get("Deployment", "a"))["metadata"]
        api.quiet = False
        api.log.append([found["generation"], found.get("annotations"), found.get("labels")])
    await pod(api, "a")
    api.quiet = True
    found = await api.patch("Pod", "a", {"metadata": {"annotations": {"a": "1"}}})
    api.quiet = False
    api.log.append(found["metadata"].get("generation"))


async def quiet_list(api: API, kind: str) -> dict[str, Any]:
    api.quiet = True
    found = await api.listed(kind)
    api.quiet = False
    return found


@scenario
async def collections_are_deleted(api: API) -> None:
    for kind in ("ConfigMap", "Gadget"):
        for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
            finalizers = {"finalizers": ["x.com/a"]} if name == "b" else {}
            await api.create(kind, name, metadata={"labels": {"colour": colour}, **finalizers})
        path = api.path(kind)
        await api.send("DELETE", path, labelSelector="colour in (")
        await api.send("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "dryRun": ["All"]})
        await api.send("DELETE", path, labelSelector="colour=red")
        await api.listed(kind)
        await api.send("DELETE", path, fieldSelector="metadata.name=missing")
        await api.send("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Orphan"})
        await api.listed(kind)
