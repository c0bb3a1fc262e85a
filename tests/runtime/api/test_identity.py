"""What is not a kind, in the words of every function that takes one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from lightkube.models.core_v1 import PodSpec
from lightkube.models.core_v1 import Secret as SecretModel
from lightkube.resources.core_v1 import PodStatus, Secret

from kaiwu_runtime import ControllerBuilder, Manager, child_of, controller_managed_by, rbac
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.api._identity import identify, subresource_of, type_meta
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.errors import ConfigurationError, DefinitionError


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
    "child_of": lambda kind: child_of(Known(), kind),
}


@pytest.mark.parametrize(("kind", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("call", TAKES_A_KIND.values(), ids=TAKES_A_KIND)
def test_what_is_not_a_kind_is_named(call: Callable[[Any], object], kind: Any, message: str) -> None:
    with pytest.raises((TypeError, ConfigurationError)) as raised:
        call(kind)
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
