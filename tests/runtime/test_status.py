"""Errors of Status objects with anything in them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime import _status as module
from kaiwu_runtime._status import error_from_status
from kaiwu_runtime.client._leftovers import forbidden_fields
from kaiwu_runtime.errors import APIStatusError, GoneError, InvalidError

JSON: Any = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(["causes", "reason", "field", "message", "kind"]), inner, max_size=3),
    ),
    max_leaves=8,
)
MEMBERS = st.sampled_from(["message", "reason", "details", "code", "status", "kind", "metadata"])


@given(st.dictionaries(MEMBERS, JSON), st.integers())
def test_any_status(status: dict[str, Any], code: int) -> None:
    error = error_from_status(status, code=code)
    assert isinstance(error, APIStatusError)
    assert str(error)
    assert isinstance(error.reason, str)
    assert error.has_cause("FieldManagerConflict") in {True, False}
    assert error.may_pass in {True, False}
    assert all(isinstance(field, str) for field in forbidden_fields(InvalidError("", code=422, details=error.details)))


def test_what_a_status_says() -> None:
    causes = [{"reason": "A"}, 1, None, {"reason": "FieldValueForbidden", "field": "spec.a"}]
    error = error_from_status({"message": "no", "reason": "Expired", "details": {"causes": causes}}, code=410)
    assert isinstance(error, GoneError)
    assert (str(error), error.has_cause("A"), error.has_cause("B")) == ("no", True, False)


def test_a_long_message_is_cut() -> None:
    assert str(error_from_status({"message": "x" * (1 << 20)}, code=500)) == "x" * module.MAX_MESSAGE + "..."
