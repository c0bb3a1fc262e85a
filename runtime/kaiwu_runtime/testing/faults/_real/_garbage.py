"""What kube-controller-manager does with owners, namespaces and volumes, for an API server that runs without one.

See https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import aiohttp

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.rest._paths import object_path
from kaiwu_runtime.testing._fault_proxy._server import Server
from kaiwu_runtime.testing._garbage import FOREGROUND, ORPHAN, policy_of, waits_for_dependents
from kaiwu_runtime.testing.faults._real._observer import Object, Observer
from kaiwu_runtime.testing.faults._real._resources import Resources

_MERGE = "application/merge-patch+json"
_PAUSE_SECONDS = 0.02
_RETRY_SECONDS = 0.5
_IN_USE = frozenset({"kubernetes.io/pvc-protection", "kubernetes.io/pv-protection"})


class GarbageCollector:
    """Deletes objects whose owners are gone, carries out policies of deletions, empties namespaces and frees volumes.

    Args:
        server: The API server.
        resources: Its resources.
        observer: Knows its objects.
    """

    def __init__(self, server: Server, resources: Resources, observer: Observer) -> None:
        self._server = server
        self._resources = resources
        self._observer = observer

    async def run(self) -> None:
        """Collect after each change until cancelled."""
        while True:
            self._observer.woken.clear()
            try:
                await self._collect()
            except (aiohttp.ClientError, TimeoutError, OSError):
                await asyncio.sleep(_RETRY_SECONDS)
                self._observer.woken.set()
            await asyncio.sleep(_PAUSE_SECONDS)
            await self._observer.woken.wait()

    async def delete(self, obj: Object, *, force: bool = False, policy: str = "Background") -> None:
        """Delete an object, if it is still this one.

        Args:
            obj: The object.
            force: Without its finalizers and without grace.
            policy: What becomes of its dependents.
        """
        path = self.path(obj)
        if force and obj["metadata"].get("finalizers"):
            await self._server.request("PATCH", path, {"metadata": {"finalizers": None}}, content_type=_MERGE)
        options: dict[str, Any] = {"propagationPolicy": policy}
        if force:
            options["gracePeriodSeconds"] = 0
        preconditions = {"uid": obj["metadata"]["uid"]}
        body = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": preconditions, **options}
        await self._server.request("DELETE", path, body)

    def path(self, obj: Object) -> str:
        """Return the request path of an object."""
        resource = self._resources.of(obj["apiVersion"], obj["kind"])
        assert resource is not None  # noqa: S101 - it is watched
        return object_path(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    async def _collect(self) -> None:
        for obj in self._observer.present():
            metadata = obj["metadata"]
            if not metadata.get("deletionTimestamp"):
                if metadata.get("ownerReferences"):
                    await self._check(obj)
                continue
            finalizers = metadata.get("finalizers") or ()
            if ORPHAN in finalizers:
                await self._release(obj)
            elif FOREGROUND in finalizers:
                await self._let_go(obj)
            elif _IN_USE.intersection(finalizers) and not self._is_used(obj):
                await self._finish(obj, *_IN_USE)
            if obj["kind"] == "Namespace" and obj["apiVersion"] == "v1":
                await self._empty(obj)

    async def _check(self, obj: Object) -> None:
        """Delete an object that has no owner left, or release it from those that go."""
        metadata, kept, waits = obj["metadata"], [], False
        for reference in metadata["ownerReferences"]:
            kind = self._resources.of(reference["apiVersion"], reference["kind"])
            if kind is None or (kind.namespaced and not metadata.get("namespace")):
                return  # the owner of a cluster-scoped object cannot be namespaced: it is never looked up
            owner = self._observer.objects.get(reference["uid"])
            if owner is not None and owner["metadata"].get("namespace", "") not in {"", metadata.get("namespace", "")}:
                continue  # in another namespace, which counts for none
            if owner is not None and waits_for_dependents(owner):
                waits = True
            elif owner is not None or await self._exists(kind, obj, reference):
                kept.append(reference)
        if not kept:
            in_foreground = waits and any(self._dependents(metadata["uid"]))
            await self.delete(obj, policy=policy_of(metadata, in_foreground))
        elif len(kept) < len(metadata["ownerReferences"]):
            await self._patch(obj, {"ownerReferences": kept})

    async def _exists(self, owner: ResourceIdentity, obj: Object, reference: Object) -> bool:
        """Ask the server: the watches of two kinds have no order between them."""
        namespace = obj["metadata"].get("namespace", "")
        path = object_path(owner, namespace if owner.namespaced else "", reference["name"])
        status, answer = await self._server.request("GET", path)
        return status != 404 and (status != 200 or answer["metadata"]["uid"] == reference["uid"])

    def _dependents(self, uid: str) -> Iterator[tuple[Object, Object]]:
        for obj in self._observer.present():
            for reference in obj["metadata"].get("ownerReferences") or ():
                if reference["uid"] == uid:
                    yield obj, reference

    async def _release(self, owner: Object) -> None:
        uid = owner["metadata"]["uid"]
        for obj, _ in list(self._dependents(uid)):
            left = [each for each in obj["metadata"]["ownerReferences"] if each["uid"] != uid]
            await self._patch(obj, {"ownerReferences": left or None})
        await self._finish(owner, ORPHAN)

    async def _let_go(self, owner: Object) -> None:
        """Let an object go when none of its dependents, which `_check` deletes, keeps it."""
        references = [reference for _, reference in self._dependents(owner["metadata"]["uid"])]
        if not any(each.get("blockOwnerDeletion") for each in references):
            await self._finish(owner, FOREGROUND)

    def _is_used(self, claim: Object) -> bool:
        """Return whether a Pod has a claim among its volumes."""
        place = claim["metadata"].get("namespace"), claim["metadata"]["name"]
        return any(
            (pod["metadata"].get("namespace"), (volume.get("persistentVolumeClaim") or {}).get("claimName")) == place
            for pod in self._observer.present()
            if pod["kind"] == "Pod"
            for volume in pod["spec"].get("volumes") or ()
        )

    async def _finish(self, obj: Object, *finalizers: str) -> None:
        left = [each for each in obj["metadata"]["finalizers"] if each not in finalizers]
        await self._patch(obj, {"finalizers": left or None})

    async def _patch(self, obj: Object, metadata: Object) -> None:
        """Change metadata of an object that is still this version; another one is looked at again anyway."""
        body = {"metadata": {**metadata, "resourceVersion": obj["metadata"]["resourceVersion"]}}
        await self._server.request("PATCH", self.path(obj), body, content_type=_MERGE)

    async def _empty(self, namespace: Object) -> None:
        name = namespace["metadata"]["name"]
        inside = [obj for obj in self._observer.objects.values() if obj["metadata"].get("namespace") == name]
        for obj in inside:
            if not obj["metadata"].get("deletionTimestamp"):
                await self.delete(obj)
        if not inside:
            body = {**namespace, "spec": {**namespace.get("spec", {}), "finalizers": []}}
            await self._server.request("PUT", f"{self.path(namespace)}/finalize", body)
