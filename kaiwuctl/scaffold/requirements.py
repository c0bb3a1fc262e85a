"""Adds packages to requirements.txt and leaves everything else in it as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:$|[\[<>=!~;@#\s])")


def add_requirements(text: str | None, requirements: Sequence[str]) -> str:
    """Return a requirements file with more packages at its end; one that is listed stays as it is.

    Args:
        text: The present text; None for a new file.
        requirements: ``acme-types>=1.2``.

    See https://pip.pypa.io/en/stable/reference/requirements-file-format/
    """
    text = text or ""
    listed = {found for line in text.splitlines() if (found := _name_of(line))}
    missing = [requirement for requirement in requirements if _name_of(requirement) not in listed]
    if not missing:
        return text
    newline = "\r\n" if "\r\n" in text else "\n"
    start = text if not text or text.endswith("\n") else text + newline
    return start + "".join(f"{requirement}{newline}" for requirement in missing)


def remove_requirements(text: str, requirements: Sequence[str]) -> str:
    """Return a requirements file without these lines; one that was changed stays.

    Args:
        text: The present text.
        requirements: As they were added.
    """
    return "".join(line for line in text.splitlines(keepends=True) if line.rstrip("\r\n") not in requirements)


def _name_of(line: str) -> str:
    """Return the normalised name of the package that a line asks for; empty for other lines.

    See https://packaging.python.org/en/latest/specifications/name-normalization/
    """
    found = _NAME.match(line)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""
