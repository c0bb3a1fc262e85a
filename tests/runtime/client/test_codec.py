"""JSON out of objects and back: what was set and nothing else, and errors that name the object and the field."""

from __future__ import annotations

import json
import traceback
from typing import Any

import msgspec
import pytest
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.apps_v1 import DeploymentSpec
from lightkube.models.core_v1 import PodSpec, PodStatus, PodTemplateSpec
from lightkube.models.meta_v1 import LabelSelector, ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod, Secret
from lightkube.resources.rbac_authorization_v1 import Role
from pydantic import Field

from kaiwu_runtime.api import APIModel, Conditions, CustomResource, Quantity, resource, set_condition
from kaiwu_runtime.client import decode, encode
from kaiwu_runtime.client._codec import describe, encode_status
from kaiwu_runtime.errors import DecodeError


class Sail(APIModel):
    area: int = 10
    color: str | None = None


class BoatSpec(APIModel):
    hull_length: int = 6
    sails: list[Sail] = Field(default_factory=list)
    main_sail: Sail = Field(default_factory=Sail)
    spare: Sail | None = None
    rigging: dict[str, str] = Field(default_factory=lambda: {"mast": "wood"})
    weight: Quantity | None = None


class BoatStatus(APIModel):
    phase: str = ""
    conditions: Conditions = Conditions()


@resource(group="codec.example.com", version="v1beta1")
class Boat(CustomResource):
    spec: BoatSpec = Field(default_factory=BoatSpec)
    status: BoatStatus = Field(default_factory=BoatStatus)


Generic: Any = create_namespaced_resource("codec.example.com", "v1", "Raft", "rafts")
HEADER = {"apiVersion": "codec.example.com/v1beta1", "kind": "Boat"}


def sent(obj: object) -> Any:
    return json.loads(encode(obj))


def boat(**content: Any) -> Boat:
    return Boat(metadata=ObjectMeta(name="a"), **content)


