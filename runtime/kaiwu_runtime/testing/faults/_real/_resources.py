"""The resources that an API server has, and what a write request names.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#discovery-api
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.testing._fault_proxy._server import RefusedError, Server
from kaiwu_runtime.testing._kinds import Target, parse_path

_NEEDED = {"list", "watch"}
_VERBS = {"POST": "create", "PUT": "update", "DELETE": "delete"}
_APPLY = "application/apply-patch"
_MACHINERY_GROUPS = frozenset(
    {"apiregistration.k8s.io", "flowcontrol.apiserver.k8s.io", "internal.apiserver.k8s.io", "events.k8s.io"}
)
_MACHINERY = frozenset({"ComponentStatus", "Endpoints", "EndpointSlice", "Event", "IPAddress", "Lease", "ServiceCIDR"})
"""Kinds whose objects the control plane keeps for itself, or that tell of time."""


@dataclass(frozen=True, slots=True)
class Write:
    """What a write request names.

    Attributes:
        verb: ``create``, ``apply``, ``patch``, ``update`` or ``delete``.
        kind: The kind; the plural where it is not known.
        target: Names of the path.
    """

    verb: str
    kind: str
    target: Target

    def text(self, body: bytes) -> str:
        """Return the write for people: ``apply ConfigMap x/a``.

        Args:
            body: Has the name of an object that is created.
        """
        name = self.target.name
        if not name and self.verb == "create":
            metadata = json_object(body).get("metadata")
            name = str(metadata.get("name") or "") if isinstance(metadata, dict) else ""
        kind = f"{self.kind}/{self.target.subresource}" if self.target.subresource else self.kind
        return f"{self.verb} {kind} {'/'.join(filter(None, (self.target.namespace, name)))}"


class Resources:
    """The resources of an API server, in the version that it prefers.

    Args:
        found: All of them.
    """

    def __init__(self, found: Iterable[ResourceIdentity]) -> None:
        self._by_plural = {(each.group, each.plural): each for each in found}
        self._by_kind = {(each.group, each.kind): each for each in self._by_plural.values()}

    @classmethod
    async def discover(cls, server: Server) -> Resources:
        """Return the resources that can be watched.

        Raises:
            RefusedError: The server rejected a request.
        """
        groups = [("", "v1")]
        answer = await _read(server, "/apis")
        groups += [
            (str(group["name"]), str(group["preferredVersion"]["version"])) for group in answer.get("groups") or ()
        ]
        found = []
        for group, version in groups:
            listed = await _read(server, f"/apis/{group}/{version}" if group else f"/api/{version}")
            found += [
                ResourceIdentity(group, version, each["kind"], each["name"], bool(each["namespaced"]))
                for each in listed.get("resources") or ()
                if "/" not in each["name"] and set(each.get("verbs") or ()) >= _NEEDED
            ]
        return cls(found)

    @property
    def watched(self) -> list[ResourceIdentity]:
        """Those whose objects belong to the state of a run."""
        return [
            each
            for each in self._by_plural.values()
            if each.group not in _MACHINERY_GROUPS and each.kind not in _MACHINERY
        ]

    def of(self, api_version: str, kind: str) -> ResourceIdentity | None:
        """Return the resource of a kind, or None; the version does not matter."""
        group = api_version.rpartition("/")[0]
        return self._by_kind.get((group, kind))

    def write(self, method: str, path: str, content_type: str) -> Write | None:
        """Return what a request writes, or None for one that writes no object.

        Args:
            method: The HTTP method.
            path: The path, still quoted.
            content_type: Of the body.
        """
        target = parse_path(path)
        if method == "GET" or target is None:
            return None
        known = self._by_plural.get((target.group, target.plural))
        verb = _VERBS.get(method, "apply" if content_type.startswith(_APPLY) else "patch")
        return Write(verb, known.kind if known is not None else target.plural, target)


def json_object(text: bytes) -> Mapping[str, Any]:
    """Return a JSON object, or an empty one for any other text."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


async def _read(server: Server, path: str) -> dict[str, Any]:
    status, answer = await server.request("GET", path)
    if status != 200:
        raise RefusedError(f"{path}: {status} {answer.get('message')}")
    return answer
