"""What can go wrong around a run: one line each, and nothing lost."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from .command_line import CREATE_ONLY, INIT, CommandLine, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BROKEN_PROJECTS: list[tuple[str, Callable[[str], str], str]] = [
    ("no-yaml", lambda text: text.replace("domain:", "domain: ["), "error: PROJECT:4: broken YAML: "),
    ("version", lambda text: text.replace('"3"', '"9"'), "error: PROJECT:8: version '9' is not supported; "),
    ("layout", lambda text: text.replace("python.kaiwuctl.io/v1", "go.kubebuilder.io/v4"), "error: PROJECT:4: layout "),
    ("empty", lambda _: "", "error: PROJECT:1: must be a YAML mapping; "),
    ("no-name", lambda text: text.replace("projectName: kaiwu-operator\n", ""), "error: PROJECT:2: projectName is "),
]


@pytest.mark.parametrize(
    ("damage", "message"), [row[1:] for row in BROKEN_PROJECTS], ids=[row[0] for row in BROKEN_PROJECTS]
)
@pytest.mark.parametrize("command", [INIT, CREATE_ONLY], ids=["init", "create-api"])
def test_a_broken_project_file(
    project: CommandLine, command: tuple[str, ...], damage: Callable[[str], str], message: str
) -> None:
    path = project.folder / "PROJECT"
    path.write_text(damage(path.read_text()))
    before = snapshot(project.folder)
    assert project.refused(*command, status=1).startswith(message)
    assert snapshot(project.folder) == before


def test_no_project_file(empty: CommandLine) -> None:
    error = empty.refused(*CREATE_ONLY, status=1)
    assert error.startswith("error: PROJECT: not found in this directory; start a project with `kaiwuctl init`")
    assert list(empty.folder.iterdir()) == []


def test_the_project_file_further_up_is_named(project: CommandLine) -> None:
    error = CommandLine(project.folder / "config").refused(*CREATE_ONLY, status=1)
    assert error == f"error: PROJECT: not found in this directory, but in {project.folder}; run the command there\n"


@pytest.mark.parametrize("name", ["config/rbac/kustomization.yaml", "config/default/kustomization.yaml"])
def test_a_broken_kustomization(project: CommandLine, name: str) -> None:
    (project.folder / name).write_text("resources:\n- a: [\n")
    before = snapshot(project.folder)
    assert project.refused(*CREATE_ONLY, status=1).startswith(f"error: {name}:3: broken YAML: ")
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("name", ["PROJECT", "api", "config/rbac/kustomization.yaml", "controllers"])
def test_a_link_where_a_file_goes(project: CommandLine, tmp_path: Path, name: str) -> None:
    path, elsewhere = project.folder / name, tmp_path / "elsewhere"
    if path.exists():
        path.rename(elsewhere)
    else:
        elsewhere.mkdir()
    path.symlink_to(elsewhere)
    before, outside = snapshot(project.folder), snapshot(elsewhere)
    error = project.refused(*CREATE_ONLY, "--force", status=1)
    assert error.splitlines()[0].startswith("error: nothing was written, because something else is where a file")
    assert error.splitlines()[1:] == [f"  {name} is a symbolic link"]
    assert snapshot(project.folder) == before
    assert snapshot(elsewhere) == outside


def test_a_dangling_link_is_not_followed(empty: CommandLine, tmp_path: Path) -> None:
    (empty.folder / "Makefile").symlink_to(tmp_path / "nowhere")
    error = empty.refused(*INIT, status=1)
    assert error.splitlines()[1:] == ["  Makefile is a symbolic link"]
    assert not (tmp_path / "nowhere").exists()


def test_a_project_that_is_reached_through_a_link_is_fine(project: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(project.folder)
    CommandLine(tmp_path / "link").ok(*CREATE_ONLY)


def with_mounts(script: str, command_line: CommandLine, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a shell script with the command as its arguments, in a mount namespace that no other process sees.

    Needs no root where user namespaces are allowed; elsewhere root.
    """
    unshare = ["unshare", "--mount"] if os.getuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    probe = subprocess.run([*unshare, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], capture_output=True, check=False)
    if probe.returncode != 0:
        pytest.skip("this machine does not allow mounts: the same fault is tested with a limit in test_write.py")
    return subprocess.run(
        [*unshare, "sh", "-ec", script, "sh", *command_line.argv(*arguments)],
        env=command_line.env(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_read_only_folder(project: CommandLine) -> None:
    folder = project.folder / "config" / "rbac"
    before = snapshot(project.folder)
    script = f'mount --bind {folder} {folder}; mount -o remount,ro,bind {folder}; cd {project.folder}; exec "$@"'
    result = with_mounts(script, project, *CREATE_ONLY)
    assert result.returncode == 1
    assert result.stderr.startswith("error: config/rbac/")
    assert "Read-only file system; nothing was changed; make the directory writable" in result.stderr
    assert result.stderr.count("\n") == 1
    assert snapshot(project.folder) == before


def test_a_folder_without_permission(project: CommandLine) -> None:
    before = snapshot(project.folder)
    # Root may write everywhere, unless it goes without that privilege.
    unprivileged = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    project.folder.chmod(0o555)
    try:
        result = subprocess.run(
            [*unprivileged, *project.argv(*CREATE_ONLY)],
            cwd=project.folder,
            env=project.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        project.folder.chmod(0o755)
    assert result.returncode == 1
    assert result.stderr == (
        "error: .kaiwuctl-undo: Permission denied; nothing was changed; "
        "make the directory writable and run the command again\n"
    )
    assert snapshot(project.folder) == before


def test_a_full_disk_at_every_size(project: CommandLine, tmp_path: Path) -> None:
    """The same command on ever larger file systems: it fails cleanly on each until it fits."""
    size = sum(-(-len(entry.content or b"") // 4096) * 4096 for entry in snapshot(project.folder).values())
    disk, result_folder = tmp_path / "disk", tmp_path / "result"
    disk.mkdir()
    before = snapshot(project.folder)
    outcomes = []
    for extra in range(0, 400 * 1024, 4 * 1024):
        shutil.rmtree(result_folder, ignore_errors=True)
        result_folder.mkdir()
        script = (
            f"mount -t tmpfs -o size={size + extra} tmpfs {disk}; cp -a {project.folder}/. {disk}; cd "
            f"{disk}; "
            f'status=0; "$@" || status=$?; cp -a {disk}/. {result_folder}; exit $status'
        )
        result = with_mounts(script, project, *CREATE_ONLY)
        if "cp:" in result.stderr:
            continue
        outcomes.append(result.returncode)
        if result.returncode == 0:
            break
        assert result.returncode == 1
        assert "No space left on device; nothing was changed; free some space" in result.stderr
        assert result.stderr.count("\n") == 1
        assert snapshot(result_folder) == before
    assert outcomes[-1] == 0
    assert outcomes.count(1) >= 1
    project.ok(*CREATE_ONLY)
    assert snapshot(result_folder) == snapshot(project.folder)
