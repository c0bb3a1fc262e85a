"""What a status becomes that two writers changed at the same time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.client._status_merge import merged_status, removal_patch, removes

SCALARS = st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from(["", "a"])
CONDITIONS = st.dictionaries(
    st.sampled_from("ABC"), st.fixed_dictionaries({"status": st.sampled_from(["True", "False"])})
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


def merged(base: Any, wanted: Any, stored: Any) -> Any:
    return json.loads(bytes(merged_status(*(json.dumps(each).encode() for each in (base, wanted, stored)))))


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


@given(STATUSES, STATUSES)
def test_what_an_apply_leaves_is_taken_out(base: Any, wanted: Any) -> None:
    """Everything in the base belongs to other managers too, as far as it is not set anew."""
    left = merged({}, wanted, base)
    encoded = (json.dumps(base).encode(), json.dumps(wanted).encode())
    patch = removal_patch(*encoded, left)
    assert text(flat(patched(left, patch))) == text(flat(wanted))
    assert bool(patch) == removes(*encoded)
    assert removal_patch(*encoded, wanted) == {}
