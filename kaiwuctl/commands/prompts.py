"""Flags that a command needs: asked for where a terminal is attached."""

from __future__ import annotations

import typer

from kaiwuctl.console import is_interactive
from kaiwuctl.errors import UsageError


def needed(flag: str, value: str | None, example: str) -> str:
    """Return the value of a flag without spaces around it, asking for it where a terminal is attached.

    Args:
        flag: ``--group``.
        value: What was given; None where the flag was left out.
        example: A value for the question and the error.

    Raises:
        UsageError: The flag was left out, and there is no terminal.
    """
    if value is None:
        if not is_interactive():
            extra = ' (or --group "" for the domain itself)' if flag == "--group" else ""
            raise UsageError(f"{flag}: is missing; for example {flag} {example}{extra}")
        value = str(typer.prompt(f"{flag.lstrip('-').capitalize()} (for example {example})"))
    return value.strip()
