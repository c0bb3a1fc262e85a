"""Objects that are not CRDs, or not whole ones, are refused in one line."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaiwuctl.errors import CRDError
from kaiwuctl.importer.crd import import_crd

from .round_trip import crd_of
from .structural_schemas import JSON


def changed(path: str, value: Any) -> dict[str, Any]:
    """Return a CRD in which one value is another."""
    crd: Any = crd_of({"type": "object", "properties": {"a": {"type": "string"}}})
    *parents, last = path.split("/")
    target = crd
    for part in parents:
        target = target[int(part) if part.isdigit() else part]
    target[int(last) if last.isdigit() else last] = value
    return crd  # type: ignore[no-any-return]


SCHEMA = "spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/value"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("kind", "ConfigMap", "is 'ConfigMap' of 'apiextensions.k8s.io/v1', not a CustomResourceDefinition"),
        ("kind", None, "is nothing of 'apiextensions.k8s.io/v1', not a CustomResourceDefinition"),
        ("apiVersion", "apiextensions.k8s.io/v1beta1", "convert it to apiextensions.k8s.io/v1"),
        ("spec", [], "spec: expected `object`, got `array`"),
        ("spec/group", "com", "spec.group is not valid"),
        ("spec/names", None, "spec.names: expected `object`, got `null`"),
        ("spec/names/kind", "A-B", "spec.names.kind is not valid"),
        ("spec/versions", [], "spec.versions is not valid"),
        ("spec/versions", [1], "spec.versions[0]: expected `object`, got `int`"),
        (f"{SCHEMA}/properties", [1], "version v1.spec.value.properties: expected `object | null`, got `array`"),
        (f"{SCHEMA}/properties/a", 5, "version v1.spec.value.a: expected `object`, got `int`"),
    ],
)
def test_what_is_not_a_crd(path: str, value: Any, message: str) -> None:
    with pytest.raises(CRDError) as refusal:
        import_crd(changed(path, value))
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_version_that_there_is_not() -> None:
    with pytest.raises(CRDError, match=r"widgets.example.com has no version 'v2': it has v1"):
        import_crd(crd_of({"type": "string"}), versions=("v2",))


def test_a_schema_without_a_bottom() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(2000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(CRDError, match="nested too deeply"):
        import_crd(crd_of(schema))


WORDS = [
    "kind", "apiVersion", "metadata", "metadata/labels", "metadata/annotations", "spec", "spec/names",
    "spec/names/plural", "spec/names/shortNames", "spec/scope", "spec/conversion", "spec/versions", "spec/versions/0",
    "spec/versions/0/name",
    "spec/versions/0/schema", "spec/versions/0/subresources", "spec/versions/0/additionalPrinterColumns",
    "spec/versions/0/selectableFields", "spec/versions/0/deprecated", SCHEMA, f"{SCHEMA}/required", f"{SCHEMA}/enum",
    f"{SCHEMA}/x-kubernetes-validations", f"{SCHEMA}/x-kubernetes-list-map-keys", f"{SCHEMA}/description",
    f"{SCHEMA}/externalDocs", f"{SCHEMA}/properties/a/minLength", f"{SCHEMA}/properties/a/pattern",
    f"{SCHEMA}/properties/a/format", f"{SCHEMA}/properties/a/enum", f"{SCHEMA}/properties/a/default",
    f"{SCHEMA}/properties/a/type", f"{SCHEMA}/nullable",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(path=st.sampled_from(WORDS), value=JSON)
def test_any_value_anywhere(path: str, value: Any) -> None:
    """A hostile CRD is refused in one line, or becomes a module that Python can read."""
    crd = changed(path, value)
    before = copy.deepcopy(crd)
    try:
        imported = import_crd(crd)
    except CRDError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017 - either is right
    else:
        for version in imported.versions:
            compile(version.module, "module", "exec")
    assert crd == before
