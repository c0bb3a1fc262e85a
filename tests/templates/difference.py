"""What a reader needs to see of the differences between two trees."""

from __future__ import annotations

import difflib

from .generation import differing


def describe_difference(committed: dict[str, tuple[bytes, bool]], generated: dict[str, tuple[bytes, bool]]) -> str:
    """Return what a reader needs to see of the differences between two trees; empty when there are none."""
    lines = []
    for name in differing(committed, generated):
        if name not in generated:
            lines.append(f"missing: {name}\n")
        elif name not in committed:
            lines.append(f"extra: {name}\n")
        else:
            (old, was_executable), (new, is_executable) = committed[name], generated[name]
            if was_executable != is_executable:
                lines.append(f"{name}: executable in the {'committed' if was_executable else 'new'} tree only\n")
            old_lines, new_lines = (text.decode(errors="replace").splitlines(keepends=True) for text in (old, new))
            lines += difflib.unified_diff(old_lines, new_lines, f"committed/{name}", f"generated/{name}")
    return "".join(lines)
