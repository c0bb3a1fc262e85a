"""How much memory the values of a review may take once they are decoded."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.errors import ConversionError, DecodeError
from kaiwu_runtime.webhook import _server as server_module
from kaiwu_runtime.webhook._conversion import Conversions, Spoke
from kaiwu_runtime.webhook._decoded_size import CONTAINER_BYTES, MIB, VALUE_BYTES, decoded_bytes, decoded_limit

from .reviews import review, widget
from .test_conversion import from_v2, to_v2
from .test_server import PATH, serving
from .widgets import GROUP, Widget, WidgetV2, post

ETCD_LIMIT = 3 * MIB // 2
"""Maximum size of an object in etcd, unless it is configured otherwise."""


@given(st.none() | st.integers(64 * MIB, 2**40))
def test_the_limit_leaves_room_for_the_process(limit: int | None) -> None:
    found = decoded_limit(limit)
    assert 32 * MIB <= found <= 128 * MIB
    if limit is not None:
        assert found <= limit / 2


@given(st.recursive(st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_punctuation_within_strings_is_no_value(value: object) -> None:
    def expected(part: object) -> int:
        if not isinstance(part, dict | list):
            return 0
        inner = list(part.values()) if isinstance(part, dict) else part
        return CONTAINER_BYTES + max(0, len(inner) - 1) * VALUE_BYTES + sum(map(expected, inner))

    for ascii_only in (True, False):
        document = json.dumps(value, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
        assert decoded_bytes(document, 0) == expected(value)
        assert decoded_bytes(document, 10**9) >= expected(value)


@pytest.mark.parametrize("document", [b'"' + b'\\"' * 200_000, b'"' * 200_001, b"\\" * 200_000, b'"\\'])
def test_strings_without_an_end_take_linear_time(document: bytes) -> None:
    assert decoded_bytes(document, -1) == 0


async def test_a_review_of_many_values_is_refused_and_the_largest_objects_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generated = decoded_limit(256 * MIB)  # of the generated Deployment
    monkeypatch.setattr(server_module, "decoded_limit", lambda _: generated)
    part = {"name": "a-name", "size": 1}  # an object every 27 bytes
    parts = [part] * (ETCD_LIMIT // len(json.dumps(part)))
    honest = review(widget(parts=parts), widget(parts=parts))
    text = review(widget(colour="{[," * MIB))
    empty = review(widget(parts=[])).replace(b'"parts": []', b'"unknown": [' + b"{}," * (2 * MIB) + b"{}]")
    async with serving(tmp_path) as (_, url):
        assert (await post(url + PATH, honest))[0] == 200
        assert (await post(url + PATH, text))[0] == 200, "a text may hold any punctuation"
        status, answer = await post(url + PATH, empty)
        assert (status, answer.strip()) == (
            413,
            "the review holds too many values: remove some or raise the memory limit of the container",
        )
        assert (await post(url + PATH, review(widget())))[0] == 200


async def test_what_reviews_are_decoded_to_is_given_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "decoded_limit", lambda _: MIB)
    body = review(widget(parts=[{"name": "a"}] * 1500))
    assert MIB / 2 < decoded_bytes(body, MIB) < MIB
    async with serving(tmp_path) as (_, url):
        for _ in range(5):
            assert (await post(f"{url}{PATH}?timeout=2s", body))[0] == 200


def conversion(objects: bytes) -> bytes:
    request = b'{"uid":"u","desiredAPIVersion":"%s/v2","objects":[%s]}' % (GROUP.encode(), objects)
    return b'{"apiVersion":"apiextensions.k8s.io/v1","kind":"ConversionReview","request":%s}' % request


def conversions() -> Conversions:
    made = Conversions()
    made.add(WidgetV2, Spoke(Widget, to_v2, from_v2))
    return made


@pytest.mark.parametrize("item", [b"1", b"{}", b"[]", b'""', b"null"])
async def test_a_list_of_other_values_than_objects_is_refused_before_it_is_a_list(item: bytes) -> None:
    with pytest.raises(DecodeError, match=r"objects\[0\]"):
        await conversions().answer(conversion(b",".join([item] * 100_000)))


async def test_objects_of_dense_values_are_converted() -> None:
    spec = b"[" + b",".join([b"1"] * 100_000) + b"]"
    obj = b'{"apiVersion":"%s/v1","kind":"Widget","metadata":{"name":"a"},"x":%s}' % (GROUP.encode(), spec)
    answer = json.loads(b"".join(await conversions().answer(conversion(b",".join([obj] * 3)))))["response"]
    assert answer["result"] == {"status": "Success"}
    assert len(answer["convertedObjects"]) == 3


def test_an_object_of_too_many_values_is_not_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaiwu_runtime.webhook._conversion._object_decoder", None)  # its metadata may be what is large
    obj = b'{"apiVersion":"%s/v1","kind":"Widget","metadata":{"name":"a"},"x":[%s{}]}' % (
        GROUP.encode(),
        b"{}," * 300_000,
    )
    with pytest.raises(ConversionError, match="an object holds too many values to be converted to"):
        conversions().convert(obj, f"{GROUP}/v2")


async def test_objects_that_are_converted_are_let_go() -> None:
    body = conversion(b",".join([b'{"apiVersion":"%s/v2"}' % GROUP.encode()] * 50_000))
    answering = conversions()
    tracemalloc.start()
    try:
        await answering.answer(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * len(body)
