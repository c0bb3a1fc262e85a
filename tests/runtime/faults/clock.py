"""A wall clock that can be stepped for one process only."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

SHIM = Path(__file__).with_name("clock_shim.c")


class SteppedClock:
    """A preloaded library that adds seconds to the wall clock, and the file it reads them from.

    Args:
        folder: Where library and file go.

    Attributes:
        missing: Why this machine cannot have one; empty when it can.
        environment: For the process whose clock it is.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock-offset"
        self.environment: dict[str, str] = {}
        self.missing = _missing()
        self.step(0)
        if not self.missing:
            library = folder / "clock_shim.so"
            command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl"]
            built = subprocess.run(command, capture_output=True, text=True, check=False)
            if built.returncode:
                self.missing = f"cc cannot build the clock shim: {built.stderr.strip()[-300:]}"
            else:
                self.environment = {"LD_PRELOAD": str(library), "CLOCK_OFFSET_FILE": str(self._file)}

    def step(self, seconds: int) -> None:
        """Let the process's clock be so much ahead of the true time; negative: behind."""
        data = struct.pack("=q", seconds)
        if not self._file.exists():
            self._file.write_bytes(data)
            return
        with self._file.open("r+b") as file:  # in place: the process has this very file mapped
            file.write(data)


def _missing() -> str:
    if sys.platform != "linux":
        return "the clock shim is for Linux"
    return "" if shutil.which("cc") else "there is no C compiler `cc` to build the clock shim with"
