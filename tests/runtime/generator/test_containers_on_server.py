"""Every scalar in every container, required, optional and as a default: on a real API server it comes back equal."""

from __future__ import annotations

import datetime as dt
import enum
import ipaddress
import uuid
from collections.abc import Callable
from itertools import product
from types import GenericAlias
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from kaiwu_runtime.api import APIModel, Base64Bytes, Duration, IntOrString, Nullable, Quantity, Time

from .rig import Rig

if TYPE_CHECKING:
    from .conftest import Server


class Tier(enum.StrEnum):
    GOLD = "gold"


class Level(enum.IntEnum):
    HIGH = 2**53 + 1


class Part(APIModel):
    address: ipaddress.IPv4Address
    node_id: uuid.UUID | None = None
    # What a user writes who does not run mypy.
    size: Quantity = 1  # type: ignore[assignment]


VALUES: dict[str, tuple[Any, Any]] = {
    "IPv4": (ipaddress.IPv4Address, ipaddress.IPv4Address("198.51.100.152")),
    "IPv6": (ipaddress.IPv6Address, ipaddress.IPv6Address("2001:db8::1")),
    "UUID": (uuid.UUID, uuid.UUID(int=7)),
    "time": (Time, dt.datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=dt.timezone(dt.timedelta(hours=2)))),
    "date": (dt.date, dt.date(2024, 1, 2)),
    "enum of strings": (Tier, Tier.GOLD),
    "enum of integers": (Level, Level.HIGH),
    "model": (Part, Part(address=ipaddress.IPv4Address("10.0.0.1"))),
    "bytes": (Base64Bytes, b"\x00\xff"),
    "duration": (Duration, "1h30m"),
    "quantity": (Quantity, "1.5Gi"),
    "quantity that is an integer": (Quantity, 1612),
    "integer or string": (IntOrString, 5),
}
CONTAINERS: dict[str, Callable[[Any, Any], tuple[Any, Any]]] = {
    "list": lambda annotation, value: (GenericAlias(list, annotation), [value, value]),
    "dict": lambda annotation, value: (
        GenericAlias(dict, (str, annotation)),
        {"a": value, "": value, "\U000fc645": value},
    ),
    "nullable": lambda annotation, value: (Annotated[annotation | None, Nullable()], value),
}
NESTED = [(), *product(CONTAINERS), *product(CONTAINERS, repeat=2), ("list", "dict", "list"), ("dict", "list", "dict")]


@pytest.mark.envtest
@pytest.mark.parametrize("what", VALUES)
def test_it_comes_back_equal(server: Server, what: str) -> None:
    fields: dict[str, tuple[Any, Any]] = {}
    values: dict[str, Any] = {}
    for number, names in enumerate(NESTED):
        annotation, value = VALUES[what]
        for name in names:
            annotation, value = CONTAINERS[name](annotation, value)
        values |= {f"required_{number}": value, f"optional_{number}": value}
        fields |= {
            f"required_{number}": (annotation, ...),
            f"optional_{number}": (annotation | None, None),
            f"default_{number}": (annotation, value),
        }
    rig = Rig(server, name=f"Container{list(VALUES).index(what)}V")
    kind = rig.install(fields)
    model: Any = kind.model_fields["spec"].annotation
    required = {name: value for name, value in values.items() if name.startswith("required_")}
    rig.check(kind, "all", model(**values))
    rig.check(kind, "defaults", model(**required))
    rig.remove(kind)
