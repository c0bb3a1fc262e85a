"""Aliases of Python 3.12's ``type`` statement."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import pytest
from pydantic import Field

from kaiwu_runtime.api import APIModel, CustomResource, Nullable, resource
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._schema import plain

STATEMENTS = """
type Port = Annotated[int, Field(ge=1)]
type Maybe[T] = Annotated[T | None, Nullable()]
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the type statement is new in Python 3.12")
def test_an_alias_is_what_it_stands_for() -> None:
    names: dict[str, Any] = {"Annotated": Annotated, "Field": Field, "Nullable": Nullable}
    exec(STATEMENTS, names)
    content = {"__annotations__": {"port": names["Port"], "maybe": names["Maybe"][str]}, "maybe": None}
    spec: Any = type("Spec", (APIModel,), {**content, "__module__": __name__})
    kind: Any = type("Thing", (CustomResource,), {"__annotations__": {"spec": spec}, "__module__": __name__})
    found = plain(resource_schema(resource(group="a.example.com", version="v1")(kind)))["properties"]["spec"]
    assert found["properties"] == {
        "port": {"type": "integer", "format": "int64", "minimum": 1},
        "maybe": {"type": "string", "nullable": True},
    }
    assert spec(port=1, maybe=None).model_dump_json(exclude_none=True) == '{"port":1,"maybe":null}'
