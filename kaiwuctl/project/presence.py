"""Whether a folder has a project, without reading it: what a command asks first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import ProjectFileError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME: Final = "PROJECT"


def is_started(folder: Path) -> bool:
    """Whether `folder` has a PROJECT. A link to nothing counts, so that it is reported rather than replaced."""
    return (folder / FILE_NAME).exists() or (folder / FILE_NAME).is_symlink()


def require_project(folder: Path) -> None:
    """Reject a folder without a PROJECT.

    Raises:
        ProjectFileError: There is none; names the folder above that has one, or how to start a project.
    """
    if is_started(folder):
        return
    for parent in folder.absolute().parents:
        if (parent / FILE_NAME).is_file():
            raise ProjectFileError(f"PROJECT: not found in this directory, but in {parent}; run the command there")
    raise ProjectFileError(
        "PROJECT: not found in this directory; start a project with `kaiwuctl init`, or change to its directory"
    )
