"""``python -m kaiwu_runtime.image``: check that the image will hold everything that the operator imports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.image._check import check


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status: 0, 1 when something is missing, 2 for wrong usage."""
    parser = argparse.ArgumentParser(prog="python -m kaiwu_runtime.image", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(), help="the project (default: this directory)")
    try:
        problems = check(parser.parse_args(arguments).folder)
    except ConfigurationError as error:
        problems = [str(error)]
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201 - a command line
    return 1 if problems else 0
