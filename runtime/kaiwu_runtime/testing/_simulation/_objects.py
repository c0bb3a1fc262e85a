"""The objects of an API server as JSON, and writes that are made only where something differs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

from kaiwu_runtime import _clock as clock
from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import AlreadyExistsError, ConflictError, ForbiddenError, InvalidError, NotFoundError
from kaiwu_runtime.rest._paths import collection_path, object_path

Object = dict[str, Any]

STATEFUL_SETS = ResourceIdentity("apps", "v1", "StatefulSet", "statefulsets", namespaced=True)
DEPLOYMENTS = ResourceIdentity("apps", "v1", "Deployment", "deployments", namespaced=True)
REPLICA_SETS = ResourceIdentity("apps", "v1", "ReplicaSet", "replicasets", namespaced=True)
JOBS = ResourceIdentity("batch", "v1", "Job", "jobs", namespaced=True)
PODS = ResourceIdentity("", "v1", "Pod", "pods", namespaced=True)
CLAIMS = ResourceIdentity("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims", namespaced=True)
EVENTS = ResourceIdentity("events.k8s.io", "v1", "Event", "events", namespaced=True)
REVISIONS = ResourceIdentity("apps", "v1", "ControllerRevision", "controllerrevisions", namespaced=True)
KINDS = (STATEFUL_SETS, DEPLOYMENTS, REPLICA_SETS, JOBS, PODS, CLAIMS, REVISIONS)

simulating: ContextVar[bool] = ContextVar("kaiwu_simulating", default=False)
"""Whether the present task plays a controller of the cluster."""

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH = 5


class Objects:
    """Reads and writes objects.

    Args:
        client: Of the API server.

    Attributes:
        transport: Sends the requests.
        due: When something happens next, in monotonic seconds.
        jobs: What is remembered of Jobs, by their uids.
    """

    def __init__(self, client: Client) -> None:
        self.due: list[float] = []
        self.jobs: dict[str, Any] = {}
        self.transport = client.transport
        self._manager = client.field_manager

    def look_again_in(self, seconds: float) -> None:
        """Look at all objects again after some seconds."""
        self.due.append(clock.monotonic() + seconds)

    async def listed(self, kind: ResourceIdentity) -> list[Object]:
        """Return all objects of a kind."""
        answer = json.loads(await self.transport.request("GET", collection_path(kind, "")))
        return [{**item, "apiVersion": kind.api_version, "kind": kind.kind} for item in answer["items"]]

    async def exists(self, kind: ResourceIdentity, namespace: str, name: str, uid: str) -> bool:
        """Return whether there is an object with a uid."""
        try:
            found = json.loads(await self.transport.request("GET", object_path(kind, namespace, name)))
        except NotFoundError:
            return False
        return bool(found["metadata"]["uid"] == uid)

    async def create(self, kind: ResourceIdentity, obj: Object) -> None:
        """Create an object, if there is none of its name and its namespace is not being deleted."""
        body = json.dumps({"apiVersion": kind.api_version, "kind": kind.kind, **obj}).encode()
        path = collection_path(kind, obj["metadata"]["namespace"])
        with suppress(AlreadyExistsError, ForbiddenError, InvalidError):
            await self.transport.request("POST", path, params={"fieldManager": self._manager}, body=body)

    async def patch(self, kind: ResourceIdentity, obj: Object, patch: Object, subresource: str = "") -> None:
        """Change an object by a merge patch; one that is gone or changed meanwhile is looked at again anyway."""
        path = object_path(kind, obj["metadata"]["namespace"], obj["metadata"]["name"], subresource)
        with suppress(NotFoundError, ConflictError, InvalidError):
            await self.transport.request(
                "PATCH",
                path,
                params={"fieldManager": self._manager},
                body=json.dumps(patch).encode(),
                content_type="application/merge-patch+json",
            )

    async def set_status(self, kind: ResourceIdentity, obj: Object, status: Mapping[str, Any]) -> None:
        """Write members of a status that differ; the times of conditions stay while these do."""
        present = obj.get("status") or {}
        wanted = dict(status)
        if "conditions" in wanted:
            wanted["conditions"] = _conditions(present.get("conditions") or (), wanted["conditions"])
        changed = {name: part for name, part in wanted.items() if not json_equal(present.get(name), part)}
        if changed:
            await self.patch(kind, obj, {"status": changed}, "status")

    async def delete(self, kind: ResourceIdentity, obj: Object, **options: Any) -> None:  # noqa: ANN401 - DeleteOptions
        """Delete an object, if it is still this one."""
        path = object_path(kind, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])
        body = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "preconditions": {"uid": obj["metadata"]["uid"]},
            **options,
        }
        with suppress(NotFoundError, ConflictError):
            await self.transport.request("DELETE", path, body=json.dumps(body).encode())


def now() -> str:
    """Return the present time as Kubernetes writes it."""
    return clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(kind: str, status: bool, reason: str = "", message: str = "") -> Object:
    """Return a condition without its time."""
    found = {"type": kind, "status": str(status), "reason": reason, "message": message}
    return {name: part for name, part in found.items() if part}


def _conditions(present: Any, wanted: list[Object]) -> list[Object]:  # noqa: ANN401 - JSON
    known = {each["type"]: each for each in present}
    return [_timed(known.get(each["type"]), each) for each in wanted]


def _timed(before: Object | None, wanted: Object) -> Object:
    if before is not None and all(before.get(name) == part for name, part in wanted.items()):
        return before
    same = before is not None and before.get("status") == wanted["status"]
    since = before.get("lastTransitionTime") if before is not None and same else None
    return {**wanted, "lastTransitionTime": since or now()}


def controller_of(obj: Object) -> str:
    """Return the uid of the controller of an object; empty for none."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            return str(reference["uid"])
    return ""


def owned_by(owner: Object) -> list[Object]:
    """Return the owner references of an object that a controller makes."""
    return [
        {
            "apiVersion": owner["apiVersion"],
            "kind": owner["kind"],
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
    ]


def is_deleted(obj: Object) -> bool:
    """Return whether an object is being deleted."""
    return "deletionTimestamp" in obj["metadata"]


def digest(value: object) -> str:
    """Return a short name for a value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def suffix(number: int) -> str:
    """Return the random part of a generated name, which is not random, so that runs can be compared."""
    text = ""
    for _ in range(_SUFFIX_LENGTH):
        number, rest = divmod(number, len(_LETTERS))
        text = _LETTERS[rest] + text
    return text


def is_ready(pod: Object) -> bool:
    """Return whether a Pod is ready."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return not is_deleted(pod) and any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
