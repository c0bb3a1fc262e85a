"""Patches from typed changes: what the type does not know survives, also inside the items of a list."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.webhook._json_patch import json_patch
from kaiwu_runtime.webhook._merge import merge


def apply(document: Any, operations: list[dict[str, Any]]) -> Any:
    """Apply a patch by the letter of RFC 6902, for the three operations that are made here."""
    document = {"": deepcopy(document)}
    for operation in operations:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].split("/")]
        target: Any = document
        for part in parts[:-1]:
            target = target[int(part)] if isinstance(target, list) else target[part]
        last: Any = parts[-1]
        if isinstance(target, list):
            if last == "-":
                assert operation["op"] == "add"
                target.append(operation["value"])
                continue
            last = int(last)
            assert operation["op"] == "replace"
            assert 0 <= last < len(target)
        elif operation["op"] != "add":
            assert last in target
        if operation["op"] == "remove":
            del target[last]
        else:
            target[last] = operation["value"]
    return document[""]


@pytest.mark.parametrize(
    ("raw", "before", "after", "merged"),
    [
        pytest.param({"a": 1, "x": 9}, {"a": 1}, {"a": 2}, {"a": 2, "x": 9}, id="a field changes"),
        pytest.param({"x": 9}, {}, {"a": 2}, {"x": 9, "a": 2}, id="a field is set"),
        pytest.param({"a": 1, "x": 9}, {"a": 1}, {}, {"x": 9}, id="a field is removed"),
        pytest.param({"a": "1000m", "b": 0}, {"a": "1", "b": 0}, {"a": "1", "b": 1}, {"a": "1000m", "b": 1}, id="form"),
        pytest.param({"a": {"x": 9}}, {}, {"a": {"b": 1}}, {"a": {"x": 9, "b": 1}}, id="set inside what was unknown"),
        pytest.param({"a": None}, {}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="null is replaced"),
        pytest.param({"a": 1}, {"a": 1}, {"a": True}, {"a": True}, id="1 is not true"),
        pytest.param(
            {"l": [{"name": "a", "x": 1}, {"name": "b", "x": 2}]},
            {"l": [{"name": "a"}, {"name": "b"}]},
            {"l": [{"name": "n"}, {"name": "b", "s": 1}, {"name": "a"}]},
            {"l": [{"name": "n"}, {"name": "b", "x": 2, "s": 1}, {"name": "a", "x": 1}]},
            id="named items are inserted and move",
        ),
        pytest.param(
            {"l": [{"name": "a", "x": 1}, {"name": "b", "x": 2}]},
            {"l": [{"name": "a"}, {"name": "b"}]},
            {"l": [{"name": "b"}]},
            {"l": [{"name": "b", "x": 2}]},
            id="a named item is removed",
        ),
        pytest.param(
            {"l": [{"name": "a", "x": 1}, {"name": "b", "x": 2}]},
            {"l": [{"name": "a"}, {"name": "b"}]},
            {"l": [{"name": "c"}, {"name": "b"}]},
            {"l": [{"name": "c", "x": 1}, {"name": "b", "x": 2}]},
            id="a named item is renamed",
        ),
        pytest.param(
            {"l": [{"v": 1, "x": 1}, {"v": 2, "x": 2}]},
            {"l": [{"v": 1}, {"v": 2}]},
            {"l": [{"v": 2}, {"v": 3}]},
            {"l": [{"v": 2, "x": 1}, {"v": 3, "x": 2}]},
            id="nameless items change in place",
        ),
        pytest.param(
            {"l": [{"v": 1, "x": 1}, {"v": 2, "x": 2}]},
            {"l": [{"v": 1}, {"v": 2}]},
            {"l": [{"v": 0}, {"v": 1}, {"v": 2}]},
            {"l": [{"v": 0}, {"v": 1, "x": 1}, {"v": 2, "x": 2}]},
            id="a nameless item is inserted",
        ),
        pytest.param(
            {"l": [{"v": 1, "x": 1}, {"v": 2, "x": 2}]},
            {"l": [{"v": 1}, {"v": 2}]},
            {"l": [{"v": 2}]},
            {"l": [{"v": 2, "x": 2}]},
            id="a nameless item is removed",
        ),
        pytest.param({"l": [1, 2]}, {"l": [1, 2]}, {"l": [2, 1, 3]}, {"l": [2, 1, 3]}, id="scalars"),
        pytest.param({"l": [1, 1]}, {"l": [1]}, {"l": [1, 2]}, {"l": [1, 2]}, id="the type dropped an item"),
        pytest.param({"a": [1]}, {"a": [1]}, {"a": {"b": 1}}, {"a": {"b": 1}}, id="another type of value"),
    ],
)
def test_a_typed_change_is_carried_over(raw: Any, before: Any, after: Any, merged: Any) -> None:
    original = deepcopy(raw)
    assert merge(raw, before, after) == merged
    assert raw == original
    assert apply(raw, json_patch(raw, merged)) == merged


@pytest.mark.parametrize(
    ("raw", "wanted", "operations"),
    [
        pytest.param({"a": 1}, {"a": 1}, [], id="nothing"),
        pytest.param({"a": {}}, {"a": {"b/c~d": 1}}, [{"op": "add", "path": "/a/b~1c~0d", "value": 1}], id="escaped"),
        pytest.param({"a": 1, "b": 2}, {"b": 2}, [{"op": "remove", "path": "/a"}], id="remove"),
        pytest.param(
            {"a": [{"b": 1}]}, {"a": [{"b": 2}]}, [{"op": "replace", "path": "/a/0/b", "value": 2}], id="item"
        ),
        pytest.param({"a": [1]}, {"a": [1, 2]}, [{"op": "add", "path": "/a/-", "value": 2}], id="append"),
        pytest.param({"a": [1, 2]}, {"a": [2]}, [{"op": "replace", "path": "/a", "value": [2]}], id="shorter"),
        pytest.param({"a": 1}, {"a": True}, [{"op": "replace", "path": "/a", "value": True}], id="1 is not true"),
    ],
)
def test_a_patch_is_small(raw: Any, wanted: Any, operations: list[dict[str, Any]]) -> None:
    assert json_patch(raw, wanted) == operations


scalars = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "a", "/", "~"])
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "name", "~/"]), inner),
    max_leaves=12,
)


@given(documents, documents)
def test_every_patch_leads_where_it_should(raw: Any, wanted: Any) -> None:
    found = apply(raw, json_patch(raw, wanted))
    assert repr_sorted(found) == repr_sorted(wanted)


@given(documents, documents)
def test_a_type_that_knows_everything_is_taken_at_its_word(raw: Any, wanted: Any) -> None:
    assert repr_sorted(merge(raw, raw, wanted)) == repr_sorted(wanted)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9)), unique_by=lambda item: item[0]), st.data())
def test_unknown_fields_stay_with_their_items(items: list[tuple[str, int]], data: st.DataObject) -> None:
    raw = [{"name": name, "unknown": value} for name, value in items]
    before = [{"name": name} for name, _ in items]
    kept = data.draw(st.permutations(before)) if before else []
    kept = kept[: data.draw(st.integers(0, len(kept)))]
    new = [{"name": "new"}] if data.draw(st.booleans()) and len(kept) + 1 != len(before) else []
    known = dict(items)
    expected = [*new, *({"name": item["name"], "unknown": known[item["name"]]} for item in kept)]
    assert merge(raw, before, [*new, *kept]) == expected


def repr_sorted(value: Any) -> str:
    """Distinguish 1 from True, unlike ==, and ignore the order of members."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{name!r}:{repr_sorted(value[name])}" for name in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(repr_sorted(item) for item in value) + "]"
    return repr(value)
