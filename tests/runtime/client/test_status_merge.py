"""What a status becomes that two writers changed at the same time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.client._managed_items import MAP
from kaiwu_runtime.client._status_merge import difference, merged_status, removal_patch
from kaiwu_runtime.client._status_part import Part

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a"])
CONDITIONS = st.dictionaries(
    st.sampled_from("ABC"),
    st.fixed_dictionaries({"status": st.sampled_from(["True", "False"])}, optional={"note": st.just("a")}),
).map(lambda found: [{"type": name, **item} for name, item in sorted(found.items())])
STATUSES = st.fixed_dictionaries(
    {},
    optional={
        "phase": SCALARS,
        "ports": st.lists(st.integers(0, 2), max_size=2),
        "at": st.dictionaries(st.sampled_from("xy"), SCALARS),
        "conditions": CONDITIONS,
    },
)


def merged(base: Any, wanted: Any, stored: Any, managed: Any = ()) -> Any:
    before, ours, theirs = (json.dumps(each).encode() for each in (base, wanted, stored))
    return json.loads(bytes(merged_status(before, ours, theirs, managed)))


def merged_member(base: Any, wanted: Any, stored: Any, fields: dict[str, Any]) -> Any:
    """Return what becomes of a member of the status, None where there is none."""
    before, ours, theirs = ({} if each is None else {"a": each} for each in (base, wanted, stored))
    found = merged(before, ours, theirs, [{"fieldsV1": {"f:status": {"f:a": fields}}}])
    return found.get("a")


def text(value: Any) -> str:
    """Return JSON by which values can be compared: True is 1 in Python."""
    return json.dumps(value, sort_keys=True)


def flat(status: dict[str, Any]) -> dict[str, Any]:
    """Return what writers own one by one."""
    found = {f"conditions.{each['type']}": each for each in status.get("conditions") or ()}
    found |= {f"at.{name}": value for name, value in (status.get("at") or {}).items()}
    return found | {name: value for name, value in status.items() if name not in {"conditions", "at"}}


@given(STATUSES, STATUSES, STATUSES)
def test_own_changes_are_made_and_the_others_stay(base: Any, wanted: Any, stored: Any) -> None:
    was, ours, theirs, found = (flat(each) for each in (base, wanted, stored, merged(base, wanted, stored)))
    for name in {**was, **ours, **theirs}:
        whole = name.partition(".")[0]
        if whole == "at" and text(base.get("at")) != text(wanted.get("at")) and not ("at" in wanted and "at" in stored):
            kept = ours  # one of the two removed the object as a whole
        else:
            kept = theirs if text(was.get(name, was)) == text(ours.get(name, was)) else ours
        assert text(found.get(name, found)) == text(kept.get(name, found)), name


@given(STATUSES, STATUSES)
def test_without_another_writer_it_becomes_what_is_wanted(base: Any, wanted: Any) -> None:
    assert flat(merged(base, wanted, base)) == flat(wanted)
    assert flat(merged(base, base, wanted)) == flat(wanted)


READY, DNS = {"type": "Ready", "status": "True"}, {"type": "DNS", "status": "True"}


@pytest.mark.parametrize(
    ("base", "wanted", "stored", "right"),
    [
        ([], [READY], [DNS], [DNS, READY]),
        ([READY], [], [READY, DNS], [DNS]),
        ([DNS], [DNS, READY], [], [READY]),
        ([READY], [{**READY, "status": "False"}], [], [{**READY, "status": "False"}]),
        ([DNS], [DNS, READY], None, [READY]),
        ([READY], None, [READY, DNS], [DNS]),
        ([READY], [READY], [{**READY, "status": "False"}], [{**READY, "status": "False"}]),
    ],
)
def test_conditions_are_merged_by_type(base: Any, wanted: Any, stored: Any, right: Any) -> None:
    def status(conditions: Any) -> Any:
        return {} if conditions is None else {"conditions": conditions}

    assert merged(status(base), status(wanted), status(stored)) == {"conditions": right}
    assert merged(status(base or None), status(wanted), status(stored)) == {"conditions": right}


def patched(status: Any, patch: dict[str, Any]) -> Any:
    """Return a status after a JSON merge patch, as https://www.rfc-editor.org/rfc/rfc7386 has it."""
    found = dict(status)
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = patched(found[name], value) if isinstance(value, dict) else value
    return found


LISTS: dict[str, tuple[str, ...] | None] = {
    "conditions": ("type",),
    "tags": None,
    "ports": ("name", "protocol"),
}
"""The keys of the items of lists; none for a set."""

