# ruff: noqa: E501 - rows of a table read better on one line
"""The resource decorator: defaults, and mistakes that name class and argument."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwu_runtime.api import (
    APIModel,
    CustomResource,
    PrinterColumn,
    Scale,
    identify,
    pluralize,
    resource,
    resource_definition,
)
from kaiwu_runtime.errors import DefinitionError


class Spec(APIModel):
    size: int = 1


def define(**options: Any) -> Any:
    class Thing(CustomResource):
        spec: Spec
        status: Spec | None = None

    return resource(**{"group": "a.example.com", "version": "v1"} | options)(Thing)


def test_defaults() -> None:
    thing = define()
    identity = identify(thing)
    assert (identity.group, identity.version, identity.kind) == ("a.example.com", "v1", "Thing")
    assert (identity.plural, identity.namespaced, identity.path("ns", "x")) == (
        "things",
        True,
        "/apis/a.example.com/v1/namespaces/ns/things/x",
    )
    definition = resource_definition(thing)
    assert definition is not None
    assert (definition.singular, definition.status, definition.storage, definition.served) == (
        "thing",
        True,
        None,
        True,
    )


def test_a_kind_without_status_has_no_status_subresource() -> None:
    @resource(group="a.example.com", version="v1")
    class Bare(CustomResource):
        spec: Spec

    definition = resource_definition(Bare)
    assert definition is not None
    assert not definition.status


@pytest.mark.parametrize(
    ("kind", "plural"),
    [("KaiwuCluster", "kaiwuclusters"), ("Policy", "policies"), ("Ingress", "ingresses"), ("Gateway", "gatewaies"), ("Endpoints", "endpoints"), ("Box", "boxs")],
)  # fmt: skip
def test_plurals_follow_kubernetes_own_rule(kind: str, plural: str) -> None:
    assert pluralize(kind) == plural


def test_names_can_be_given() -> None:
    thing = define(
        kind="Sheep",
        plural="sheep",
        singular="sheep",
        scope="Cluster",
        short_names=["sh"],
        categories=["all"],
    )
    identity = identify(thing)
    assert (identity.kind, identity.plural, identity.namespaced) == ("Sheep", "sheep", False)


@pytest.mark.parametrize(
    "group",
    [
        "",
        "example",
        "Example.com",
        "a..b",
        "-a.com",
        "a_b.com",
        "a.com-",
        "x" * 64 + ".com",
        "a." * 127 + "com",
    ],
)
def test_groups(group: str) -> None:
    with pytest.raises(
        DefinitionError, match=r"^[\w.<>]*Thing: @resource group=.* is not a valid API group: use a lower-case domain"
    ):
        define(group=group)


@pytest.mark.parametrize("version", ["", "1", "v1.2", "V1", "v1_2", "-v1", "v1-", "v" * 64, "vé"])
def test_versions(version: str) -> None:
    with pytest.raises(DefinitionError, match=r"is not a valid API version: use a DNS label"):
        define(version=version)


@pytest.mark.parametrize("kind", ["", "-Thing", "Thing-", "1Thing", "T" * 64, "Thing_"])
def test_kinds(kind: str) -> None:
    with pytest.raises(DefinitionError, match="is not a valid kind: use CamelCase"):
        define(kind=kind)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scope": "namespaced"}, "scope='namespaced': use 'Namespaced' or 'Cluster'"),
        ({"short_names": "th"}, "short_names='th' is a string: write short_names=['th']"),
        ({"categories": "all"}, "categories='all' is a string: write categories=['all']"),
        ({"selectable_fields": ".spec.size"}, "selectable_fields='.spec.size' is a string"),
        ({"short_names": ["th", "th"]}, "short_names names 'th' twice"),
        ({"labels": {"a b": "x"}}, "labels: 'a b' is not a valid key: use name or example.com/name"),
        ({"labels": {"A.com/b": "x"}}, "labels: 'A.com/b' is not a valid key"),
        ({"labels": {"a": "x y"}}, "labels: 'x y' is not a valid value of 'a'"),
        ({"labels": {"a": "x" * 10_000}}, "xxx... is not a valid value of 'a'"),
        ({"labels": {"a": 1}}, "labels: 1 is not a valid value of 'a'"),
        ({"annotations": {"": "x"}}, "annotations: '' is not a valid key"),
        ({"annotations": {"a": None}}, "annotations: the value of 'a' is not a string"),
        ({"annotations": {"a": "é" * 131_072}}, "annotations: have 262145 bytes, but at most 262144 are allowed"),
        ({"plural": "Things"}, "plural='Things': use at most 63 lower-case letters"),
        ({"columns": [("A", ".spec")]}, "is not a PrinterColumn"),
        ({"columns": PrinterColumn("A", ".spec")}, "columns is one column: write columns=[PrinterColumn(...)]"),
        ({"columns": [PrinterColumn("A", ".spec", priority="1")]}, "column 'A': priority: Expected `int`, got `str`"),  # type: ignore[arg-type]
        ({"columns": [PrinterColumn("A", None)]}, "column 'A': json_path: Expected `str`, got `null`"),  # type: ignore[arg-type]
        ({"columns": [PrinterColumn("A", ".spec", description=1)]}, "column 'A': description: Expected `str`, got `int`"),  # type: ignore[arg-type]
        ({"scale": True}, "scale=True: use Scale(), or Scale(spec_replicas_path=...)"),
        ({"scale": Scale(None)}, "scale: spec_replicas_path: Expected `str`, got `null`"),  # type: ignore[arg-type]
        ({"short_names": [1]}, "short_names: 1 is not a string"),
        ({"selectable_fields": [None]}, "selectable_fields: None is not a string"),
    ],
)  # fmt: skip
def test_mistakes(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        define(**options)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_custom_resources_are_kinds() -> None:
    with pytest.raises(DefinitionError, match="Spec: @resource needs a CustomResource subclass"):
        resource(group="a.example.com", version="v1")(Spec)  # type: ignore[type-var]
