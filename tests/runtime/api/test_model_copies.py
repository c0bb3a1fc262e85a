"""Copies of models are what pydantic makes: equal, apart from each other, and with the same fields set."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from kaiwu_runtime.api import APIModel, Conditions


class Inner(APIModel):
    number: int = 0
    names: list[str] = Field(default_factory=list)


class Status(APIModel):
    phase: str = "Pending"
    conditions: Conditions = Conditions()
    inner: Inner = Inner()
    labels: dict[str, list[int]] = Field(default_factory=dict)
    anything: Any = None


class Keeping(Status):
    model_config = ConfigDict(extra="allow")


class Private(Status):
    _secret: list[int] = PrivateAttr(default_factory=lambda: [1])


def full(kind: type[Status]) -> Status:
    made = kind(phase="Ready", inner=Inner(number=3, names=["a"]), labels={"x": [1]})
    made.conditions.set("Ready", True, reason="Done")
    made.conditions.generation = 7
    if kind is Keeping:
        made = kind.model_validate({**made.model_dump(by_alias=True), "more": {"a": [1]}})
    return made


@pytest.mark.parametrize("kind", [Status, Keeping, Private])
@pytest.mark.parametrize("make", [lambda kind: kind(), full])
def test_a_deep_copy_is_pydantics(kind: type[Status], make: Any) -> None:
    original = make(kind)
    copied, expected = copy.deepcopy(original), BaseModel.__deepcopy__(original)
    assert copied == expected == original
    assert copied.model_fields_set == original.model_fields_set
    assert copied.__pydantic_extra__ == expected.__pydantic_extra__
    assert copied.__pydantic_private__ == expected.__pydantic_private__
    assert type(copied.conditions) is Conditions
    assert copied.conditions.generation == original.conditions.generation
    before = original.model_dump_json()
    copied.inner.names.append("b")
    copied.labels["y"] = [2]
    copied.conditions.set("Other", False, reason="No")
    copied.phase = "Gone"
    assert original.model_dump_json() == before
    assert pickle.loads(pickle.dumps(original)) == original


class Unset(Status):
    _cached: int

    def once(self) -> int:
        if not hasattr(self, "_cached"):
            self._cached = 5
        return self._cached


def test_extra_fields_and_private_attributes_of_a_copy_are_its_own() -> None:
    class Holder(APIModel):
        kept: Keeping = Keeping()
        unset: Unset = Unset()

    original = Keeping()
    copied: Any = copy.deepcopy(original)
    copied.more = 1
    assert "more" not in original.model_dump()
    first: Any = Holder.model_validate_json(b"{}")
    first.kept.more = 1
    assert "more" not in Holder.model_validate_json(b"{}").kept.model_dump()
    for unset in (first.unset, copy.deepcopy(Unset()), pickle.loads(pickle.dumps(copy.deepcopy(Unset())))):
        assert unset.once() == 5


class Marking(BaseModel):
    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Any:
        copied: Any = super().__deepcopy__(memo)
        copied.__dict__["marked"] = True
        return copied


class Mixed(APIModel, Marking):
    number: int = 1


def test_a_mixin_may_copy_in_its_own_way() -> None:
    assert copy.deepcopy(Mixed()).__dict__ == {"number": 1, "marked": True}


def test_a_cycle_and_shared_values_stay_so() -> None:
    status, shared = Status(), [1]
    status.anything = {"self": status, "one": shared, "two": shared}
    copied = copy.deepcopy(status)
    assert copied.anything["self"] is copied
    assert copied.anything["one"] is copied.anything["two"]
    assert copied.anything["one"] is not shared


def test_a_copy_of_conditions_knows_its_cycle_and_its_class() -> None:
    class Own(Conditions):
        def __init__(self, needed: int) -> None:
            super().__init__()
            self.needed = needed

    conditions = Own(3)
    conditions.set("Ready", True, reason="Done")
    copied = copy.deepcopy(conditions)
    assert (type(copied), copied.needed, copied) == (Own, 3, conditions)
    assert copied[0] is not conditions[0]


def test_a_default_is_not_shared_between_objects() -> None:
    class Holder(APIModel):
        status: Status = Status()

    first, second = Holder(), Holder.model_validate_json(b"{}")
    first.status.conditions.set("Ready", True, reason="Done")
    second.status.inner.names.append("x")
    assert Holder().status == Status()
