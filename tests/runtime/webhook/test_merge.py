"""The work of a merge and its patch grows with the documents, not with their square: users choose what they hold."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.webhook._json_patch import MAX_OPERATIONS, MAX_POINTERS, json_patch
from kaiwu_runtime.webhook._merge import merge

from .test_json_patch import apply, repr_sorted

COLLIDING = 2**61 - 1
"""Python hashes every multiple of it to 0."""


def inserted(items: list[Any]) -> tuple[list[Any], list[Any]]:
    return items, ["new", *items]


def nested(size: int, change: Callable[[int], Any]) -> Any:
    """Return lists in lists, each with an item more than the type saw, around a payload."""
    value: Any = [change(size)] * size
    for _ in range(min(size // 40, 150)):
        value = [value, *([change(0)] if change(0) else [])]
    return value


def members(size: int) -> dict[str, Any]:
    return {f"k{index}": index for index in range(size)}


def chain(size: int, value: Any) -> Any:
    for _ in range(min(size // 10, 300)):
        value = {"in": value}
    return value


FAMILIES: dict[str, Callable[[int], tuple[Any, Any]]] = {
    "equal strings": lambda n: inserted(["a"] * n),
    "distinct strings": lambda n: inserted([f"h{index}" for index in range(n)]),
    "two strings in turn": lambda n: inserted(["a", "b"] * (n // 2)),
    "equal empty lists": lambda n: inserted([[] for _ in range(n)]),
    "equal objects": lambda n: inserted([{"v": 1} for _ in range(n)]),
    "numbers with one hash": lambda n: inserted([index * COLLIDING for index in range(n)]),
    "ids with one hash": lambda n: (
        [{"id": index * COLLIDING} for index in range(n)],
        [{"id": index * COLLIDING} for index in range(1, n)],
    ),
    "one name for all": lambda n: inserted([{"name": "a", "v": index} for index in range(n)]),
    "reversed": lambda n: ([*range(n)], [*range(n, 0, -1), "new"]),
    "removed": lambda n: (["a"] * n, ["a"] * (n // 2)),
    "one changed of many members": lambda n: (members(n), {**members(n), "k3": "new"}),
    "all members changed": lambda n: (members(n), dict.fromkeys(members(n), "new")),
    "lists in lists": lambda n: (nested(n, lambda _: 0), nested(n, lambda size: size + 1)),
    "objects in objects": lambda n: (chain(n, ["a"] * n), chain(n, ["b"] * n)),
}  # fmt: skip


def calls(work: Callable[[], object]) -> int:
    """Return how many functions are called."""
    count = 0

    def profile(_: object, event: str, __: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("family", FAMILIES)
def test_twice_the_size_is_about_twice_the_work(family: str) -> None:
    def work(size: int) -> int:
        before, after = FAMILIES[family](size)
        return calls(lambda: json_patch({"spec": before}, merge({"spec": before}, {"spec": before}, {"spec": after})))

    small, large = work(1500), work(6000)
    assert large < 4.6 * small + 1000, f"{small} calls for 1500 items, {large} for 6000"


@pytest.mark.parametrize("family", FAMILIES)
def test_and_the_patch_leads_where_it_should(family: str) -> None:
    before, after = FAMILIES[family](200)
    raw = {"spec": before}
    wanted = merge(raw, raw, {"spec": after})
    assert repr_sorted(wanted) == repr_sorted({"spec": after})
    assert repr_sorted(apply(raw, json_patch(raw, wanted))) == repr_sorted(wanted)


@pytest.mark.parametrize(
    ("depth", "name", "leaves"),
    [
        pytest.param(0, "a", MAX_OPERATIONS + 5, id="many operations"),
        pytest.param(100, "k" * 1000, 1000, id="long paths"),
    ],
)
def test_a_patch_is_about_as_large_as_the_document_at_most(depth: int, name: str, leaves: int) -> None:
    def document(value: int) -> Any:
        inner: Any = {f"k{index}": value for index in range(leaves)}
        for _ in range(depth):
            inner = {name: inner}
        return {"metadata": {"name": "x"}, "spec": inner, "other": {"a": value}}

    raw, wanted = document(1), document(2)
    operations = json_patch(raw, wanted)
    assert len(operations) <= MAX_OPERATIONS + 2
    assert sum(len(operation["path"]) for operation in operations) <= MAX_POINTERS + 100
    assert apply(raw, operations) == wanted


items = st.sampled_from([1, True, 1.5, "a", "b", None]) | st.fixed_dictionaries({"v": st.integers(0, 2)})


@given(st.lists(items, max_size=12), st.lists(items, max_size=12))
def test_an_item_keeps_what_its_type_does_not_know_only_where_it_is_the_same(
    before: list[Any], after: list[Any]
) -> None:
    raw = [{**item, "unknown": index} if isinstance(item, dict) else item for index, item in enumerate(before)]
    merged = merge(raw, before, after)
    stripped = [
        {name: value for name, value in item.items() if name != "unknown"} if isinstance(item, dict) else item
        for item in merged
    ]
    assert repr_sorted(stripped) == repr_sorted(after)
    kept = [item["unknown"] for item in merged if isinstance(item, dict) and "unknown" in item]
    assert len(set(kept)) == len(kept), "an item's unknown fields went to two items"


@given(st.lists(items, max_size=12, unique_by=repr), st.data())
def test_items_that_are_moved_and_removed_take_their_unknown_fields_along(
    before: list[Any], data: st.DataObject
) -> None:
    raw = [[item, index] if isinstance(item, dict) else item for index, item in enumerate(before)]
    kept = data.draw(st.lists(st.sampled_from(range(len(before))), unique=True)) if before else []
    if len(kept) == len(before):
        return  # taken for changes in place
    merged = merge(raw, before, [before[index] for index in kept])
    assert repr_sorted(merged) == repr_sorted([raw[index] for index in kept])
