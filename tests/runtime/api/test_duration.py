"""Durations: Go's format, read and written."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from kaiwu_runtime.api import APIModel, Duration, format_duration, parse_duration
from kaiwu_runtime.api._duration import DURATION_PATTERN, parse_nanoseconds


class Timeouts(APIModel):
    start: Duration = "1h"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", timedelta()),
        ("0s", timedelta()),
        ("1h30m", timedelta(hours=1, minutes=30)),
        ("-1.5h", timedelta(hours=-1, minutes=-30)),
        ("+3s", timedelta(seconds=3)),
        ("250ms", timedelta(milliseconds=250)),
        ("1us", timedelta(microseconds=1)),
        ("1µs", timedelta(microseconds=1)),
        ("1μs", timedelta(microseconds=1)),
        ("1999ns", timedelta(microseconds=1)),
        ("-1999ns", timedelta(microseconds=-1)),
        (".5s", timedelta(milliseconds=500)),
        ("1.s", timedelta(seconds=1)),
        ("1m1m", timedelta(minutes=2)),
        ("2562047h", timedelta(hours=2562047)),
    ],
)
def test_spans(text: str, span: timedelta) -> None:
    assert parse_duration(text) == span


@pytest.mark.parametrize("text", ["", "1", "1 h", "h", "1d", "1h-1m", "1h 1m", "one", "1H", "٣s", "1h\n", ".s", "1ss"])
def test_not_a_duration(text: str) -> None:
    with pytest.raises(ValueError, match="is not a valid duration: write numbers with units"):
        parse_duration(text)
    with pytest.raises(ValidationError, match="is not a valid duration"):
        Timeouts(start=text)


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0.5ns0.5ns", 0),
        ("0.99999999999999999999h", 3_600_000_000_000),
        ("-2562047h47m16.854775808s", -(2**63)),
        ("0." + "1" * 5000 + "s", 111_111_111),
    ],
)
def test_nanoseconds_are_those_of_go(text: str, nanoseconds: int) -> None:
    assert parse_nanoseconds(text) == nanoseconds


def test_too_long_for_go_is_read_but_not_parsed() -> None:
    """The API server stores it, so an operator must be able to read the object."""
    assert Timeouts(start="2562048h").start == "2562048h"
    for text in ("2562048h", "9" * 400 + "h"):
        with pytest.raises(ValueError, match="longer than 2562047h"):
            parse_duration(text)


@pytest.mark.parametrize("value", [1, 1.5, None, True])
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(ValidationError):
        Timeouts.model_validate({"start": value})


def test_it_serialises_as_it_was_written() -> None:
    assert Timeouts(start="90m").model_dump_json() == '{"start":"90m"}'


def test_a_timedelta_is_taken_and_written_as_go_writes_it() -> None:
    assert Timeouts.model_validate({"start": timedelta(minutes=90)}).start == "1h30m0s"


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(minutes=1, seconds=30), "1m30s"),
        (timedelta(seconds=2, milliseconds=500), "2.5s"),
        (timedelta(milliseconds=250), "250ms"),
        (timedelta(microseconds=1500), "1.5ms"),
        (timedelta(microseconds=7), "7µs"),
        (timedelta(seconds=-90), "-1m30s"),
        (timedelta(days=2), "48h0m0s"),
        (timedelta(hours=1, microseconds=10), "1h0m0.00001s"),
    ],
)
def test_format(span: timedelta, text: str) -> None:
    assert format_duration(span) == text


@given(st.timedeltas(min_value=timedelta(days=-100_000), max_value=timedelta(days=100_000)))
def test_round_trip(span: timedelta) -> None:
    assert parse_duration(format_duration(span)) == span


@given(st.text(alphabet="0123456789.+-hmsnuµ ", max_size=8))
def test_the_pattern_and_the_parser_agree(text: str) -> None:
    matches = re.search(DURATION_PATTERN.replace("$", r"\Z"), text) is not None
    try:
        parse_duration(text)
    except ValueError:
        assert not matches
    else:
        assert matches


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"1.{'0' * 5000}5s", timedelta(seconds=1)),
        (f"{'0' * 5000}1.5s", timedelta(seconds=1.5)),
        (f"0.{'9' * 5000}h", timedelta(hours=1)),
        (f".{'0' * 5000}1h", timedelta(0)),
    ],
    ids=["fraction", "zeros", "nines", "nothing"],
)
def test_digits_without_end_are_read(text: str, expected: timedelta) -> None:
    """The API server takes them; Python converts no more than 4300 digits."""
    assert parse_duration(text) == expected


def test_a_number_without_end_is_too_long_in_one_short_line() -> None:
    with pytest.raises(ValueError, match=r"^'9{76}\.\.\. is longer than 2562047h, the longest"):
        parse_duration(f"{'9' * 5000}s")
    with pytest.raises(ValueError, match=r"^'x{76}\.\.\. is not a valid duration: "):
        parse_duration("x" * 5000)
