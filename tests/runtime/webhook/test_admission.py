"""AdmissionReviews in and out, as bytes; no server of either kind."""

from __future__ import annotations

import base64
import json

import pytest

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.webhook import AdmissionRequest, Defaulter, UserInfo, Validator
from kaiwu_runtime.webhook._handlers import DefaultingHandler, ValidatingHandler
from kaiwu_runtime.webhook._review import decode_review

from .reviews import Painter, Recording, respond, review, widget
from .widgets import GROUP, Widget


def test_a_request_has_everything_the_review_says() -> None:
    kind = {"group": "x", "version": "v9", "kind": "Other"}
    found = decode_review(
        review(
            widget(size=1),
            widget(size=2),
            "UPDATE",
            dryRun=True,
            subResource="status",
            requestKind=kind,
            options={"kind": "UpdateOptions"},
        )
    )
    assert found.uid == "705ab4f5"
    assert (found.operation, found.dry_run, found.sub_resource) == ("UPDATE", True, "status")
    assert found.key == ObjectKey("team", "a")
    assert found.user_info == UserInfo(username="ann", groups=("dev",), extra={"k": ["v"]})
    assert found.kind == (GROUP, "v1", "Widget")
    assert found.resource == found.request_resource == (GROUP, "v1", "widgets")
    assert found.request_kind == ("x", "v9", "Other")
    assert json.loads(found.object)["spec"] == {"size": 1}
    assert json.loads(found.old_object)["spec"] == {"size": 2}
    assert json.loads(found.options) == {"kind": "UpdateOptions"}


def test_what_a_request_leaves_out_is_empty() -> None:
    found = decode_review(review(widget()))
    assert (found.dry_run, found.sub_resource, found.old_object, found.options) == (False, "", b"", b"")
    assert found.request_kind == found.kind


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "the body is not a valid AdmissionReview: Input data was truncated", id="empty"),
        pytest.param(b"{", "the body is not a valid AdmissionReview", id="no JSON"),
        pytest.param(b"\xff\xfe", "the body is not a valid AdmissionReview", id="no UTF-8"),
        pytest.param(b'{"request":' + b"[" * 100_000, "the body is not a valid AdmissionReview", id="deep"),
        pytest.param(b"[]", "the body is not a valid AdmissionReview: Expected `object`, got `array`", id="a list"),
        pytest.param(b"{}", r"an object without kind \(no apiVersion\)", id="nothing in it"),
        pytest.param(
            b'{"apiVersion":"admission.k8s.io/v1beta1","kind":"AdmissionReview"}',
            r"AdmissionReview \(admission.k8s.io/v1beta1\): AdmissionReview \(admission.k8s.io/v1\) is answered here",
            id="v1beta1",
        ),
        pytest.param(b'{"apiVersion":"v1","kind":"Pod"}', r"the body is Pod \(v1\)", id="a Pod"),
        pytest.param(
            b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', "has no request", id="no request"
        ),
        pytest.param(review(uid=""), "has no uid", id="no uid"),
        pytest.param(review(uid=1), r"Expected `str`, got `int` - at `\$.uid`", id="uid is a number"),
        pytest.param(review(operation="PAINT"), r"Invalid enum value 'PAINT' - at `\$.operation`", id="operation"),
    ],
)
def test_a_body_that_is_no_review_is_one_line(body: bytes, message: str) -> None:
    with pytest.raises(DecodeError, match=message) as raised:
        decode_review(body)
    assert "\n" not in str(raised.value)


async def test_a_patch_keeps_what_the_type_does_not_know() -> None:
    obj = widget(shape="round", parts=[{"name": "p", "alloy": {"tin": 3}}])
    response = await respond(DefaultingHandler(Widget, Painter()), review(obj))
    patch = json.loads(base64.b64decode(response.pop("patch")))
    assert response == {"allowed": True, "patchType": "JSONPatch"}
    assert patch == [
        {
            "op": "replace",
            "path": "/spec/parts",
            "value": [{"name": "p", "alloy": {"tin": 3}, "size": 1}, {"name": "last"}],
        },
        {"op": "add", "path": "/spec/colour", "value": "red"},
    ]


async def test_nothing_to_default_is_no_patch() -> None:
    class Idle(Defaulter[Widget]):
        def default(self, obj: Widget, request: AdmissionRequest) -> None:
            obj.spec.colour = "red"

    assert await respond(DefaultingHandler(Widget, Idle()), review(widget(colour="red"))) == {"allowed": True}


async def test_a_deletion_is_not_defaulted() -> None:
    body = review(None, widget(), "DELETE")
    assert await respond(DefaultingHandler(Widget, Painter()), body) == {"allowed": True}


async def test_each_operation_calls_its_method() -> None:
    validator = Recording()
    handler = ValidatingHandler(Widget, validator)
    red, blue = widget(colour="red"), widget(colour="blue")
    assert await respond(handler, review(red)) == {"allowed": True, "warnings": ["red is out of fashion"]}
    assert await respond(handler, review(blue, red, "UPDATE", subResource="status")) == {"allowed": True}
    assert await respond(handler, review(None, blue, "DELETE")) == {"allowed": True}
    assert await respond(handler, review({"kind": "X"}, None, "CONNECT")) == {"allowed": True}
    assert validator.calls == [
        ("create", "red", False),  # a plain method may block: it runs in a thread
        ("update", "red", "blue", "status"),
        ("delete", "blue"),
    ]


async def test_a_method_that_is_not_overridden_never_reads_the_object() -> None:
    class OnlyCreate(Validator[Widget]):
        async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
            raise AssertionError

    broken = widget(size="not a number")
    handler = ValidatingHandler(Widget, OnlyCreate())
    assert await respond(handler, review(None, broken, "DELETE")) == {"allowed": True}
    assert await respond(handler, review(broken, broken, "UPDATE")) == {"allowed": True}
