# ruff: noqa: E501, RUF012 - rows of a table read better on one line; pydantic copies mutable defaults
"""What the generator rejects, the API server rejects as well.

Each row is a kind that is wrong in one way. The generator names model and field; with its checks off, the API server
refuses the same definition. A new check is a new row.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, create_model

from kaiwu_runtime.api import (
    CEL,
    APIModel,
    Base64Bytes,
    CustomResource,
    Default,
    Duration,
    EmbeddedResource,
    Format,
    Int32,
    IntOrString,
    ListMapKeys,
    ListType,
    MapType,
    MaxProperties,
    Nullable,
    PreserveUnknownFields,
    PrinterColumn,
    Quantity,
    Scale,
    SchemaExtra,
    Schemaless,
    StructType,
    resource,
    schema,
)
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

GROUP = "refused.example.com"
BIG = "a" * 300


class Item(APIModel):
    name: str
    port: Int32 = 80
    tags: list[str] = []
    note: str | None = None
    zone: Annotated[str | None, Nullable()] = None


class NullableKey(APIModel):
    name: Annotated[str | None, Nullable()]


class Atomic(APIModel):
    inner: Annotated[int, CEL("self == oldSelf")]


class PythonRegex(APIModel):
    model_config = ConfigDict(regex_engine="python-re")


class LookAhead(PythonRegex):
    value: Annotated[str, Field(pattern="a(?=b)")]


class BackReference(PythonRegex):
    value: Annotated[str, Field(pattern=r"(a)\1")]


class Verbose(APIModel):
    value: Annotated[str, Field(pattern="(?x) a b")]


class UnicodeEscape(APIModel):
    value: Annotated[str, Field(pattern=r"^\u{41}$")]


class ManyRepeats(APIModel):
    value: Annotated[str, Field(pattern="^a{1001}$")]


@schema(EmbeddedResource())
class Bare(APIModel):
    pass


@schema(EmbeddedResource())
class WrongMetadata(APIModel):
    api_version: int
    metadata: str


@dataclass(frozen=True)
class Row:
    name: str
    type: Any
    ours: str
    theirs: str
    default: Any = ...
    options: dict[str, Any] = field(default_factory=dict)
    status: Any = None
    markers: tuple[Any, ...] = ()


class Status(APIModel):
    replicas: int = 0
    selector: str = ""
    ready: bool = False
    phases: list[str] = []


FIELDS = [
    Row("list map without keys", Annotated[list[Item], ListType("map")], "Spec.value: a list of type map needs keys", "x-kubernetes-list-map-keys: Required value"),
    Row("list map keys empty", Annotated[list[Item], ListMapKeys()], "Spec.value: a list of type map needs keys", "x-kubernetes-list-map-keys: Required value"),
    Row("list map unknown key", Annotated[list[Item], ListMapKeys("nam")], "Spec.value: list map key 'nam' is not a field of Item (it has name, note, port, tags, zone)", "entries must all be names of item properties"),
    Row("list map optional key", Annotated[list[Item], ListMapKeys("note")], "Spec.value: list map key 'note' must be required or have a default in Item", "it must have a default or be a required property"),
    Row("list map list key", Annotated[list[Item], ListMapKeys("tags")], "Spec.value: list map key 'tags' must be a scalar", "must be a scalar type"),
    Row("list map nullable key", Annotated[list[NullableKey], ListMapKeys("name")], "Spec.value: list map key 'name' cannot be nullable", "so it cannot be nullable"),
    Row("list map key twice", Annotated[list[Item], ListMapKeys("name", "name")], "Spec.value: a list map key is named twice", "must not contain duplicate entries"),
    Row("list map of scalars", Annotated[list[str], ListMapKeys("name")], "Spec.value: the items of a list of type map must be models", "must be object if parent array's x-kubernetes-list-type is map"),
    Row("list map nullable items", Annotated[list[Annotated[Item | None, Nullable()]], ListMapKeys("name")], "Spec.value: the items of a list of type map cannot be nullable", "cannot be nullable when x-kubernetes-list-type is map"),
    Row("list set of models", Annotated[list[Item], ListType("set")], 'Spec.value: the items of a list of type set must be scalars, or models with StructType("atomic")', "must be atomic as item of a list with x-kubernetes-list-type=set"),
    Row("list set of sets", Annotated[list[Annotated[list[str], ListType("set")]], ListType("set")], "Spec.value: the items of a list of type set must be scalars", "must be atomic as item of a list"),
    Row("list set nullable items", Annotated[list[Annotated[str | None, Nullable()]], ListType("set")], "Spec.value: the items of a list of type set cannot be nullable", "cannot be nullable when x-kubernetes-list-type is set"),
    Row("list type on a string", Annotated[str, ListType("set")], "Spec.value: ListType and ListMapKeys belong on a list", "must be array if x-kubernetes-list-type is specified"),
    Row("list type unknown", Annotated[list[str], SchemaExtra({"x-kubernetes-list-type": "bag"})], "Spec.value: list type 'bag' is not one of atomic, set, map", 'supported values: "atomic", "set", "map"'),
    Row("map type on a list", Annotated[list[str], MapType("atomic")], "Spec.value: MapType and StructType belong on a mapping", "must be object if x-kubernetes-map-type is specified"),
    Row("map type unknown", Annotated[dict[str, str], SchemaExtra({"x-kubernetes-map-type": "loose"})], "Spec.value: map type 'loose' is not one of granular, atomic", 'supported values: "atomic", "granular"'),
    Row("no type", Annotated[str, Schemaless()], "Spec.value: it has no type", "must not be empty for specified object fields"),
    Row("int or string preserving", Annotated[IntOrString, PreserveUnknownFields()], "Spec.value: an int-or-string cannot preserve unknown fields", "must be false if x-kubernetes-int-or-string is true"),
    Row("int or string embedded", Annotated[IntOrString, EmbeddedResource()], "Spec.value: an int-or-string cannot be an embedded resource", "must be false if x-kubernetes-int-or-string is true"),
    Row("embedded scalar", Annotated[str, EmbeddedResource()], "Spec.value: an embedded resource must be an object", "must be object if x-kubernetes-embedded-resource is true"),
    Row("embedded list", Annotated[list[str], EmbeddedResource()], "Spec.value: an embedded resource must be an object", "must be object if x-kubernetes-embedded-resource is true"),
    Row("embedded anything", Annotated[Any, EmbeddedResource()], "Spec.value: an embedded resource must be an object: use dict[str, Any]", "must be object if x-kubernetes-embedded-resource is true"),
    Row("embedded mapping", Annotated[dict[str, int], EmbeddedResource()], "Spec.value: an embedded resource cannot be a mapping with typed values", "must not be used if x-kubernetes-embedded-resource is set"),
    Row("embedded without fields", Bare, "Spec.value: an embedded resource without fields needs PreserveUnknownFields()", "must not be empty if x-kubernetes-embedded-resource is true"),
    Row("embedded apiVersion", WrongMetadata, "Spec.value: the apiVersion of an embedded resource must be a string", "[apiVersion].type: Invalid value: \"integer\": must be string"),
    Row("default of another type", Annotated[int, Default("x")], "Spec.value: default 'x': it is not of type integer", 'must be of type integer: "string"', default=1),
    Row("default below minimum", Annotated[int, Field(ge=3)], "Spec.value: default 1: it is below 3", "should be greater than or equal to 3", default=1),
    Row("default above maximum", Annotated[int, Field(lt=3)], "Spec.value: default 3: it is not below 3", "should be less than 3", default=3),
    Row("default no multiple", Annotated[int, Field(multiple_of=3)], "Spec.value: default 4: it is not a multiple of 3", "should be a multiple of 3", default=4),
    Row("default too long", Annotated[str, Field(max_length=2)], "Spec.value: default 'abc': it is longer than 2", "may not be more than 2", default="abc"),
    Row("default against pattern", Annotated[str, Field(pattern="^a")], "Spec.value: default 'b': it does not match '^a'", "should match '^a'", default="b"),
    Row("default with newline against pattern", Annotated[str, Field(pattern="^a$")], "Spec.value: default 'a\\n': it does not match '^a$'", "should match '^a$'", default="a\n"),
    Row("default with foreign digits", Annotated[str, Field(pattern=r"^\d$")], "it does not match", "should match", default="٣"),
    Row("default outside enum", Annotated[Literal["a", "b"], Default("c")], "Spec.value: default 'c': it is not one of 'a', 'b'", "Unsupported value: \"c\"", default="a"),
    Row("default with unknown field", Annotated[Item, Default({"name": "a", "other": 1})], "other is not a known field", "must not have unknown fields", default=None),
    Row("default without required field", Annotated[Item, Default({"port": 1})], "name is required", "name: Required value", default=None),
    Row("default with too few items", Annotated[list[int], Field(min_length=2)], "Spec.value: default [1]: it has fewer than 2 items", "should have at least 2 items", default=[1]),
    Row("default with too few bytes", Annotated[Base64Bytes, Field(min_length=2)], "Spec.value: default 'tw==': must have at least 2 bytes", "must have at least 2 bytes", default=b"\xb7"),
    Row("default with too many bytes", Annotated[Base64Bytes, Field(max_length=2)], "Spec.value: default 'YWJj': must have at most 2 bytes", "must have at most 2 bytes", default=b"abc"),
    Row("default item with too few bytes", list[Annotated[Base64Bytes, Field(min_length=2)]], "Spec.value: default ['YQ==']: must have at least 2 bytes", "must have at least 2 bytes", default=[b"a"]),
    Row("default above a large maximum", Annotated[int, Field(le=2**53 + 1)], "Spec.value: default 9007199254740995: must be at most 9007199254740993", "must be at most 9007199254740993", default=2**53 + 3),
    Row("default against a rule of one's own", Annotated[int, CEL("self > 2")], "Spec.value: default 2: it violates the rule 'self > 2'", "failed rule: self > 2", default=2),
    Row("default against a rule about fields", Annotated[Item, CEL("self.port > 1024 || has(self.zone)", message="needs a zone")], "Spec.value: default {'name': 'a', 'port': 80}: needs a zone", "needs a zone", default=Item(name="a")),
    Row("default against a rule whose message ends a line", Annotated[int, CEL("self > 2", message="too small\n")], "Spec.value: default 2: too small", "too small", default=2),
    Row("default against a rule about an amount", Annotated[Quantity, CEL("quantity(string(self)).compareTo(quantity('1Gi')) >= 0")], "Spec.value: default '5Mi': it violates the rule", "failed rule: quantity", default="5Mi"),
    Row("default against a rule about a span", Annotated[Duration, CEL("duration(self) >= duration('1s')")], "Spec.value: default '5ms': it violates the rule", "failed rule: duration", default="5ms"),
    Row("default that a rule cannot be evaluated for", Annotated[list[int], CEL("self[1] > 0"), Field(max_length=3)], "Spec.value: default [1]: it violates the rule 'self[1] > 0': index 1 is out of range", "index out of bounds", default=[1]),
    Row("default as its own old value", Annotated[int, CEL("self > oldSelf")], "Spec.value: default 2: it violates the rule 'self > oldSelf'", "failed rule: self > oldSelf", default=2),
    Row("default beyond 32 bits", Annotated[int, Format("int32")], "default 2147483648: it is not an integer of 32 bits", "with format int32", default=2**31),
    Row("pattern with look ahead", LookAhead, "LookAhead.value: pattern 'a(?=b)': look-around does not exist in Go", "must be a valid regular expression"),
    Row("pattern with back reference", BackReference, "BackReference.value: pattern '(a)\\\\1': a back reference such as", "must be a valid regular expression"),
    Row("pattern with flags", Verbose, "Verbose.value: pattern '(?x) a b': the flag '(?x' does not exist in Go", "must be a valid regular expression"),
    Row("pattern with unicode escape", UnicodeEscape, "does not exist in Go: write the character itself", "must be a valid regular expression"),
    Row("pattern with many repeats", ManyRepeats, "the repetition '{1001}' is not between 0 and 1000", "must be a valid regular expression"),
    Row("rule empty", Annotated[int, CEL(" ")], "Spec.value: CEL(...) has an empty rule", "rule is not specified"),
    Row("rule message empty", Annotated[int, CEL("self > 0", message=" ")], "has an empty message", "must be non-empty if specified"),
    Row("rule message of two lines", Annotated[int, CEL("self > 0", message="a\nb")], "must be one line", "must not contain line breaks"),
    Row("rule of two lines without message", Annotated[int, CEL("self > 0\n&& self < 3")], "has several lines, so it needs a message", "message must be specified if rule contains line breaks"),
    Row("rule message expression empty", Annotated[int, CEL("self > 0", message_expression=" ")], "has an empty message_expression", "messageExpression must be non-empty if specified"),
    Row("rule reason unknown", Annotated[int, SchemaExtra({"x-kubernetes-validations": [{"rule": "self > 0", "reason": "Bad"}]})], "reason 'Bad' of rule 'self > 0' is not one of", 'Unsupported value: "Bad"'),
    Row("rule field path unknown", Annotated[Item, CEL("true", field_path=".nam")], "field_path '.nam' of rule 'true': the object has no field 'nam'", "must be a valid path"),
    Row("rule field path malformed", Annotated[Item, CEL("true", field_path="name")], "is not a field path", "must be a valid path"),
    Row("rule optional old self unused", Annotated[int, CEL("self > 0", optional_old_self=True)], "has optional_old_self but does not use oldSelf", "may not be set if oldSelf is not used in rule"),
    Row("rule unbalanced", Annotated[int, CEL("(self > 0")], "does not parse: it ends too early: ')' expected", "Syntax error"),
    Row("rule closes nothing", Annotated[int, CEL("self > 0)")], "does not parse: unexpected ')' at character 9", "Syntax error"),
    Row("old self in atomic list", list[Annotated[int, CEL("self == oldSelf")]], "compares with oldSelf inside Spec.value", "oldSelf cannot be used on the uncorrelatable portion of the schema"),
    Row("old self in models of a list", list[Atomic], "Atomic.inner: rule 'self == oldSelf' compares with oldSelf inside Spec.value", "oldSelf cannot be used on the uncorrelatable portion"),
]  # fmt: skip


class Plain(APIModel):
    replicas: int = 1
    engine: str = "a"
    ratio: dict[str, str] = {}
    items: list[str] = []


RESOURCES = [
    Row("column of unknown type", Plain, "column 'X': type 'text' is not one of", "must be one of boolean,date,integer,number,string", options={"columns": [PrinterColumn("X", ".spec.engine", type="text")]}),  # type: ignore[arg-type]
    Row("column of unknown format", Plain, "column 'X': format 'hex' is not one of", "must be one of byte,date,date-time", options={"columns": [PrinterColumn("X", ".spec.engine", format="hex")]}),  # type: ignore[arg-type]
    Row("column without a dot", Plain, "column 'X': json_path 'spec.engine' must start with '.'", "must be a simple json path starting with .", options={"columns": [PrinterColumn("X", "spec.engine")]}),
    Row("column without name", Plain, "a column has no name", "name: Required value", options={"columns": [PrinterColumn("", ".spec.engine")]}),
    Row("scale path outside spec", Plain, "scale: spec_replicas_path='.status.replicas' must begin with .spec.", "should be a json path under .spec", options={"scale": Scale(".status.replicas")}),
    Row("scale path outside status", Plain, "scale: status_replicas_path='.spec.replicas' must begin with .status.", "should be a json path under .status", options={"scale": Scale(".spec.replicas", ".spec.replicas")}),
    Row("scale selector outside", Plain, "scale: label_selector_path='.metadata.x' must begin with .spec. or .status.", "should be a json path under either .spec or .status", options={"scale": Scale(label_selector_path=".metadata.x")}),
    Row("selectable missing field", Plain, "selectable_fields: '.spec.engin': .spec has no field 'engin'", "is an invalid path", options={"selectable_fields": [".spec.engin"]}),
    Row("selectable list", Plain, "selectable_fields: '.spec.items' must be a string, a boolean or an integer", "must point to a field of type string, boolean or integer", options={"selectable_fields": [".spec.items"]}),
    Row("selectable metadata", Plain, "fields of metadata are selectable without it", "selectableFields[0].jsonPath", options={"selectable_fields": [".metadata.name"]}),
    Row("selectable array notation", Plain, "array notation is not allowed", "array notation is not allowed", options={"selectable_fields": [".spec['engine']"]}),
    Row("selectable twice", Plain, "'.spec.engine' is listed twice", "Duplicate value", options={"selectable_fields": [".spec.engine", ".spec.engine"]}),
    Row("scope word", Plain, "scope='Namespace': use 'Namespaced' or 'Cluster'", 'supported values: "Cluster", "Namespaced"', options={"scope": "Namespace"}),
    Row("group without a dot", Plain, "group='refused' is not a valid API group", "should be a domain with at least one dot", options={"group": "refused"}),
    Row("group in capitals", Plain, "group='Refused.example.com' is not a valid API group", "a lowercase RFC 1123 subdomain", options={"group": "Refused.example.com"}),
    Row("version word", Plain, "version='1' is not a valid API version", "a DNS-1035 label", options={"version": "1"}),
    Row("kind with a dash", Plain, "kind='Re-' is not a valid kind", "may have mixed case, but should otherwise match", options={"kind": "Re-"}),
    Row("plural in capitals", Plain, "plural='Refuseds': use at most 63 lower-case letters", "a DNS-1035 label", options={"plural": "Refuseds"}),
    Row("singular with a dot", Plain, "singular='a.b': use at most 63", "a DNS-1035 label", options={"singular": "a.b"}),
    Row("short name with a digit first", Plain, "short_names='1a': use at most 63", "a DNS-1035 label", options={"short_names": ["1a"]}),
    Row("category too long", Plain, "use at most 63", "must be no more than 63", options={"categories": ["a" * 64]}),
    Row("warning too long", Plain, "the warning is longer than 256 bytes", "must be <= 256 characters long", options={"deprecated": BIG}),
    Row("warning of two lines", Plain, "the warning must be one printable line", "must only contain printable", options={"deprecated": "a\nb"}),
    Row("struct type on the kind", Plain, "StructType is not allowed on a kind with a status subresource", "fields are allowed at the root of the schema", markers=(StructType("atomic"),)),
    Row("max properties on the kind", Plain, "MaxProperties is not allowed on a kind with a status subresource", "fields are allowed at the root of the schema", markers=(MaxProperties(9),)),
    Row("nullable kind", Plain, "the kind itself cannot be nullable", "nullable cannot be true at the root", markers=(Nullable(),)),
    Row("rule on labels", Plain, "of metadata only name and generateName are visible to rules", "undefined field 'labels'", markers=(CEL("has(self.metadata.labels)"),)),
]  # fmt: skip


def _limit_rows() -> list[Row]:
    return [
        Row(
            "nine selectable fields",
            create_model("Spec", __base__=APIModel, **{f"f{i}": (str, "") for i in range(9)}),  # type: ignore[call-overload]
            "9 are more than the 8 allowed",
            "Too many: 9: must have at most 8 items",
            options={"selectable_fields": [f".spec.f{i}" for i in range(9)]},
        )
    ]


def kind_of(row: Row, spec: type[APIModel], options: dict[str, Any]) -> type[CustomResource]:
    model = create_model("Refused", __base__=CustomResource, spec=(spec, ...), status=(Status | None, None))
    if row.markers:
        schema(*row.markers)(model)
    return resource(**{"group": GROUP, "version": "v1"} | options)(model)


def field_kind(row: Row) -> type[CustomResource]:
    spec = create_model("Spec", __base__=APIModel, value=(row.type, row.default))
    return kind_of(row, spec, {})


@pytest.mark.parametrize("row", FIELDS, ids=lambda row: row.name)
def test_the_generator_names_model_and_field(row: Row) -> None:
    with pytest.raises(DefinitionError) as caught:
        build_crds([field_kind(row)])
    assert row.ours in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.envtest
@pytest.mark.parametrize("row", FIELDS, ids=lambda row: row.name)
def test_the_api_server_refuses_the_same(row: Row, server: Any) -> None:
    [crd] = build_crds([field_kind(row)], check=False)
    crd.manifest["spec"]["versions"][0]["storage"] = True
    assert row.theirs in server.refusal(crd.manifest)


@pytest.mark.parametrize("row", RESOURCES + _limit_rows(), ids=lambda row: row.name)
def test_the_generator_refuses_the_resource(row: Row) -> None:
    with pytest.raises(DefinitionError) as caught:
        build_crds([kind_of(row, row.type, row.options)])
    assert row.ours in str(caught.value)
    assert str(caught.value).startswith("Refused: ")
    assert "\n" not in str(caught.value)


@pytest.mark.envtest
@pytest.mark.parametrize("row", RESOURCES + _limit_rows(), ids=lambda row: row.name)
def test_the_api_server_refuses_the_resource(row: Row, server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The package exports the decorator under the module's name.
    module = importlib.import_module("kaiwu_runtime.api._resource")

    def nothing(*_: object) -> None:
        """The decorator's own checks are what the API server is to make here."""

    monkeypatch.setattr(module, "_check_names", nothing)
    monkeypatch.setattr(module, "_check_definition", nothing)
    version = row.options.get("version", "v1")
    [crd] = build_crds([kind_of(row, row.type, row.options | {"version": "v1"})], check=False)
    manifest = crd.manifest
    manifest["spec"]["versions"][0] |= {"storage": True, "name": version}
    if row.options.get("scope"):
        manifest["spec"]["scope"] = row.options["scope"]
    assert row.theirs in server.refusal(manifest)


