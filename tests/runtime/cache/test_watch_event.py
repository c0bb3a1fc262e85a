"""A change is split from its line without being read, and only where reading it gives the same."""

from __future__ import annotations

import json
import random

import msgspec
import pytest

from kaiwu_runtime.cache._object import CachedObject
from kaiwu_runtime.cache._watch_event import UNREADABLE, parse_line, split_change

DEEP = 50_000
"""More than any Python reads: 1,000 in 3.11, and five times as much in 3.13."""

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "b", "resourceVersion": "7"}}


def compact(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def line(kind: str, obj: object) -> bytes:
    return compact({"type": kind, "object": obj})


@pytest.mark.parametrize("kind", ["ADDED", "MODIFIED", "DELETED"])
def test_a_change_is_split(kind: str) -> None:
    obj = {**OBJECT, "data": {"text": '"object":{}}', "umlaut": "ü", "nested": ',"object":'}}
    assert split_change(line(kind, obj)) == (kind, compact(obj))


@pytest.mark.parametrize(
    "other",
    [
        line("BOOKMARK", OBJECT),
        line("ERROR", {"kind": "Status"}),
        line("added", OBJECT),
        compact({"object": OBJECT, "type": "ADDED"}),
        b'{ "type":"ADDED","object":{}}',
        b'{"type": "ADDED","object":{}}',
        b'{"type":"\\u0041DDED","object":{}}',
        b'{"type":"ADDED","object":{}} ',
        b'{"type":"ADDED"}',
        b'{"type":"ADDED","object": {}}',
        b'{"type":"ADDED","object":{} }',
        b'{"type":"ADDED","object":[]}',
        b"",
        b"}",
    ],
)
def test_another_line_is_left_to_the_parser(other: bytes) -> None:
    assert split_change(other) is None


@pytest.mark.parametrize("seed", range(200))
def test_what_is_split_reads_as_the_whole_line_does(seed: int) -> None:
    """Lines that were changed at random: what can be read after the split is what the parser finds in the line."""
    chance = random.Random(seed)
    text = bytearray(line(chance.choice(["ADDED", "MODIFIED", "DELETED"]), {**OBJECT, "data": {"a": "{}"}}))
    for _ in range(chance.randrange(1, 4)):
        place = chance.randrange(len(text) + 1)
        match chance.randrange(4):
            case 0:
                del text[place : place + 1]
            case 1:
                text[place : place + 1] = bytes([chance.randrange(256)])
            case 2:
                text[place:place] = chance.choice([b"}", b",", b'"', b" ", b"{", b',"object":', b"\x00", b"\xff"])
            case _:
                del text[place:]
    changed = bytes(text)
    found = split_change(changed)
    if found is None:
        return
    try:
        read = CachedObject.parse(found[1], strict=True)
    except UNREADABLE:
        return  # the parser is asked
    event = parse_line(changed)
    assert (found[0], found[1]) == (event.type, bytes(event.object))
    assert read.raw == CachedObject.parse(bytes(event.object)).raw


def test_more_members_behind_the_object_are_not_part_of_it() -> None:
    text = b'{"type":"ADDED","object":' + compact(OBJECT) + b',"more":{}}'
    found = split_change(text)
    assert found is not None
    with pytest.raises(msgspec.MsgspecError):
        CachedObject.parse(found[1])
    assert bytes(parse_line(text).object) == compact(OBJECT)


@pytest.mark.parametrize("deep", [b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"[" * DEEP + b"]" * DEEP])
def test_what_is_nested_too_deep_is_left_to_the_parser(deep: bytes) -> None:
    for text in (
        b'{"type":"ADDED","object":' + compact(OBJECT)[:-1] + b',"data":' + deep + b"}}",
        b'{"type":"ADDED","object":' + compact(OBJECT) + b',"more":{"a":' + deep + b"}}",
    ):
        found = split_change(text)
        assert found is not None
        with pytest.raises(UNREADABLE):
            CachedObject.parse(found[1], strict=True)
    assert CachedObject.parse(compact(OBJECT)[:-1] + b',"data":' + deep + b"}").key.name == "a"
