# ruff: noqa: E501 - rows of a table read better on one line
"""What a type becomes, and what no CRD can say."""

from __future__ import annotations

import datetime as dt
import decimal
import pathlib
import random
import uuid
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar

import annotated_types
import pytest
from lightkube.models.apiextensions_v1 import JSONSchemaProps
from lightkube.models.core_v1 import PodTemplateSpec
from lightkube.models.meta_v1 import ObjectMeta
from pydantic import (
    AliasChoices,
    AnyUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    computed_field,
    create_model,
)
from typing_extensions import TypeAliasType

from kaiwu_runtime.api import (
    CEL,
    APIModel,
    AtMostOneOf,
    CustomResource,
    Default,
    Format,
    Immutable,
    IntOrString,
    Kube,
    ListMapKeys,
    ListType,
    NoDefault,
    Nullable,
    Quantity,
    resource,
    schema,
)
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._schema import plain

T = TypeVar("T")


class Leaf(APIModel):
    """A leaf."""

    size: int = 1


class Deep(APIModel):
    leaf: Leaf = Leaf()
    leaves: list[Leaf] = Field(default_factory=list)
    named: dict[str, Leaf] = Field(default_factory=lambda: {"a": Leaf()})
    absent: Leaf | None = None


class Loop(APIModel):
    inner: Loop | None = None


class Left(APIModel):
    right: Right | None = None


class Right(APIModel):
    lefts: list[Left] = Field(default_factory=list)


class Foreign(BaseModel):
    a: int


class Pair(APIModel, Generic[T]):
    first: T
    second: T | None = None


@resource(group="a.example.com", version="v1")
class Kind(CustomResource):
    spec: Leaf


Port = NewType("Port", int)
Name = TypeAliasType("Name", Annotated[str, Field(max_length=63)])
Items = TypeAliasType("Items", list[Annotated[T, Field(ge=1)]], type_params=(T,))


def value_schema(annotation: Any, default: Any = ...) -> Any:
    spec = create_model("Spec", __base__=APIModel, value=(annotation, default))
    kind = resource(group="a.example.com", version="v1")(
        create_model("Thing", __base__=CustomResource, spec=(spec, ...))
    )
    return plain(resource_schema(kind))["properties"]["spec"]


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, {"type": "integer", "format": "int64"}),
        (Annotated[int, Format("int32")], {"type": "integer", "format": "int32"}),
        (Port, {"type": "integer", "format": "int64"}),
        (Name, {"type": "string", "maxLength": 63}),
        (Items[int], {"type": "array", "items": {"type": "integer", "format": "int64", "minimum": 1}}),
        (list, {"type": "array", "items": {"x-kubernetes-preserve-unknown-fields": True}}),
        (dict, {"type": "object", "x-kubernetes-preserve-unknown-fields": True}),
        (dict[str, Leaf], {"type": "object", "additionalProperties": {"type": "object", "description": "A leaf.", "properties": {"size": {"type": "integer", "format": "int64", "default": 1}}}}),
        (list[list[str]], {"type": "array", "items": {"type": "array", "items": {"type": "string"}}}),
        (Annotated[str, StringConstraints(min_length=1, pattern="^a")], {"type": "string", "minLength": 1, "pattern": "^a"}),
        (Annotated[str, annotated_types.Len(1, 3)], {"type": "string", "minLength": 1, "maxLength": 3}),
        (Annotated[int, annotated_types.Interval(gt=1, le=5)], {"type": "integer", "format": "int64", "minimum": 1, "exclusiveMinimum": True, "maximum": 5}),
        (Annotated[Annotated[int, Field(ge=1)], Field(ge=3)], {"type": "integer", "format": "int64", "minimum": 3}),
        (Annotated[Annotated[int, Field(le=3)], Field(lt=3)], {"type": "integer", "format": "int64", "maximum": 3, "exclusiveMaximum": True}),
        (Annotated[Annotated[int, Field(ge=3)], Field(gt=3)], {"type": "integer", "format": "int64", "minimum": 3, "exclusiveMinimum": True}),
        (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal["a"] | Literal["b"], {"type": "string", "enum": ["a", "b"]}),
        (Literal[True], {"type": "boolean", "enum": [True]}),
        (Literal["a", 1], {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "enum": ["a", 1]}),
        (Literal["a", 1, True], {"x-kubernetes-preserve-unknown-fields": True, "enum": ["a", 1, True]}),
        (Annotated[int, Field(ge=1)] | Literal["auto", "a.b"], {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "minimum": 1, "pattern": r"^(auto|a\.b)$"}),
        (Annotated[int, Field(ge=1)] | Annotated[str, Field(max_length=3)], {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "minimum": 1, "maxLength": 3}),
        (int | str, {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}),
        (Annotated[IntOrString, Field(max_length=3)], {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "maxLength": 3}),
        (Annotated[int, Field(title="T", description="D", examples=[3, 4])], {"type": "integer", "format": "int64", "title": "T", "description": "D", "example": 3}),
        (Annotated[Leaf, Field(description="Another text")], {"type": "object", "description": "Another text", "properties": {"size": {"type": "integer", "format": "int64", "default": 1}}}),
        (Annotated[int, Field(deprecated="use size")], {"type": "integer", "format": "int64", "description": "Deprecated: use size"}),
        (Annotated[int, Field(deprecated=True, description="Old.")], {"type": "integer", "format": "int64", "description": "Old.\n\nDeprecated."}),
        (Pair[int], {"type": "object", "properties": {"first": {"type": "integer", "format": "int64"}, "second": {"type": "integer", "format": "int64"}}, "required": ["first"]}),
    ],
    ids=str,
)  # fmt: skip
def test_types(annotation: Any, expected: dict[str, Any]) -> None:
    assert value_schema(annotation) == {
        "type": "object",
        "properties": {"value": expected},
        "required": ["value"],
    }


