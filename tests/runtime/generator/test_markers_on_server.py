# ruff: noqa: E501 - rows of a table read better on one line
"""Every marker on a real API server: accepted with its defaults filled in, refused for the right reason.

A new marker is a new row. A row is a spec, a value that is accepted and what the server makes of it, and a value that
is refused with what the server says about it.
"""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from lightkube.models.apps_v1 import DeploymentStrategy
from lightkube.models.core_v1 import (
    Affinity,
    Container,
    LocalObjectReference,
    PersistentVolumeClaimSpec,
    PodTemplateSpec,
    ResourceRequirements,
    Toleration,
)
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.core_v1 import ConfigMap
from pydantic import AwareDatetime, Field, create_model

from kaiwu_runtime.api import (
    CEL,
    APIModel,
    AtLeastOneOf,
    AtMostOneOf,
    Base64Bytes,
    Conditions,
    CustomResource,
    Default,
    Duration,
    EmbeddedResource,
    ExactlyOneOf,
    Example,
    ExternalDocs,
    Float,
    Format,
    Immutable,
    Int32,
    Integer,
    IntOrString,
    Kube,
    ListMapKeys,
    ListType,
    MapType,
    MaxProperties,
    MinProperties,
    NoDefault,
    Nullable,
    PreserveUnknownFields,
    Quantity,
    Required,
    SchemaExtra,
    Schemaless,
    SchemaType,
    StructType,
    Time,
    Title,
    resource,
    schema,
)
from kaiwu_runtime.generator import build_crds

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.envtest

GROUP = "markers.example.com"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
UNSET: Any = object()


class Color(enum.StrEnum):
    RED = "Red"
    BLUE = "Blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Port(APIModel):
    name: str
    port: Int32 = Field(ge=1, le=65535)
    protocol: str = "TCP"


class Storage(APIModel):
    size: Quantity = "10Gi"
    class_name: str | None = None


@schema(CEL("self.min <= self.max", message="min must not exceed max"))
class Range(APIModel):
    min: int
    max: int


@schema(ExactlyOneOf("s3_bucket", "host_path"))
class Target(APIModel):
    s3_bucket: str | None = None
    host_path: str | None = None


@schema(AtMostOneOf("a", "b"))
class AtMost(APIModel):
    a: int | None = None
    b: int | None = None
    namespace: str | None = None


@schema(AtLeastOneOf("a", "namespace"))
class AtLeast(APIModel):
    a: int | None = None
    namespace: str | None = None


@schema(CEL("self.mode == 'b' && self.count > 0", message="count must be positive"))
class Ruled(APIModel):
    mode: Literal["a", "b"] = "b"
    count: int = 1


@schema(StructType("atomic"), Title("A pair"), ExternalDocs("https://example.com/pair", "about pairs"))
class Pair(APIModel):
    left: int
    right: int


@schema(MinProperties(1), MaxProperties(2))
class Few(APIModel):
    a: int | None = None
    b: int | None = None
    c: int | None = None


@schema(PreserveUnknownFields())
class Open(APIModel):
    known: int = 0


class Once(APIModel):
    size: Annotated[int | None, Immutable()] = None
    in_: Annotated[str | None, Immutable("in stays")] = None


class Element(APIModel):
    name: str
    value: Annotated[int, Immutable()]


@schema(StructType("atomic"))
class Sealed(APIModel):
    value: Annotated[int, Immutable()]


@schema(EmbeddedResource())
class Configuration(APIModel):
    api_version: str
    kind: str
    metadata: Kube[ObjectMeta] | None = None
    data: dict[str, str] = Field(default_factory=dict)


class Tree(APIModel):
    child: Annotated[dict[str, Any], Schemaless(), SchemaType("object"), PreserveUnknownFields()]


@dataclass(frozen=True)
class Row:
    name: str
    type: Any
    valid: Any
    invalid: Any
    refused: str
    default: Any = UNSET
    stored: Any = UNSET
    update: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def kind_name(self) -> str:
        return "".join(word.capitalize() for word in self.name.replace("-", " ").split())


