"""Projects that came from a stranger: kaiwuctl reads and changes nothing outside, never waits, and says one line."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.scaffold.api import scaffold_api
from kaiwuctl.scaffold.api_request import APIRequest
from kaiwuctl.scaffold.journal import FOLDER
from kaiwuctl.scaffold.write import recover

from ..project.test_contents import HOSTILE
from .command_line import CREATE_ONLY, CommandLine, snapshot

if TYPE_CHECKING:
    from pathlib import Path

VICTIM = b"export A=1\n"
PATHS = [
    "../victim/file",
    "README.md",
    "a/../../victim/file",
    "link/file",
    ".git/config",
    "./README.md",
    "",
    ".",
    "/etc/x",
]
paths = st.sampled_from(PATHS) | st.text(max_size=8)
digests = st.sampled_from(["0", hashlib.sha256(VICTIM).hexdigest()])
entries = st.fixed_dictionaries(
    {
        "path": paths,
        "temporary": paths,
        "after": digests,
        "backup": st.none() | st.sampled_from(["0", "../../victim/file", "link"]),
    },
    optional={"before": st.none() | digests},
)
lists = st.fixed_dictionaries(
    {
        "files": st.lists(entries, max_size=4),
        "folders": st.lists(st.sampled_from(["../victim/empty", "empty", "link/empty"]), max_size=3),
    },
    optional={"root": st.text(max_size=5)},
)
seals = st.sampled_from(["", "0" * 64 + "\n", "é" * 32 + "\n", "\n"])


def lay_out(folder: Path) -> Path:
    """Make a project and, beside it, what it is after; return the project."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "victim" / "empty").mkdir(parents=True)
    (folder / "victim" / "file").write_bytes(VICTIM)
    project = folder / "project"
    for name in ("empty", ".git", FOLDER):
        (project / name).mkdir(parents=True)
    for name in ("README.md", ".git/config"):
        (project / name).write_bytes(VICTIM)
    (project / "link").symlink_to("../victim")
    return project


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(listed=lists, seal=seals, backup=st.binary(max_size=5))
def test_a_list_that_came_with_the_project_is_not_obeyed(
    tmp_path: Path, listed: object, seal: str, backup: bytes
) -> None:
    project = lay_out(tmp_path / "work")
    (project / FOLDER / "journal.json").write_text(seal + json.dumps(listed), encoding="utf-8")
    (project / FOLDER / "0").write_bytes(backup)
    (project / FOLDER / "link").symlink_to("../../victim/file")
    before = snapshot(tmp_path / "work")
    with pytest.raises(KaiwuctlError) as caught:
        recover(project)
    assert caught.value.message.startswith(f"{FOLDER}: ")
    assert "\n" not in caught.value.message
    assert snapshot(tmp_path / "work") == before


