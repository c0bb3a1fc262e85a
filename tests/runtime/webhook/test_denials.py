"""What an API server is told of a denial, of a warning and of a handler that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from kaiwu_runtime import _callback as callback
from kaiwu_runtime._log import fields_of
from kaiwu_runtime.webhook import AdmissionDenied, AdmissionRequest, Cause, Defaulter, Validator
from kaiwu_runtime.webhook._handlers import DefaultingHandler, ValidatingHandler
from kaiwu_runtime.webhook._review import decode_review

from .reviews import Recording, respond, review, widget
from .widgets import GROUP, Widget


class Raising(Validator[Widget]):
    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("denied", "status"),
    [
        pytest.param(
            AdmissionDenied("no\nwidgets today"),
            {"status": "Failure", "code": 403, "reason": "Forbidden", "message": "no widgets today"},
            id="message alone",
        ),
        pytest.param(
            AdmissionDenied("it is wrong", code=422),
            {"status": "Failure", "code": 422, "reason": "Invalid", "message": "it is wrong"},
            id="422",
        ),
        pytest.param(
            AdmissionDenied("it is wrong", causes=[Cause("spec.size", "must be odd")]),
            {
                "status": "Failure",
                "code": 422,
                "reason": "Invalid",
                "message": "it is wrong",
                "details": {
                    "name": "a",
                    "group": GROUP,
                    "kind": "Widget",
                    "causes": [{"field": "spec.size", "message": "must be odd", "reason": "FieldValueInvalid"}],
                },
            },
            id="causes",
        ),
        pytest.param(
            AdmissionDenied("slow down", code=429, reason="Busy", details={"retryAfterSeconds": 3}),
            {
                "status": "Failure",
                "code": 429,
                "reason": "Busy",
                "message": "slow down",
                "details": {"name": "a", "group": GROUP, "kind": "Widget", "retryAfterSeconds": 3},
            },
            id="details",
        ),
    ],
)
async def test_a_refusal_is_a_status(denied: AdmissionDenied, status: dict[str, Any]) -> None:
    response = await respond(ValidatingHandler(Widget, Raising(denied)), review(widget()))
    assert response == {"allowed": False, "status": status}


@pytest.mark.parametrize(
    "error", [AdmissionDenied("no"), ValueError("no"), ExceptionGroup("two", [AdmissionDenied("no")])], ids=repr
)
async def test_a_constant_that_is_raised_for_each_review_keeps_no_long_stack(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "MOST_FRAMES", 0)
    handler = ValidatingHandler(Widget, Raising(error))
    for _ in range(2):
        response = await respond(handler, review(widget()))
        assert not response["allowed"]
    assert error.__traceback__ is None


def test_a_refusal_with_the_code_of_a_success_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="code 200 is not an error code"):
        AdmissionDenied("x", code=200)


def group(*errors: Exception) -> Exception:
    return ExceptionGroup("unhandled errors in a TaskGroup", list(errors))


def caused(error: Exception) -> Exception:
    outer = RuntimeError("cannot check it")
    outer.__cause__ = error
    return outer


@pytest.mark.parametrize("wrap", [group, lambda denied: group(ValueError("no"), group(denied)), caused])
async def test_a_refusal_in_a_group_or_as_a_cause_refuses(wrap: Callable[[Exception], Exception]) -> None:
    handler = ValidatingHandler(Widget, Raising(wrap(AdmissionDenied("no widgets today"))))
    response = await respond(handler, review(widget(size=1)))
    assert response["allowed"] is False
    assert response["status"]["code"] == 403
    assert response["status"]["message"] == "no widgets today"


@pytest.mark.parametrize("error", [RuntimeError("broken\nin two lines"), SystemExit(3), asyncio.CancelledError()])
async def test_failing_user_code_is_500_and_logged_with_the_object(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    response = await respond(ValidatingHandler(Widget, Raising(error)), review(widget()))
    message = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
    status = {"status": "Failure", "code": 500, "reason": "InternalError", "message": message}
    assert response == {"allowed": False, "status": status}
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.getMessage() == "Webhook error"
    assert fields_of(record)["object"] == "team/a"
    assert fields_of(record)["error"] == message
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("metadata", "subject"),
    [
        ({"generateName": "w-"}, "team/w-..."),
        ({"name": "w-x7", "generateName": "w-"}, "team/w-x7"),
        ({}, "team/..."),
    ],
)
async def test_an_object_that_is_still_to_be_named_is_logged_by_what_there_is(
    metadata: dict[str, str], subject: str, caplog: pytest.LogCaptureFixture
) -> None:
    obj = {**widget(), "metadata": metadata}
    await respond(ValidatingHandler(Widget, Raising(RuntimeError())), review(obj, name=""))
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert fields_of(record)["object"] == subject


def test_a_representation_shows_no_object() -> None:
    request = decode_review(review(widget(colour="secret"), widget(colour="secret"), "UPDATE"))
    assert "secret" not in repr(request)
    assert "705ab4f5" in repr(request)


@pytest.mark.parametrize("returned", ["careful", [1], [None], ["a", b"b"], {"a": "b"}, 7])
async def test_warnings_that_are_no_list_of_strings_are_a_mistake_of_the_validator(returned: Any) -> None:
    class Wrong(Validator[Widget]):
        def validate_create(self, obj: Widget, request: AdmissionRequest) -> list[str]:
            return returned  # type: ignore[no-any-return]

    response = await respond(ValidatingHandler(Widget, Wrong()), review(widget()))
    assert response["status"]["message"] == f"TypeError: Wrong returned {returned!r}: return a list of strings, or None"


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        pytest.param(
            review(widget(size="big")),
            422,
            "Widget team/a: spec.size: Input should be a valid integer, unable to parse string as an integer",
            id="a field does not fit",
        ),
        pytest.param(
            review(widget(), widget(size="big"), "UPDATE"),
            422,
            "the stored object, Widget team/a: spec.size: Input should be a valid integer, "
            "unable to parse string as an integer",
            id="a field of the old object does not fit",
        ),
        pytest.param(review(None), 400, "the AdmissionReview of a CREATE has no object", id="no object"),
        pytest.param(
            review(widget(), kind={"group": "", "version": "v1", "kind": "Pod"}),
            400,
            f"v1 Pod was sent to the webhook of {GROUP}/v1 Widget; correct the rules of its webhook configuration",
            id="another kind",
        ),
    ],
)
async def test_an_object_that_cannot_be_read_is_the_clients_mistake(body: bytes, code: int, message: str) -> None:
    response = await respond(ValidatingHandler(Widget, Recording()), body)
    reason = {400: "BadRequest", 422: "Invalid"}[code]
    status = {"status": "Failure", "code": code, "reason": reason, "message": message}
    assert response == {"allowed": False, "status": status}


class Denies(Validator[Widget]):
    def __init__(self, denied: AdmissionDenied) -> None:
        self.denied = denied

    async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
        raise self.denied


@pytest.mark.parametrize(
    "denied",
    [
        pytest.param(AdmissionDenied("no: \udcff"), id="message"),
        pytest.param(AdmissionDenied("no: ?", causes=[Cause("spec", None)]), id="a cause without text"),  # type: ignore[arg-type]
        pytest.param(AdmissionDenied("no: ?", details={"value": object()}), id="type of the details"),
    ],
)
async def test_a_denial_that_json_cannot_carry_still_denies(denied: AdmissionDenied) -> None:
    answered = await respond(ValidatingHandler(Widget, Denies(denied)), review(widget()))
    assert answered["allowed"] is False
    assert answered["status"]["code"] == denied.code
    assert answered["status"]["message"] == "no: ?"


async def test_a_warning_that_is_not_utf_8_is_sent_as_far_as_it_is() -> None:
    class Warns(Validator[Widget]):
        async def validate_create(self, obj: Widget, request: AdmissionRequest) -> list[str]:
            return ["caf\xe9", "a file \udcff"]

    assert await respond(ValidatingHandler(Widget, Warns()), review(widget())) == {
        "allowed": True,
        "warnings": ["caf\xe9", "a file ?"],
    }


async def test_an_error_that_is_not_utf_8_is_a_failure_like_any_other() -> None:
    class Fails(Validator[Widget]):
        async def validate_create(self, obj: Widget, request: AdmissionRequest) -> None:
            raise ValueError("a file \udcff")

    answered = await respond(ValidatingHandler(Widget, Fails()), review(widget()))
    assert answered["status"]["message"] == "ValueError: a file ?"


async def test_a_denial_arrives_whatever_its_texts_hold() -> None:
    """An answer that fails lets the request pass where the failure policy is Ignore."""
    causes = [Cause("spec.\udce9", "caf\udce9", "\ud800")]
    handler = ValidatingHandler(Widget, Denies(AdmissionDenied("no caf\udce9", causes=causes, reason="Caf\udce9")))
    response = await respond(handler, review(widget()))
    assert (response["allowed"], response["status"]["message"]) == (False, "no caf?")
    assert response["status"]["reason"] == "Caf?"
    assert response["status"]["details"]["causes"] == [{"field": "spec.?", "message": "caf?", "reason": "?"}]


@pytest.mark.parametrize(
    "details", [{"until": object()}, {"name": "\udce9"}, {1: {}, ("a",): 1}], ids=["object", "half a character", "keys"]
)
async def test_a_denial_arrives_without_details_that_are_not_json(
    caplog: pytest.LogCaptureFixture, details: dict[str, Any]
) -> None:
    denied = AdmissionDenied("no", causes=[Cause("spec", "wrong")], details=details)
    response = await respond(ValidatingHandler(Widget, Denies(denied)), review(widget()))
    assert (response["allowed"], response["status"]["code"], response["status"]["message"]) == (False, 422, "no")
    assert response["status"]["details"]["name"] == "a"
    assert [cause["field"] for cause in response["status"]["details"]["causes"]] == ["spec"]
    assert "Left the details of a denial out: they are not JSON" in caplog.text


async def test_warnings_have_no_control_characters() -> None:
    """The API server drops a warning that has one: https://pkg.go.dev/k8s.io/apimachinery/pkg/util/net#NewWarningHeader."""

    class Warns(Validator[Widget]):
        def validate_create(self, obj: Widget, request: AdmissionRequest) -> list[str]:
            return ["\x1b[31mred\x1b[0m is\tout", "nul\x00 del\x7f nel\x85end", "caf\udce9 \u00e9"]

    response = await respond(ValidatingHandler(Widget, Warns()), review(widget()))
    assert response["warnings"] == ["[31mred [0m is out", "nul del nel end", "caf? \u00e9"]


async def test_a_defaulter_that_returns_another_object_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Its defaults would be lost, and nothing would say so."""

    class Copies(Defaulter[Widget]):
        def default(self, obj: Widget, request: AdmissionRequest) -> Any:
            copied = obj.model_copy(deep=True)
            copied.spec.colour = "red"
            return copied

    class Same(Defaulter[Widget]):
        def default(self, obj: Widget, request: AdmissionRequest) -> Any:
            obj.spec.colour = "red"
            return obj

    response = await respond(DefaultingHandler(Widget, Copies()), review(widget()))
    assert (response["allowed"], response["status"]["code"]) == (False, 500)
    assert "Copies.default returned a Widget, which is not used: change the object in place" in caplog.text
    assert (await respond(DefaultingHandler(Widget, Same()), review(widget())))["allowed"] is True
