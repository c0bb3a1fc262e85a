# ruff: noqa: E501, RUF012 - rows of a table read better on one line; pydantic copies mutable defaults
"""A type that would write something else than its annotation says is refused in one line."""

from __future__ import annotations

import datetime as dt
import enum
from typing import Annotated, Any, Literal

import pytest
from lightkube.models.core_v1 import Toleration
from pydantic import (
    AfterValidator,
    AliasChoices,
    AliasGenerator,
    Base64Str,
    BeforeValidator,
    ConfigDict,
    EncodedStr,
    Field,
    Json,
    PlainSerializer,
    SerializeAsAny,
    SkipValidation,
    StringConstraints,
    WrapSerializer,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
)

from kaiwu_runtime.api import (
    APIModel,
    Base64Bytes,
    CustomResource,
    Default,
    Kube,
    NoDefault,
    Nullable,
    PreserveUnknownFields,
    Required,
    SchemaType,
    Time,
    resource,
)
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._schema import plain

from ...identifiers import readable


class Inner(APIModel):
    size: int = 1


class Encoder:
    @classmethod
    def decode(cls, data: bytes) -> bytes:
        return data

    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def get_json_format(cls) -> str:
        return "x"


class OwnSchema:
    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler(source)


class Permission(enum.IntFlag):
    READ = 1
    WRITE = 2


class FieldSerializer(APIModel):
    value: int = 1

    @field_serializer("value")
    def write(self, value: int) -> str:
        return str(value)


class InheritedSerializer(FieldSerializer):
    more: int = 1


class EverySerializer(APIModel):
    value: int = 1

    @field_serializer("*")
    def write(self, value: int) -> str:
        return str(value)


class ModelSerializer(APIModel):
    value: int = 1

    @model_serializer
    def write(self) -> dict[str, int]:
        return {"other": self.value}


class Encoders(APIModel):
    model_config = ConfigDict(json_encoders={int: str})
    value: int = 1


class OtherNames(APIModel):
    model_config = ConfigDict(validate_by_alias=False, validate_by_name=True)
    node_count: int = 1


class Stripped(APIModel):
    model_config = ConfigDict(str_strip_whitespace=True)
    value: str = ""


class Inherited(Stripped):
    more: int = 1


class OneName(APIModel):
    model_config = ConfigDict(alias_generator=AliasGenerator(serialization_alias=str.upper))
    node_count: int = 1


class OwnCoreSchema(APIModel):
    value: int = 1

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any, /) -> Any:
        return handler(source)


def spec_schema(annotation: Any, default: Any = ...) -> Any:
    spec = create_model("Spec", __base__=APIModel, value=(annotation, default))
    kind = resource(group="a.example.com", version="v1")(
        create_model("Thing", __base__=CustomResource, spec=(spec, ...))
    )
    return plain(resource_schema(kind))["properties"]["spec"]


