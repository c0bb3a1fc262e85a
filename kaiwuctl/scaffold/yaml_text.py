"""Texts in YAML templates, in quotes where a parser would read something else: a boolean, a number or null."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

# As kaiwu_runtime.generator has it; kubectl reads YAML 1.1, where `y` and `on` are booleans.
AMBIGUOUS: Final = re.compile(
    r"[-+.]?[0-9].*|[-+]?\.?(inf|nan)|~|null|true|false|yes|no|on|off|y|n|=|<<|", re.IGNORECASE
)
_NAMES: Final = ("project_name", "kind", "kind_lower", "plural", "qualified_group")


def yaml_text(value: str) -> str:
    """Return a name as a YAML scalar that every parser reads as text.

    Args:
        value: Without quotes, backslashes and control characters, as every validated name.
    """
    return f'"{value}"' if AMBIGUOUS.fullmatch(value) else value


def yaml_texts(data: Mapping[str, str | bool]) -> dict[str, str]:
    """Return the additional variables of the templates: ``kind_yaml`` for ``kind``, and so on.

    Args:
        data: The variables of a context.
    """
    return {f"{name}_yaml": yaml_text(str(data[name])) for name in _NAMES if name in data}
