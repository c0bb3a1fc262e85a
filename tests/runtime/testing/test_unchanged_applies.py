"""The short way for applies that change nothing finds what the long way finds, for random objects and owners."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kaiwu_runtime._json_equality import json_equal
from kaiwu_runtime.testing._ownership import Manager, applied, is_applied, owners_of, write_owners

SCALARS = st.sampled_from([None, True, False, 0, 1, 1.0, "", "a", "b"])
CONTAINERS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from("pqr")},
        optional={
            "image": st.sampled_from(["1", "2"]),
            "env": st.lists(st.fixed_dictionaries({"name": st.sampled_from("EF")}), unique_by=str, max_size=2),
            "ports": st.lists(
                st.fixed_dictionaries({"containerPort": st.sampled_from([80, 81])}), unique_by=str, max_size=2
            ),
        },
    ),
    unique_by=lambda item: item["name"],
    max_size=3,
)
SPECS = st.fixed_dictionaries(
    {},
    optional={
        "size": SCALARS,
        "tags": st.lists(SCALARS, max_size=2),
        "selector": st.dictionaries(st.sampled_from("ab"), SCALARS, max_size=2),
        "nested": st.dictionaries(st.sampled_from("ab"), st.dictionaries(st.sampled_from("cd"), SCALARS), max_size=2),
        "containers": CONTAINERS,
    },
)
METADATA = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(st.sampled_from("xy"), st.sampled_from("12")),
        "finalizers": st.lists(st.sampled_from(["f.com/a", "f.com/b"]), unique=True),
    },
)
CONFIGS = st.fixed_dictionaries({"metadata": METADATA}, optional={"spec": SPECS})
MANAGERS = [Manager(name, "Apply", "v1", "") for name in ("alice", "bob")]


def written(obj: Any) -> Any:
    return obj


def configured(parts: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Thing", **parts, "metadata": {**parts["metadata"], "name": "a"}}


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(MANAGERS), CONFIGS), min_size=1, max_size=6), st.booleans())
def test_the_short_way_agrees_with_the_long_one(applies: list[tuple[Manager, Any]], again: bool) -> None:
    live: dict[str, Any] = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a", "uid": "1"}}
    for manager, parts in (*applies, *applies[-1:]) if again else applies:
        config = configured(parts)
        before = json.dumps([live, config])
        new, owners = applied(live, config, manager, force=True, written_by=written)
        unchanged = json_equal(new, live) and owners == owners_of(live)
        if is_applied(live, config, manager):
            assert unchanged
        assert json.dumps([live, config]) == before, "an object that is stored was changed in place"
        new = {**new, "metadata": {**new["metadata"]}}
        write_owners(new, owners, live, "2026-01-01T00:00:00Z")
        live = new


@given(CONFIGS)
def test_the_second_of_two_equal_applies_takes_the_short_way(parts: dict[str, Any]) -> None:
    config = configured(parts)
    start = {"apiVersion": "v1", "kind": "Thing", "metadata": {"name": "a"}}
    new, owners = applied(start, config, MANAGERS[0], force=True, written_by=written)
    write_owners(new, owners, {}, "2026-01-01T00:00:00Z")
    if owners[MANAGERS[0]]:
        assert is_applied(new, config, MANAGERS[0])