@pytest.mark.parametrize(
    ("annotation", "default", "expected"),
    [
        (int, 3, 3),
        (str, "", ""),
        (bool, False, False),
        (Quantity, "1Gi", "1Gi"),
        (list[int], [1], [1]),
        (list[Leaf], [Leaf(size=2)], [{"size": 2}]),
        (Leaf, Leaf(), {"size": 1}),
        (Leaf, Leaf(size=3), {"size": 3}),
        (Leaf, Field(default_factory=Leaf), {"size": 1}),
        (Deep, Deep(), {"leaf": {"size": 1}, "named": {"a": {"size": 1}}}),
        (Deep, Deep(leaves=[Leaf()]), {"leaf": {"size": 1}, "leaves": [{"size": 1}], "named": {"a": {"size": 1}}}),
        (uuid.UUID, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (dt.date, dt.date(2026, 11, 24), "2026-11-24"),
        (Annotated[int, Default(4)], 3, 4),
        (Annotated[Leaf | None, Default({"size": 4})], None, {"size": 4}),
        (Annotated[list[str], Default([])], [], []),
        (Annotated[int | None, Nullable(), Default(None)], None, None),
    ],
    ids=str,
)
def test_defaults(annotation: Any, default: Any, expected: Any) -> None:
    spec = value_schema(annotation, default)
    assert spec["properties"]["value"]["default"] == expected
    assert "required" not in spec


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (int | None, None),
        (list[int], []),
        (list[int], Field(default_factory=list)),
        (dict[str, str], {}),
        (Annotated[int, NoDefault()], 3),
        (Annotated[float, Field(ge=0)] | None, None),
    ],
    ids=str,
)
def test_no_default(annotation: Any, default: Any) -> None:
    if "float" in str(annotation):
        with pytest.raises(DefinitionError, match="a float may be rounded"):
            value_schema(annotation, default)
        return
    spec = value_schema(annotation, default)
    assert "default" not in spec["properties"]["value"]
    assert "required" not in spec


class Computed(APIModel):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def twice(self) -> int:
        return 2


class TwoAliases(APIModel):
    a_b: int = 1
    other: int = Field(default=1, alias="aB")


class ReadAndWritten(APIModel):
    a: int = Field(default=1, validation_alias="x", serialization_alias="y")


class Choices(APIModel):
    a: int = Field(default=1, validation_alias=AliasChoices("x", "y"))


