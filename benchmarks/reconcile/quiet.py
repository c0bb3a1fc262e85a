"""Wait for the end of trailing work: it belongs to what caused it, not to what is measured next."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.1
"""Seconds between two looks."""

LOOKS = 3
"""Looks in a row that have to find nothing."""


async def until_quiet(cpu_seconds: Callable[[], float], share: float, seconds: float) -> None:
    """Wait until something uses next to no CPU.

    Args:
        cpu_seconds: Returns the CPU time that it has used so far.
        share: Of one core; what uses less counts as quiet.
        seconds: To wait at most; a machine that others use may never be quiet.
    """
    calm, deadline = 0, time.monotonic() + seconds
    before = cpu_seconds()
    while calm < LOOKS and time.monotonic() < deadline:
        await asyncio.sleep(INTERVAL)
        now = cpu_seconds()
        calm = calm + 1 if now - before < share * INTERVAL else 0
        before = now


def machine_cpu_seconds() -> float:
    """Return the CPU time that all processes of the machine have used."""
    user, nice, system, _idle, _iowait, *others = (
        int(field) for field in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:8]
    )
    return (user + nice + system + sum(others)) / os.sysconf("SC_CLK_TCK")