MARKERS = [
    Row("ge", Annotated[int, Field(ge=2)], 2, 1, "should be greater than or equal to 2"),
    Row("gt", Annotated[int, Field(gt=2)], 3, 2, "should be greater than 2"),
    Row("le", Annotated[int, Field(le=2)], 2, 3, "should be less than or equal to 2"),
    Row("lt", Annotated[int, Field(lt=2)], 1, 2, "should be less than 2"),
    Row("multiple of", Annotated[int, Field(multiple_of=3)], 6, 7, "should be a multiple of 3"),
    Row("min length", Annotated[str, Field(min_length=2)], "ab", "a", "should be at least 2 chars long"),
    Row("max length", Annotated[str, Field(max_length=2)], "äö", "abc", "Too long: may not be more than 2"),
    Row("pattern", Annotated[str, Field(pattern="^[a-z]+$")], "abc", "ABC", "should match '^[a-z]+$'"),
    Row("min items", Annotated[list[int], Field(min_length=1)], [1], [], "should have at least 1 items"),
    Row("max items", Annotated[list[int], Field(max_length=1)], [1], [1, 2], "must have at most 1 item"),
    Row("items minimum", list[Annotated[int, Field(ge=1)]], [1], [0], "value[0] in body should be greater than"),
    Row("items pattern", list[Annotated[str, Field(pattern="^a")]], ["ab"], ["b"], "should match '^a'"),
    Row("items enum", list[Literal["a", "b"]], ["a"], ["c"], 'supported values: "a", "b"'),
    Row("items max length", list[Annotated[str, Field(max_length=1)]], ["a"], ["ab"], "may not be more than 1"),
    Row("min properties", Annotated[dict[str, int], Field(min_length=1)], {"a": 1}, {}, "should have at least 1 properties"),
    Row("max properties", Annotated[dict[str, int], Field(max_length=1)], {"a": 1}, {"a": 1, "b": 2}, "must have at most 1"),
    Row("struct min properties", Few, {"a": 1}, {}, "should have at least 1 properties"),
    Row("struct max properties", Few, {"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, "must have at most 2"),
    Row("map value limits", dict[str, Annotated[int, Field(ge=1)]], {"a": 1}, {"a": 0}, "spec.value.a"),
    Row("literal", Literal["a", "b"], "a", "c", 'Unsupported value: "c": supported values: "a", "b"'),
    Row("integer literal", Literal[1, 2], 1, 3, "Unsupported value: 3"),
    Row("enum", Color, "Red", "Green", 'supported values: "Red", "Blue"'),
    Row("int enum", Level, 2, 3, "Unsupported value: 3"),
    Row("string", str, "a", 1, 'must be of type string: "integer"'),
    Row("boolean", bool, True, "true", 'must be of type boolean: "string"'),
    Row("integer", int, 2**53, 1.5, 'must be of type int64'),
    Row("int32", Int32, 2**31 - 1, 2**31, "should be less than or equal to 2147483647"),
    Row("float", Float, 1.5, "1.5", 'must be of type number: "string"'),
    Row("default", int, None, "x", "must be of type integer", default=7, stored=7),
    Row("default of model", Storage, None, {"size": True}, "spec.value.size", default=Storage(), stored={"size": "10Gi"}),
    Row("default under a rule", Ruled, None, {"mode": "c"}, "spec.value.mode", default=Ruled(), stored={"mode": "b", "count": 1}),
    Row("default of a list of models", list[Ruled], None, [{"count": 0}], "count must be positive", default=[Ruled()], stored=[{"mode": "b", "count": 1}]),
    Row("nested default", Storage, {"className": "fast"}, {"className": 1}, "spec.value.className", stored={"className": "fast", "size": "10Gi"}),
    Row("explicit default", Annotated[list[int], Default([1, 2])], None, 1, "must be of type array", default=[], stored=[1, 2]),
    Row("explicit default of a model", Annotated[Storage, Default({})], None, 1, "must be of type object", default=Storage(), stored={"size": "10Gi"}),
    Row("integer without a format", Integer, 2**53, "x", "must be of type integer"),
    Row("extra keywords", Annotated[str, SchemaExtra({"not": {"enum": ["x"]}})], "a", "x", "must not validate the schema (not)"),
    Row("extra keywords of a part", Annotated[Storage, SchemaExtra({"properties": {"size": {"maxLength": 4}}})], {"size": "10Gi"}, {"size": "100Gi"}, "spec.value.size"),
    Row("no default", Annotated[int, NoDefault()], None, "x", "must be of type integer", default=3, stored=UNSET),
    Row("enum default", Color, None, "x", "Unsupported value", default=Color.BLUE, stored="Blue"),
    Row("required", str, "a", UNSET, "spec.value: Required value"),
    Row("required with default", Annotated[int, Required(), NoDefault()], 1, UNSET, "spec.value: Required value", default=5),
    Row("optional", str | None, None, 1, "must be of type string", default=None),
    Row("nullable", Annotated[int | None, Nullable()], None, "x", "must be of type integer", default=3, stored=None, extra={"send_null": True}),
    Row("not nullable", int, 1, None, "spec.value: Required value"),
    Row("format ipv4", ipaddress.IPv4Address, "10.0.0.1", "10.0.0.256", "must be of type ipv4"),
    Row("format ipv6", ipaddress.IPv6Address, "::1", "::g", "must be of type ipv6"),
    Row("format uuid", uuid.UUID, "11111111-2222-3333-4444-555555555555", "x", "must be of type uuid"),
    Row("format date", dt.date, "2026-11-24", "24.11.2026", "must be of type date"),
    Row("format date time", Time, "2026-11-24T09:00:00Z", "yesterday", "must be of type date-time"),
    Row("aware datetime", AwareDatetime, "2026-11-24T09:00:00+01:00", "x", "must be of type date-time"),
    Row("format byte", Base64Bytes, "aGk=", "h!", "must be of type byte"),
    Row("format uri", Annotated[str, Format("uri")], "https://example.com", "nope", "must be of type uri"),
    Row("type override", Annotated[uuid.UUID, SchemaType("string")], "11111111-2222-3333-4444-555555555555", 1, "must be of type string"),
    Row("quantity", Quantity, "1.5Gi", "1.5 GB", "should match"),
    Row("quantity integer", Quantity, 3, "x", "should match"),
    Row("duration", Duration, "1h30m", "90 minutes", "should match"),
    Row("int or string", IntOrString, "25%", 1.5, 'must be of type integer: "'),
    Row("int or string integer", int | str, 80, True, 'must be of type integer: "'),
    Row("int or string pattern", Annotated[IntOrString, Field(pattern="^[0-9]+%$")], "5%", "5", "should match"),
    Row("embedded resource", Annotated[dict[str, Any], EmbeddedResource()], {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}, {"data": {}}, "spec.value.apiVersion: Required value"),
    Row("kube embedded resource", Annotated[Kube[ConfigMap], EmbeddedResource()], {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "labels": {"b": "c"}, "generation": 3}, "data": {"a": "b"}}, {"kind": "ConfigMap"}, "spec.value.apiVersion: Required value"),
    Row("embedded model", Configuration, {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}, "data": {"a": "b"}}, {"apiVersion": "v1", "metadata": {"name": "a"}}, "spec.value.kind: Required value"),
    Row("preserve unknown fields", dict[str, Any], {"a": {"b": [1]}}, 1, "must be of type object"),
    Row("open model", Open, {"known": 1, "other": 2}, {"known": "x"}, "must be of type integer"),
    Row("any value", Any, ["a", 1], UNSET, "spec.value: Required value"),
    Row("schemaless", Annotated[list[int], Schemaless(), PreserveUnknownFields()], [1, 2], UNSET, "spec.value: Required value"),
    Row("recursive by schemaless", Tree, {"child": {"child": {"x": 1}}}, {"child": 1}, "must be of type object"),
    Row("list set", Annotated[list[str], ListType("set")], ["a", "b"], ["a", "a"], 'Duplicate value: "a"'),
    Row("list set of atomic models", Annotated[list[Pair], ListType("set")], [{"left": 1, "right": 2}], [{"left": 1, "right": 2}] * 2, "Duplicate value"),
    Row("list map", Annotated[list[Port], ListMapKeys("name", "protocol")], [{"name": "a", "port": 1}, {"name": "a", "port": 1, "protocol": "UDP"}], [{"name": "a", "port": 1}, {"name": "a", "port": 2}], "Duplicate value", stored=[{"name": "a", "port": 1, "protocol": "TCP"}, {"name": "a", "port": 1, "protocol": "UDP"}]),
    Row("list map by type marker", Annotated[list[Port], ListType("map"), ListMapKeys("name")], [{"name": "a", "port": 1, "protocol": "TCP"}], [{"name": "a"}], "value[0].port: Required value"),
    Row("list atomic", Annotated[list[str], ListType("atomic")], ["a", "a"], ["a", 1], "must be of type string"),
    Row("map granular", Annotated[dict[str, str], MapType("granular")], {"a": "b"}, {"a": 1}, "must be of type string"),
    Row("map atomic", Annotated[dict[str, str], MapType("atomic")], {"a": "b"}, {"a": 1}, "must be of type string"),
    Row("struct atomic", Pair, {"left": 1, "right": 2}, {"left": 1}, "spec.value.right: Required value"),
    Row("struct type on field", Annotated[Storage, StructType("atomic")], {"size": "1"}, {"size": "x"}, "should match"),
    Row("cel on field", Annotated[str, CEL("self.startsWith('a')", message="must begin with a")], "ab", "b", "must begin with a"),
    Row("cel on model", Range, {"min": 1, "max": 2}, {"min": 2, "max": 1}, "min must not exceed max"),
    Row("cel message expression", Annotated[int, CEL("self < 3", message_expression="self > 3 ? 'far too many' : 'too many'")], 2, 4, "far too many"),
    Row("cel reason", Annotated[int, CEL("self < 3", message="no", reason="FieldValueForbidden")], 2, 4, "Forbidden: no"),
    Row("cel field path", Annotated[Storage, CEL("self.size != '0'", message="no", field_path=".size")], {"size": "1"}, {"size": "0"}, "spec.value.size: Invalid value: no"),
    Row("cel transition", Annotated[int, CEL("self >= oldSelf", message="only up")], 2, 1, "only up", update=True),
    Row("cel optional old self", Annotated[int, CEL("oldSelf.hasValue() || self == 1", message="begins at 1", optional_old_self=True)], 1, 2, "begins at 1"),
    Row("cel on duration", Annotated[Duration, CEL("self <= duration('1h')", message="at most 1h")], "59m", "61m", "at most 1h"),
    Row("immutable", Annotated[int, Immutable()], 1, 2, "value is immutable", update=True),
    Row("immutable optional changed", Once, {"size": 1}, {"size": 2}, "size is immutable", update=True),
    Row("immutable optional removed", Once, {"size": 1}, {}, "size is immutable and cannot be removed", update=True),
    Row("immutable set later", Once, {}, {"size": "x"}, "must be of type integer", update=True),
    Row("immutable reserved word", Once, {"in": "a"}, {"in": "b"}, "in stays", update=True),
    Row("immutable in list map", Annotated[list[Element], ListMapKeys("name")], [{"name": "a", "value": 1}], [{"name": "a", "value": 2}], "value is immutable", update=True),
    Row("immutable in atomic struct", Sealed, {"value": 1}, {"value": 2}, "value is immutable", update=True),
    Row("exactly one of none", Target, {"s3Bucket": "a"}, {}, "exactly one of the fields in [s3Bucket hostPath] must be set"),
    Row("exactly one of both", Target, {"hostPath": "/a"}, {"s3Bucket": "a", "hostPath": "/a"}, "exactly one of the fields"),
    Row("at most one of", AtMost, {}, {"a": 1, "b": 2}, "at most one of the fields in [a b] must be set"),
    Row("at least one of", AtLeast, {"namespace": "x"}, {}, "at least one of the fields in [a namespace] must be set"),
    Row("title and example", Annotated[int, Title("A number"), Example(3), ExternalDocs("https://example.com")], 1, "x", "must be of type integer"),
    Row("two patterns", Annotated[Annotated[str, Field(pattern="^a")], Field(pattern="z$")], "abz", "ab", "should match 'z$'"),
    Row("kube resource requirements", Kube[ResourceRequirements], {"limits": {"cpu": "500m", "memory": 1}}, {"limits": {"cpu": "half"}}, "should match"),
    Row("kube affinity", Kube[Affinity], {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "host"}]}}, {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{}]}}, "topologyKey: Required value"),
    Row("kube toleration", list[Kube[Toleration]], [{"key": "a", "tolerationSeconds": 3}], [{"tolerationSeconds": "3"}], "must be of type integer"),
    Row("kube local object reference", Kube[LocalObjectReference], {}, {"name": 1}, "must be of type string", stored={"name": ""}),
    Row("kube label selector", Kube[LabelSelector], {"matchLabels": {"a": "b"}}, {"matchExpressions": [{"key": "a"}]}, "operator: Required value"),
    Row("kube container", Kube[Container], {"name": "a", "ports": [{"containerPort": 80}]}, {"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 80}]}, "Duplicate value", stored={"name": "a", "ports": [{"containerPort": 80, "protocol": "TCP"}]}),
    Row("kube volume claim", Kube[PersistentVolumeClaimSpec], {"resources": {"requests": {"storage": "1Gi"}}}, {"accessModes": "x"}, "must be of type array"),
    Row("kube strategy", Kube[DeploymentStrategy], {"rollingUpdate": {"maxSurge": "25%"}}, {"rollingUpdate": {"maxSurge": 1.5}}, 'must be of type integer: "'),
    Row("kube pod template", Kube[PodTemplateSpec], {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "a"}]}}, {"spec": {}}, "spec.value.spec.containers: Required value"),
    Row("conditions", Conditions, [{"type": "Ready", "status": "True", "reason": "Up", "message": "", "lastTransitionTime": "2026-11-24T09:00:00Z"}], [{"type": "Ready", "status": "Yes", "reason": "Up", "message": "", "lastTransitionTime": "2026-11-24T09:00:00Z"}], 'supported values: "True", "False", "Unknown"'),
]  # fmt: skip