ITEMS = st.dictionaries(
    st.tuples(st.sampled_from("xy"), st.sampled_from(["TCP", "UDP"])),
    st.fixed_dictionaries({}, optional={"at": st.dictionaries(st.sampled_from("ab"), st.integers(0, 1), min_size=1)}),
).map(lambda found: [{"name": name, "protocol": protocol, **item} for (name, protocol), item in found.items()])
LISTED = st.fixed_dictionaries(
    {},
    optional={
        "conditions": CONDITIONS,
        "tags": st.lists(st.sampled_from(["a", "<b>", "c"]), unique=True, min_size=1),
        "ports": ITEMS.filter(bool),
        "places": st.lists(st.integers(0, 2), max_size=2),
    },
)


def element(name: str, item: Any) -> str:
    keys = LISTS[name]
    return (
        f"v:{json.dumps(item)}"
        if keys is None
        else f"k:{json.dumps({key: item[key] for key in keys})}".replace(" ", "")
    )


def applied(base: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """Return a status after an apply, where all that was there belongs to another manager."""
    found = {**base, **{name: value for name, value in wanted.items() if name not in LISTS}}
    for name in LISTS:
        items = {element(name, each): each for each in base.get(name, ())}
        for each in wanted.get(name, ()):
            was: Any = items.get(key := element(name, each))
            items[key] = each
            if isinstance(was, dict):
                items[key] = {**was, **each}
                if has_at(was):
                    items[key]["at"] = {**was["at"], **each.get("at", {})}
        if name in found or name in wanted:
            found[name] = [*items.values()]
    return found


def has_at(item: Any) -> bool:
    return isinstance(item, dict) and "at" in item


def managed(status: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the API server says of the lists."""
    fields: dict[str, Any] = {
        f"f:{name}": {element(name, each): {".": {}} | ({"f:at": {}} if has_at(each) else {}) for each in status[name]}
        for name in LISTS
        if name in status
    }
    return [{"fieldsV1": {"f:metadata": {}}}, {"fieldsV1": {"f:status": fields}}, {}]


def listed(status: dict[str, Any]) -> dict[str, Any]:
    """Return a status whose items are compared by their names."""
    return {
        name: {element(name, each): each for each in value} if name in LISTS else value
        for name, value in status.items()
    }


@given(LISTED, LISTED)
def test_what_an_apply_leaves_in_lists_is_taken_out(base: Any, wanted: Any) -> None:
    left = applied(base, wanted)
    encoded = (json.dumps(base).encode(), json.dumps(wanted).encode())
    patch = removal_patch(*encoded, left, managed(base))
    assert listed(patched(left, patch)) == listed(wanted)
    assert not patch or difference(*encoded).removes
    assert removal_patch(*encoded, wanted, managed(base)) == {}


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ([{"name": "x", "protocol": "TCP"}], [{"name": "x"}]),  # the protocol has a default
        ([{"name": "x", "protocol": "TCP"}] * 2, [{"name": "x", "protocol": "TCP"}]),
        (["x"], [{"name": "y", "protocol": "TCP"}]),
    ],
)
def test_items_without_names_of_their_own_stay(base: Any, wanted: Any) -> None:
    fields: list[Any] = [{"fieldsV1": {"f:status": {"f:ports": {'k:{"name":"x","protocol":"TCP"}': {}}}}}]
    encoded = (json.dumps({"ports": base}).encode(), json.dumps({"ports": wanted}).encode())
    assert removal_patch(*encoded, {"ports": base}, fields) == {}


def test_items_of_one_type_are_not_merged() -> None:
    two = [{**READY, "scope": "a"}, {**READY, "scope": "b"}]
    assert merged({"conditions": two[:1]}, {"conditions": two}, {"conditions": [DNS]}) == {"conditions": two}


def test_items_of_one_type_are_not_told_apart_by_it() -> None:
    base, wanted = ([{**READY, "scope": scope} for scope in scopes] for scopes in ("ab", "ac"))
    assert difference(*(json.dumps({"conditions": each}).encode() for each in (base, wanted))).removes


STATUS_LEFT = STATUSES.filter(lambda found: not found.get("conditions"))


@given(STATUS_LEFT, STATUS_LEFT)
def test_what_an_apply_leaves_is_taken_out(base: Any, wanted: Any) -> None:
    """Everything in the base belongs to other managers too, as far as it is not set anew."""
    left = merged({}, wanted, base)
    encoded = (json.dumps(base).encode(), json.dumps(wanted).encode())
    patch = removal_patch(*encoded, left)
    assert text(flat(patched(left, patch))) == text(flat(wanted))
    assert not patch or difference(*encoded).removes
    assert removal_patch(*encoded, wanted) == {}


def entry(manager: str, fields: Any, **others: str) -> dict[str, Any]:
    return {"manager": manager, "operation": "Apply", "subresource": "status", "fieldsV1": fields, **others}


def names(status: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Return what has an owner of its own."""
    found: dict[tuple[str, str], Any] = {}
    for name, value in status.items():
        if name in LISTS:
            found |= {(name, element(name, each)): each for each in value}
        else:
            found[name, ""] = value
    return found


def tree(owned: set[tuple[str, str]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, item in owned:
        fields.setdefault(f"f:{name}", {}).update({item: {".": {}}} if item else {})
    return {"f:status": fields}


@given(LISTED, LISTED, st.data())
def test_what_others_apply_is_not_applied_too(stored: Any, wanted: Any, data: st.DataObject) -> None:
    there, now = names(stored), names(wanted)
    ours = data.draw(st.sets(st.sampled_from(sorted(there))) if there else st.just(set()))
    managed = [entry("ours", tree(ours)), entry("theirs", tree(set(there))), {"fieldsV1": {"f:metadata": {}}}]
    encoded = (json.dumps(wanted).encode(), json.dumps(stored).encode())
    found = names(json.loads(bytes(Part(encoded[1], managed, "ours", "v1").of(encoded[0]))))
    changed = {name for name, value in now.items() if name not in there or text(there[name]) != text(value)}
    assert found == {name: value for name, value in now.items() if name in ours | changed}


@given(LISTED, LISTED)
def test_all_is_applied_where_no_other_applies(stored: Any, wanted: Any) -> None:
    everything = tree(set(names(stored)))
    managed = [
        entry("ours", everything),
        entry("theirs", everything, operation="Update"),
        entry("theirs", everything, subresource=""),
    ]
    encoded = (json.dumps(wanted).encode(), json.dumps(stored).encode())
    for each in (managed, []):
        assert bytes(Part(encoded[1], each, "ours", "v1").of(encoded[0])) == encoded[0]


def of_status(fields: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry("ours", {"f:status": fields}), entry("theirs", {"f:status": {"f:b": {}}})]


def own(wanted: Any, stored: Any, fields: dict[str, Any]) -> Any:
    encoded = (json.dumps(wanted).encode(), json.dumps(stored).encode())
    return json.loads(bytes(Part(encoded[1], of_status(fields), "ours", "v1").of(encoded[0])))


@pytest.mark.parametrize(
    ("name", "item"),
    [
        ('k:{"name":"\\u003ca\\u0026b\\u003e\\u2028"}', {"name": "<a&b>\u2028"}),
        ('k:{"a":1,"name":"é"}', {"name": "é", "a": 1}),
        ('v:"\\u003c"', "<"),
        ("v:100000000000000000000", 1e20),
        ("v:1e-07", 1e-7),
        ("v:1", 1.0),
        ('v:{"b":"\\u0026","a":[2]}', {"a": [2.0], "b": "&"}),
    ],
)
def test_items_are_found_however_their_names_are_written(name: str, item: Any) -> None:
    """One that is not found would not be applied, and the API server would remove it."""
    status = {"a": [item], "b": "1"}
    assert own(status, status, {"f:a": {name: {".": {}}}}) == {"a": [item]}


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"f:a": {}}, {"a": {"x": {"ours": 1, "theirs": 2}}}),  # as a whole: it is atomic
        ({"f:a": {"f:x": {"f:ours": {}}}}, {"a": {"x": {"ours": 1}}}),
        ({"f:a": {"f:x": {".": {}}, "f:y": {}}}, {"a": {"x": {}}}),
        ({"f:a": {"f:y": {}}}, {}),
    ],
)
def test_members_of_others_in_maps_are_not_applied(fields: dict[str, Any], right: Any) -> None:
    status = {"a": {"x": {"ours": 1, "theirs": 2}}, "b": "1"}
    managed = [*of_status(fields), entry("theirs", {"f:status": {"f:a": fields["f:a"] and {"f:x": {"f:theirs": {}}}}})]
    encoded = json.dumps(status).encode()
    assert json.loads(bytes(Part(encoded, managed, "ours", "v1").of(encoded))) == right


