"""Renders templates: a whole tree with copier, a single file with jinja2."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.scaffold.long_lines import fold_long_lines
from kaiwuctl.scaffold.yaml_text import yaml_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment, Template

_SUFFIX: Final = ".jinja"


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


def render_tree(template: Path, data: Mapping[str, str | bool]) -> list[RenderedFile]:
    """Return the files of `template` with its variables filled in, sorted by path.

    Nothing is written but a temporary folder: the plan decides what happens to the files.

    Args:
        template: A folder with a copier.yml.
        data: The variables.
    """
    # Copier takes 0.2 s to import, so only the command that renders a tree pays for it.
    from kaiwuctl.scaffold.copier_import import import_copier  # noqa: PLC0415
    from kaiwuctl.scaffold.scratch import scratch_folder  # noqa: PLC0415

    copier = import_copier()
    import plumbum  # noqa: PLC0415  (comes with copier)

    with scratch_folder() as scratch:
        target = scratch / "tree"
        # Copier asks git about the template and about every file it writes, which takes longer than the
        # rendering. Neither a template out of a wheel nor a temporary folder is in git, so git is hidden.
        # The user's copier settings are not read: a project must not depend on them.
        with plumbum.local.env(PATH=str(scratch)):
            copier.run_copy(
                str(template),
                target,
                data=dict(data) | yaml_texts(data),
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


def render_file(template: Path, path: str, data: Mapping[str, str | bool]) -> RenderedFile:
    """Return one file, rendered as copier renders the files of a tree.

    Args:
        template: The template. One whose name does not end in ``.jinja`` is taken as it is.
        path: What the file is called, relative to the project.
        data: The variables; an unknown one is an error.

    Raises:
        KaiwuctlError: The installation is incomplete.
    """
    try:
        content = template.read_bytes()
        executable = bool(template.stat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:
        raise KaiwuctlError(f"the template {template} is missing; install kaiwuctl again") from None
    if template.name.endswith(_SUFFIX):
        text = _compiled(content.decode()).render({**data, **yaml_texts(data)})
        content = (fold_long_lines(text) if path.endswith(".py") else text).encode()
    return RenderedFile(path, content, executable)


@cache
def _compiled(template: str) -> Template:
    """Return a template compiled once; a plan renders some a second time, with another name of a class."""
    return _environment().from_string(template)


@cache
def _environment() -> Environment:
    """Return jinja2 with the settings of templates/init/copier.yml."""
    from jinja2 import Environment, StrictUndefined  # noqa: PLC0415  (only a command that renders pays for it)

    return Environment(
        autoescape=False,  # noqa: S701  (Python and YAML, never HTML)
        keep_trailing_newline=True,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
