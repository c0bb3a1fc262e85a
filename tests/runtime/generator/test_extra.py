"""Keywords of SchemaExtra in generated schemas."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from pydantic import create_model

from kaiwu_runtime.api import APIModel, CustomResource, Default, Integer, Nullable, SchemaExtra, resource, schema
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds, resource_schema
from kaiwu_runtime.generator._json_schema import editor_schema


@schema(SchemaExtra({"oneOf": [{"required": ["a"]}, {"required": ["b"]}]}))
class Choice(APIModel):
    """One of two."""

    a: str | None = None
    b: str = "x"


def kind(annotation: Any, default: Any = ...) -> type[CustomResource]:
    spec = create_model("Spec", __base__=APIModel, value=(annotation, default))
    made = create_model("Widget", __base__=CustomResource, spec=(spec, ...))
    return resource(group="widgets.example.com", version="v1")(made)


def value_schema(annotation: Any, default: Any = ...) -> dict[str, Any]:
    found = resource_schema(kind(annotation, default))["properties"]["spec"]["properties"]["value"]
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Annotated[str, SchemaExtra({"not": {"enum": ["x"]}})], {"type": "string", "not": {"enum": ["x"]}}),
        (Annotated[int, SchemaExtra({"format": None})], {"type": "integer"}),
        (Integer, {"type": "integer"}),
        (Annotated[Any, SchemaExtra({"nullable": None})], {"x-kubernetes-preserve-unknown-fields": True}),
        (
            list[Annotated[str, SchemaExtra({"maxLength": 3})]],
            {"type": "array", "items": {"type": "string", "maxLength": 3}},
        ),
        (
            Annotated[list[str], SchemaExtra({"items": {"maxLength": 3, "type": None}, "uniqueItems": True})],
            {"type": "array", "items": {"maxLength": 3}, "uniqueItems": True},
        ),
        (Annotated[str, SchemaExtra({"a": 1, "b": 1}), SchemaExtra({"a": None, "b": 2})], {"type": "string", "b": 2}),
    ],
)
def test_keywords_are_merged(annotation: Any, expected: dict[str, Any]) -> None:
    assert value_schema(annotation) == expected


def test_keywords_of_a_model_and_of_its_parts() -> None:
    extra = SchemaExtra({"properties": {"b": {"default": None, "maxLength": 3}, "a": None, "c": {"type": "string"}}})
    assert value_schema(Annotated[Choice, extra]) == {
        "type": "object",
        "description": "One of two.",
        "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
        "properties": {"b": {"type": "string", "maxLength": 3}, "c": {"type": "string"}},
    }


def test_keywords_of_the_kind() -> None:
    made = schema(SchemaExtra({"properties": {"metadata": {"properties": {"name": {"maxLength": 9}}}}}))(kind(str))
    assert resource_schema(made)["properties"]["metadata"] == {
        "type": "object",
        "properties": {"name": {"maxLength": 9}},
    }


def test_the_editor_gets_the_choices() -> None:
    (crd,) = build_crds([kind(Choice)])
    (version,) = crd.versions
    document = json.loads(editor_schema(version.definition, version.schema))
    assert document["properties"]["spec"]["properties"]["value"]["oneOf"] == [{"required": ["a"]}, {"required": ["b"]}]


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ([], "Spec.value: SchemaExtra(...) takes a mapping of keywords, not []"),
        ({1: 2}, "Spec.value: SchemaExtra(...) takes a mapping of keywords, not {1: 2}"),
        ({"items": {"x": object()}}, "Spec.value: its SchemaExtra"),
        ({"properties": {"x": 1}}, "Spec.value: its SchemaExtra: properties must be an object of schemas"),
        ({"items": {"pattern": 1}}, "Spec.value: its SchemaExtra: pattern must be a string, not 1"),
        ({"anyOf": [{"not": {"type": "odd"}}]}, "Spec.value: its SchemaExtra: type must be one of string, integer"),
        ({"additionalProperties": {"minLength": -1}}, "Spec.value: its SchemaExtra: minLength must be a whole number"),
        ({"maximum": True}, "Spec.value: its SchemaExtra: maximum must be a number, not True"),
        ({"multipleOf": 0}, "Spec.value: its SchemaExtra: multipleOf must be greater than 0, not 0"),
        ({"minimum": float("nan")}, "Spec.value: its SchemaExtra"),
    ],
)
def test_what_is_no_schema_is_refused(keywords: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as refusal:
        resource_schema(kind(Annotated[str, SchemaExtra(keywords)]))
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_default_that_is_marked_is_written_as_it_is() -> None:
    assert value_schema(Annotated[Choice, Default({})], Choice())["default"] == {}
    assert value_schema(Annotated[Choice | None, Nullable(), Default(None)], None)["default"] is None


class Described(CustomResource):
    """A kind that describes what every kind has."""

    api_version: str = ""
    """Group and version."""

    kind: str = ""
    """What it is."""


def test_api_version_and_kind_can_be_described() -> None:
    found = resource_schema(resource(group="widgets.example.com", version="v1")(Described))
    assert found["properties"]["apiVersion"] == {"type": "string", "description": "Group and version."}
    assert found["properties"]["kind"] == {"type": "string", "description": "What it is."}
