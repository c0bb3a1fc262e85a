"""Markers on models: order, inheritance, mistakes."""

from __future__ import annotations

import pytest

from kaiwu_runtime.api import CEL, APIModel, ExactlyOneOf, ListMapKeys, StructType, schema
from kaiwu_runtime.api._markers import model_markers
from kaiwu_runtime.errors import DefinitionError

FIRST, SECOND, THIRD, OWN = CEL("true"), CEL("1 == 1"), StructType("atomic"), CEL("2 == 2")


@schema(FIRST, SECOND)
@schema(THIRD)
class Base(APIModel):
    pass


@schema(OWN)
class Derived(Base):
    pass


def test_markers_stay_in_the_order_they_are_read() -> None:
    assert model_markers(Base) == (FIRST, SECOND, THIRD)


def test_a_subclass_inherits_and_adds() -> None:
    assert model_markers(Derived) == (FIRST, SECOND, THIRD, OWN)
    assert model_markers(Base) == (FIRST, SECOND, THIRD)


def test_what_is_no_marker_is_refused() -> None:
    with pytest.raises(DefinitionError, match=r"Derived: @schema takes markers such as CEL\(\.\.\.\), not 'self.a'"):
        schema("self.a")(Derived)  # type: ignore[arg-type]


def test_markers_are_values() -> None:
    assert ListMapKeys("a", "b") == ListMapKeys("a", "b")
    assert ListMapKeys("a", "b").keys == ("a", "b")
    assert ExactlyOneOf("a", "b").fields == ("a", "b")
    assert hash(CEL("x")) == hash(CEL("x"))
