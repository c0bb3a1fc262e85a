"""Projects in several layouts, made once and copied for each example of a property."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .command_line import CommandLine

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest


def make_layouts(
    factory: pytest.TempPathFactory, layouts: Iterable[tuple[str, ...]], name: str, *commands: tuple[str, ...]
) -> dict[tuple[str, ...], Path]:
    """Return a project for each layout; to be copied, never changed.

    Args:
        factory: Makes the folders.
        layouts: The flags of ``kaiwuctl init`` in which they differ.
        name: Name of the project.
        commands: ``kaiwuctl init`` with the flags that all have, and what is run after it.
    """
    projects = {}
    init, *others = commands
    for flags in layouts:
        folder = factory.mktemp("layout") / name
        folder.mkdir()
        command_line = CommandLine(folder)
        command_line.ok(*init, *flags)
        for command in others:
            command_line.ok(*command)
        projects[flags] = folder
    return projects
