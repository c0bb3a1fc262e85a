"""JSON is split as a parser would, at any depth."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition

from kaiwu_runtime.cache import CachedObject
from kaiwu_runtime.cache._watch_event import parse_line
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.rest._deep_json import assembled, elements, members
from kaiwu_runtime.rest._page import decode_page

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
DEPTHS = [1, 150, 990, 1500, 5000, 9_990]
"""The API server takes 10,000 levels; the parsers of Python 3.11, 3.12 and 3.13 give up at different ones."""


def written(value: Any, indent: int | None, escaped: bool) -> bytes:
    return json.dumps(value, indent=indent, ensure_ascii=escaped).encode("utf-8", "surrogatepass")


@given(st.dictionaries(st.text(alphabet=st.characters(exclude_categories=["Cs"])), VALUES), st.sampled_from([None, 1]))
def test_members_are_those_that_a_parser_finds(value: dict[str, Any], indent: int | None) -> None:
    found = members(written(value, indent, escaped=True))
    assert {name: json.loads(raw) for name, raw in found.items()} == json.loads(json.dumps(value))
    assert json.loads(assembled(found)) == json.loads(json.dumps(value))


@given(st.lists(VALUES), st.sampled_from([None, 1]))
def test_elements_are_those_that_a_parser_finds(value: list[Any], indent: int | None) -> None:
    found = elements(written(value, indent, escaped=True))
    assert [json.loads(raw) for raw in found] == json.loads(json.dumps(value))


@given(st.binary(max_size=40) | st.text(alphabet='{}[]",:\\ a1', max_size=30).map(str.encode))
def test_what_is_not_json_is_refused_and_never_hangs(data: bytes) -> None:
    for split in (members, elements):
        try:
            split(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue


def nested(depth: int, bracket: str = '{"a":') -> str:
    return bracket * depth + "1" + ("}" if bracket[0] == "{" else "]") * depth


def deep_object(name: str, depth: int, bracket: str = '{"a":') -> str:
    managed = nested(depth, '{"f:a":')
    metadata = f'{{"name":"{name}","namespace":"x","uid":"u","resourceVersion":"7","managedFields":[{managed}]}}'
    return f'{{"metadata":{metadata},"spec":{nested(depth, bracket)}}}'


@pytest.mark.parametrize("bracket", ['{"a":', "["])
@pytest.mark.parametrize("depth", DEPTHS)
def test_an_object_of_any_depth_costs_neither_its_list_nor_its_watch(depth: int, bracket: str) -> None:
    items = [deep_object("deep", depth, bracket), deep_object("flat", 1)]
    page = decode_page(f'{{"metadata":{{"resourceVersion":"9"}},"items":[{",".join(items)}]}}'.encode(), "/x")
    assert page.metadata.resource_version == "9"
    found = [CachedObject.parse(bytes(item)) for item in page.items or ()]
    assert [obj.key.name for obj in found] == ["deep", "flat"]
    assert all(b"managedFields" not in obj.raw for obj in found)

    event = parse_line(f'{{"type":"MODIFIED","object":{items[0]}}}'.encode())
    assert event.type == "MODIFIED"
    assert CachedObject.parse(bytes(event.object)).resource_version == "7"


@pytest.mark.parametrize("depth", DEPTHS)
def test_an_object_that_is_too_deep_is_refused_by_its_name(depth: int) -> None:
    raw = CachedObject.parse(deep_object("deep", depth).encode())
    try:
        raw.decode(CustomResourceDefinition)
    except DecodeError as error:
        assert (error.namespace, error.name) == ("x", "deep")  # noqa: PT017 - either outcome is right