@given(LISTED, st.data())
def test_what_is_owned_in_another_version_is_applied_again(stored: Any, data: st.DataObject) -> None:
    """The API server converts the names in managed fields, and removes what is not sent any more."""
    there = names(stored)
    theirs = data.draw(st.sets(st.sampled_from(sorted(there))) if there else st.just(set()))
    managed = [
        entry("ours", {"f:status": {"f:former": {}}}, apiVersion="v0"),
        entry("theirs", tree(theirs), apiVersion="v1"),
        entry("some", tree(set(there)), apiVersion="v1", operation="Update"),
    ]
    encoded = json.dumps(stored).encode()
    found = names(json.loads(bytes(Part(encoded, managed, "ours", "v1").of(encoded))))
    assert found == {name: value for name, value in there.items() if name not in theirs}


@pytest.mark.parametrize(
    ("fields", "right"),
    [
        ({"f:former": {}}, [2]),  # none is known to own it, and the type knows its items
        ({"f:a": {'k:{"former":1}': {".": {}}}}, [2]),
        ({"f:a": {}}, [1, 2]),  # as a whole: the CRD is older than the type
    ],
)
def test_items_with_other_keys_in_another_version(fields: dict[str, Any], right: list[int]) -> None:
    stored, wanted = ({"a": [{"id": number} for number in numbers], "b": "1"} for numbers in ([1], [1, 2]))
    managed = [entry("ours", {}, apiVersion="v1"), entry("theirs", {"f:status": fields}, apiVersion="v0")]
    described: list[dict[str, Any]] = [{"fieldsV1": {"f:status": {"f:a": {'k:{"id":1}': {}, 'k:{"id":2}': {}}}}}]
    part = Part(json.dumps(stored).encode(), managed, "ours", "v1", described)
    assert json.loads(bytes(part.of(json.dumps(wanted).encode()))) == {"a": [{"id": each} for each in right]}


