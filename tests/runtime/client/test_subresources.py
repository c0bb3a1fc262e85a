"""Every class of lightkube.resources leads to the path it stands for, by every verb, or is refused before a request."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any

import lightkube.resources
import msgspec
import pytest
from lightkube.generic_resource import create_global_resource, create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Node, NodeStatus, Pod, PodEviction, PodLog, PodStatus

from kaiwu_runtime.cache import Cache, CachedClient
from kaiwu_runtime.client import Client, NamespacedClient, PatchType, set_owner_reference
from kaiwu_runtime.errors import DecodeError

from ..stand_in_transport import Sent, StandInTransport

GenericWidget = create_namespaced_resource("widgets.example.com", "v1", "Widget", "widgets")
GenericWorld = create_global_resource("widgets.example.com", "v1", "World", "worlds")


def classes() -> Iterator[type[Any]]:
    for found in pkgutil.iter_modules(lightkube.resources.__path__):
        module = importlib.import_module(f"lightkube.resources.{found.name}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and hasattr(value, "_api_info"):
                yield value
    yield from (GenericWidget, GenericWidget.Status, GenericWidget.Scale)
    yield from (GenericWorld, GenericWorld.Status, GenericWorld.Scale)


CLASSES = list(classes())


class Recording(StandInTransport):
    """A transport that notes where requests go; every answer is the empty object."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str]] = []

    async def answer(self, sent: Sent) -> bytes:
        method, path = sent.method, sent.path
        self.requests.append((method, path))
        if method == "GET" and not path.endswith(("/a", "/status", "/scale")) and "/a/" not in path:
            return b'{"metadata":{},"items":[]}'
        return b'{"apiVersion":"v1","kind":"Status","metadata":{}}'


def path_of(kind: type[Any], *, name: bool) -> str:
    """Return the path a class stands for, from what lightkube says of it."""
    info = kind._api_info
    parent = info.parent or info.resource
    in_namespace = any(base.__name__.startswith("Namespaced") for base in kind.__mro__[1:]) or any(
        base.__name__.startswith("GenericNamespaced") for base in kind.__mro__
    )
    root = f"/apis/{parent.group}/{parent.version}" if parent.group else f"/api/{parent.version}"
    path = f"{root}/namespaces/n/{info.plural}" if in_namespace else f"{root}/{info.plural}"
    if name:
        path += "/a"
    return f"{path}/{info.action}" if info.action else path


def instance(kind: type[Any]) -> Any:
    metadata = ObjectMeta(name="a", namespace="n")
    if issubclass(kind, dict):
        return kind(metadata=metadata, spec={"replicas": 1})
    required = {
        field.name: None for field in msgspec.structs.fields(kind) if field.required and field.name != "metadata"
    }
    made = kind(metadata=metadata, **required)
    if kind._api_info.action == "scale":
        from lightkube.models.autoscaling_v1 import ScaleSpec

        made.spec = ScaleSpec(replicas=1)
    return made


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}")
@pytest.mark.parametrize("observed", [False, True])
async def test_every_class_leads_to_its_own_path_or_is_refused(kind: type[Any], observed: bool) -> None:
    transport = Recording()
    client = Client(transport)
    if observed:
        CachedClient(client, Cache(transport))  # which hears of what the other client writes
    action, verbs = kind._api_info.action, kind._api_info.verbs
    readable = issubclass(kind, msgspec.Struct | dict)
    calls: dict[str, Any] = {
        "get": lambda: client.get(kind, "a", namespace="n"),
        "patch": lambda: client.patch(kind, "a", {}, namespace="n"),
        "post": lambda: client.create(instance(kind)),
        "apply": lambda: client.apply(instance(kind)),
        "list": lambda: client.list(kind, namespace="n"),
        "delete": lambda: client.delete(kind, "a", namespace="n"),
    }
    methods = {"get": "GET", "patch": "PATCH", "post": "POST", "apply": "PATCH", "list": "GET", "delete": "DELETE"}
    for verb, call in calls.items():
        transport.requests.clear()
        if not readable and verb in {"post", "apply"}:
            continue  # there is nothing to make
        offered = not action or ("patch" if verb == "apply" else verb) in verbs
        if not offered or (action and (verb in {"list", "delete"} or not readable)):
            with pytest.raises(TypeError, match=kind.__name__):
                await call()
            assert transport.requests == []
            continue
        with contextlib.suppress(DecodeError):  # the answer lacks what the kind requires
            await call()
        named = bool(action) or verb not in {"post", "list"}
        assert transport.requests == [(methods[verb], path_of(kind, name=named))], verb


