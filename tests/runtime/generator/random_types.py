"""Random API types for tests: an annotation, values of it, and what is said beside it."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import uuid
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from hypothesis import strategies as st
from lightkube.models.core_v1 import LocalObjectReference, ResourceRequirements, Toleration
from pydantic import Field, create_model

from kaiwu_runtime.api import (
    APIModel,
    Base64Bytes,
    Duration,
    Float,
    Int32,
    IntOrString,
    NoDefault,
    Nullable,
    PreserveUnknownFields,
    Quantity,
    Time,
)
from kaiwu_runtime.api._kube import KubeModel

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INT64 = st.integers(-(2**63), 2**63 - 1) | st.integers(-4, 9) | st.sampled_from([2**53 - 1, 2**53 + 1, 2**31, -(2**31)])
FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-5, 5).map(float)
JSON = st.recursive(
    st.none() | st.booleans() | INT64 | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


class Tier(enum.StrEnum):
    GOLD = "gold"
    LEAD = "lead\n'\\"


class Level(enum.IntEnum):
    LOW = -1
    HIGH = 2**53 + 1


class Ratio(enum.Enum):
    HALF = 0.5
    ONE = 1


class Mixed(enum.Enum):
    AUTO = "auto"
    ZERO = 0
    YES = True


class Permission(enum.IntFlag):
    READ = 1
    WRITE = 2


@dataclass
class RandomType:
    """A type and values of it, not all of which fit its limits."""

    annotation: Any
    values: st.SearchStrategy[Any]
    said: list[str] = field(default_factory=list)


def kube(model: Any, values: st.SearchStrategy[Any]) -> tuple[Any, st.SearchStrategy[Any]]:
    return Annotated[model, KubeModel()], values


MOMENTS = st.datetimes(timezones=st.timezones() | st.just(dt.UTC))
QUANTITIES = st.sampled_from(["0", "1", "500m", "1.5Gi", "-2e3", "1E", ".5", "12Ki"]) | st.integers(-9, 2**62)
DURATIONS = st.sampled_from(["0", "1h30m", "-1.5s", "250ms", "1µs"]) | st.timedeltas(
    dt.timedelta(days=-90), dt.timedelta(days=90)
)
SCALARS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, TEXT),
    (bool, st.booleans()),
    (int, INT64),
    (Int32, st.integers(-(2**31), 2**31 - 1)),
    (Float, FLOATS),
    (Quantity, QUANTITIES),
    (Duration, DURATIONS),
    (IntOrString, INT64 | TEXT),
    (Annotated[int, Field(ge=0)] | Literal["auto", "a.b|c"], INT64 | st.sampled_from(["auto", "a.b|c", "x"])),
    (int | Annotated[str, Field(max_length=4)], INT64 | TEXT),
    (Time, MOMENTS),
    (dt.date, st.dates()),
    (uuid.UUID, st.uuids()),
    (ipaddress.IPv4Address, st.ip_addresses(v=4)),
    (ipaddress.IPv6Address, st.ip_addresses(v=6)),
    (Base64Bytes, st.binary(max_size=9)),
    (Any, JSON),
    (dict[str, Any], st.dictionaries(TEXT, JSON, max_size=3)),
    (list[Any], st.lists(JSON, max_size=3)),
    (Literal["a", "", "é"], st.sampled_from(["a", "", "é"])),
    (Literal[0, -(2**63)], st.sampled_from([0, -(2**63)])),
    (Literal["a", 1, True], st.sampled_from(["a", 1, True])),
    (Tier, st.sampled_from(Tier)),
    (Level, st.sampled_from(Level)),
    (Ratio, st.sampled_from(Ratio)),
    (Mixed, st.sampled_from(Mixed)),
    (Permission, st.sampled_from(Permission)),
    kube(
        ResourceRequirements, st.builds(ResourceRequirements, limits=st.none() | st.just({"cpu": "1", "memory": "1Gi"}))
    ),
    kube(Toleration, st.builds(Toleration, key=st.none() | TEXT, tolerationSeconds=st.none() | INT64)),
    kube(LocalObjectReference, st.builds(LocalObjectReference, name=TEXT)),
]

LIMITS: list[tuple[dict[str, Any], ...]] = [
    ({"ge": 0}, {"gt": -3}, {"le": 5}, {"lt": 2**60}, {"multiple_of": 2}, {"ge": -2, "lt": 7}, {"ge": 0.5}),
    ({"min_length": 0}, {"min_length": 1}, {"max_length": 4}, {"max_length": 3, "min_length": 2}, {"min_length": 6}),
    ({"pattern": "^[a-z0-9]*$"}, {"pattern": "a"}),
    ({"ge": "b"}, {"le": dt.date(2024, 1, 1)}, {"multiple_of": 0}, {"max_length": -1}, {"ge": float("nan")}),
]  # fmt: skip
NAMES = st.sampled_from(
    ["count", "node_count", "podIP", "s3bucket", "http2_port", "class_", "in_", "ipv4Address", "namespace", "size_"]
)


@st.composite
def random_types(draw: Any, depth: int = 2) -> RandomType:
    """Return a type: a scalar, with or without limits, or a list, a mapping or a model of types."""
    shape = draw(st.sampled_from(["scalar"] * 4 + ["list", "dict", "model", "models"] if depth else ["scalar"]))
    if shape == "scalar":
        annotation, values = draw(st.sampled_from(SCALARS))
        made = RandomType(annotation, values)
    elif shape == "model":
        made = draw(random_models(depth - 1))
    else:
        inner = draw(random_models(depth - 1) if shape == "models" else random_types(depth - 1))
        if draw(st.integers(0, 3)) == 0:
            inner = nullable(inner)
        item: Any = inner.annotation
        if shape == "dict":
            made = RandomType(dict[str, item], st.dictionaries(TEXT, inner.values, max_size=3))
        else:
            made = RandomType(list[item], st.lists(inner.values, max_size=3))
    if draw(st.integers(0, 2)) == 0:
        limits = draw(st.sampled_from(draw(st.sampled_from(LIMITS))))
        made.annotation = Annotated[made.annotation, Field(**limits)]
    return made


def nullable(made: RandomType) -> RandomType:
    return RandomType(Annotated[made.annotation | None, Nullable()], st.none() | made.values)


@st.composite
def random_fields(draw: Any, depth: int) -> tuple[Any, Any, st.SearchStrategy[Any]]:
    """Return annotation, default (``...`` for none) and values of a field."""
    made = draw(random_types(depth))
    annotation, values = made.annotation, made.values
    beside = draw(st.sampled_from(["required", "optional", "nullable", "default", "optional default", "no default"]))
    if beside == "required":
        return annotation, ..., values
    if beside == "optional":
        return annotation | None, None, st.none() | values
    if beside == "nullable":
        return Annotated[annotation | None, Nullable()], draw(st.none() | values), st.none() | values
    if beside == "no default":
        return Annotated[annotation, NoDefault()], draw(values), values
    if beside == "optional default":
        return annotation | None, draw(values), st.none() | values
    return annotation, draw(values), values


@st.composite
def random_models(draw: Any, depth: int) -> RandomType:
    """Return a model of one to three fields, and instances of it, some of their fields left out."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=lambda name: name.rstrip("_").lower()))
    fields = {name: draw(random_fields(depth)) for name in names}
    definitions: Any = {name: (annotation, default) for name, (annotation, default, _) in fields.items()}
    model: Any = create_model("Part", __base__=APIModel, **definitions)

    @st.composite
    def instances(choose: Any) -> Any:
        content = {}
        for name, (_, default, values) in fields.items():
            if default is ... or choose(st.booleans()):
                content[name] = choose(values)
        return model(**content)

    annotation = Annotated[model, PreserveUnknownFields()] if draw(st.integers(0, 4)) == 0 else model
    return RandomType(annotation, instances())