def test_items_are_named_as_in_the_version_that_is_written() -> None:
    """The keys of another one may be members too, and name an item by something else."""
    items = [{"id": 1, "alias": 2}, {"id": 2, "alias": 1}]
    ours: dict[str, Any] = {"f:status": {"f:a": {'k:{"id":2}': {".": {}}}}}
    theirs: dict[str, Any] = {"f:status": {"f:a": {'k:{"alias":2}': {".": {}}}}}
    managed = [entry("theirs", theirs, apiVersion="v0"), entry("ours", ours, apiVersion="v1")]
    encoded = json.dumps({"a": items}).encode()
    part = Part(encoded, managed, "ours", "v1", [{"fieldsV1": ours}])
    assert json.loads(bytes(part.of(encoded)))["a"][0]["id"] == 2


ITEM = {"name": "x", "ours": 1, "theirs": 1}


@pytest.mark.parametrize(
    ("base", "wanted", "stored", "right"),
    [
        ([ITEM], [{**ITEM, "ours": 2}], [{**ITEM, "theirs": 2}], [{**ITEM, "ours": 2, "theirs": 2}]),
        ([ITEM], [ITEM, {"name": "y"}], [], [{"name": "y"}]),
        ([ITEM], [{"name": "y"}], [ITEM, {"name": "z"}], [{"name": "y"}, {"name": "z"}]),
        ([ITEM], [{"name": "y"}, ITEM], [ITEM, {"name": "z"}], [{"name": "y"}, ITEM, {"name": "z"}]),
        ([ITEM], None, [ITEM, {"name": "z"}], [{"name": "z"}]),
        ([ITEM], None, [ITEM], None),
    ],
)
def test_items_with_names_are_merged(base: Any, wanted: Any, stored: Any, right: Any) -> None:
    assert merged_member(base, wanted, stored, {'k:{"name":"x"}': {".": {}}}) == right


@pytest.mark.parametrize(
    ("base", "wanted", "stored", "right"),
    [
        ({"x": 1}, {"x": 1, "y": 1}, None, {"y": 1}),
        ({"x": 1}, None, {"x": 1, "y": 1}, {"y": 1}),
        ({"x": 1}, {}, None, {}),
        ({"x": 1, "y": 1}, {"x": 1}, None, None),
        ({"x": 1}, None, {"x": 2}, None),
    ],
)
def test_members_of_a_map_that_one_removes(base: Any, wanted: Any, stored: Any, right: Any) -> None:
    """Go leaves out a map that is empty."""
    assert merged_member(base, wanted, stored, {MAP: {}}) == right