@pytest.mark.envtest
def test_metadata_cannot_be_restricted_beyond_the_name(server: Any) -> None:
    """The generator writes metadata as an object and refuses a kind that declares it again."""
    [crd] = build_crds([kind_of(Row("ok", Plain, "", ""), Plain, {})])
    root = crd.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root["properties"]["metadata"]["properties"] = {"labels": {"type": "object"}}
    assert "must not specify anything other than name and generateName" in server.refusal(crd.manifest)


@pytest.mark.envtest
def test_duplicate_versions_and_storage_versions(server: Any) -> None:
    row = Row("ok", Plain, "", "")
    [crd] = build_crds([kind_of(row, Plain, {})])
    version = crd.manifest["spec"]["versions"][0]
    server.acceptance(crd.manifest)
    crd.manifest["spec"]["versions"] = [version, {**version, "storage": False}]
    assert "must contain unique version names" in server.refusal(crd.manifest)
    crd.manifest["spec"]["versions"] = [version, {**version, "name": "v2"}]
    assert "must have exactly one version marked as storage version" in server.refusal(crd.manifest)
    crd.manifest["spec"]["versions"] = [{**version, "storage": False}]
    assert "must have exactly one version marked as storage version" in server.refusal(crd.manifest)


STRICTER = [
    Row("default null", Annotated[int | None, Default(None)], "default None: null is not allowed: mark the field Nullable()", "", default=None),
    Row("default set with duplicates", Annotated[list[int], ListType("set")], "Spec.value: default [1, 1]: an item is duplicated", "", default=[1, 1]),
    Row("no value fits", Annotated[int, Field(ge=3, le=2)], "Spec.value: minimum 3 is above maximum 2: no value fits", ""),
    Row("no length fits", Annotated[str, Field(min_length=3, max_length=2)], "minLength 3 is above maxLength 2", ""),
]  # fmt: skip


