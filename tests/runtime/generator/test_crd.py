# ruff: noqa: E501 - rows of a table read better on one line
"""Versions of a kind become one CRD."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lightkube.models.core_v1 import PodTemplateSpec
from pydantic import Field, create_model

from kaiwu_runtime.api import APIModel, CustomResource, Kube, PrinterColumn, Scale, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._versions import version_priority


class Spec(APIModel):
    size: int = 1
    name: str = ""
    items: list[str] = Field(default_factory=list)


def thing(version: str = "v1", **options: Any) -> type[CustomResource]:
    model = create_model("Thing", __base__=CustomResource, spec=(Spec, ...), status=(Spec | None, None))
    return resource(**{"group": "a.example.com", "version": version} | options)(model)


def versions(*models: type[CustomResource]) -> list[tuple[str, bool]]:
    [crd] = build_crds(models)
    return [(v["name"], v["storage"]) for v in crd.manifest["spec"]["versions"]]


def test_priority_is_that_of_kubernetes() -> None:
    expected = [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v10beta3",
        "v3beta1",
        "v12alpha1",
        "v11alpha2",
        "foo1",
        "foo10",
        "latest",
    ]
    shuffled = random.Random(1).sample(expected, len(expected))
    assert sorted(shuffled, key=version_priority, reverse=True) == expected


def test_the_newest_version_is_stored() -> None:
    assert versions(thing("v1beta1"), thing("v2"), thing("v1")) == [
        ("v2", True),
        ("v1", False),
        ("v1beta1", False),
    ]


def test_a_version_can_be_chosen() -> None:
    assert versions(thing("v2"), thing("v1", storage=True)) == [("v2", False), ("v1", True)]
    assert versions(thing("v2", storage=False), thing("v1")) == [("v2", False), ("v1", True)]


def test_file_names_and_order() -> None:
    crds = build_crds([thing(kind="Zebra"), thing(group="b.example.com"), thing()])
    assert [crd.file_name for crd in crds] == [
        "a.example.com_things.yaml",
        "a.example.com_zebras.yaml",
        "b.example.com_things.yaml",
    ]
    assert [crd.manifest["metadata"]["name"] for crd in crds] == [
        "things.a.example.com",
        "zebras.a.example.com",
        "things.b.example.com",
    ]


def test_metadata_of_all_versions_is_joined() -> None:
    [crd] = build_crds([thing("v1", labels={"a": "1"}), thing("v2", labels={"b": "2"}, annotations={"c": "3"})])
    assert crd.manifest["metadata"]["labels"] == {"a": "1", "b": "2"}
    assert crd.manifest["metadata"]["annotations"]["c"] == "3"


@pytest.mark.parametrize("versions", [("v1", "v2"), ("v2", "v1")])
def test_short_names_and_categories_of_one_version_hold_for_all(versions: tuple[str, str]) -> None:
    stated, other = versions
    [crd] = build_crds([thing(stated, short_names=["th"], categories=["all"]), thing(other)])
    assert crd.manifest["spec"]["names"]["shortNames"] == ["th"]
    assert crd.manifest["spec"]["names"]["categories"] == ["all"]


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (lambda: [thing("v1"), thing("v1")], "both define version v1"),
        (lambda: [thing("v1", storage=True), thing("v2", storage=True)], "Thing: versions v1 and v2 both have storage=True: one version is stored"),
        (lambda: [thing("v1", storage=False)], "Thing: every version has storage=False: one version must be stored"),
        (lambda: [thing("v1", plural="thingies"), thing("v2")], "Thing: @resource plural of v1 and v2 differ"),
        (lambda: [thing("v1", scope="Cluster"), thing("v2")], "Thing: @resource scope of v1 and v2 differ"),
        (lambda: [thing("v1", short_names=["th"]), thing("v2", short_names=["t"])], "Thing: @resource short_names of v1 and v2 differ: all versions of a kind share it, so set it equal in all, or in one only"),
        (lambda: [thing("v1", categories=["all"]), thing("v2"), thing("v3", categories=["x"])], "Thing: @resource categories of v1 and v3 differ"),
        (lambda: [thing("v1", singular="one"), thing("v2")], "Thing: @resource singular of v1 and v2 differ"),
        (lambda: [thing("v1", labels={"a": "1"}), thing("v2", labels={"a": "2"})], "Thing: @resource labels 'a' differs between versions"),
        (lambda: [thing(short_names=["x"]), thing(kind="Other", short_names=["x"])], "Other: the name 'x' is taken by Thing of the same group"),
        (lambda: [thing(), thing(kind="Other", plural="things")], "Other: the name 'things' is taken by Thing of the same group"),
        (lambda: [CustomResource], "CustomResource is not decorated with @resource(...)"),
        (lambda: [thing(scale=Scale(".spec['size']", ".status.size"))], "must be plain fields"),
    ],
)  # fmt: skip
def test_mistakes(models: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        build_crds(models())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "warning"),
    [
        (lambda: thing(columns=[PrinterColumn("A", ".spec.siz")]), "Thing: @resource column 'A': .spec.siz: .spec has no field 'siz' (it has items, name, size): the column stays empty"),
        (lambda: thing(columns=[PrinterColumn("A", ".spec.items")]), "column 'A': .spec.items is an array: kubectl shows it as JSON"),
        (lambda: thing(columns=[PrinterColumn("A", ".stat.conditions[0].x")]), "the object has no field 'stat'"),
        (lambda: thing(columns=[PrinterColumn("A", ".spec.size"), PrinterColumn("A", ".spec.name")]), "Thing: @resource columns: 'A' is listed twice"),
        (lambda: thing(scale=Scale(".spec.name", ".status.size")), "spec_replicas_path='.spec.name' leads to string, and should be integer"),
        (lambda: thing(scale=Scale(".spec.replicas")), "scale: spec_replicas_path='.spec.replicas': .spec has no field 'replicas'"),
        (lambda: resource(group="a.example.com", version="v1", status=True)(create_model("Bare", __base__=CustomResource, spec=(Spec, ...))), "Bare: @resource status=True, but Bare has no status field"),
    ],
)  # fmt: skip
def test_what_the_api_server_takes_is_a_warning(model: Any, warning: str) -> None:
    [crd] = build_crds([model()])
    assert any(warning in each for each in crd.warnings), crd.warnings
    assert "\n" not in "".join(crd.warnings)


@pytest.mark.parametrize(
    "path",
    [
        ".spec.size",
        ".metadata.name",
        ".metadata.labels['a']",
        '.status.items[?(@.x=="y")].z',
        ".spec.items[0]",
        "..size",
        ".",
    ],
)
def test_columns_that_are_fine(path: str) -> None:
    [crd] = build_crds([thing(columns=[PrinterColumn("A", path)])])
    assert crd.manifest["spec"]["versions"][0]["additionalPrinterColumns"] == [
        {"name": "A", "type": "string", "jsonPath": path}
    ]


def test_kinds_of_two_groups_may_share_names() -> None:
    assert len(build_crds([thing(short_names=["x"]), thing(group="b.example.com", short_names=["x"])])) == 2


def big(count: int) -> type[CustomResource]:
    templates = {f"t{index}": (Kube[PodTemplateSpec] | None, None) for index in range(count)}
    spec = create_model("Spec", __base__=APIModel, **templates)  # type: ignore[call-overload]
    return resource(group="a.example.com", version="v1")(create_model("Big", __base__=CustomResource, spec=(spec, ...)))


def test_a_pod_template_fits_what_kubectl_apply_takes() -> None:
    [crd] = build_crds([big(1)])
    assert crd.warnings == ()


def test_a_large_crd_is_a_warning() -> None:
    [crd] = build_crds([big(8)])
    [warning] = crd.warnings
    assert warning.startswith("Big: its CRD has ")
    assert "plain 'kubectl apply' accepts at most 256; 'make install' is not affected" in warning


def test_a_crd_etcd_would_not_take_is_an_error() -> None:
    with pytest.raises(DefinitionError, match=r"^Big: its CRD has \d+ KiB, and etcd stores at most 1536: embed fewer"):
        build_crds([big(60)])
