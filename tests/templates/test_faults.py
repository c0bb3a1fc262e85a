"""`make test-faults` of generated projects: a scenario for whatever there is, and no finding in what was scaffolded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .cases import CASES
from .generation import environment, generate

SHAPES = ("plain", "no-api", "multigroup", "two-versions", "cluster-scope", "webhooks")


@pytest.mark.parametrize("case", [case for case in CASES if case.name in SHAPES], ids=lambda case: case.name)
def test_what_is_scaffolded_passes_every_plan(case: object, tmp_path: Path) -> None:
    project, _ = generate(case, tmp_path)  # type: ignore[arg-type]
    done = subprocess.run(
        [sys.executable, "-m", "kaiwu_runtime.testing.faults", "tests/faults/scenario.py"],
        cwd=project,
        env=environment(PYTHONHASHSEED="0", FAULTS="all"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.count("FAILED")) == (0, 0), done.stdout + done.stderr
    assert ", 0 failed; " in done.stdout
