"""Reviews in which any value is another than it should be: each is answered or refused, alone and in one line."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.webhook import AdmissionRequest, Defaulter, Validator
from kaiwu_runtime.webhook._conversion import Conversions, Spoke
from kaiwu_runtime.webhook._handlers import AdmissionHandler, DefaultingHandler, ValidatingHandler, answer
from kaiwu_runtime.webhook._review import decode_review, encode_review

from .widgets import GROUP


class AnySpec(APIModel):
    size: int | None = None
    ratio: float | None = None
    names: list[str] | None = None
    tree: Any = None


@resource(group=GROUP, version="v1", kind="Anything")
class Anything(CustomResource):
    spec: AnySpec = AnySpec()


@resource(group=GROUP, version="v2", kind="Anything", storage=False)
class AnythingV2(CustomResource):
    spec: AnySpec = AnySpec()


class Changes(Defaulter[Anything]):
    def default(self, obj: Anything, request: AdmissionRequest) -> None:
        obj.spec = AnySpec(**{**obj.spec.model_dump(), "size": 7})
        obj.spec.names = ["new", *(obj.spec.names or [])]


class Looks(Validator[Anything]):
    async def validate_create(self, obj: Anything, request: AdmissionRequest) -> list[str]:
        return [str(obj.spec.size)]

    async def validate_update(self, old: Anything, new: Anything, request: AdmissionRequest) -> list[str]:
        return [str(old.spec.size), str(new.spec.size)]


HANDLERS: list[AdmissionHandler] = [DefaultingHandler(Anything, Changes()), ValidatingHandler(Anything, Looks())]


def nested(depth: int, opening: str = "[", closing: str = "]") -> str:
    return opening * depth + ("1" if opening == '{"a":' else "") + closing * depth


VALUES = st.sampled_from(
    [
        "null", "true", "0", "-1", "1e400", "-0.0", "1" * 30, "1" * 5000, "9007199254740993", "1e-400", '""', '"a"',
        '{"":1}',
        '"\\ud800"', '"\\udc00\\ud800"', '"\\u0000"', '"\ud800"', '"\\x"', "NaN", "Infinity", "[]", "{}", "[[]]",
        '{"a":1,"a":2}', "'a'", "", "tru", '"\x01"', '"' + "a" * 10_000 + '"', "[1,]", "/**/1",
        *(nested(depth) for depth in (50, 150, 250, 900, 1500, 20_000)),
        *(nested(depth, '{"a":', "}") for depth in (50, 250, 900, 1500, 20_000)),
    ]
)  # fmt: skip


def admission(obj: str) -> str:
    return (
        '{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u","operation":"UPDATE",'
        f'"kind":{{"group":"{GROUP}","version":"v1","kind":"Anything"}},"resource":{{"group":"g","version":"v1",'
        '"resource":"r"},"name":"a","namespace":"n","dryRun":false,"userInfo":{"username":"u","groups":["g"],'
        f'"extra":{{"k":["v"]}}}},"oldObject":{obj},"object":{obj}}}}}'
    )


def conversion(obj: str) -> str:
    return (
        '{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":{"uid":"u",'
        f'"desiredAPIVersion":"{GROUP}/v2","objects":[{obj}]}}}}'
    )


OBJECT = (
    f'{{"apiVersion":"{GROUP}/v1","kind":"Anything","metadata":{{"name":"a","labels":{{"l":"1"}}}},'
    '"spec":{"size":1,"ratio":1.5,"names":["a"],"tree":[1,{"a":null}],"unknown":{"b":[1]}},"status":{"x":1}}'
)


def places(document: str) -> list[tuple[int, int]]:
    """Return where the values of a document begin and end."""
    found: list[tuple[int, int]] = []
    decoder = json.JSONDecoder()
    for index, char in enumerate(document):
        if char in '[:{,"' or char.isspace():
            begin = index + 1 if char in "[:," else index
            try:
                _, end = decoder.raw_decode(document, begin)
            except ValueError:
                continue
            if document[end : end + 1] != ":":
                found.append((begin, end))
    return found


def replaced(document: str) -> st.SearchStrategy[bytes]:
    return st.tuples(st.sampled_from(places(document)), VALUES).map(
        lambda drawn: (document[: drawn[0][0]] + drawn[1] + document[drawn[0][1] :]).encode("utf-8", "surrogatepass")
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(replaced(admission(OBJECT)), st.sampled_from(HANDLERS))
def test_every_admission_review_is_answered_or_refused(
    caplog: pytest.LogCaptureFixture, body: bytes, handler: AdmissionHandler
) -> None:
    caplog.clear()
    try:
        request = decode_review(body)
    except DecodeError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert "\n" not in refusal
        return
    found = encode_review(request.uid, asyncio.run(answer("/p", handler, request)))
    response = json.loads(found)["response"]
    assert response["allowed"] or response["status"]["code"] in {400, 422}
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(replaced(conversion(OBJECT)))
def test_every_conversion_review_is_answered_or_refused(caplog: pytest.LogCaptureFixture, body: bytes) -> None:
    caplog.clear()

    async def convert() -> bytes:
        made = Conversions()
        made.add(
            Anything, Spoke(AnythingV2, lambda old: Anything(spec=old.spec), lambda new: AnythingV2(spec=new.spec))
        )
        return b"".join(await made.answer(body))

    try:
        found = asyncio.run(convert())
    except DecodeError as error:
        found, refusal = b"", str(error)
    if not found:
        assert "\n" not in refusal
        return
    response = json.loads(found)["response"]
    assert response["result"]["status"] == "Success" or "\n" not in response["result"]["message"]
    assert [record for record in caplog.records if record.exc_info] == []
