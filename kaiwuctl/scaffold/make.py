"""Runs the project's own make targets after a scaffold."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from kaiwuctl.console import say
from kaiwuctl.errors import KaiwuctlError, StoppedError

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = ("generate", "manifests")


def run_make(root: Path) -> None:
    """Run `make generate manifests` in `root`, with its output shown.

    Raises:
        KaiwuctlError: It failed, was interrupted, or there is no make; the scaffold is complete all the same.
    """
    line = " ".join(("make", *TARGETS))
    say(f"Running {line}")
    # Called from another make, this one would try to share its job slots.
    environment = {key: value for key, value in os.environ.items() if key not in {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}}
    sys.stdout.flush()
    try:
        status = subprocess.run(["make", *TARGETS], cwd=root, env=environment, check=False).returncode
    except OSError:
        raise KaiwuctlError(f"make is not installed, so `{line}` was not run; {_CONSISTENT} {line}") from None
    except KeyboardInterrupt as interruption:
        number = getattr(interruption, "signal", signal.SIGINT)
        raise StoppedError(f"`{line}` was interrupted; {_CONSISTENT} {line}", number) from None
    if status != 0:
        raise KaiwuctlError(f"`{line}` failed with exit status {status}; {_CONSISTENT} {line}")


_CONSISTENT = "the scaffold is complete and recorded: correct the cause and run"
