"""Objects that are not CRDs, or not whole ones, are refused in one line."""

from __future__ import annotations

import copy
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaiwuctl.errors import CRDError
from kaiwuctl.importer.crd import import_crd
from kaiwuctl.importer.layout import columns, literal, split, value_layout
from kaiwuctl.names.external import external_class
from kaiwuctl.scaffold.import_crd import own_manifest

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
        ("spec/names/kind", "None", "has the kind None, which is a word of Python itself"),
        ("spec/names/kind", "true", "has the kind true, which is a word of Python itself"),
        ("spec/versions", [], "spec.versions is not valid"),
        ("spec/versions", [1], "spec.versions[0]: expected `object`, got `int`"),
        (f"{SCHEMA}/properties", [1], "version v1.spec.value.properties: expected `object | null`, got `array`"),
        (f"{SCHEMA}/properties/a", 5, "version v1.spec.value.a: expected `object`, got `int`"),
        (f"{SCHEMA}/properties/a", {}, "version v1.spec.value.a: has no type: give it one, or x-kubernetes-preserve-"),
        (f"{SCHEMA}/properties/a/type", "text", "version v1.spec.value.a: type is 'text', but must be one of array, "),
        ("spec/versions/0/schema", None, "version v1: has no type"),
        ("spec/versions/0/schema/openAPIV3Schema", {"type": "string"}, "version v1: its schema must have type: object"),
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


WRAPPERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "list": lambda inner: {"type": "array", "items": inner},
    "map": lambda inner: {"type": "object", "additionalProperties": inner},
    "object": lambda inner: {"type": "object", "properties": {"level": inner}},
    "nullable": lambda inner: {"type": "array", "items": inner, "nullable": True},
    "described": lambda inner: {"type": "array", "items": inner, "description": 'it\'s \\ "quoted"'},
}


@pytest.mark.parametrize("levels", [10, 30, 55])
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_a_deep_schema_takes_no_time(wrap: Callable[[Any], dict[str, Any]], levels: int) -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        schema = wrap(schema)
    for version in import_crd(crd_of(schema)).versions:
        compile(version.module, "module", "exec")
        assert len(version.module) < 200_000


@pytest.mark.parametrize("levels", [1, 20, 27, 28, 29, 30, 60, 150])
@pytest.mark.parametrize("text", ["word " * 50, "x" * 500, "\n" * 200, "\\'\"" * 100, "\N{FIRE}\u202e" * 100])
def test_a_long_text_far_to_the_right(text: str, levels: int) -> None:
    default: Any = text
    for _ in range(levels):
        default = {"k": default}
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "default": default}
    for version in import_crd(crd_of(schema)).versions:
        compile(version.module, "module", "exec")


@given(text=st.text(max_size=300), width=st.integers(-100, 130))
def test_the_parts_of_a_text_are_the_text(text: str, width: int) -> None:
    pieces = split(text, width)
    assert "".join(pieces) == text
    assert all(columns(literal(piece)) <= max(width, 24) for piece in pieces)


@pytest.mark.parametrize("value", [1e300, -1e16, 1.5e-9, 1e22, 0.1, -0.0])
def test_numbers_are_written_as_ruff_formats_them(value: float) -> None:
    text = value_layout(value).flat()
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "-"], input=f"{text}\n", capture_output=True, text=True, check=True
    ).stdout
    assert formatted == f"{text}\n"
    assert float(text) == value


def test_a_very_long_text_takes_no_time() -> None:
    assert "".join(split("x" * 2_000_000, 100)) == "x" * 2_000_000


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
        imported = import_crd(crd, class_of=external_class)
    except CRDError as refusal:
        assert "\n" not in str(refusal)  # noqa: PT017 - either is right
    else:
        assert own_manifest(crd, imported)["metadata"]["name"] == f"{imported.plural}.{imported.group}"
        for version in imported.versions:
            compile(version.module, "module", "exec")
    assert crd == before
