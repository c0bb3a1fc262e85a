"""Gives a project the kaiwu-runtime that belongs to this kaiwuctl: `kaiwuctl edit --runtime`.

The names and the digest of the wheel are replaced in the files that the templates write them into. Everything else in
these files, which an older kaiwuctl may have written and the user may have changed, stays.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from kaiwuctl.errors import ContentError
from kaiwuctl.scaffold.locate import runtime_wheel, template_folder, vendored_wheel
from kaiwuctl.scaffold.render import RenderedFile

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.scaffold.locate import RuntimeWheel
    from kaiwuctl.scaffold.plan import Plan
    from kaiwuctl.scaffold.tree_edit import TreeEdit

_SUFFIX: Final = ".jinja"
_HASHED: Final = "requirements-runtime.txt"


def update_runtime(root: Path, edit: TreeEdit, plan: Plan) -> None:
    """Plan that a project gets the wheel of this kaiwuctl in place of its own.

    Args:
        root: The project's folder.
        edit: Gets the changes to text.
        plan: Gets the wheels.

    Raises:
        KaiwuctlError: The project has no wheel, or this kaiwuctl has none.
    """
    old, new = vendored_wheel(root), runtime_wheel()
    if old is None:
        raise ContentError(
            "vendor: has no wheel of kaiwu-runtime; run `kaiwuctl init` in this folder, which restores it"
        )
    if (old.name, old.sha256) == (new.name, new.sha256):
        return
    # Only the wheel that the project installs is replaced without --force.
    known = old.sha256 if old.sha256 in (edit.text(_HASHED) or "") else None
    folder = template_folder("init")
    for template in sorted(folder.rglob(f"*{_SUFFIX}")):
        if b"runtime_" in template.read_bytes():
            path = template.relative_to(folder).as_posix().removesuffix(_SUFFIX)
            edit.change(path, partial(_renamed, old, new))
    rendered = RenderedFile(f"vendor/{new.name}", new.content)
    if old.name == new.name:
        plan.replace(rendered, recorded=known)
    else:
        plan.add(rendered, recorded=False)
        plan.delete(f"vendor/{old.name}", recorded=known)


def _renamed(old: RuntimeWheel, new: RuntimeWheel, text: str) -> str:
    text = text.replace(old.name, new.name).replace(old.sha256, new.sha256)
    return text.replace(f"kaiwu-runtime {old.version},", f"kaiwu-runtime {new.version},")
