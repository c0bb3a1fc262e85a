"""Duration: a span of time such as ``1h30m`` or ``250ms``, kept as the string that was written.

The format of metav1.Duration, which is that of Go's time.ParseDuration. A duration is a plain ``str`` in
Python; :func:`parse_duration` gives the timedelta.
"""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated

import msgspec
from pydantic_core import core_schema

from kaiwu_runtime._lazy_pattern import lazy_pattern

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

DURATION_PATTERN = r"^[-+]?(0|(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))+)$"

_DURATION = lazy_pattern(DURATION_PATTERN)
_PART = lazy_pattern(r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<unit>ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_LARGEST = 2**63
_DIGITS = 20
"""Digits before the point that an int64 of nanoseconds cannot have."""


def parse_duration(duration: object) -> timedelta:
    """Return the span a duration stands for, rounded towards zero to timedelta's microseconds.

    Args:
        duration: Numbers with the units ``h``, ``m``, ``s``, ``ms``, ``us`` and ``ns``, for example
            ``1h30m``.

    Raises:
        ValueError: It is not a valid duration, or is longer than the 292 years an int64 of nanoseconds holds.
    """
    nanoseconds = parse_nanoseconds(duration)
    microseconds = abs(nanoseconds) // 1000
    return timedelta(microseconds=-microseconds if nanoseconds < 0 else microseconds)


def parse_nanoseconds(duration: object) -> int:
    """Return the nanoseconds of a duration, as :func:`parse_duration` reads it."""
    if not isinstance(duration, str) or not _DURATION().fullmatch(duration):
        raise ValueError(_explanation(duration))
    negative = duration.startswith("-")
    total = sum(_part(part["number"], _NANOSECONDS[part["unit"]]) for part in _PART().finditer(duration))
    if total > _LARGEST - (not negative):
        raise ValueError(f"{_shown(duration)} is longer than 2562047h, the longest duration Kubernetes can hold")
    return -total if negative else total


def format_duration(span: timedelta) -> str:
    """Return a span as Go writes it, for example ``1h30m0s`` or ``250ms``."""
    microseconds = span // timedelta(microseconds=1)
    sign, microseconds = ("-", -microseconds) if microseconds < 0 else ("", microseconds)
    if microseconds == 0:
        return "0s"
    if microseconds < 10**6:
        value, unit = (microseconds, "µs") if microseconds < 1000 else (Fraction(microseconds, 1000), "ms")
        return f"{sign}{_shortest(Fraction(value))}{unit}"
    minutes, rest = divmod(microseconds, 60 * 10**6)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_shortest(Fraction(rest, 10**6))}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else f"{sign}{seconds}"


def _part(number: str, unit: int) -> int:
    """Return the nanoseconds of a number and its unit, rounded as Go rounds them: each part, and in floats."""
    whole, _, fraction = number.partition(".")
    whole = whole.lstrip("0")
    if len(whole) > _DIGITS:
        return _LARGEST + 1
    # Go reads the digits of the fraction that fit into an int64.
    digits, scale = 0, 1.0
    for digit in fraction:
        if digits > (_LARGEST - 1) // 10 or digits * 10 + int(digit) > _LARGEST:
            break
        digits, scale = digits * 10 + int(digit), scale * 10.0
    return int(whole or "0") * unit + int(digits * (unit / scale))


def _shortest(number: Fraction) -> str:
    whole, rest = divmod(number.numerator * 10**6 // number.denominator, 10**6)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _explanation(value: object) -> str:
    return (
        f"{_shown(value)} is not a valid duration: write numbers with units h, m, s, ms, us or ns, such as 1h30m or "
        "250ms"
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


class DurationType(msgspec.Struct, frozen=True):
    """Makes pydantic accept durations only; written as ``Duration``."""

    def __get_pydantic_core_schema__(self, source: object, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        def validate(value: object) -> str:
            if isinstance(value, timedelta):
                return format_duration(value)
            # As the schema does: how long it may be is for parse_duration to say, not for reading an object.
            if not isinstance(value, str) or not _DURATION().fullmatch(value):
                raise ValueError(_explanation(value))
            return value

        return core_schema.no_info_plain_validator_function(
            validate, serialization=core_schema.to_string_ser_schema(when_used="unless-none")
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": DURATION_PATTERN}


Duration = Annotated[str, DurationType()]
"""A span of time, for example ``"1h30m"``; a string in Python, of format duration in the CRD."""
