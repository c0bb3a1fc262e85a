"""Renders a template tree with copier."""

from __future__ import annotations

import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RenderedFile:
    """One file of a rendered tree.

    Attributes:
        path: Relative to the project, with slashes.
        content: Its bytes.
        executable: Whether it gets mode 0755 instead of 0644.
    """

    path: str
    content: bytes
    executable: bool = False


def render(template: Path, data: Mapping[str, str | bool]) -> list[RenderedFile]:
    """Return the files of `template` with its variables filled in, sorted by path.

    Nothing is written but a temporary folder: what becomes of the files is for the plan to say.

    Args:
        template: A folder with a copier.yml.
        data: The variables.
    """
    # Copier takes 0.3 s to import, so only a command that renders pays for it.
    import copier  # noqa: PLC0415
    import plumbum  # noqa: PLC0415

    with tempfile.TemporaryDirectory(prefix="kaiwuctl-") as scratch:
        target = Path(scratch) / "tree"
        # Copier asks git about the template and about every file it writes, which takes longer than the
        # rendering. Neither a template out of a wheel nor a temporary folder is in git, so git is hidden.
        # The user's copier settings are not read: a project must not depend on them.
        with plumbum.local.env(PATH=scratch):
            copier.run_copy(
                str(template),
                target,
                data=dict(data),
                settings=copier.Settings(),
                defaults=True,
                overwrite=True,
                quiet=True,
                skip_tasks=True,
            )
        return [
            RenderedFile(
                path=path.relative_to(target).as_posix(),
                content=path.read_bytes(),
                executable=bool(path.stat().st_mode & stat.S_IXUSR),
            )
            for path in sorted(target.rglob("*"))
            if path.is_file()
        ]