@pytest.mark.parametrize(
    ("annotation", "default", "message"),
    [
        (Json[list[int]], ..., "Spec.value: Json may read or write a value that does not match its type"),
        (list[Json[int]], ..., "Spec.value[]: Json may read or write a value that does not match its type"),
        (Annotated[int, PlainSerializer(str)], ..., "Spec.value: PlainSerializer writes a value that does not match its type"),
        (dict[str, Annotated[int, PlainSerializer(str)]], ..., "Spec.value[]: PlainSerializer writes a value that does not match its type"),
        (Annotated[int, WrapSerializer(lambda v, h: h(v))], ..., "Spec.value: WrapSerializer writes a value that does not match its type"),
        (Base64Str, ..., "Spec.value: EncodedStr may read or write a value that does not match its type"),
        (Annotated[str, EncodedStr(encoder=Encoder)], ..., "Spec.value: EncodedStr may read or write"),
        (SerializeAsAny[Inner], ..., "Spec.value: SerializeAsAny may read or write a value that does not match its type"),
        (SkipValidation[int], ..., "Spec.value: SkipValidation may read or write a value that does not match its type"),
        (Annotated[int, OwnSchema()], ..., "Spec.value: OwnSchema may read or write a value that does not match its type"),
        (int, Field(exclude=True), "Spec.value: exclude=True leaves it out of every object, which then cannot be read"),
        (int, Field(1, alias="a", validation_alias=AliasChoices("a", "b")), "Spec.value: it is written as 'a' but read as AliasChoices"),
        (FieldSerializer, ..., "FieldSerializer.value: the serializer write writes a value that does not match its type"),
        (InheritedSerializer, ..., "InheritedSerializer.value: the serializer write writes a value that does not match its type"),
        (list[EverySerializer], ..., "EverySerializer.value: the serializer write writes a value that does not match its type"),
        (ModelSerializer, ..., "ModelSerializer: the model serializer write writes an object that does not match its fields"),
        (Encoders, ..., "Encoders: json_encoders in model_config write values otherwise"),
        (OtherNames, ..., "OtherNames: validate_by_alias=False in model_config reads names that differ from the written ones"),
        (OwnCoreSchema, ..., "OwnCoreSchema: its own __get_pydantic_core_schema__ may read and write another object"),
        (Stripped, ..., "Stripped: str_strip_whitespace=True in model_config changes texts that the API server has checked"),
        (dict[str, list[Inherited]], ..., "Inherited: str_strip_whitespace=True in model_config changes texts"),
        (OneName, ..., "OneName.node_count: it is written as 'NODE_COUNT' but read as 'node_count': use one Field(alias=...)"),
        (Annotated[str, StringConstraints(strip_whitespace=True)], ..., "Spec.value: strip_whitespace changes texts that the API server has checked"),
        (Annotated[str, StringConstraints(to_lower=True)], ..., "Spec.value: to_lower changes texts"),
        (Annotated[str, StringConstraints(to_upper=True, pattern="^A", min_length=1)], ..., "Spec.value: to_upper changes texts"),
        (list[Annotated[str, StringConstraints(to_upper=True)]], ..., "Spec.value[]: to_upper changes texts"),
        (dict[Annotated[str, StringConstraints(to_lower=True)], int], ..., "Spec.value: its keys: to_lower changes texts"),
        (Annotated[str, StringConstraints(ascii_only=True)], ..., "Spec.value: ascii_only rejects texts that the API server accepts"),
        (Permission, ..., "Spec.value: Permission is a Flag, whose combinations are values too"),
        (Annotated[Kube[Toleration], PreserveUnknownFields()], ..., "Spec.value: Kube[...] reads only the fields of its type"),
        (int | None, 5, "Spec.value: None is left out of the object, and reads back as the default 5"),
        (list[int] | None, [], "Spec.value: None is left out of the object, and reads back as the default []"),
        (Inner | None, Inner(), "Spec.value: None is left out of the object, and reads back as the default Inner(size=1)"),
        (Inner | None, Field(default_factory=Inner), "Spec.value: None is left out of the object"),
        (Annotated[int | None, NoDefault()], 5, "Spec.value: None is left out of the object"),
        (Literal["a", None], "a", "Spec.value: None is left out of the object"),
        (Annotated[int | None, Required()], None, "Spec.value: None is left out of the object, which Required() rejects"),
        (Annotated[int, Nullable()], ..., "Spec.value: Nullable() lets the object have null, which its type cannot read"),
        (list[Annotated[int, Nullable()]], ..., "Spec.value[]: Nullable() lets an item be null, which its type cannot read"),
        (float, float("nan"), "Spec.value: a float may be rounded"),
        (list[Any], [float("nan")], "Spec.value: its default [nan] is not valid JSON, which has no NaN"),
        (dict[str, Any], Field(default_factory=lambda: {"a": float("inf")}), "Spec.value: its default {'a': inf} is not valid JSON"),
        (Annotated[dict[str, Any], Default({"a": [10**309]})], ..., "Spec.value: its default {'a': [1000000"),
        (Annotated[Any, Default(float("-inf"))], None, "Spec.value: its default -inf is not valid JSON"),
        (Annotated[int, Field(multiple_of=10**400)], ..., "Spec.value: multiple_of=1000"),
        (int, Field(1, examples=[float("nan")]), "Spec.value: its example nan is not valid JSON"),
        (str, "\ud800", "Spec.value: its default '\\ud800' is not valid: it has half of a surrogate pair"),
        (str, Field("a", description="\ud800"), "Spec.value: its description has half of a surrogate pair"),
        (int, Field(1, examples=[object()]), "Spec.value: its example <object object"),
        (int, Field(default_factory=lambda: 1 // 0), "Spec.value: its default cannot be created: ZeroDivisionError"),
    ],
    ids=readable,
)  # fmt: skip
def test_it_is_refused(annotation: Any, default: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        spec_schema(annotation, default)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_number_without_end_is_refused() -> None:
    with pytest.raises(
        DefinitionError, match=r"its default <with an integer of thousands of digits> is not valid JSON"
    ):
        spec_schema(Annotated[Any, Default(10**5000)], None)


class Validated(APIModel):
    value: Annotated[int, AfterValidator(abs), BeforeValidator(int)] = 1
    epoch: Annotated[Any, PlainSerializer(int), SchemaType("integer")] = None
    cached: int = Field(default=0, exclude=True)

    @field_validator("value")
    def check(cls, value: int) -> int:  # noqa: N805 - pydantic makes it a class method
        return value

    @field_serializer("epoch")
    def write(self, value: Any) -> int:
        return int(value)


def test_validators_and_types_that_the_project_answers_for_are_no_reason() -> None:
    found = spec_schema(Validated)["properties"]["value"]["properties"]
    assert {name: part["type"] for name, part in found.items()} == {"value": "integer", "epoch": "integer"}


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (Any, ..., {"x-kubernetes-preserve-unknown-fields": True, "nullable": True}),
        (Any, None, {"x-kubernetes-preserve-unknown-fields": True}),
        (Annotated[int | None, Nullable()], 5, {"type": "integer", "format": "int64", "nullable": True, "default": 5}),
        (Annotated[Literal["a"] | None, Nullable()], None, {"type": "string", "nullable": True, "allOf": [{"enum": ["a"]}]}),
        (Annotated[Literal["a", None], Nullable()], None, {"type": "string", "nullable": True, "allOf": [{"enum": ["a"]}]}),
        (Annotated[int, Nullable()] | None, None, {"type": "integer", "format": "int64", "nullable": True}),
        (Literal["a", None], None, {"type": "string", "enum": ["a"]}),
    ],
    ids=readable,
)  # fmt: skip
def test_null(annotation: Any, default: Any, expected: dict[str, Any]) -> None:
    assert spec_schema(annotation, default)["properties"]["value"] == expected


class Pool(APIModel):
    zones: list[str] = []
    labels: dict[str, str] = {}
    inner: Inner = Inner()


def filled() -> Pool:
    pool = Pool()
    pool.zones.append("a")
    pool.labels["a"] = "b"
    pool.inner.size = 3
    return pool


class Tier(enum.StrEnum):
    GOLD = "gold"


NOON = dt.datetime(2024, 1, 1, 13, tzinfo=dt.timezone(dt.timedelta(hours=1)))


@pytest.mark.parametrize(
    ("annotation", "value", "expected"),
    [
        (Pool, filled(), {"zones": ["a"], "labels": {"a": "b"}, "inner": {"size": 3}}),
        (list[Pool], [filled()], [{"zones": ["a"], "labels": {"a": "b"}, "inner": {"size": 3}}]),
        (dict[str, Pool], {"a": filled()}, {"a": {"zones": ["a"], "labels": {"a": "b"}, "inner": {"size": 3}}}),
        (Time, NOON, "2024-01-01T12:00:00Z"),
        (list[Time], [NOON], ["2024-01-01T12:00:00Z"]),
        (Base64Bytes, b"\xff\xfe", "//4="),
        (Tier, Tier.GOLD, "gold"),
        (Any, {"a": Tier.GOLD, "b": 5.0}, {"a": "gold", "b": 5}),
        (Kube[Toleration], Toleration(key="a"), {"key": "a"}),
    ],
    ids=readable,
)
def test_defaults_and_examples_are_what_the_field_writes(annotation: Any, value: Any, expected: Any) -> None:
    found = spec_schema(annotation, Field(default=value, examples=[value]))["properties"]["value"]
    assert found["default"] == expected
    assert found["example"] == expected
    made = spec_schema(Annotated[annotation, Default(value)], Field(default_factory=lambda: value))
    assert made["properties"]["value"]["default"] == expected


class Status(APIModel):
    phase: str = ""


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (Status | None, None, None),
        (Status, Status(), None),
        (Status, Status(phase="New"), None),
        (Annotated[Status | None, Default({"phase": "Pending"})], None, {"phase": "Pending"}),
        (Annotated[Status, Default(Status(phase="Pending"))], Status(), {"phase": "Pending"}),
    ],
    ids=readable,
)
def test_a_status_has_the_default_that_is_written(annotation: Any, default: Any, expected: Any) -> None:
    model = create_model("Thing", __base__=CustomResource, status=(annotation, default))
    found = plain(resource_schema(resource(group="a.example.com", version="v1")(model)))
    assert found["properties"]["status"].get("default") == expected
    assert "required" not in found


@pytest.mark.parametrize("annotation", [Status, Annotated[Status | None, Nullable(), Required()]])
def test_a_required_status_is_refused(annotation: Any) -> None:
    model = create_model("Thing", __base__=CustomResource, status=(annotation, ...))
    with pytest.raises(DefinitionError, match=r"^Thing.status: a new object has no status"):
        resource_schema(resource(group="a.example.com", version="v1")(model))
    free = create_model("Thing", __base__=CustomResource, status=(annotation, ...))
    assert "status" in resource_schema(resource(group="a.example.com", version="v1", status=False)(free))["required"]
