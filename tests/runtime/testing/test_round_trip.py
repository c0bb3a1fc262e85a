"""assert_round_trip: a conversion that loses a field fails, whatever the field is."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from kaiwu_runtime.api import APIModel, CustomResource, Duration, IntOrString, Quantity, Time, resource
from kaiwu_runtime.testing import assert_round_trip
from kaiwu_runtime.testing._round_trip import filled_objects
from kaiwu_runtime.webhook import copy_common


class Port(APIModel):
    number: Annotated[int, Field(ge=1, le=65535)]
    name: Annotated[str, Field(pattern="^[a-z]+$", min_length=3)] = "abc"


class ShopSpec(APIModel):
    size: int | None = None
    memory: Quantity | None = None
    age: Duration | None = None
    since: Time | None = None
    port: IntOrString | None = None
    ports: list[Port] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    mode: Literal["a", "b"] = "a"
    odd: Annotated[str, Field(pattern="^x[0-9]{3}-[A-F]+$")] | None = None


@resource(group="web.example.com", version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    spec: ShopSpec = ShopSpec()


@resource(group="web.example.com", version="v2")
class Shop(CustomResource):
    spec: ShopSpec = ShopSpec()


def without(field: str) -> Any:
    """Return a conversion that drops one field."""

    def convert(obj: OldShop) -> Shop:
        converted = copy_common(obj, Shop)
        content = converted.spec.model_dump(exclude_unset=True)
        content.pop(field, None)
        return converted.model_copy(update={"spec": ShopSpec.model_validate(content)})

    return convert


def back(obj: Shop) -> OldShop:
    return copy_common(obj, OldShop)


def test_equal_versions_round_trip() -> None:
    assert_round_trip(OldShop, lambda old: copy_common(old, Shop), back)
    assert_round_trip(Shop, back, lambda old: copy_common(old, Shop))


@pytest.mark.parametrize("field", ["size", "memory", "age", "since", "port", "ports", "labels", "mode"])
def test_a_lost_field_is_named(field: str) -> None:
    with pytest.raises(AssertionError, match=rf"Shop v1: not the same after a conversion and back: spec\.{field};"):
        assert_round_trip(OldShop, without(field), back)


@pytest.mark.parametrize(
    ("field", "value"), [("size", 0), ("mode", "b"), ("port", ""), ("port", 0), ("labels", {"": ""})]
)
def test_one_object(field: str, value: Any) -> None:
    """A value that is false in Python is a value."""
    obj = OldShop(spec=ShopSpec.model_validate({field: value}))
    assert_round_trip(obj, lambda old: copy_common(old, Shop), back)
    with pytest.raises(AssertionError, match=rf"Shop v1: not the same after a conversion and back: spec\.{field}"):
        assert_round_trip(obj, without(field), back)


def test_every_field_is_set_for_which_a_value_is_found() -> None:
    bare, *filled = filled_objects(OldShop)
    assert bare.spec.model_fields_set == set()
    assert len(filled) == 3
    for obj in filled:
        assert obj.spec.model_fields_set == set(ShopSpec.model_fields) - {"odd"}
    assert len({obj.spec.size for obj in filled}) == 3


def test_a_changed_value_is_named() -> None:
    def forth(old: OldShop) -> Shop:
        converted = copy_common(old, Shop)
        for port in converted.spec.ports:
            port.number = 1
        return converted

    with pytest.raises(AssertionError, match=r"spec\.ports\[0\]\.number"):
        assert_round_trip(OldShop, forth, back)


class KeptSpec(APIModel):
    retention: Annotated[int, Field(ge=1)] = 7
    ports: list[Port] = Field(default_factory=list)


class RenamedSpec(APIModel):
    keep: Annotated[int, Field(ge=1)] = 7
    ports: list[Port] = Field(default_factory=list)


@resource(group="web.example.com", version="v1", kind="Kept", storage=False)
class OldKept(CustomResource):
    spec: KeptSpec = KeptSpec()


@resource(group="web.example.com", version="v2")
class Kept(CustomResource):
    spec: RenamedSpec = RenamedSpec()


def rename(old: OldKept) -> Kept:
    hub = copy_common(old, Kept)
    hub.spec.keep = old.spec.retention
    return hub


def rename_back(hub: Kept) -> OldKept:
    old = copy_common(hub, OldKept)
    old.spec.retention = hub.spec.keep
    return old


def test_a_renamed_field_with_a_default_is_not_lost() -> None:
    assert_round_trip(OldKept, rename, rename_back)
    assert_round_trip(Kept, rename_back, rename)


def test_a_renamed_field_that_is_not_copied_is_lost() -> None:
    with pytest.raises(AssertionError, match=r"and back: spec\.retention;"):
        assert_round_trip(OldKept, rename, lambda hub: copy_common(hub, OldKept))
    with pytest.raises(AssertionError, match=r"and back: spec\.keep;"):
        assert_round_trip(Kept, rename_back, lambda old: copy_common(old, Kept))


def test_another_default_is_a_change() -> None:
    def other(hub: Kept) -> OldKept:
        old = copy_common(hub, OldKept)
        old.spec.retention = 8 if hub.spec.keep == 7 else hub.spec.keep
        return old

    with pytest.raises(AssertionError, match=r"spec\.retention"):
        assert_round_trip(OldKept, rename, other)
