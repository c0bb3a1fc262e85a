"""What is not a kind, in the words of every function that takes one."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from lightkube.models.core_v1 import PodSpec
from lightkube.models.core_v1 import Secret as SecretModel
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import PodStatus, Secret

from kaiwu_runtime import (
    Client,
    ControllerBuilder,
    Manager,
    ManagerOptions,
    ObjectKey,
    Reader,
    child_of,
    controller_managed_by,
    rbac,
)
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.api._identity import identify, subresource_of, type_meta
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.errors import ConfigurationError, DefinitionError
from kaiwu_runtime.testing import FakeTransport, wait_for
from kaiwu_runtime.webhook import webhook_managed_by


@resource(group="kinds.example.com", version="v1")
class Known(CustomResource):
    """A kind."""


class Undecorated(CustomResource):
    """No kind yet."""


CLASS = "pass the class, one with @resource(...) or one of lightkube.resources"
WRONG = {
    "a name": ("Secret", f"'Secret' is not a Kubernetes resource: {CLASS}"),
    "nothing": (None, f"None is not a Kubernetes resource: {CLASS}"),
    "an object": (Secret(data={"key": "hidden"}), f"an object of type Secret is not a Kubernetes resource: {CLASS}"),
    "an object of a project's type": (Known(), f"an object of type Known is not a Kubernetes resource: {CLASS}"),
    "a module": (json, f"an object of type module is not a Kubernetes resource: {CLASS}"),
    "a schema of a kind": (
        SecretModel,
        "lightkube.models.core_v1.Secret is not a Kubernetes resource: use lightkube.resources.core_v1.Secret",
    ),
    "a schema": (PodSpec, "PodSpec is not a Kubernetes resource: decorate it"),
    "a type that is not decorated": (Undecorated, "Undecorated is not a Kubernetes resource: decorate it"),
}


def build(change: Callable[[ControllerBuilder, Any], object]) -> Callable[[Any], object]:
    return lambda kind: change(controller_managed_by(Manager()).for_(Known), kind)


def cache() -> Cache:
    return Cache(cast("Any", None))  # nothing is requested


TAKES_A_KIND: dict[str, Callable[[Any], object]] = {
    "identify": identify,
    "type_meta": type_meta,
    "for_": lambda kind: controller_managed_by(Manager()).for_(kind),
    "owns": build(lambda builder, kind: builder.owns(kind)),
    "owns optional": build(lambda builder, kind: builder.owns(kind, optional=True)),
    "watches": build(lambda builder, kind: builder.watches(kind, lambda _: [])),
    "configure": lambda kind: cache().configure(kind, label_selector="a=b"),
    "index_field": lambda kind: cache().index_field(kind, "spec.secret", lambda _: []),
    "webhook": lambda kind: webhook_managed_by(Manager()).for_(kind),
    "with_spoke": lambda kind: webhook_managed_by(Manager()).for_(Known).with_spoke(kind),
    "child_of": lambda kind: child_of(Known(), kind),
}


@pytest.mark.parametrize(("kind", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("call", TAKES_A_KIND.values(), ids=TAKES_A_KIND)
def test_what_is_not_a_kind_is_named(call: Callable[[Any], object], kind: Any, message: str) -> None:
    with pytest.raises((TypeError, ConfigurationError)) as raised:
        call(kind)
    assert message in str(raised.value)
    assert "hidden" not in str(raised.value)


ASKS: dict[str, Callable[[Any], Awaitable[object]]] = {
    "get": lambda kind: client().get(kind, "a", namespace="x"),
    "find": lambda kind: client().find(kind, "a", namespace="x"),
    "list": lambda kind: client().list(kind),
    "delete": lambda kind: client().delete(kind, "a", namespace="x"),
    "delete_all_of": lambda kind: client().delete_all_of(kind, namespace="x"),
    "patch": lambda kind: client().patch(kind, "a", {"spec": {}}, namespace="x"),
    "patch_status": lambda kind: client().patch_status(kind, "a", {"lit": 1}, namespace="x"),
    "wait_for": lambda kind: wait_for(client(), kind, ObjectKey("x", "a"), timeout=0.1),
    "get from the cache": lambda kind: reader().get(kind, "a", namespace="x"),
    "list from the cache": lambda kind: reader().list(kind),
}


def client() -> Client:
    return Client(FakeTransport(Known))


def reader() -> Reader:
    return Manager(ManagerOptions(health_probe_bind_address="0"), client=client()).client


@pytest.mark.parametrize(("kind", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("call", ASKS.values(), ids=ASKS)
async def test_a_request_for_what_is_not_a_kind(
    call: Callable[[Any], Awaitable[object]], kind: Any, message: str
) -> None:
    with pytest.raises(TypeError) as raised:
        await call(kind)
    assert message in str(raised.value)
    assert "hidden" not in str(raised.value)


NAMES: dict[str, tuple[Any, str]] = {
    "an object": (
        Secret(data={"key": "hidden"}),
        "an object of type Secret is not a valid name: pass its key, ObjectKey",
    ),
    "an object of a project's type": (Known(), "an object of type Known is not a valid name: pass its key, ObjectKey"),
    "metadata": (ObjectMeta(name="hidden"), "an object of type ObjectMeta is not a valid name: pass a text"),
    "nothing": (None, "an object of type NoneType is not a valid name: pass a text or an ObjectKey"),
    "a number": (3, "an object of type int is not a valid name: pass a text or an ObjectKey"),
}


@pytest.mark.parametrize(("name", "message"), NAMES.values(), ids=NAMES)
async def test_what_is_not_a_name_is_not_shown(name: Any, message: str) -> None:
    for request in (
        client().get(Known, name),
        client().find(Known, name, namespace="x"),
        client().delete(Known, name, namespace="x"),
        client().patch(Known, name, {}, namespace="x"),
        reader().get(Known, name, namespace="x"),
    ):
        with pytest.raises(TypeError) as raised:
            await request
        assert message in str(raised.value)
        assert "hidden" not in str(raised.value)


@pytest.mark.parametrize(("kind", "message"), WRONG.values(), ids=WRONG)
def test_a_permission_for_what_is_not_a_kind(kind: Any, message: str) -> None:
    if kind is None:
        pytest.skip("no kind: the rule names groups and resources")
    with pytest.raises(DefinitionError) as raised:
        rbac(kind, verbs="get")(Known)
    assert message in str(raised.value)


@pytest.mark.parametrize("kind", ["Secret", None, Secret()])
def test_a_subresource_of_what_is_not_a_class(kind: Any) -> None:
    assert not subresource_of(Secret)
    with pytest.raises((TypeError, ConfigurationError), match="is not a Kubernetes resource"):
        type_meta(kind)


def test_a_subresource_is_not_watched() -> None:
    with pytest.raises(ConfigurationError, match=r"owns\(\.\.\.\): PodStatus is the subresource pods/status"):
        controller_managed_by(Manager()).for_(Known).owns(PodStatus)