def test_nothing_set_is_a_type_and_no_more() -> None:
    assert sent(Boat()) == HEADER
    assert sent(ConfigMap()) == {"apiVersion": "v1", "kind": "ConfigMap"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({}, {}, id="nothing"),
        pytest.param({"hull_length": 6}, {"hullLength": 6}, id="a value equal to the default counts as set"),
        pytest.param({"sails": []}, {"sails": []}, id="an empty list that was set"),
        pytest.param({"sails": [Sail()]}, {"sails": [{}]}, id="an item with nothing set"),
        pytest.param({"sails": [Sail(area=3, color=None)]}, {"sails": [{"area": 3}]}, id="None in an item"),
        pytest.param({"spare": None}, {}, id="None"),
        pytest.param({"spare": Sail(color="red")}, {"spare": {"color": "red"}}, id="nested"),
        pytest.param({"main_sail": Sail()}, {"mainSail": {}}, id="a nested model that was set"),
        pytest.param({"weight": "1500m"}, {"weight": "1500m"}, id="quantity"),
    ],
)
def test_models_send_what_was_set(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert sent(boat(spec=BoatSpec(**spec))) == {**HEADER, "metadata": {"name": "a"}, "spec": expected}


def test_defaults_filled_in_place_count_as_set() -> None:
    made = boat()
    made.spec.sails.append(Sail())
    made.spec.main_sail.color = "white"
    made.spec.rigging["boom"] = "steel"
    set_condition(made.status.conditions, type="Ready", status="True", reason="Afloat", message="")
    body = sent(made)
    assert body["spec"] == {
        "sails": [{}],
        "mainSail": {"color": "white"},
        "rigging": {"mast": "wood", "boom": "steel"},
    }
    assert [item["type"] for item in body["status"]["conditions"]] == ["Ready"]


def test_a_list_filled_inside_an_item_counts_as_set() -> None:
    class Fleet(APIModel):
        boats: list[BoatSpec] = Field(default_factory=list)

    @resource(group="codec.example.com", version="v1")
    class Armada(CustomResource):
        spec: Fleet = Field(default_factory=Fleet)

    made = Armada(spec=Fleet(boats=[BoatSpec()]))
    made.spec.boats[0].sails.append(Sail(area=1))
    assert sent(made)["spec"] == {"boats": [{"sails": [{"area": 1}]}]}


def test_untouched_defaults_stay_unsent_after_reading_them() -> None:
    made = boat()
    assert made.spec.rigging == {"mast": "wood"}
    assert made.spec.main_sail.area == 10
    assert sent(made) == {**HEADER, "metadata": {"name": "a"}}


def test_metadata_filled_in_place_is_sent() -> None:
    made = Boat()
    made.metadata.name = "a"
    made.metadata.labels = {"k": "v"}
    assert sent(made)["metadata"] == {"name": "a", "labels": {"k": "v"}}


def test_a_model_that_was_read_sends_its_own_kind() -> None:
    read = decode(Boat, json.dumps({**HEADER, "metadata": {"name": "a"}, "spec": {"hullLength": 3}}).encode())
    assert sent(read) == {**HEADER, "metadata": {"name": "a"}, "spec": {"hullLength": 3}}


@pytest.mark.parametrize(
    ("obj", "api_version", "kind"),
    [
        pytest.param(ConfigMap(data={"k": "v"}), "v1", "ConfigMap", id="core"),
        pytest.param(Role(), "rbac.authorization.k8s.io/v1", "Role", id="group"),
        pytest.param(ConfigMap(kind="ConfigMap", apiVersion="v1"), "v1", "ConfigMap", id="already there"),
        pytest.param(ConfigMap(kind="ConfigMap"), "v1", "ConfigMap", id="half there"),
        pytest.param(Generic(spec={"logs": 3}), "codec.example.com/v1", "Raft", id="generic"),
    ],
)
def test_lightkube_kinds_get_their_type(obj: object, api_version: str, kind: str) -> None:
    text = encode(obj).decode()
    assert (sent(obj)["apiVersion"], sent(obj)["kind"]) == (api_version, kind)
    assert (text.count('"apiVersion"'), text.count('"kind"')) == (1, 1)


def test_lightkube_kinds_leave_out_what_is_none() -> None:
    template = PodTemplateSpec()
    body = sent(Deployment(spec=DeploymentSpec(selector=LabelSelector(), template=template, replicas=0)))
    assert body["spec"] == {"selector": {}, "template": {}, "replicas": 0}


@resource(group="codec.example.com", version="v1")
class Renamed(CustomResource):
    observed: dict[str, int] = Field(alias="status")


def filled_in_place() -> Boat:
    made = boat(spec=BoatSpec(hull_length=3))
    made.status.phase = "Afloat"
    return made


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        pytest.param(boat(), {}, id="a model without one"),
        pytest.param(boat(status=BoatStatus(phase="")), {"phase": ""}, id="a model's"),
        pytest.param(filled_in_place(), {"phase": "Afloat"}, id="a default filled in place"),
        pytest.param(Renamed(metadata=ObjectMeta(name="a"), status={"a": 1}), {"a": 1}, id="under an alias"),
        pytest.param(Pod(spec=PodSpec(containers=[])), {}, id="a lightkube kind without one"),
        pytest.param(
            Pod(spec=PodSpec(containers=[]), status=PodStatus(phase="Running")),
            {"phase": "Running"},
            id="a lightkube kind's",
        ),
        pytest.param(ConfigMap(data={"a": "b"}), {}, id="a lightkube kind that cannot have one"),
        pytest.param(Generic(metadata=ObjectMeta(name="a")), {}, id="a generic resource without one"),
        pytest.param(Generic(status={"a": [1]}), {"a": [1]}, id="a generic resource's"),
    ],
)
def test_a_status_alone(obj: object, expected: dict[str, Any]) -> None:
    assert json.loads(bytes(encode_status(obj))) == expected


@pytest.mark.parametrize("value", [{"kind": "ConfigMap"}, "text", None, Sail(), ObjectMeta()])
def test_what_is_no_resource_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="is not a Kubernetes resource"):
        encode(value)


@pytest.mark.parametrize(
    "obj",
    [
        pytest.param(boat(spec=BoatSpec(sails=[Sail(color="red")], weight="2Gi")), id="model"),
        pytest.param(
            ConfigMap(apiVersion="v1", kind="ConfigMap", metadata=ObjectMeta(name="é"), data={"k": "☃"}), id="kind"
        ),
        pytest.param(Secret(apiVersion="v1", kind="Secret", data={"k": "AAEC"}), id="secret"),
    ],
)
def test_round_trip(obj: Any) -> None:
    again = decode(type(obj), encode(obj))
    assert encode(again) == encode(obj)
    if isinstance(obj, msgspec.Struct):
        assert again == obj


def test_round_trip_of_a_generic_resource() -> None:
    again = decode(Generic, encode(Generic(metadata=ObjectMeta(name="a"), spec={"logs": 3})))
    assert again["spec"] == {"logs": 3}
    assert again.metadata.name == "a"


def test_unknown_fields_are_ignored() -> None:
    body = {**HEADER, "metadata": {"name": "a", "new": 1}, "spec": {"hullLength": 3, "new": {"x": 1}}, "new": []}
    assert decode(Boat, json.dumps(body).encode()).spec.hull_length == 3
    assert decode(ConfigMap, b'{"metadata":{"name":"a"},"new":[1]}').metadata == ObjectMeta(name="a")


