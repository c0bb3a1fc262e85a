"""copy_common: what two versions have in common, whatever the fields are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.api import APIModel, Conditions, CustomResource, resource
from kaiwu_runtime.client import encode
from kaiwu_runtime.errors import DecodeError
from kaiwu_runtime.webhook import copy_common


class Port(APIModel):
    number: int
    host_port: int | None = None


class NewPort(APIModel):
    number: int
    protocol: str = "TCP"


class OldSpec(APIModel):
    title: str = ""
    ports: tuple[Port, ...] = ()
    labels: dict[str, str] | None = None
    only_old: str | None = None
    size: str | None = None


class NewSpec(APIModel):
    title: str = ""
    ports: tuple[NewPort, ...] = ()
    labels: dict[str, str] | None = None
    only_new: str = "default"
    size: int | None = None


class Status(APIModel):
    conditions: Conditions = Conditions()


@resource(group="web.example.com", version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    spec: OldSpec = OldSpec()
    status: Status = Status()


@resource(group="web.example.com", version="v2")
class Shop(CustomResource):
    spec: NewSpec = NewSpec()
    status: Status = Status()


objects = st.builds(
    lambda title, ports, labels: OldShop.model_validate(
        {
            "metadata": {"name": "a", "namespace": "n", "annotations": {"x": title}},
            "spec": {"title": title, "ports": [{"number": port} for port in ports], "labels": labels},
        }
    ),
    st.text(),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3),
    st.none() | st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3),
)


@given(objects)
def test_what_both_have_survives_the_way_there_and_back(obj: OldShop) -> None:
    converted = copy_common(obj, Shop)
    assert converted.spec.title == obj.spec.title
    assert converted.metadata.annotations == obj.metadata.annotations
    assert encode(copy_common(converted, OldShop)) == encode(obj)
    assert b'"apiVersion":"web.example.com/v2"' in encode(converted)


def test_what_one_side_has_is_left_out_and_defaulted() -> None:
    obj = OldShop.model_validate(
        {"spec": {"onlyOld": "x", "ports": [{"number": 1, "hostPort": 2}]}, "status": {"conditions": []}}
    )
    converted = copy_common(obj, Shop)
    assert converted.spec.only_new == "default"
    assert converted.spec.ports[0].protocol == "TCP"
    assert "onlyOld" not in encode(converted).decode()
    assert "hostPort" not in encode(converted).decode()


def test_a_field_of_another_type_is_named() -> None:
    with pytest.raises(DecodeError, match=r"spec\.size"):
        copy_common(OldShop.model_validate({"metadata": {"name": "a"}, "spec": {"size": "large"}}), Shop)


def test_conditions_are_kept() -> None:
    obj = OldShop.model_validate({"metadata": {"name": "a"}})
    obj.status.conditions.set("Ready", True, reason="Yes")
    assert copy_common(obj, Shop).status.conditions.is_true("Ready")


class Volume(APIModel):
    size: str
    class_name: str | None = None


class FlatSpec(APIModel):
    storage: str = "1Gi"
    count: int = 1


class NestedSpec(APIModel):
    storage: Volume
    instances: int
    regions: tuple[Volume, ...] = ()


@resource(group="db.example.com", version="v1", kind="Store", storage=False)
class OldStore(CustomResource):
    spec: FlatSpec = FlatSpec()


@resource(group="db.example.com", version="v2")
class Store(CustomResource):
    spec: NestedSpec


def to_new(obj: OldStore) -> Store:
    size = obj.spec.storage
    values = {"spec.storage": Volume(size=size), "spec.instances": obj.spec.count, "spec.regions": (Volume(size="a"),)}
    return copy_common(obj, Store, values)


def to_old(obj: Store) -> OldStore:
    return copy_common(obj, OldStore, {"spec.storage": obj.spec.storage.size, "spec.count": obj.spec.instances})


def test_a_field_of_another_form_gets_the_value_that_is_given() -> None:
    old = OldStore.model_validate({"metadata": {"name": "a", "labels": {"x": "y"}}, "spec": {"storage": "5Gi"}})
    new = to_new(old)
    assert (new.spec.storage.size, new.spec.instances, new.spec.regions) == ("5Gi", 1, (Volume(size="a"),))
    assert b"className" not in encode(new)
    assert to_old(new).spec == FlatSpec(storage="5Gi", count=1)
    assert to_old(new).metadata.labels == {"x": "y"}


def test_a_required_field_gets_its_value_where_the_object_on_the_way_is_missing() -> None:
    assert to_new(OldStore.model_validate({"metadata": {"name": "a"}})).spec.storage.size == "1Gi"


def test_none_leaves_a_field_out() -> None:
    shop = OldShop.model_validate({"metadata": {"name": "a"}, "spec": {"size": "large", "title": "t"}})
    converted = copy_common(shop, Shop, {"spec.size": None, "spec.missing": None})
    assert (converted.spec.size, converted.spec.title) == (None, "t")


def test_a_path_through_what_is_no_object_is_named() -> None:
    shop = OldShop.model_validate({"metadata": {"name": "a"}, "spec": {"title": "t"}})
    with pytest.raises(ValueError, match=r"values: spec\.title\.x: title is not an object"):
        copy_common(shop, Shop, {"spec.title.x": 1})