def kind_of(row: Row) -> type[CustomResource]:
    spec_field = (row.type, row.default if row.default is not UNSET else ...)
    spec = create_model(f"{row.kind_name}Spec", __base__=APIModel, value=spec_field)
    model = create_model(row.kind_name, __base__=CustomResource, spec=(spec, ...))
    return resource(group=GROUP, version="v1")(model)


@pytest.fixture(scope="module")
def kinds(server: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, type[CustomResource]]:
    directory: Path = tmp_path_factory.mktemp("markers")
    kinds = {row.name: kind_of(row) for row in MARKERS}
    server.install(kinds.values(), directory)
    return kinds


def spec_with(value: Any, *, send_null: bool = False) -> dict[str, Any]:
    if value is UNSET or (value is None and not send_null):
        return {}
    return {"value": value}


@pytest.mark.parametrize("row", MARKERS, ids=lambda row: row.name)
def test_marker(row: Row, kinds: dict[str, type[CustomResource]], server: Any) -> None:
    kind = kinds[row.name]
    code, created = server.create(kind, "valid", spec=spec_with(row.valid, send_null="send_null" in row.extra))
    assert code == 201, created["message"]
    try:
        stored = row.valid if row.stored is UNSET else row.stored
        if row.default is not UNSET and row.stored is UNSET and row.valid is None:
            assert created["spec"] == {}
        else:
            assert created["spec"] == {"value": stored}
        decoded: Any = kind.model_validate(created)
        assert decoded.metadata.name == "valid"
        if row.update:
            code, answer = server.update(kind, "valid", spec=spec_with(row.invalid))
        else:
            null = row.invalid is None
            code, answer = server.create(kind, "invalid", spec=spec_with(row.invalid, send_null=null))
        assert code == 422, answer
        assert row.refused in answer["message"]
        assert "spec.value" in answer["message"]
    finally:
        server.delete(kind, "valid")


