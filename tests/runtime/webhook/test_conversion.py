"""ConversionReviews in and out, as bytes: all objects or none, and metadata that stays."""

from __future__ import annotations

import json
from typing import Any, Self

import pytest

from kaiwu_runtime import Manager
from kaiwu_runtime import _callback as callback
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.errors import ConfigurationError, ConversionError, DecodeError
from kaiwu_runtime.webhook import webhook_managed_by
from kaiwu_runtime.webhook._conversion import Conversions, Spoke
from kaiwu_runtime.webhook._server import WebhookServer

from .widgets import GROUP, Widget, WidgetSpec, WidgetV2, WidgetV2Spec

V1, V2, V3 = f"{GROUP}/v1", f"{GROUP}/v2", f"{GROUP}/v3"


def to_v2(old: Widget) -> WidgetV2:
    if old.spec.colour == "invisible":
        raise ValueError("nothing to\npaint")
    return WidgetV2(spec=WidgetV2Spec(paint=old.spec.colour, width=old.spec.size))


def from_v2(new: WidgetV2) -> Widget:
    return Widget(spec=WidgetSpec(colour=new.spec.paint, size=new.spec.width))


@resource(group=GROUP, version="v3", kind="Widget", storage=False)
class WidgetV3(CustomResource):
    """A version that converts itself, and keeps what the hub cannot hold in an annotation."""

    note: str | None = None

    def convert_to(self) -> WidgetV2:
        hub = WidgetV2()
        hub.metadata.annotations = {"note": self.note or ""}
        return hub

    @classmethod
    def convert_from(cls, hub: WidgetV2, /) -> Self:
        found = cls(note=(hub.metadata.annotations or {}).get("note"))
        found.metadata.annotations = {}
        found.metadata.name = "another"
        found.metadata.finalizers = ["smuggled"]
        return found


def conversions() -> Conversions:
    made = Conversions()
    made.add(WidgetV2, Spoke(Widget, to_v2, from_v2), Spoke(WidgetV3, WidgetV3.convert_to, WidgetV3.convert_from))
    return made


METADATA = {
    "name": "a",
    "namespace": "team",
    "uid": "1-2-3",
    "labels": {"l": "1"},
    "annotations": {"a": "1"},
    "finalizers": ["f"],
    "futureMetadata": {"x": 1},
}


def obj(api_version: str, **members: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": "Widget", "metadata": METADATA, **members}


async def ask(desired: str, *objects: object) -> dict[str, Any]:
    body = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "ConversionReview",
        "request": {"uid": "u", "desiredAPIVersion": desired, "objects": objects},
    }
    found: dict[str, Any] = json.loads(b"".join(await conversions().answer(json.dumps(body).encode())))
    assert (found["apiVersion"], found["kind"]) == ("apiextensions.k8s.io/v1", "ConversionReview")
    response: dict[str, Any] = found["response"]
    assert response.pop("uid") == "u"
    return response


@pytest.mark.parametrize(
    ("desired", "given", "expected"),
    [
        pytest.param(
            V2,
            obj(V1, spec={"colour": "red", "size": 3}),
            obj(V2, spec={"paint": "red", "width": 3}),
            id="spoke to hub",
        ),
        pytest.param(V1, obj(V2, spec={"paint": "red"}), obj(V1, spec={"colour": "red"}), id="hub to spoke"),
        pytest.param(
            V1,
            obj(V3, note="n"),
            {**obj(V1, spec={}), "metadata": METADATA},
            id="spoke to spoke, through functions that set no metadata",
        ),
        pytest.param(
            V2,
            obj(V3, note="n"),
            {**obj(V2), "metadata": {**METADATA, "annotations": {"note": "n"}}},
            id="a method sets annotations",
        ),
        pytest.param(
            V3,
            {**obj(V2), "metadata": {**METADATA, "annotations": {"note": "n"}}},
            {**obj(V3, note="n"), "metadata": {**METADATA, "annotations": {}}},
            id="a method removes annotations, and may change nothing else",
        ),
        pytest.param(V1, obj(V1, unknown=1), obj(V1, unknown=1), id="the same version"),
    ],
)
async def test_an_object_is_converted(desired: str, given: object, expected: dict[str, Any]) -> None:
    response = await ask(desired, given)
    assert response["result"] == {"status": "Success"}
    assert [without_empty(entry) for entry in response["convertedObjects"]] == [without_empty(expected)]


def without_empty(entry: dict[str, Any]) -> dict[str, Any]:
    """Leave out an empty spec: whether a function sets one is its own affair."""
    return {name: value for name, value in entry.items() if value != {}}


async def test_order_and_number_are_kept() -> None:
    response = await ask(V2, *(obj(V1, spec={"size": number}) for number in range(120)))
    assert [entry["spec"] for entry in response["convertedObjects"]] == [{"width": number} for number in range(120)]


