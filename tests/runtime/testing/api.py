"""Plain requests to either server, with every answer written down so that two runs can be compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Annotated, Any

from kaiwu_runtime.api import APIModel, Conditions, CustomResource, ListMapKeys, PreserveUnknownFields, Scale, resource
from kaiwu_runtime.client import Transport
from kaiwu_runtime.errors import APIStatusError

MERGE = "application/merge-patch+json"
JSON = "application/json-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"


class Env(APIModel):
    name: str
    value: str | None = None


class Port(APIModel):
    container_port: int
    protocol: str
    host: str | None = None


class Container(APIModel):
    name: str
    image: str | None = None
    args: list[str] | None = None
    env: Annotated[list[Env] | None, ListMapKeys("name")] = None
    ports: Annotated[list[Port] | None, ListMapKeys("containerPort", "protocol")] = None


class Deeper(APIModel):
    name: str | None = None
    value: str | None = None


class Nested(APIModel):
    a: str | None = None
    b: str | None = None
    deeper: Deeper | None = None


class GadgetSpec(APIModel):
    size: int | None = None
    tags: list[str] | None = None
    options: dict[str, str] | None = None
    nested: Nested | None = None
    containers: Annotated[list[Container] | None, ListMapKeys("name")] = None
    free: Annotated[dict[str, Any] | None, PreserveUnknownFields()] = None


class GadgetStatus(APIModel):
    phase: str | None = None
    conditions: Conditions = Conditions()


@resource(group="testing.example.com", version="v1")
class Gadget(CustomResource):
    spec: GadgetSpec | None = None
    status: GadgetStatus | None = None


@resource(group="testing.example.com", version="v1", status=False, scope="Cluster")
class Gizmo(CustomResource):
    spec: GadgetSpec | None = None
    status: GadgetStatus | None = None


class Tooth(APIModel):
    length: int
    width: int | None = None


class GearSpec(APIModel):
    size: int | None = None
    mode: str
    teeth: list[Tooth] | None = None


class GearStatus(APIModel):
    replicas: int
    selector: str | None = None


@resource(
    group="testing.example.com",
    version="v1",
    scale=Scale(
        spec_replicas_path=".spec.size",
        status_replicas_path=".status.replicas",
        label_selector_path=".status.selector",
    ),
)
class Gear(CustomResource):
    spec: GearSpec
    status: GearStatus | None = None


COLLECTIONS = {
    "ConfigMap": ("v1", "/api/v1/namespaces/{}/configmaps"),
    "Secret": ("v1", "/api/v1/namespaces/{}/secrets"),
    "Service": ("v1", "/api/v1/namespaces/{}/services"),
    "Deployment": ("apps/v1", "/apis/apps/v1/namespaces/{}/deployments"),
    "ClusterRole": ("rbac.authorization.k8s.io/v1", "/apis/rbac.authorization.k8s.io/v1/clusterroles"),
    "Gadget": ("testing.example.com/v1", "/apis/testing.example.com/v1/namespaces/{}/gadgets"),
    "Gear": ("testing.example.com/v1", "/apis/testing.example.com/v1/namespaces/{}/gears"),
    "Pod": ("v1", "/api/v1/namespaces/{}/pods"),
    "PodDisruptionBudget": ("policy/v1", "/apis/policy/v1/namespaces/{}/poddisruptionbudgets"),
    "Gizmo": ("testing.example.com/v1", "/apis/testing.example.com/v1/gizmos"),
}


class API:
    """Sends requests for objects as mappings.

    Args:
        transport: Of either server.
        namespace: For namespaced kinds.
    """

    def __init__(self, transport: Transport, namespace: str) -> None:
        self.transport = transport
        self.namespace = namespace
        self.log: list[Any] = []
        """Every answer: an object, or the code and reason of a refusal."""
        self.quiet = False
        """Write nothing down: for answers that differ on purpose."""

    def path(self, kind: str, name: str = "", subresource: str = "") -> str:
        collection = COLLECTIONS[kind][1].format(self.namespace)
        return "/".join(filter(None, (collection, name, subresource)))

    def body(self, kind: str, name: str, **parts: Any) -> dict[str, Any]:
        """Return an object; metadata may have more than the name."""
        metadata = {**({"name": name} if name else {}), **parts.pop("metadata", {})}
        return {"apiVersion": COLLECTIONS[kind][0], "kind": kind, "metadata": metadata, **parts}

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        content_type: str = "application/json",
        accept: str = "application/json",
        **params: str,
    ) -> dict[str, Any]:
        """Send a request, write down what comes, and return it; of a refusal its code and reason."""
        data = json.dumps(body).encode() if body is not None else None
        try:
            answer = await self.transport.request(
                method, path, params=params, body=data, content_type=content_type, accept=accept
            )
            found: dict[str, Any] = json.loads(answer)
        except APIStatusError as error:
            causes = [(cause.get("reason"), cause.get("field")) for cause in error.details.get("causes") or ()]
            found = {
                "error": type(error).__name__,
                "code": error.code,
                "reason": error.reason,
                "fields": sorted(causes, key=str) if error.code == 409 else [],
                "about": [error.details.get(key) for key in ("name", "group", "kind")] if error.code == 404 else [],
            }
        if not self.quiet:
            self.log.append(json.loads(json.dumps(found)))
        return found

    async def create(self, kind: str, name: str = "", *, dry_run: bool = False, **parts: Any) -> dict[str, Any]:
        params = {"fieldManager": "creator", **({"dryRun": "All"} if dry_run else {})}
        return await self.send("POST", self.path(kind), self.body(kind, name, **parts), **params)

    async def get(self, kind: str, name: str) -> dict[str, Any]:
        return await self.send("GET", self.path(kind, name))

    async def listed(self, kind: str, **params: str) -> dict[str, Any]:
        return await self.send("GET", self.path(kind), **params)

    async def patch(
        self, kind: str, name: str, patch: Any, content_type: str = MERGE, *, subresource: str = "", **params: str
    ) -> dict[str, Any]:
        params = {"fieldManager": "patcher", **params}
        return await self.send("PATCH", self.path(kind, name, subresource), patch, content_type, **params)

    async def apply(
        self, manager: str, kind: str, name: str, *, force: bool = False, subresource: str = "", **parts: Any
    ) -> dict[str, Any]:
        params = {"fieldManager": manager, "force": str(force).lower(), **parts.pop("params", {})}
        body = self.body(kind, name, **parts)
        return await self.send("PATCH", self.path(kind, name, subresource), body, APPLY, **params)

    async def delete(self, kind: str, name: str, **options: Any) -> dict[str, Any]:
        body = {"apiVersion": "v1", "kind": "DeleteOptions", **options}
        return await self.send("DELETE", self.path(kind, name), body)

    async def watch(
        self,
        kind: str,
        version: str,
        count: int,
        during: Callable[[], Awaitable[object]] | None = None,
        accept: str = "application/json",
        **params: str,
    ) -> list[dict[str, Any]]:
        """Return the first events of a watch, while something else goes on."""
        query = {"watch": "1", "resourceVersion": version, "timeoutSeconds": "10", **params}
        events: list[dict[str, Any]] = []

        async def read() -> None:
            stream = self.transport.stream(self.path(kind), params=query, idle_timeout=30.0, accept=accept)
            async with aclosing(stream) as lines:
                async for line in lines:
                    events.append(json.loads(line))
                    if len(events) == count:
                        return

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.05)
        if during is not None:
            await during()
        await asyncio.wait_for(reading, 20)
        self.log.append(json.loads(json.dumps(events)))
        return events


def normalised(log: list[Any], namespace: str) -> list[Any]:
    """Return what two runs must have in common: uids, versions and times by the order in which they appear."""
    seen: dict[tuple[str, str], int] = {}

    def number(kind: str, value: str) -> str:
        return f"{kind} {seen.setdefault((kind, value), len(seen))}"

    def visit(value: Any) -> Any:
        if isinstance(value, list):
            return [visit(item) for item in value]
        if not isinstance(value, dict):
            return "(namespace)" if value == namespace else value
        result: dict[str, Any] = {}
        for name, part in sorted(value.items()):  # servers write members in their own order
            if name == "uid" and not str(part).startswith("own-"):
                result[name] = number("uid", part)
            elif name == "resourceVersion":
                result[name] = "(list)" if "items" in value or value.keys() <= _LIST else number("version", part)
            elif name in {"creationTimestamp", "deletionTimestamp"} and part is not None:
                result[name] = "(time)"
            elif name == "continue":
                result[name] = "(token)" if part else ""
            elif name == "name" and "generateName" in value:
                result[name] = f"{value['generateName']}({len(part) - len(value['generateName'])})"
            elif name == "managedFields":
                result[name] = sorted(
                    (_managed(entry) for entry in part), key=lambda entry: json.dumps(entry, sort_keys=True)
                )
            else:
                result[name] = visit(part)
        return result

    return [visit(entry) for entry in log]


_LIST = {"resourceVersion", "continue", "remainingItemCount"}


def _managed(entry: dict[str, Any]) -> dict[str, Any]:
    return {name: part for name, part in entry.items() if name != "time"}
