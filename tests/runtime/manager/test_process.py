"""The manager as a process."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
from kaiwu_runtime.manager.process import run_to_the_end

resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]), int(sys.argv[2])))

async def main():
    print(*resource.getrlimit(resource.RLIMIT_NOFILE))

raise SystemExit(run_to_the_end(main))
"""


@pytest.mark.parametrize(("soft", "hard"), [(256, 1024), (1024, 1024)])
def test_the_soft_limit_of_open_files_is_the_hard_one(soft: int, hard: int) -> None:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(soft), str(hard)], capture_output=True, text=True, check=True
    )
    assert found.stdout.split() == [str(hard), str(hard)]
