"""`kaiwuctl version`."""

from __future__ import annotations

import platform

from kaiwuctl import __version__
from kaiwuctl.console import say
from kaiwuctl.options import Verbose


def command(*, verbose: Verbose = False) -> None:  # noqa: ARG001  (read by the error boundary)
    """Print the version of kaiwuctl and of Python."""
    say(f"kaiwuctl {__version__} (Python {platform.python_version()}, {platform.system().lower()})")
