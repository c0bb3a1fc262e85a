"""Two copies of an object, one written by a client that leaves out unchanged applies, the other by one that does not.

The same history happens to both: of the operator's own writes, and of those of other clients.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

from hypothesis import strategies as st
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime.api import APIModel, CustomResource, ObjectKey, identify, resource
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.client import Client
from kaiwu_runtime.client._codec import decode
from kaiwu_runtime.errors import APIError, NotFoundError

MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
COUNTERS = ("uid", "resourceVersion", "creationTimestamp", "namespace", "generation", "deletionTimestamp")


class ThingSpec(APIModel):
    a: int | None = None
    m: dict[str, str] | None = None
    size: int = 3


class ThingStatus(APIModel):
    s: int | None = None


@resource(group="history.example.com", version="v1")
class Thing(CustomResource):
    spec: ThingSpec = ThingSpec()
    status: ThingStatus | None = None


KINDS: tuple[Any, ...] = (ConfigMap, Thing, Deployment)
MAPPING: dict[Any, tuple[str, ...]] = {
    ConfigMap: ("data",),
    Thing: ("spec", "m"),
    Deployment: ("spec", "template", "metadata", "annotations"),
}
NUMBER: dict[Any, tuple[str, ...]] = {Thing: ("spec", "a"), Deployment: ("spec", "replicas")}

_key = st.sampled_from(["k0", "k1"])
_value = st.sampled_from(["1", "2", None])
_number = st.sampled_from([1, 2, None])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("reconcile"), st.integers(1, 2)),
        st.tuples(st.just("settle")),
        st.tuples(st.just("want"), _key, _value),
        st.tuples(st.just("want_number"), _number),
        st.tuples(st.just("want_label"), _key, _value),
        st.tuples(st.just("want_finalizer"), st.booleans()),
        st.tuples(st.just("other_patches"), _key, _value),
        st.tuples(st.just("other_sets_number"), _number),
        st.tuples(st.just("other_labels"), _key, _value),
        st.tuples(st.just("other_applies"), _key, st.sampled_from(["1", "2"]), st.booleans()),
        st.tuples(st.just("other_releases")),
        st.tuples(st.just("other_takes_and_restores"), _key),
        st.tuples(st.just("other_clears_owners")),
        st.tuples(st.just("other_sets_finalizer"), st.booleans()),
        st.tuples(st.just("other_writes_status"), st.integers(1, 2)),
        st.tuples(st.just("other_deletes")),
        st.tuples(st.just("other_makes_anew"), st.booleans()),
        st.tuples(st.just("own_status"), st.integers(1, 2)),
        st.tuples(st.just("own_patch"), _key, _value),
        st.tuples(st.just("own_delete")),
        st.tuples(st.just("own_second_manager"), _key, st.sampled_from(["1", "2"])),
        st.tuples(st.just("own_without_force")),
    ),
    max_size=12,
)


def nested(path: tuple[str, ...], value: object) -> dict[str, Any]:
    for name in reversed(path):
        value = {name: value}
    assert isinstance(value, dict)
    return value


class Side:
    """One object, in a namespace of its own, and the operator that wants it to be in some state.

    Args:
        kind: Of the object.
        key: Of the object.
        client: The operator's.
        other: Another client.
        cache: The cache of the operator's client; None for one that has none.
    """

    def __init__(self, kind: type[Any], key: ObjectKey, client: Client, other: Client, cache: Cache | None) -> None:
        self.kind, self.key, self.client, self.other, self.cache = kind, key, client, other, cache
        self.mapping: dict[str, str] = {"k0": "1"}
        self.labels: dict[str, str] = {}
        self.number: int | None = 1
        self.finalizer = False
        self.path = identify(kind).path(key.namespace, key.name)

    async def do(self, step: tuple[Any, ...]) -> str:
        """Take a step, and return the name of the error that it ended with."""
        name, *values = step
        method: Callable[..., Any] = getattr(self, name)
        try:
            await method(*values)
        except APIError as error:
            return type(error).__name__
        return ""

    async def state(self) -> dict[str, Any] | None:
        """Return the object without what the API server counts."""
        try:
            found: dict[str, Any] = json.loads(await self.other.transport.request("GET", self.path))
        except NotFoundError:
            return None
        metadata = found["metadata"]
        for name in COUNTERS:
            metadata.pop(name, None)
        owners = [
            (entry["manager"], entry["operation"], entry.get("subresource"), json.dumps(entry["fieldsV1"]))
            for entry in metadata.pop("managedFields", ())
        ]
        return {**found, "owners": sorted(map(str, owners))}

    async def settle(self) -> None:
        if self.cache is None:
            return
        store = self.cache.informer(self.kind).store
        async with asyncio.timeout(20):
            while True:
                try:
                    answer = json.loads(await self.other.transport.request("GET", self.path))
                    live = answer["metadata"]["resourceVersion"]
                except NotFoundError:
                    live = None
                cached = store.get(self.key)
                if live == (cached.resource_version if cached is not None else None):
                    return
                await asyncio.sleep(0.005)

    async def reconcile(self, times: int) -> None:
        for _ in range(times):
            await self.client.apply(self._wanted())

    async def want(self, key: str, value: str | None) -> None:
        _set(self.mapping, key, value)

    async def want_label(self, key: str, value: str | None) -> None:
        _set(self.labels, key, value)

    async def want_number(self, value: int | None) -> None:
        self.number = value

    async def want_finalizer(self, value: bool) -> None:
        self.finalizer = value

    async def other_patches(self, key: str, value: str | None) -> None:
        await self._patch(nested(MAPPING[self.kind], {key: value}))

    async def other_sets_number(self, value: int | None) -> None:
        if self.kind in NUMBER:
            await self._patch(nested(NUMBER[self.kind], value))

    async def other_labels(self, key: str, value: str | None) -> None:
        await self._patch({"metadata": {"labels": {key: value}}})

    async def other_applies(self, key: str, value: str, force: bool) -> None:
        document = self._document(nested(MAPPING[self.kind], {key: value}))
        await self._patch(document, APPLY, fieldManager="another", force=str(force).lower())

    async def other_releases(self) -> None:
        await self.other.transport.request("GET", self.path)  # or it would be created
        await self._patch(self._document({}), APPLY, fieldManager="another", force="true")

    async def other_takes_and_restores(self, key: str) -> None:
        await self.other_patches(key, "taken")
        if key in self.mapping:
            await self.other_patches(key, self.mapping[key])

    async def other_clears_owners(self) -> None:
        await self._patch({"metadata": {"managedFields": [{}]}})

    async def other_sets_finalizer(self, value: bool) -> None:
        await self._patch({"metadata": {"finalizers": ["example.com/other"] if value else None}})

    async def other_writes_status(self, value: int) -> None:
        if self.kind is not ConfigMap:
            field = "s" if self.kind is Thing else "replicas"
            await self._patch({"status": {field: value}}, subresource="/status")

    async def other_deletes(self) -> None:
        await self.other.transport.request("DELETE", self.path)

    async def other_makes_anew(self, as_wanted: bool) -> None:
        if await self.state() is not None:
            await self.other_deletes()
        content = self._content() if as_wanted or self.kind is Deployment else nested(MAPPING[self.kind], {"k1": "9"})
        body = json.dumps(self._document(content)).encode()
        collection = identify(self.kind).path(self.key.namespace)
        await self.other.transport.request("POST", collection, params={"fieldManager": "other"}, body=body)

    async def own_status(self, value: int) -> None:
        if self.kind is Thing:
            metadata = ObjectMeta(name=self.key.name, namespace=self.key.namespace)
            await self.client.apply_status(Thing(metadata=metadata, status=ThingStatus(s=value)))

    async def own_patch(self, key: str, value: str | None) -> None:
        await self.client.patch(self.kind, self.key, nested(MAPPING[self.kind], {key: value}))

    async def own_delete(self) -> None:
        await self.client.delete(self.kind, self.key)

    async def own_second_manager(self, key: str, value: str) -> None:
        if self.kind is not Deployment:
            document = self._document(nested(MAPPING[self.kind], {key: value}))
            await self.client.apply(decode(self.kind, json.dumps(document).encode()), field_manager="second")

    async def own_without_force(self) -> None:
        await self.client.apply(self._wanted(), force=False)

    async def remove(self) -> None:
        """Delete it, whatever holds it."""
        await self.do(("other_sets_finalizer", False))
        await self.do(("other_deletes",))

    def _wanted(self) -> Any:
        return decode(self.kind, json.dumps(self._document(self._content())).encode())

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = nested(MAPPING[self.kind], dict(self.mapping))
        if self.kind is Deployment:
            content["spec"] |= {"selector": {"matchLabels": {"x": "y"}}}
            content["spec"]["template"]["metadata"]["labels"] = {"x": "y"}
            content["spec"]["template"]["spec"] = {"containers": [{"name": "c", "image": "i"}]}
        if self.kind in NUMBER and self.number is not None:
            content["spec"][NUMBER[self.kind][1]] = self.number
        metadata: dict[str, Any] = {"labels": self.labels} if self.labels else {}
        if self.finalizer:
            metadata["finalizers"] = ["example.com/own"]
        return {**content, "metadata": metadata}

    def _document(self, content: Mapping[str, Any]) -> dict[str, Any]:
        named = {"name": self.key.name, "namespace": self.key.namespace}
        return {
            "apiVersion": identify(self.kind).api_version,
            "kind": self.kind.__name__,
            **content,
            "metadata": {**content.get("metadata", {}), **named},
        }

    async def _patch(
        self, document: object, content_type: str = MERGE, *, subresource: str = "", **params: str
    ) -> None:
        await self.other.transport.request(
            "PATCH",
            self.path + subresource,
            params={"fieldManager": "other", **params},
            body=json.dumps(document).encode(),
            content_type=content_type,
        )


def _set(mapping: dict[str, str], key: str, value: str | None) -> None:
    if value is None:
        mapping.pop(key, None)
    else:
        mapping[key] = value