@pytest.mark.parametrize(
    ("kind", "body", "message"),
    [
        pytest.param(
            Boat,
            {"metadata": {"name": "a", "namespace": "sea"}, "spec": {"hullLength": "long"}},
            r"^Boat sea/a: spec\.hullLength: .*valid integer",
            id="model",
        ),
        pytest.param(
            Boat,
            {"metadata": {"name": "a"}, "spec": {"sails": [{"area": 1}, {"area": "x"}]}},
            r"^Boat a: spec\.sails\.1\.area: ",
            id="item of a list",
        ),
        pytest.param(
            Boat,
            {"spec": {"rigging": dict.fromkeys("abcde", 1)}},
            r"^Boat: spec\.rigging\.a: [^;]*$",
            id="map, no name",
        ),
        pytest.param(
            ConfigMap,
            {"metadata": {"name": "a", "namespace": "sea"}, "data": "text"},
            r"^ConfigMap sea/a: data: .*`object \| null`, got `str`$",
            id="kind",
        ),
        pytest.param(
            Deployment,
            {"metadata": {"name": "a"}, "spec": {"replicas": "3"}},
            r"^Deployment a: spec\.replicas: ",
            id="nested kind",
        ),
        pytest.param(Boat, [], r"^Boat: \(object\): ", id="no object"),
        pytest.param(ConfigMap, [], "^ConfigMap: .*`object`.*`array`$", id="no object, kind"),
        pytest.param(Generic, [], r"^Raft: ", id="no object, generic"),
    ],
)
def test_errors_name_kind_object_and_field(kind: type[Any], body: object, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as caught:
        decode(kind, json.dumps(body).encode())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", [Boat, ConfigMap, Generic])
@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"metadata":{"name":"a"}', b"<html>"])
def test_broken_json_is_a_decode_error(kind: type[Any], data: bytes) -> None:
    with pytest.raises(DecodeError, match=rf"^{kind.__name__}\b") as caught:
        decode(kind, data)
    assert "\n" not in str(caught.value)


def test_an_error_says_whose_it_is_and_shows_no_value() -> None:
    body = {"metadata": {"name": "a", "namespace": "sea"}, "spec": {"sails": [{"area": "hunter2"}]}}
    with pytest.raises(DecodeError) as caught:
        decode(Boat, json.dumps(body).encode())
    assert (caught.value.kind, caught.value.namespace, caught.value.name) == (Boat, "sea", "a")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value)), "it may be a secret"


def test_an_object_is_described_without_being_decoded() -> None:
    assert describe(Boat, b'{"metadata":{"name":"a","namespace":"sea"},"spec":7}') == "Boat sea/a"
    assert describe(Boat, b'{"metadata":null}') == "Boat"
    assert describe(Boat, b'{"metadata":{"name":7}}') == "Boat"


class Filling(APIModel):
    tags: list[Any] = Field(default_factory=lambda: [1, 2])
    limits: dict[str, Any] = Field(default_factory=lambda: {"one": 1, "two": 2})


class FilledSpec(Filling):
    nested: Filling = Field(default_factory=Filling)


class Filled(CustomResource):
    spec: FilledSpec = Field(default_factory=FilledSpec)


resource(group="codec.example.com", version="v1")(Filled)


@pytest.mark.parametrize("change", ["append", "remove", "clear", "reassign", "number to boolean"])
@pytest.mark.parametrize("field", ["tags", "limits", "nested"])
def test_a_default_that_is_changed_in_place_is_sent(field: str, change: str) -> None:
    obj = Filled(metadata=ObjectMeta(name="a", namespace="b"))
    spec: Any = obj.spec if field != "nested" else obj.spec.nested
    held = spec.limits if field == "limits" else spec.tags
    match change, isinstance(held, dict):
        case "append", True:
            held["new"] = 3
        case "append", False:
            held.append(3)
        case "remove", True:
            del held["one"]
        case "remove", False:
            held.remove(1)
        case "clear", _:
            held.clear()
        case "reassign", True:
            held["one"] = 5
        case "reassign", False:
            held[0] = 5
        case "number to boolean", True:
            held["one"] = True
        case "number to boolean", False:
            held[0] = True
    written = json.loads(encode(obj))["spec"]
    written = written["nested"] if field == "nested" else written
    assert json.dumps(written) == json.dumps({"limits" if field == "limits" else "tags": held})


def test_unchanged_defaults_are_not_sent() -> None:
    assert "spec" not in json.loads(encode(Filled(metadata=ObjectMeta(name="a", namespace="b"))))


@pytest.mark.parametrize("obj", [ConfigMap(metadata=ObjectMeta(name="a", namespace="b"), data={"x": "\ud800"})])
def test_half_a_character_names_the_object(obj: Any) -> None:
    with pytest.raises(ValueError, match=r"^ConfigMap b/a cannot be written as JSON: .*surrogates not allowed$"):
        encode(obj)
