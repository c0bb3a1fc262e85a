"""A profile of kaiwu-runtime's operator during a run: `python -m benchmarks.reconcile --profile`."""

from __future__ import annotations

import io
import pstats
from pathlib import Path

from .contenders import Prepared


def profiled(prepared: Prepared, output: Path) -> Prepared:
    """Return the same contender below cProfile."""
    python, *arguments = prepared.command
    return Prepared([python, "-m", "cProfile", "-o", str(output), *arguments], prepared.versions)


def top(output: Path, lines: int = 45) -> str:
    """Return the functions that took the most time themselves."""
    text = io.StringIO()
    pstats.Stats(str(output), stream=text).sort_stats("tottime").print_stats(lines)
    return text.getvalue()
