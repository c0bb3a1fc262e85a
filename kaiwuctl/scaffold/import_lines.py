"""Imports of generated modules, as `ruff format` lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwuctl.scaffold.long_lines import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence


def import_line(module: str, names: Sequence[str]) -> str:
    """Return an import; ruff does not count the comment at the end of a line.

    Args:
        module: In dots.
        names: What is imported, each ``Name`` or ``Name as Other``.
    """
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= WIDTH:
        return f"{line}{''.join(map(_remark, names))}"
    inner = "".join(f"    {name},{_remark(name)}\n" for name in names)
    return f"from {module} import (\n{inner})"


def renamed(name: str, other: str) -> str:
    """Return how a name is imported that a module calls otherwise.

    Args:
        name: In the module that has it.
        other: In the one that imports it; may be the same.
    """
    return name if name == other else f"{name} as {other}"


def _remark(name: str) -> str:
    """Return what keeps ruff from taking a kind in capitals for a constant: ``VM as VMV1beta1``."""
    kind, _, alias = name.partition(" as ")
    return "  # noqa: N811" if alias and len(kind) > 1 and kind.isupper() and not alias.isupper() else ""
