"""Times keep the format of their field, in every model that has a MicroTime."""

from __future__ import annotations

import importlib
import pkgutil
import re
import typing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import lightkube.models
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models import coordination_v1, core_v1, events_v1
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.coordination_v1 import Lease

from kaiwu_runtime.api import APIModel, CustomResource, Kube, resource
from kaiwu_runtime.api._times import has_micro_time, micro_time, to_builtins
from kaiwu_runtime.client import encode

MICRO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
MOMENTS = st.builds(
    lambda moment, micros, zone: moment.replace(microsecond=micros, tzinfo=zone),
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)),
    st.sampled_from([0, 1, 100_000, 999_999]),
    st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-3))]),
)


def models() -> Iterator[type[Any]]:
    for found in pkgutil.iter_modules(lightkube.models.__path__):
        module = importlib.import_module(f"lightkube.models.{found.name}")
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, msgspec.Struct) and value.__module__ == module.__name__:
                yield value


def source_says(model: type[Any]) -> bool:
    """Return whether a model's annotations name a MicroTime: written differently here than in the product."""
    return any("MicroTime" in str(text) for text in model.__annotations__.values())


@pytest.mark.parametrize("model", [model for model in models() if source_says(model)], ids=lambda it: it.__module__)
@given(moment=MOMENTS)
def test_every_micro_time_has_six_digits(model: Any, moment: datetime) -> None:
    fields = {field.name: field for field in msgspec.structs.fields(model)}
    values: dict[str, Any] = {
        name: moment for name in fields if "MicroTime" in str(model.__annotations__.get(name, ""))
    }
    for name, field in fields.items():
        if field.required and name not in values:
            values[name] = 3 if field.type is int else ObjectMeta(name="a") if field.type is ObjectMeta else None
    written = to_builtins(model(**values))
    for field in fields.values():
        if field.name in values and values[field.name] is moment:
            assert MICRO.fullmatch(written[field.encode_name])
            assert datetime.fromisoformat(written[field.encode_name]) == moment


def reachable(model: type[Any]) -> set[type[Any]]:
    """Return the models inside a model, itself included, from the resolved types."""
    found: set[type[Any]] = set()
    pending: list[Any] = [model]
    while pending:
        annotation = pending.pop()
        if not (isinstance(annotation, type) and issubclass(annotation, msgspec.Struct)):
            pending += typing.get_args(annotation)
        elif annotation not in found:
            found.add(annotation)
            pending += typing.get_type_hints(annotation).values()
    return found


def test_the_models_that_lead_to_one_are_found_and_no_others() -> None:
    direct = {model for model in models() if source_says(model)}
    assert direct
    models_checked = direct | {coordination_v1.LeaseList, core_v1.Pod, core_v1.Event, core_v1.Node, events_v1.EventList}
    for model in models_checked:
        assert has_micro_time(model) == bool(reachable(model) & direct), model


def test_a_lease_on_a_whole_second() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    lease = Lease(metadata=ObjectMeta(name="a"), spec=coordination_v1.LeaseSpec(renewTime=moment))
    assert b'"renewTime":"2026-01-02T03:04:05.000000Z"' in encode(lease)
    assert micro_time(moment) == "2026-01-02T03:04:05.000000Z"


class WatchSpec(APIModel):
    lease: Kube[coordination_v1.LeaseSpec]


@resource(group="times.example.com", version="v1")
class Watch(CustomResource):
    spec: WatchSpec


def test_a_project_s_type_with_a_lease_in_it() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    watch = Watch(spec=WatchSpec(lease=coordination_v1.LeaseSpec(acquireTime=moment)))
    assert b'"acquireTime":"2026-01-02T03:04:05.000000Z"' in encode(watch)
