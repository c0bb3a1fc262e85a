"""Folders to run the command line in."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from .commands.command_line import CREATE_ONLY, INIT, CommandLine

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
    """The command line in an empty directory."""
    folder = tmp_path / "kaiwu-operator"
    folder.mkdir()
    return CommandLine(folder)


@pytest.fixture
def project(tmp_path: Path, pristine: Path) -> CommandLine:
    """The command line in a project that has no API yet."""
    folder = tmp_path / "kaiwu-operator"
    shutil.copytree(pristine, folder, symlinks=True)
    return CommandLine(folder)


@pytest.fixture(scope="session")
def with_api(pristine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one API; copied, never changed."""
    folder = tmp_path_factory.mktemp("with-api") / "kaiwu-operator"
    shutil.copytree(pristine, folder, symlinks=True)
    CommandLine(folder).ok(*CREATE_ONLY)
    return folder


@pytest.fixture
def api(with_api: Path, tmp_path: Path) -> CommandLine:
    """The command line in a project that has one API."""
    folder = tmp_path / "kaiwu-operator"
    shutil.copytree(with_api, folder, symlinks=True)
    return CommandLine(folder)
