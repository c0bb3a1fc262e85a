"""The scalar types that JSON spells differently."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kaiwu_runtime.api import APIModel, Base64Bytes, Float, Int32, IntOrString, Time


class Values(APIModel):
    port: IntOrString | None = None
    small: Int32 | None = None
    ratio: Float | None = None
    at: Time | None = None
    data: Base64Bytes | None = None


def dump(**values: object) -> str:
    return Values.model_validate(values).model_dump_json(exclude_unset=True)


def test_int_or_string_keeps_which_it_was() -> None:
    assert dump(port=80) == '{"port":80}'
    assert dump(port="80") == '{"port":"80"}'
    for value in (1.5, True, None.__class__):
        with pytest.raises(ValidationError):
            Values.model_validate({"port": value})


def test_int32_has_the_bounds_of_one() -> None:
    assert dump(small=2**31 - 1) == '{"small":2147483647}'
    for value in (2**31, -(2**31) - 1):
        with pytest.raises(ValidationError):
            Values.model_validate({"small": value})


def test_float_is_a_number_json_knows() -> None:
    assert dump(ratio=0.5) == '{"ratio":0.5}'
    for value in (float("inf"), float("nan")):
        with pytest.raises(ValidationError):
            Values.model_validate({"ratio": value})


def test_time_is_written_in_utc() -> None:
    assert dump(at=datetime(2026, 11, 24, 12, tzinfo=UTC)) == '{"at":"2026-11-24T12:00:00Z"}'
    berlin = timezone(timedelta(hours=1))
    assert dump(at=datetime(2026, 11, 24, 12, tzinfo=berlin)) == '{"at":"2026-11-24T11:00:00Z"}'
    assert dump(at="2026-11-24T12:00:00.5+01:00") == '{"at":"2026-11-24T11:00:00.500000Z"}'
    with pytest.raises(ValidationError):
        Values(at=datetime(2026, 11, 24, 12))


@given(st.binary(max_size=50))
def test_bytes_round_trip(data: bytes) -> None:
    text = Values(data=data).model_dump_json(exclude_unset=True)
    assert Values.model_validate_json(text).data == data


@pytest.mark.parametrize("value", ["a", "a_-=", "äöü", 1, None.__class__])
def test_what_is_no_base64_is_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Values.model_validate({"data": value})
