"""docs/running.md names every flag and every metric there is, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from kaiwu_runtime import ManagerOptions
from kaiwu_runtime.metrics._controllers import Metrics

FLAG = re.compile(r"`(--[a-z-]+)`")
METRIC = re.compile(r"^\| `([a-z_]+)` \|", re.MULTILINE)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/running.md").read_text(encoding="utf-8")


def test_the_flags_are_those_of_the_command_line(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        ManagerOptions.from_args(["--help"], environment={})
    there_are = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    table = page.partition("## Credentials")[0]
    assert set(FLAG.findall(table)) == there_are


def test_the_metrics_are_those_that_are_served(page: str) -> None:
    served = generate_latest(Metrics().registry).decode()
    assert set(METRIC.findall(page)) == set(re.findall(r"^# TYPE (\S+)", served, re.MULTILINE))
