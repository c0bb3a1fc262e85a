"""Defaults that were read and that a model still has."""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated, Any

import pytest
from pydantic import Field, field_serializer
from typing_extensions import TypeAliasType

from kaiwu_runtime.api import APIModel, ListMapKeys
from kaiwu_runtime.client._status_model import with_read_defaults


class Side(Enum):
    LEFT = "left"


class Lamp(APIModel):
    name: str = ""
    color: str = "red"
    note: str | None = None


Lamps = TypeAliasType("Lamps", Annotated[list[Lamp], ListMapKeys("name")])


class Room(APIModel):
    by_side: dict[Side, Lamp] = Field(default_factory=dict)
    lamps: Lamps | None = None
    lit: list[Lamp] = Field(default_factory=list)
    any: dict[str, Any] = Field(default_factory=dict)

    @field_serializer("lit")
    def _without_notes(self, lamps: list[Lamp]) -> list[Lamp]:
        return [lamp for lamp in lamps if lamp.note is None]


@pytest.mark.parametrize(
    ("room", "base", "right"),
    [
        (
            Room(by_side={Side.LEFT: Lamp(name="a")}),
            {"bySide": {"left": {"name": "a", "color": "red"}}},
            {"bySide": {"left": {"name": "a", "color": "red"}}},
        ),
        (
            Room(lamps=[Lamp(name="b"), Lamp(name="a")]),
            {"lamps": [{"name": "a", "color": "blue"}, {"name": "b", "color": "red"}]},
            {"lamps": [{"name": "b", "color": "red"}, {"name": "a"}]},
        ),
        (
            Room(lit=[Lamp(name="a", note="n"), Lamp(name="b")]),
            {"lit": [{"name": "a"}, {"name": "b", "color": "red"}]},
            {"lit": [{"name": "b"}]},
        ),
        (Room(any={"a": {"b": 1}}), {"any": {"a": {"b": 1, "c": 2}}}, {"any": {"a": {"b": 1}}}),
        (Room, {"any": {}, "bySide": {"left": {}}, "unknown": 1}, {"any": {}}),
        (None, {"any": {}}, {}),
    ],
)
def test_defaults(room: object, base: dict[str, Any], right: dict[str, Any]) -> None:
    wanted = (
        room.model_dump_json(by_alias=True, exclude_none=True, exclude_unset=True) if isinstance(room, Room) else "{}"
    )
    assert json.loads(with_read_defaults(room, wanted.encode(), json.dumps(base).encode())) == right
