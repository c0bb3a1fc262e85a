"""`kaiwuctl version`."""

from __future__ import annotations

import platform

from kaiwuctl import __version__
from kaiwuctl.console import say


def command() -> None:
    """Print the version of kaiwuctl and of Python."""
    say(f"kaiwuctl {__version__} (Python {platform.python_version()}, {platform.system().lower()})")