@pytest.mark.parametrize("kind", [kind for kind in CLASSES if kind._api_info.action], ids=lambda kind: kind.__name__)
def test_a_subresource_is_neither_cached_nor_an_owner(kind: type[Any]) -> None:
    with pytest.raises(TypeError, match=f"^{kind.__name__} is the subresource .*: use {_parent(kind)} instead$"):
        Cache(Recording()).informer(kind)
    if issubclass(kind, msgspec.Struct | dict):
        owner = instance(kind)
        owner.metadata.uid = "u"
        with pytest.raises(TypeError, match="is the subresource"):
            set_owner_reference(owner, ConfigMap(metadata=ObjectMeta(name="b", namespace="n")))


def _parent(kind: type[Any]) -> str:
    return str((kind._api_info.parent or kind._api_info.resource).kind)


async def test_another_subresource_than_the_class_s_own() -> None:
    client = Client(Recording())
    with pytest.raises(ValueError, match=r"^PodStatus is the subresource 'status', not 'resize'$"):
        await client.patch(PodStatus, "a", {}, namespace="n", subresource="resize")
    await client.patch(PodStatus, "a", {}, namespace="n", subresource="status")
    with pytest.raises(TypeError, match="pods/log is not an object"):
        await client.get(PodLog, "a", namespace="n")


async def test_the_scope_of_a_kind_counts_and_not_what_the_caller_says() -> None:
    transport = Recording()
    client = Client(transport)
    await client.get(Node, "a", namespace="n")
    await client.patch(NodeStatus, "a", {}, namespace="n", patch_type=PatchType.STRATEGIC)
    await client.list(Node, namespace="n")
    paths = [path for _, path in transport.requests]
    assert paths == ["/api/v1/nodes/a", "/api/v1/nodes/a/status", "/api/v1/nodes"]
    with pytest.raises(ValueError, match=r"^Pod a: metadata.namespace is not set, and the kind is namespaced$"):
        await client.get(Pod, "a")


async def test_a_client_of_a_namespace_has_the_same_paths() -> None:
    transport = Recording()
    client = NamespacedClient(Client(transport), "n")
    await client.get(Pod, "a")
    await client.get(PodStatus, "a")
    await client.list(Pod)
    await client.create(PodEviction(metadata=ObjectMeta(name="a")))
    await client.delete(Node, "a")
    assert [path for _, path in transport.requests] == [
        "/api/v1/namespaces/n/pods/a",
        "/api/v1/namespaces/n/pods/a/status",
        "/api/v1/namespaces/n/pods",
        "/api/v1/namespaces/n/pods/a/eviction",
        "/api/v1/nodes/a",
    ]
    for call in (
        client.get(Pod, "a", namespace="other"),
        client.list(Pod, namespace="other"),
        client.delete(Pod, "a", namespace="other"),
        client.patch(Pod, "a", {}, namespace="other"),
        client.create(Pod(metadata=ObjectMeta(name="a", namespace="other"))),
        client.apply(Pod(metadata=ObjectMeta(name="a", namespace="other"))),
        client.apply_status(Pod(metadata=ObjectMeta(name="a", namespace="other"))),
    ):
        with pytest.raises(ValueError, match=r"^Pod: namespace 'other' is not the client's, 'n'$"):
            await call
    with pytest.raises(ValueError, match="the namespace is empty"):
        NamespacedClient(client, "")
