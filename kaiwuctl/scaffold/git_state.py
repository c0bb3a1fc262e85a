"""Whether everything in a project's folder is committed, as git says."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import KaiwuctlError

if TYPE_CHECKING:
    from pathlib import Path

_SHOWN: Final = 5
_SECONDS: Final = 60


def require_clean(root: Path) -> None:
    """Refuse a project with changes that are not committed; one that is not in git is accepted.

    Args:
        root: The project's folder.

    Raises:
        KaiwuctlError: Lists the first files.
    """
    # No program that the repository's configuration names is started, and no lock is taken.
    command = ["git", "-c", "core.fsmonitor=false", "status", "--porcelain=v1", "-z", "--no-renames", "--", "."]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        result = subprocess.run(
            command,
            cwd=root,
            env={**environment, "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return
    if result.returncode != 0:
        return
    files = sorted(os.fsdecode(entry[3:]) for entry in result.stdout.split(b"\0") if entry)
    if files:
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        raise KaiwuctlError(
            "the project has changes that are not committed, which would be mixed with those of the command; commit "
            "them or pass --force:",
            details=[", ".join(ascii(name)[1:-1].replace(":", "") for name in files[:_SHOWN]) + more],
        )
