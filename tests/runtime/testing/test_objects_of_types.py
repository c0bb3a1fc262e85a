"""`objects`: random objects of a type, and what they find that a few examples do not."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated, Any, Literal

import pytest
from hypothesis import Phase, given, settings
from lightkube.models.core_v1 import PodTemplateSpec, Toleration
from pydantic import Field, field_validator, model_validator

from kaiwu_runtime.api import (
    AllowFloat,
    APIModel,
    Base64Bytes,
    Conditions,
    CustomResource,
    Duration,
    Int32,
    IntOrString,
    Kube,
    PreserveUnknownFields,
    Quantity,
    Time,
    resource,
)
from kaiwu_runtime.client import encode
from kaiwu_runtime.testing import assert_round_trip, objects
from kaiwu_runtime.webhook import copy_common


class Port(APIModel):
    number: Annotated[int, Field(ge=1, le=65535, multiple_of=5)]
    name: Annotated[str, Field(pattern="^[a-z]+$", min_length=3)] = "abc"


class Tree(APIModel):
    value: str
    left: list[Port] = Field(default_factory=list)


class ShopSpec(APIModel):
    size: int | None = None
    replicas: Int32 = 3
    share: Annotated[float, AllowFloat(), Field(gt=0, lt=1)] = 0.5
    memory: Quantity | None = None
    age: Duration | None = None
    since: Time | None = None
    port: IntOrString | None = None
    data: Base64Bytes | None = None
    ports: list[Port] = Field(default_factory=list)
    labels: dict[str, str] = Field(default_factory=dict)
    trees: dict[str, Tree] = Field(default_factory=dict)
    mode: Literal["a", "b"] = "a"
    odd: Annotated[str, Field(pattern="^x[0-9]{3}-[A-F]+$")] | None = None
    tolerations: list[Kube[Toleration]] = Field(default_factory=list)
    template: Kube[PodTemplateSpec] | None = None
    extra: Annotated[dict[str, Any], PreserveUnknownFields()] = Field(default_factory=dict)
    even: int = 0

    @field_validator("even")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


class ShopStatus(APIModel):
    conditions: Conditions = Conditions()


@resource(group="web.example.com", version="v1", kind="Shop", storage=False)
class OldShop(CustomResource):
    spec: ShopSpec = ShopSpec()
    status: ShopStatus | None = None


@resource(group="web.example.com", version="v2")
class Shop(CustomResource):
    spec: ShopSpec = ShopSpec()
    status: ShopStatus | None = None


class StrictSpec(APIModel):
    file: str | None = None
    url: Annotated[str, Field(pattern="^https://[a-z]+$")] | None = None
    size: int = 1

    @model_validator(mode="after")
    def has_one_source(self) -> StrictSpec:
        if self.file is not None and self.url is not None:
            raise ValueError("has two sources")
        return self


@resource(group="web.example.com", version="v1")
class Strict(CustomResource):
    spec: StrictSpec


STRICT: set[tuple[bool, bool]] = set()
SEEN: set[str] = set()


@given(obj=objects(Shop))
@settings(deadline=None)
def test_they_are_valid_and_differ(obj: Shop) -> None:
    assert Shop.model_validate_json(encode(obj)) == obj
    SEEN.update(obj.spec.model_fields_set)
    SEEN.update(name for name in ("ports", "labels", "trees", "tolerations") if len(getattr(obj.spec, name)) > 1)
    if obj.status is not None and obj.status.conditions:
        SEEN.add("conditions")


def test_every_field_is_set_in_some() -> None:
    test_they_are_valid_and_differ()
    assert {*ShopSpec.model_fields, "conditions"} <= SEEN


@given(old=objects(OldShop), new=objects(Shop))
@settings(deadline=None)
def test_equal_versions_round_trip(old: OldShop, new: Shop) -> None:
    def forth(obj: OldShop) -> Shop:
        return copy_common(obj, Shop)

    def back(obj: Shop) -> OldShop:
        return copy_common(obj, OldShop)

    assert_round_trip(old, forth, back)
    assert_round_trip(new, back, forth)


def _size(spec: ShopSpec) -> None:
    spec.size = spec.size or None


def _replicas(spec: ShopSpec) -> None:
    spec.replicas = abs(spec.replicas)


def _ports(spec: ShopSpec) -> None:
    spec.ports = spec.ports[:1]


def _labels(spec: ShopSpec) -> None:
    spec.labels = {key: value.strip() for key, value in spec.labels.items()}


def _port(spec: ShopSpec) -> None:
    spec.port = None if spec.port is None else str(spec.port)


def _mode(spec: ShopSpec) -> None:
    spec.mode = "a"


@pytest.mark.parametrize("change", [_size, _replicas, _ports, _labels, _port, _mode])
def test_a_conversion_that_loses_some_values_fails(change: Any) -> None:
    def back(obj: Shop) -> OldShop:
        converted = copy_common(obj, OldShop)
        change(converted.spec)
        return converted

    @given(obj=objects(OldShop))
    @settings(deadline=None, database=None, max_examples=5000, phases=[Phase.generate])
    def check(obj: OldShop) -> None:
        assert_round_trip(obj, lambda old: copy_common(old, Shop), back)

    with pytest.raises(AssertionError, match=rf"Shop v1: not the same .*spec\.{change.__name__[1:]}"):
        check()


@given(obj=objects(Strict))
@settings(deadline=None)
def _strict(obj: Strict) -> None:
    STRICT.add((obj.spec.file is not None, obj.spec.url is not None))


def test_a_rule_about_several_fields() -> None:
    _strict()
    assert {(False, False), (True, False), (False, True)} == STRICT


def test_without_hypothesis() -> None:
    """It is not installed with kaiwu-runtime: only who calls this needs it."""
    program = (
        "import sys\n"
        "sys.modules['hypothesis'] = None\n"
        "from kaiwu_runtime.api import CustomResource\n"
        "from kaiwu_runtime.errors import ConfigurationError\n"
        "from kaiwu_runtime.testing import objects\n"
        "try: objects(CustomResource)\n"
        "except ConfigurationError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "objects() needs hypothesis: add hypothesis to requirements-dev.txt, then run make test\n"