@pytest.mark.parametrize("row", STRICTER, ids=lambda row: row.name)
def test_what_the_api_server_would_take_to_no_use_is_refused(row: Row) -> None:
    with pytest.raises(DefinitionError) as caught:
        build_crds([field_kind(row)])
    assert row.ours in str(caught.value)


@pytest.mark.envtest
@pytest.mark.parametrize("row", STRICTER, ids=lambda row: row.name)
def test_it_would_take_them(row: Row, server: Any) -> None:
    [crd] = build_crds([field_kind(row)], check=False)
    crd.manifest["spec"]["versions"][0]["storage"] = True
    server.acceptance(crd.manifest)


TAKEN = [
    Row("version word", Plain, "", "", options={"version": "latest"}),
    Row("version v0", Plain, "", "", options={"version": "v0"}),
    Row("version with a dash", Plain, "", "", options={"version": "v1-rc1"}),
    Row("kind in lower case", Plain, "", "", options={"kind": "thing"}),
    Row("kind with a dash inside", Plain, "", "", options={"kind": "Re-fused"}),
    Row("status subresource alone", Plain, "", "", options={"status": True}),
    Row("two columns of one name", Plain, "", "", options={"columns": [PrinterColumn("A", ".spec.engine")] * 2}),
    Row("column of a list", Plain, "", "", options={"columns": [PrinterColumn("A", ".spec.items")]}),
    Row("column of an object", Plain, "", "", options={"columns": [PrinterColumn("A", ".spec.ratio")]}),
    Row("column to nowhere", Plain, "", "", options={"columns": [PrinterColumn("A", ".spec.no.such")]}),
    Row("column with an escaped dot", Plain, "", "", options={"columns": [PrinterColumn("A", r".spec.ratio.app\.io/x")]}),
    Row("scale to nowhere", Plain, "", "", options={"scale": Scale(".spec.none", ".status.none", ".status.nothing")}),
    Row("scale of a string", Plain, "", "", options={"scale": Scale(".spec.engine", ".status.none")}),
]  # fmt: skip


@pytest.mark.envtest
@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.name)
def test_what_the_api_server_takes_is_not_refused(row: Row, server: Any) -> None:
    [crd] = build_crds([kind_of(row, row.type, row.options)])
    server.acceptance(crd.manifest)