def test_the_api_server_keeps_every_word_of_the_schemas(kinds: dict[str, type[CustomResource]], server: Any) -> None:
    """A word the API server does not know, or writes differently, would be gone from the definition it stores."""
    for crd in build_crds(kinds.values()):
        code, stored = server.send("GET", f"{CRDS}/{crd.manifest['metadata']['name']}")
        assert code == 200
        assert stored["spec"]["versions"][0]["schema"] == crd.manifest["spec"]["versions"][0]["schema"]


def test_every_marker_has_a_row() -> None:
    """A marker exported by the API package but named in no row is a marker without proof."""
    import kaiwu_runtime.api._markers as module

    names = {
        n
        for n, v in vars(module).items()
        if isinstance(v, type) and issubclass(v, module.Marker) and v is not module.Marker
    }
    used: set[str] = set()

    def collect(annotation: Any) -> None:
        used.update(type(item).__name__ for item in getattr(annotation, "__metadata__", ()))
        for model in (annotation, *getattr(annotation, "__args__", ())):
            if isinstance(model, type):
                used.update(type(item).__name__ for item in module.model_markers(model))
                for inner in getattr(model, "model_fields", {}).values():
                    used.update(type(item).__name__ for item in inner.metadata)
            if model is not annotation:
                collect(model)
        if hasattr(annotation, "__origin__"):
            collect(annotation.__origin__)

    for row in MARKERS:
        collect(row.type)
    assert names - used == set()
