"""Folders to run the command line in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from .commands.command_line import INIT, CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as `init` leaves it; copied, never changed."""
    folder = tmp_path_factory.mktemp("pristine") / "kaiwu-operator"
    folder.mkdir()
    CommandLine(folder).ok(*INIT)
    return folder


@pytest.fixture
def empty(tmp_path: Path) -> CommandLine:
    """The command line in an empty folder."""
    folder = tmp_path / "kaiwu-operator"
    folder.mkdir()
    return CommandLine(folder)


@pytest.fixture
def project(tmp_path: Path, pristine: Path) -> CommandLine:
    """The command line in a project that has no API yet."""
    folder = tmp_path / "kaiwu-operator"
    shutil.copytree(pristine, folder, symlinks=True)
    return CommandLine(folder)
