# Copyright 2026 The Kaiwu Authors.
#
# All rights reserved.

"""The manager as a whole."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


def test_the_command_line_explains_itself() -> None:
    finished = subprocess.run(
        [sys.executable, "main.py", "--help"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert "--leader-elect" in finished.stdout
