"""A project with changes that are not committed is refused, by a real git."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.scaffold.git_state import require_clean

if TYPE_CHECKING:
    from pathlib import Path


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    project.mkdir()
    (project / "main.py").write_text("")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    return project


def test_clean(repository: Path) -> None:
    require_clean(repository)
    # Beside the project.
    (repository.parent / "notes.txt").write_text("")
    require_clean(repository)


@pytest.mark.parametrize(
    "name", ["main.py", "new.py", "with space.py", "größe.py", "-x", "a:b", 'quote".py', "line\n.py"]
)
def test_a_change_is_named(repository: Path, name: str) -> None:
    (repository / name).write_text("mine")
    with pytest.raises(KaiwuctlError) as caught:
        require_clean(repository)
    assert caught.value.message.startswith("the project has changes that are not committed")
    (detail,) = caught.value.details
    assert detail.isascii()
    assert "\n" not in detail


def test_many_changes_are_counted(repository: Path) -> None:
    for number in range(9):
        (repository / f"{number}.py").write_text("")
    with pytest.raises(KaiwuctlError) as caught:
        require_clean(repository)
    assert caught.value.details[0].endswith(" and 4 more")


def test_ignored_files_do_not_count(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "two")
    (repository / "a.log").write_text("")
    require_clean(repository)


def test_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    require_clean(tmp_path)


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(repository))
    (repository / "new.py").write_text("")
    require_clean(repository)


def test_the_repository_starts_no_program(repository: Path) -> None:
    """A repository that came from another person may name one."""
    started = repository.parent / "started"
    program = repository.parent / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {started}\n")
    program.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(program))
    (repository / "new.py").write_text("")
    with pytest.raises(KaiwuctlError):
        require_clean(repository)
    assert not started.exists()
