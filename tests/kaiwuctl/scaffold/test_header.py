"""The year of copyright lines."""

from __future__ import annotations

import time

import pytest

from kaiwuctl.scaffold.header import current_year

NOW = time.strftime("%Y", time.gmtime())


@pytest.mark.parametrize(
    ("epoch", "year"),
    [("0", "1970"), ("1700000000", "2023"), *((text, NOW) for text in ("", "x", "²", "٣", "-1", "9" * 20, "9" * 5000))],
)
def test_a_time_that_is_none_is_left_out(monkeypatch: pytest.MonkeyPatch, epoch: str, year: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    assert current_year() == year
