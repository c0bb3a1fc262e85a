"""The soak in short; `make soak` runs it for long."""

from __future__ import annotations

import re

import pytest

from .soak import main

pytestmark = pytest.mark.envtest


def test_half_a_minute_of_random_faults_leaves_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["--minutes", "0.4", "--objects", "200"])
    output = capsys.readouterr().out
    assert status == 0, output
    assert re.match(r"soak: seed \d+\n", output)
    assert re.search(r"[1-9]\d* faults, [\d,]+ changes, 0 differences, RSS minute 2 ", output.splitlines()[-1]), output
