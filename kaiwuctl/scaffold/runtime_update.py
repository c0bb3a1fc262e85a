"""Gives a project the kaiwu-runtime that belongs to this kaiwuctl: `kaiwuctl edit --runtime`.

The names and the digest of the wheel are replaced in the files that the templates write them into. Everything else in
these files, which an older kaiwuctl may have written and the user may have changed, stays.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import ContentError
from kaiwuctl.scaffold.locate import (
    InstalledWheel,
    installed_wheel,
    runtime_wheel,
    template_folder,
    vendored_wheel,
)
from kaiwuctl.scaffold.render import RenderedFile

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.scaffold.locate import RuntimeWheel
    from kaiwuctl.scaffold.plan import Plan
    from kaiwuctl.scaffold.record import Record
    from kaiwuctl.scaffold.tree_edit import TreeEdit

_SUFFIX: Final = ".jinja"
_NUMBERS: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")


def update_runtime(root: Path, edit: TreeEdit, plan: Plan, record: Record) -> str:
    """Plan that a project gets the wheel of this kaiwuctl in place of its own.

    Args:
        root: The project's folder.
        edit: Gets the changes to text.
        plan: Gets the wheels.
        record: Forgets a wheel that is gone already.

    Returns:
        A warning that the project's own was a newer one; empty when it was not.

    Raises:
        KaiwuctlError: The project neither has a wheel nor names one, or this kaiwuctl has none.
    """
    new, old = runtime_wheel(), _present(root)
    folder = template_folder("init")
    for template in sorted(folder.rglob(f"*{_SUFFIX}")):
        if b"runtime_" in template.read_bytes():
            path = template.relative_to(folder).as_posix().removesuffix(_SUFFIX)
            edit.change(path, partial(_renamed, old, new))
    rendered = RenderedFile(f"vendor/{new.name}", new.content)
    # Only the wheel that the project installs is replaced without --force.
    if old.name == new.name:
        plan.replace(rendered, recorded=old.sha256)
    else:
        plan.add(rendered, recorded=False)
        path = f"vendor/{old.name}"
        plan.delete(path, recorded=old.sha256)
        if edit.read(path) is None:
            record.files.pop(path, None)
    if not is_older(new.version, old.version):
        return ""
    return (
        f"this kaiwuctl's kaiwu-runtime {new.version} is older than {old.version}, which the project had; install the "
        "newer kaiwuctl and run the command again to get it back"
    )


def is_older(version: str, other: str) -> bool:
    """Return whether a version of kaiwu-runtime is older than another, as far as their first three numbers say."""
    mine, others = (_NUMBERS.match(each) for each in (version, other))
    if mine is None or others is None:
        return False
    return _numbers(mine) < _numbers(others)


def _numbers(match: re.Match[str]) -> list[int]:
    return [int(number or 0) for number in match.groups()]


def _present(root: Path) -> InstalledWheel:
    """Return the wheel that the project installs, or else the one that it has.

    Raises:
        ContentError: There is neither.
    """
    installed = installed_wheel(root)
    if installed is not None:
        return installed
    wheel = vendored_wheel(root)
    if wheel is None:
        raise ContentError(
            "vendor: has no wheel of kaiwu-runtime; run `kaiwuctl init` in this directory, which restores it"
        )
    return InstalledWheel(wheel.name, wheel.version, None)


def _renamed(old: InstalledWheel, new: RuntimeWheel, text: str) -> str:
    text = text.replace(old.name, new.name)
    if old.sha256 is not None:
        text = text.replace(old.sha256, new.sha256)
    return text.replace(f"kaiwu-runtime {old.version},", f"kaiwu-runtime {new.version},")
