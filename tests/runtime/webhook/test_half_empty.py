"""Objects from which the API server has taken what a field manager has applied in another version."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.webhook._half_empty import decode_half_empty


class Lock(APIModel):
    code: str
    pins: int


class Door(APIModel):
    lock: Lock
    keys: list[str]
    names: dict[str, str]
    is_open: bool
    side: Literal["left", "right"] = "left"


class GateStatus(APIModel):
    door: Door | None = None


@resource(group="gates.example.com", version="v1")
class Gate(CustomResource):
    status: GateStatus = GateStatus()


WHOLE: dict[str, Any] = {
    "lock": {"code": "1", "pins": 2},
    "keys": ["a"],
    "names": {"a": "b"},
    "isOpen": True,
    "side": "right",
}
EMPTY: dict[str, Any] = {"lock": {"code": "", "pins": 0}, "keys": [], "names": {}, "isOpen": False, "side": "left"}
MANAGED: dict[str, Any] = {
    "f:lock": {"f:code": {}, "f:pins": {}},
    **{f"f:{name}": {} for name in WHOLE if name != "lock"},
}


def gate(door: Any, fields: dict[str, Any], version: str = "v1") -> bytes:
    api_version = f"gates.example.com/{version}"
    entry = {"apiVersion": api_version, "fieldsV1": {"f:status": {"f:door": fields}}}
    metadata = {"name": "a", "managedFields": [{"manager": "other"}, entry]}
    content = {"apiVersion": "gates.example.com/v1", "kind": "Gate", "metadata": metadata, "status": {"door": door}}
    return json.dumps(content).encode()


@pytest.mark.parametrize("left", [None, *WHOLE])
@pytest.mark.parametrize("nulls", [False, True])
def test_what_was_taken_out_is_empty(left: str | None, nulls: bool) -> None:
    """One member is left, or none."""
    kept = {name: value for name, value in WHOLE.items() if name == left}
    door = {**dict.fromkeys(WHOLE), **kept} if nulls else kept
    found = decode_half_empty(Gate, gate(door, MANAGED)).status.door
    assert found is not None
    assert found.model_dump(by_alias=True) == {**EMPTY, **kept}


@pytest.mark.parametrize(("fields", "version"), [(MANAGED, "v1"), ({"f:gate": {}}, "v2")])
def test_a_part_of_what_is_in_it(fields: dict[str, Any], version: str) -> None:
    """It may be managed by its name in another version."""
    found = decode_half_empty(Gate, gate({**WHOLE, "lock": {"pins": 2}}, fields, version)).status.door
    assert found == Door.model_validate({**WHOLE, "lock": {"code": "", "pins": 2}})


@pytest.mark.parametrize(
    ("door", "fields"),
    [
        ({**WHOLE, "lock": {"pins": 2}}, {"f:lock": {"f:pins": {}}}),
        ({**WHOLE, "lock": {"code": None, "pins": 2}}, {}),
        ({**WHOLE, "lock": {"code": 1, "pins": 2}}, MANAGED),
    ],
)
def test_what_nobody_has_applied_is_missing(door: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(DecodeError, match=r"status\.door\.lock\.code: "):
        decode_half_empty(Gate, gate(door, fields))


@pytest.mark.parametrize("metadata", [None, [], {"managedFields": 1}, {"managedFields": [1, {"fieldsV1": 1}]}])
def test_other_metadata_changes_no_error(metadata: Any) -> None:
    content = {"apiVersion": "gates.example.com/v1", "metadata": metadata, "status": {"door": {}}}
    with pytest.raises(DecodeError):
        decode_half_empty(Gate, json.dumps(content).encode())