@pytest.mark.parametrize("where", ["journal.json", ""], ids=["list", "folder"])
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_a_list_that_is_not_a_file(tmp_path: Path, kind: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if kind == "folder" and not where:
        return
    project = lay_out(tmp_path / "work")
    monkeypatch.chdir(project)
    (tmp_path / "work" / "secret").write_text("")
    path = project / FOLDER / where
    if not where:
        path.rmdir()
    HOSTILE[kind](path)
    before = snapshot(tmp_path / "work") if kind != "a terabyte" else None
    with pytest.raises(KaiwuctlError, match=rf"^{FOLDER}"):
        recover(project)
    assert before is None or snapshot(tmp_path / "work") == before


def test_a_folder_with_the_files_of_another_program_is_not_removed(tmp_path: Path) -> None:
    project = lay_out(tmp_path / "work")
    (project / FOLDER / "notes.txt").write_text("mine")
    with pytest.raises(KaiwuctlError, match=r"has 'notes\.txt' in it, which kaiwuctl did not write"):
        recover(project)
    (project / FOLDER / "notes.txt").unlink()
    (project / FOLDER / "0").write_text("a backup")
    assert recover(project) == ""
    assert not (project / FOLDER).exists()


READ = ["PROJECT", "hack/boilerplate.py.txt", "config/crd/kustomization.yaml", "config/rbac/kustomization.yaml"]


@pytest.mark.parametrize("path", [*READ, "requirements-runtime.txt", "vendor/*.whl", "controllers/__init__.py"])
@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_create_api_where_a_file_is_something_else(
    project: CommandLine, path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.folder)
    target = next(project.folder.glob(path), project.folder / path)
    path = target.relative_to(project.folder).as_posix()
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    HOSTILE[kind](target)
    listed = sorted(entry.name for entry in project.folder.rglob("*"))
    begin = time.monotonic()
    request = APIRequest(group="kaiwu", version="v1", kind="KaiwuCluster")
    with pytest.raises(KaiwuctlError) as caught:
        scaffold_api(project.folder, request, force=True, make=False, dry_run=False, verbose=False)
    text = "\n".join([caught.value.message, *caught.value.details])
    assert path in text
    assert time.monotonic() - begin < 60
    assert sorted(entry.name for entry in project.folder.rglob("*")) == listed


@pytest.mark.parametrize("kind", sorted(HOSTILE))
def test_init_where_git_has_something_else(empty: CommandLine, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty.folder / ".git").mkdir()
    monkeypatch.chdir(empty.folder)
    HOSTILE[kind](empty.folder / ".git" / "config")
    output = empty.ok("init", "--domain", "inspur.com", "--dry-run")
    assert "+repo: " not in output or "inspur.com/" in output


def test_a_link_that_appears_before_the_undoing_is_not_followed(project: CommandLine, tmp_path: Path) -> None:
    """The list is the user's own, but the project is another one by now: another branch, with a link in it."""
    from .test_interruptions import leave_interrupted

    leave_interrupted(project)
    outside = tmp_path / "outside"
    shutil.move(project.folder / "api", outside)
    (project.folder / "api").symlink_to(outside)
    before = snapshot(outside)
    result = project.run("init")
    assert result.returncode in {0, 1}
    assert "Traceback" not in result.stderr
    assert snapshot(outside) == before


def test_a_copy_of_an_interrupted_project(project: CommandLine, tmp_path: Path) -> None:
    from .test_interruptions import leave_interrupted

    leave_interrupted(project)
    copy = tmp_path / "copy"
    shutil.copytree(project.folder, copy, symlinks=True)
    before = snapshot(copy)
    error = CommandLine(copy).refused("init", status=1)
    assert error.startswith(f"error: {FOLDER}: was left by kaiwuctl in another directory, {project.folder}, ")
    assert snapshot(copy) == before


def test_without_a_home_a_killed_run_is_reported_and_not_undone(project: CommandLine, tmp_path: Path) -> None:
    from .test_interruptions import leave_interrupted

    (tmp_path / "state").write_text("not a folder")
    homeless = CommandLine(project.folder, {"XDG_STATE_HOME": str(tmp_path / "state")})
    homeless.ok(*CREATE_ONLY)
    leave_interrupted(homeless, ("create", "api", "--group", "kaiwu", "--version", "v1", "--kind", "B", "--make=false"))
    before = snapshot(project.folder)
    error = homeless.refused("init", status=1)
    assert error.startswith(f"error: {FOLDER}: was not left by this user's kaiwuctl, so nothing was undone; remove it")
    assert snapshot(project.folder) == before


def test_the_header_of_a_project_stays_a_comment(project: CommandLine) -> None:
    header = project.folder / "hack" / "boilerplate.py.txt"
    header.write_text("# Copyright\nimport os; os.system('x')\n\n'''\n")
    project.ok(*CREATE_ONLY)
    types = (project.folder / "api/v1/kaiwucluster_types.py").read_text()
    assert types.startswith("# Copyright\n# import os; os.system('x')\n\n# '''\n")


def test_the_file_name_of_a_wheel_is_one(project: CommandLine) -> None:
    for wheel in list((project.folder / "vendor").iterdir()):
        wheel.unlink()
    (project.folder / "vendor" / "kaiwu_runtime-1\n$(touch x)-py3-none-any.whl").write_bytes(b"")
    assert "is not a kaiwu-runtime wheel; remove it" in project.refused(*CREATE_ONLY, status=1)