@schema(AtMostOneOf("size", "missing"))
class OneOfMissing(APIModel):
    size: int = 1


@schema(AtMostOneOf("size"))
class OneOfOne(APIModel):
    size: int = 1


@schema(AtMostOneOf("node_count", "nodeCount"))
class OneOfTheSame(APIModel):
    node_count: int | None = None


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (float, "Spec.value: a float may be rounded by other clients: use int, Quantity, or Float if you mean it"),
        (list[float], "Spec.value[]: a float may be rounded"),
        (bytes, "Spec.value: bytes has no schema: use Base64Bytes"),
        (dt.datetime, "Spec.value: datetime has no schema: use Time, which has a time zone"),
        (dt.timedelta, "Spec.value: timedelta has no schema: use Duration"),
        (decimal.Decimal, "Spec.value: Decimal has no schema: use Quantity"),
        (pathlib.Path, "Spec.value: Path has no schema: use str"),
        (SecretStr, "Spec.value: SecretStr has no schema: use a reference to a Secret"),
        (set[str], 'Spec.value: set[str] has no schema: use Annotated[list[...], ListType("set")]'),
        (frozenset[int], 'use Annotated[list[...], ListType("set")]'),
        (tuple[int, int], "Spec.value: tuple[int, int] has no schema: use list[...]"),
        (AnyUrl, 'Spec.value: AnyUrl has no schema: use Annotated[str, Format("uri")]; pydantic rewrites URLs it reads'),
        (int | bool, "a CRD supports only unions of integers and strings"),
        (str | Leaf, "Spec.value: Union[str"),
        (Literal["a", 2**64], "Spec.value: the values of an enumeration must be strings, booleans, integers of 64 bits"),
        (Literal[b"a"], "Spec.value: the values of an enumeration must be strings, booleans, integers of 64 bits"),
        (Loop, "Loop.inner: Loop contains itself, which a CRD cannot express"),
        (Left, "Right.lefts[]: Left contains itself, which a CRD cannot express"),
        (Foreign, "Spec.value: Foreign must be derived from APIModel, not from pydantic's BaseModel"),
        (Kind, "Spec.value: Kind is a separate kind: refer to it by name instead"),
        (Kube[JSONSchemaProps], "Spec.value: JSONSchemaProps contains itself"),
        (dict[int, str], "Spec.value: a mapping's keys are plain strings"),
        (dict[Annotated[str, Field(max_length=3)], str], "Spec.value: a mapping's keys are plain strings"),
        (list[int | None], "Spec.value: its items may be None: drop '| None', or mark the item type Nullable()"),
        (int | None, "Spec.value: may be None but has no default: write '= None', or mark it Nullable()"),
        (Annotated[str, Field(min_length=1), Format("x"), annotated_types.Ge(1)], "apply to numbers, and this is a value of type string"),
        (Annotated[Any, annotated_types.MinLen(1)], "Spec.value: min_length and max_length do not apply to a value without a type"),
        (Annotated[list[str], ListType("set"), ListMapKeys("a")], "Spec.value: ListMapKeys needs list type \"map\", not 'set'"),
        (Annotated[int, AtMostOneOf("a", "b")], "Spec.value: at most one of ... belongs on the model"),
        (list[Annotated[int, Immutable()]], "Spec.value: Immutable() belongs on a field, not on the items of one"),
        (Computed, "Computed.twice: a computed field is not part of the API"),
        (TwoAliases, "TwoAliases.other: another field of TwoAliases is called 'aB' in the object too"),
        (ReadAndWritten, "ReadAndWritten.a: it is written as 'y' but read as 'x': use one Field(alias=...)"),
        (Choices, "Choices.a: it is written as 'a' but read as AliasChoices"),
        (OneOfMissing, "OneOfMissing: at most one of ... names 'missing', which is not a field of OneOfMissing"),
        (OneOfOne, "OneOfOne: at most one of ... needs two fields or more"),
        (OneOfTheSame, "OneOfTheSame: at most one of ... names a field by both of its names: node_count, nodeCount"),
    ],
    ids=str,
)  # fmt: skip
def test_what_no_crd_can_say(annotation: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        value_schema(annotation)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (Field(default_factory=lambda: random.random().hex()), "Spec.value: its default differs every time it is computed: add NoDefault()"),
        (Field(default_factory=lambda data: f"{data}"), "Spec.value: a default computed from other fields cannot be a schema default"),
        (object(), "Spec.value: its default <object object"),
    ],
)  # fmt: skip
def test_defaults_that_are_none(field: Any, message: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        value_schema(str, field)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_discriminated_union_is_refused() -> None:
    class Cat(APIModel):
        kind: Literal["cat"] = "cat"

    class Dog(APIModel):
        kind: Literal["dog"] = "dog"

    with pytest.raises(DefinitionError, match=r"Spec.value: a discriminated union has no schema: use optional fields"):
        value_schema(Cat | Dog, Field(discriminator="kind"))


@pytest.mark.parametrize("field", ["metadata", "kind"])
def test_what_every_object_has_cannot_be_declared_again(field: str) -> None:
    content: Any = {"metadata": (Annotated[Kube[ObjectMeta], CEL("true")], ...), "kind": (Literal["Thing"], "Thing")}
    model = create_model("Thing", __base__=CustomResource, **{field: content[field]})
    kind = resource(group="a.example.com", version="v1")(model)
    with pytest.raises(DefinitionError, match=rf"^Thing.{field}: apiVersion, kind and metadata are the API server's"):
        resource_schema(kind)


class Dangling(APIModel):
    gone: Gone | None = None  # type: ignore[name-defined] # noqa: F821 - that it is missing is the point


def test_an_annotation_that_is_not_defined() -> None:
    with pytest.raises(DefinitionError, match=r"Dangling\.gone: 'Gone', an annotation in it or in a model inside it"):
        value_schema(Dangling | None, None)


@resource(group="a.example.com", version="v1")
class Early(CustomResource):
    spec: Late


class Late(APIModel):
    size: int


def test_a_spec_may_be_defined_below_its_kind() -> None:
    assert plain(resource_schema(Early))["properties"]["spec"]["required"] == ["size"]
    assert Early.model_validate({"spec": {"size": 1}}).kind == "Early"


def test_the_root() -> None:
    root = plain(resource_schema(Kind))
    assert list(root["properties"]) == ["apiVersion", "kind", "metadata", "spec"]
    assert root["properties"]["metadata"] == {"type": "object"}
    assert root["required"] == ["spec"]
    assert "description" not in root, "an inherited docstring describes the base class"


def test_a_title_and_open_models_come_from_the_model_configuration() -> None:
    class Titled(APIModel):
        """Text."""

        model_config = ConfigDict(title="A title", extra="allow")

    found = value_schema(Titled)["properties"]["value"]
    assert found == {
        "type": "object",
        "title": "A title",
        "description": "Text.",
        "x-kubernetes-preserve-unknown-fields": True,
    }


def test_excluded_fields_are_no_part_of_the_api() -> None:
    class Hidden(APIModel):
        seen: int = 1
        cached: float = Field(default=0, exclude=True)
        _private: float = 0

    assert list(value_schema(Hidden)["properties"]["value"]["properties"]) == ["seen"]


def test_rules_of_a_field_follow_those_of_its_model() -> None:
    @schema(CEL("self.size > 0"))
    class Ruled(Leaf):
        pass

    found = value_schema(Annotated[Ruled, CEL("self.size < 9")])["properties"]["value"]["x-kubernetes-validations"]
    assert [rule["rule"] for rule in found] == ["self.size > 0", "self.size < 9"]


def test_the_same_model_twice_is_no_recursion() -> None:
    class Twice(APIModel):
        a: Leaf = Field(default_factory=Leaf)
        b: list[Leaf] = Field(default_factory=list)

    found = value_schema(Twice)["properties"]["value"]["properties"]
    assert found["a"]["properties"] == found["b"]["items"]["properties"]


def test_a_template_keeps_the_metadata_people_write_in_one() -> None:
    metadata = value_schema(Kube[PodTemplateSpec])["properties"]["value"]["properties"]["metadata"]["properties"]
    assert sorted(metadata) == ["annotations", "finalizers", "generateName", "labels", "name", "namespace"]