@pytest.mark.parametrize(
    ("desired", "given", "message"),
    [
        pytest.param(
            V2,
            obj(V1, spec={"colour": "invisible"}),
            f"Widget team/a to {V2}: ValueError: nothing to paint",
            id="the function fails",
        ),
        pytest.param(
            f"{GROUP}/v9",
            obj(V1),
            f"Widget: version '{GROUP}/v9' is not known; known are {V1}, {V2}, {V3}",
            id="unknown desired version",
        ),
        pytest.param(
            V2,
            obj(f"{GROUP}/v9"),
            f"Widget: version '{GROUP}/v9' is not known; known are {V1}, {V2}, {V3}",
            id="unknown stored version",
        ),
        pytest.param(
            V2,
            obj("x.example.com/v1"),
            "Widget (x.example.com/v1): no conversion of this kind is registered",
            id="unknown kind",
        ),
        pytest.param(
            V2,
            obj(V1, spec={"size": "big"}),
            "Widget team/a: spec.size: Input should be a valid integer, unable to parse string as an integer",
            id="a field does not fit",
        ),
        pytest.param(V2, [], "an object to convert is not valid: Expected `object`, got `array`", id="no object"),
    ],
)
async def test_one_failure_fails_all(desired: str, given: object, message: str) -> None:
    response = await ask(desired, obj(V1, spec={"size": 1}), given)
    assert response == {"result": {"status": "Failure", "message": message}}


async def test_a_function_that_returns_another_type_is_named() -> None:
    made = Conversions()
    made.add(WidgetV2, Spoke(Widget, lambda old: old, from_v2))
    body = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview"}
    request = {"uid": "u", "desiredAPIVersion": V2, "objects": [obj(V1)]}
    found = json.loads(b"".join(await made.answer(json.dumps({**body, "request": request}).encode())))
    assert found["response"]["result"]["message"] == (
        f"Widget team/a to {V2}: TypeError: the conversion returned Widget instead of WidgetV2"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"{", "the body is not a valid ConversionReview"),
        (b'{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{}}', "missing required field"),
        (b'{"apiVersion":"apiextensions.k8s.io/v1beta1","kind":"ConversionReview"}', "is answered here"),
    ],
)
async def test_a_body_that_is_no_review_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message):
        await conversions().answer(body)


@resource(group="other.example.com", version="v1", kind="Widget")
class Stranger(CustomResource):
    pass


@resource(group=GROUP, version="v2", kind="Widget")
class Twin(CustomResource):
    pass


@pytest.mark.parametrize(
    ("spokes", "message"),
    [
        ([Spoke(Stranger, lambda old: WidgetV2(), lambda new: Stranger())], "group and kind must be the same"),
        ([Spoke(Twin, lambda old: WidgetV2(), lambda new: Twin())], "Widget: two types are version v2"),
        ([Spoke(Widget, to_v2, from_v2), Spoke(Widget, to_v2, from_v2)], "Widget: two types are version v1"),
    ],
)
def test_types_that_are_not_versions_of_one_kind(spokes: list[Spoke[Any, WidgetV2]], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Conversions().add(WidgetV2, *spokes)


def test_a_kind_has_one_hub() -> None:
    made = conversions()
    with pytest.raises(ConfigurationError, match=rf"Widget \({GROUP}\) has the hub v2 already"):
        made.add(Widget, Spoke(WidgetV2, from_v2, to_v2))


async def test_the_builder_takes_functions_and_methods() -> None:
    manager = Manager()
    builder = webhook_managed_by(manager)
    builder.for_(WidgetV2).with_spoke(Widget, to_v2, from_v2).with_spoke(WidgetV3).complete()
    assert isinstance(manager.webhooks, WebhookServer)
    found = json.loads(manager.webhooks.conversions.convert(json.dumps(obj(V1, spec={"size": 1})).encode(), V2))
    assert found == obj(V2, spec={"width": 1})
    found = json.loads(manager.webhooks.conversions.convert(json.dumps(obj(V3, note="n")).encode(), V2))
    assert found["metadata"]["annotations"] == {"note": "n"}


def test_a_spoke_without_a_way_to_the_hub_is_explained() -> None:
    with pytest.raises(ConfigurationError, match=r"with_spoke\(Widget\): give to_hub and from_hub, or write"):
        webhook_managed_by(Manager()).for_(WidgetV2).with_spoke(Widget)  # type: ignore[arg-type]


async def test_a_failure_arrives_whatever_its_text_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "MOST_FRAMES", 0)
    error = ValueError("no file caf\udce9")

    def fails(old: Widget) -> WidgetV2:
        raise error

    made = Conversions()
    made.add(WidgetV2, Spoke(Widget, fails, from_v2))
    body = json.dumps(
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "ConversionReview",
            "request": {"uid": "1", "desiredAPIVersion": f"{GROUP}/v2", "objects": [obj(f"{GROUP}/v1")]},
        }
    )
    answer = json.loads(b"".join(await made.answer(body.encode())))
    assert answer["response"]["result"]["message"].endswith("ValueError: no file caf?")
    assert error.__traceback__ is None, "one that is raised again and again would keep the stacks of all times"


@pytest.mark.parametrize(
    ("spec", "right"),
    [
        ({"colour": "red", "parts": None}, {"paint": "red"}),
        ({"colour": None, "parts": [{"name": "a", "size": None}], "size": 1}, {"width": 1}),
        (None, {}),
        ({"parts": [{"name": None}]}, "spec.parts.0.name"),
        ({"parts": None, "size": "no"}, "spec.size"),
    ],
)
def test_null_where_a_type_knows_none(spec: Any, right: Any) -> None:
    """An apply that leaves a map or a list without items has the API server convert such an object."""
    data = json.dumps(obj(V1, spec=spec)).encode()
    if isinstance(right, str):
        with pytest.raises(ConversionError, match=right):
            conversions().convert(data, V2)
    else:
        assert json.loads(conversions().convert(data, V2)).get("spec", {}) == right
