"""What the type of a status tells of its JSON."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any, NewType, Union

import pytest
from pydantic import Field, JsonValue
from typing_extensions import TypeAliasType

from kaiwu_runtime.api import APIModel, Conditions, ListMapKeys, ListType, MapType
from kaiwu_runtime.client._managed_items import MAP
from kaiwu_runtime.client._status_type import described_status


class Protocol(Enum):
    TCP = "TCP"
    UDP = "UDP"


class Port(APIModel):
    number: int = Field(alias="portNumber")
    protocol: Protocol = Protocol.TCP
    zone: str | None = None
    names: Annotated[list[str], ListType("set")] | None = None


Ports = TypeAliasType("Ports", Annotated[list[Port], ListMapKeys("portNumber", "protocol")])
Names = NewType("Names", list[str])
Text = NewType("Text", str)


class Tree(APIModel):
    trees: dict[str, Tree] = Field(default_factory=dict)
    free: JsonValue = None
    ports: Ports | None = None
    by_name: dict[str, Annotated[list[Port], ListMapKeys("portNumber", "protocol"), Field(min_length=1)]] | None = None
    optional: Union[Annotated[list[Port], ListMapKeys("portNumber", "zone")], None] = None  # noqa: UP007
    names: Annotated[Names, ListType("set")] = Field(default_factory=lambda: Names([]))
    lists: list[Annotated[list[str], ListType("set")]] = Field(default_factory=list)
    labels: dict[str, str] | None = None
    texts: dict[Text, dict[str, str]] | None = None
    selector: Annotated[dict[str, dict[str, str]], MapType("atomic")] | None = None
    any: dict[str, Any] | None = None
    conditions: Conditions = Conditions()


def described(status: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    content, found = described_status(Tree, json.dumps(status).encode())
    return json.loads(content), found["fieldsV1"]["f:status"]


TCP = 'k:{"portNumber":1,"protocol":"TCP"}'
PLAIN: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({"unknown": {"a": "b"}, "labels": None, "ports": "x", "conditions": [1]}, {}),
    ({"labels": {"a.b": "1"}}, {"f:labels": {MAP: {}}}),
    ({"texts": {"": {"a": "1"}, "b": {}}}, {"f:texts": {MAP: {}, "f:": {MAP: {}}, "f:b": {MAP: {}}}}),
    ({"selector": {"a": {"b": "1"}}}, {}),
    ({"any": {"a": {"b": "1"}}, "free": {"a": [{"b": {}}]}}, {"f:any": {MAP: {}}, "f:free": {MAP: {}}}),
    ({"names": ["a", "é"]}, {"f:names": {'v:"a"': {}, 'v:"é"': {}}}),
    ({"lists": [["a"]]}, {}),
    ({"conditions": [{"type": "A"}, {}]}, {"f:conditions": {'k:{"type":"A"}': {}}}),
    ({"optional": [{"portNumber": 1}]}, {}),
    (
        {"trees": {"a": {"trees": {"b": {"labels": {}}}}}},
        {"f:trees": {MAP: {}, "f:a": {"f:trees": {MAP: {}, "f:b": {"f:labels": {MAP: {}}}}}}},
    ),
]


@pytest.mark.parametrize(("status", "fields"), PLAIN)
def test_maps_and_names(status: dict[str, Any], fields: dict[str, Any]) -> None:
    assert described(status) == (status, fields)


def test_keys_that_are_left_to_their_defaults() -> None:
    ports, whole = [{"portNumber": 1, "names": ["a"]}], [{"portNumber": 1, "names": ["a"], "protocol": "TCP"}]
    items: dict[str, Any] = {TCP: {"f:names": {'v:"a"': {}}}}
    assert described({"ports": ports, "by_name": {}}) == ({"ports": whole, "by_name": {}}, {"f:ports": items})
    found, fields = described({"byName": {"b": ports}, "trees": {"a": {"ports": ports}}})
    assert found == {"byName": {"b": whole}, "trees": {"a": {"ports": whole}}}
    assert fields == {
        "f:byName": {MAP: {}, "f:b": items},
        "f:trees": {MAP: {}, "f:a": {"f:ports": items}},
    }


def test_nothing_is_known_of_other_types() -> None:
    assert described_status(type(None), b'{"a":{}}') == (b'{"a":{}}', {})
