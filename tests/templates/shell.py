"""The shell that scripts and recipes are checked with."""

from __future__ import annotations

import shutil
from typing import Final

POSIX_SHELL: Final = shutil.which("dash") or "/bin/sh"
"""dash knows no more than POSIX; /bin/sh may be a bash that forgives."""
