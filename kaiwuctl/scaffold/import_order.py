"""The order in which ruff and isort want imports that follow one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def in_order(old: Sequence[str], new: Sequence[str]) -> list[str]:
    """Return imports that were changed, sorted if they were sorted before; two of one module become one.

    Args:
        old: What stands there, each import with its lines.
        new: What takes its place.
    """
    lines = list(new)
    if sorted(old, key=_order) == list(old):
        lines.sort(key=_order)
    return _merged(lines, unchanged=set(old))


def _merged(lines: Sequence[str], *, unchanged: set[str]) -> list[str]:
    """Return imports of which two that name the same module now are one."""
    merged: list[str] = []
    for line in lines:
        head, _, names = line.partition(" import ")
        previous_head, _, previous = merged[-1].partition(" import ") if merged else ("", "", "")
        one_line = names and not set("(#\\\n*;") & set(line + previous)
        if head == previous_head and one_line and not {line, merged[-1]} <= unchanged:
            lists = [previous.split(", "), names.split(", ")]
            together = [*lists[0], *lists[1]]
            if all(each == sorted(each) for each in lists):
                together.sort()
            merged[-1] = f"{head} import {', '.join(together)}"
        else:
            merged.append(line)
    return merged


def _order(line: str) -> tuple[bool, list[str], str]:
    """Return where isort puts an import: `import` first, then by the module, relative ones with more dots first."""
    words = line.split()
    module = words[1] if len(words) > 1 else ""
    return words[:1] != ["import"], module.lower().replace("..", "!").split("."), module
