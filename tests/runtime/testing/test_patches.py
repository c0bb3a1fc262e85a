"""The two patch formats, by the examples that their standards call for."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwu_runtime.testing._patches import PatchError, json_patch, merge_patch


@pytest.mark.parametrize(
    ("value", "patch", "result"),
    [
        pytest.param({"a": 1}, {"a": 2}, {"a": 2}, id="replace"),
        pytest.param({"a": 1}, {"b": 2}, {"a": 1, "b": 2}, id="add"),
        pytest.param({"a": 1, "b": 2}, {"a": None}, {"b": 2}, id="remove"),
        pytest.param({"a": 1}, {"b": None}, {"a": 1}, id="remove what is not there"),
        pytest.param({"a": [1, 2]}, {"a": [3]}, {"a": [3]}, id="lists are replaced"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}, {"a": {"c": 2}}, id="nested"),
        pytest.param({"a": 1}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}, id="nulls inside what is new"),
        pytest.param({"a": {"b": 1}}, {"a": 1}, {"a": 1}, id="object by scalar"),
        pytest.param({"a": 1}, [1], [1], id="everything"),
    ],
)
def test_merge_patch(value: Any, patch: Any, result: Any) -> None:
    before = repr(value)
    assert merge_patch(value, patch) == result
    assert repr(value) == before


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        pytest.param({"op": "add", "path": "/l/1", "value": 9}, {"l": [1, 9, 2], "o": {"k": 1}}, id="insert"),
        pytest.param({"op": "add", "path": "/l/-", "value": 9}, {"l": [1, 2, 9], "o": {"k": 1}}, id="append"),
        pytest.param({"op": "add", "path": "/l/2", "value": 9}, {"l": [1, 2, 9], "o": {"k": 1}}, id="insert last"),
        pytest.param({"op": "add", "path": "/o/k", "value": 9}, {"l": [1, 2], "o": {"k": 9}}, id="add over"),
        pytest.param({"op": "remove", "path": "/l/0"}, {"l": [2], "o": {"k": 1}}, id="remove an item"),
        pytest.param({"op": "replace", "path": "/l/0", "value": 9}, {"l": [9, 2], "o": {"k": 1}}, id="replace"),
        pytest.param({"op": "replace", "path": "", "value": {"x": 1}}, {"x": 1}, id="the whole document"),
        pytest.param({"op": "move", "from": "/l/0", "path": "/l/1"}, {"l": [2, 1], "o": {"k": 1}}, id="move"),
        pytest.param({"op": "copy", "from": "/o", "path": "/p"}, {"l": [1, 2], "o": {"k": 1}, "p": {"k": 1}}, id="c"),
        pytest.param({"op": "test", "path": "/l", "value": [1, 2]}, {"l": [1, 2], "o": {"k": 1}}, id="test"),
    ],
)
def test_json_patch(operation: dict[str, Any], result: Any) -> None:
    value = {"l": [1, 2], "o": {"k": 1}}
    assert json_patch(value, [operation]) == result
    assert value == {"l": [1, 2], "o": {"k": 1}}


@pytest.mark.parametrize(
    "operation",
    [
        pytest.param({"op": "remove", "path": "/none"}, id="nothing to remove"),
        pytest.param({"op": "remove", "path": "/l/2"}, id="no such item"),
        pytest.param({"op": "remove", "path": "/l/-"}, id="the item after the last"),
        pytest.param({"op": "add", "path": "/l/9", "value": 1}, id="beyond the end"),
        pytest.param({"op": "add", "path": "/none/a", "value": 1}, id="no parent"),
        pytest.param({"op": "add", "path": "/l/0/a", "value": 1}, id="parent is a scalar"),
        pytest.param({"op": "replace", "path": "/l/0/a", "value": 1}, id="replace in a scalar"),
        pytest.param({"op": "test", "path": "/o/k", "value": 2}, id="test"),
        pytest.param({"op": "add", "path": "/o/k"}, id="no value"),
        pytest.param({"op": "jump", "path": "/o/k"}, id="no such operation"),
        pytest.param({"op": "remove", "path": "o"}, id="no pointer"),
        pytest.param({"op": "move", "path": "/x"}, id="from nowhere"),
        pytest.param({"path": "/o"}, id="no operation"),
        pytest.param("remove", id="no object"),
    ],
)
def test_a_json_patch_that_cannot_be_carried_out(operation: Any) -> None:
    with pytest.raises(PatchError):
        json_patch({"l": [1, 2], "o": {"k": 1}}, [operation])
