"""`kaiwuctl init` through real processes."""

from __future__ import annotations

import hashlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from .command_line import CREATE, INIT, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from .command_line import CommandLine


def facts(folder: Path) -> dict[str, object]:
    loaded = yaml.safe_load((folder / "PROJECT").read_text())
    assert isinstance(loaded, dict)
    return loaded


def test_a_new_project(empty: CommandLine) -> None:
    output = empty.ok(*INIT)
    assert facts(empty.folder) == {
        "cliVersion": empty.ok("version").split()[1],
        "domain": "inspur.com",
        "layout": ["python.kaiwuctl.io/v1"],
        "projectName": "kaiwu-operator",
        "repo": "github.com/inspur/kaiwu-operator",
        "version": "3",
    }
    for path, entry in snapshot(empty.folder).items():
        if entry.content is not None:
            assert f"create    {path}\n" in output
            assert oct(entry.mode & 0o7777) in {"0o644", "0o755"}
    assert "kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster" in output
    (wheel,) = (empty.folder / "vendor").glob("kaiwu_runtime-*.whl")
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() in (empty.folder / "pyproject.toml").read_text() + "".join(
        path.read_text() for path in empty.folder.glob("requirements*.txt")
    )


def test_nothing_is_left_of_the_work(project: CommandLine) -> None:
    assert not [path for path in snapshot(project.folder) if "kaiwuctl-" in path]


def test_the_same_again_changes_nothing(project: CommandLine) -> None:
    before = snapshot(project.folder)
    assert project.ok(*INIT) == "Nothing to do: everything is there already.\n"
    assert project.ok("init") == "Nothing to do: everything is there already.\n"
    assert snapshot(project.folder) == before


def test_the_same_again_keeps_what_the_user_changed(project: CommandLine) -> None:
    (project.folder / "Makefile").write_text("mine:\n")
    before = snapshot(project.folder)
    assert project.ok(*INIT) == "Nothing to do: everything is there already.\n"
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("flags", [(), ("--license", "none", "--owner", "Inspur"), ("--owner", "Inspur Cloud")])
def test_the_same_again_restores_what_is_missing(empty: CommandLine, flags: tuple[str, ...]) -> None:
    """Without the flags, which are recorded; PROJECT, the record and the header's file say what they were."""
    empty.ok(*INIT, *flags)
    before = snapshot(empty.folder)
    for names in (("README.md",), ("README.md", "main.py", "hack/boilerplate.py.txt")):
        for name in names:
            (empty.folder / name).unlink()
        empty.ok("init")
        assert snapshot(empty.folder) == before


def test_the_same_again_after_an_api(project: CommandLine) -> None:
    project.ok(*CREATE, "--make=false")
    before = snapshot(project.folder)
    project.ok(*INIT)
    assert snapshot(project.folder) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--domain", "other.com"), "domain is 'inspur.com', not 'other.com'"),
        (("--repo", "x.org/y"), "repo is 'github.com/inspur/kaiwu-operator', not 'x.org/y'"),
        (("--project-name", "other"), "projectName is 'kaiwu-operator', not 'other'"),
        (("--multigroup",), "multigroup is false, not true"),
        (("--namespaced",), "namespaced is false, not true"),
        (("--owner", "Another"), "another licence header than the flags ask for"),
        (("--license", "none"), "another licence header than the flags ask for"),
    ],
)
def test_other_values_are_refused(project: CommandLine, flags: tuple[str, ...], message: str) -> None:
    before = snapshot(project.folder)
    assert message in project.refused("init", *flags, status=2)
    assert snapshot(project.folder) == before


def test_a_dry_run_writes_nothing(empty: CommandLine) -> None:
    output = empty.ok(*INIT, "--dry-run")
    assert "create    PROJECT\n" in output
    assert list(empty.folder.iterdir()) == []
    assert output.splitlines()[-1] == f"Dry run: {output.count('create  ')} files would be written."


def test_flags_are_recorded(empty: CommandLine) -> None:
    empty.ok("init", "--domain=x.org", "--project-name=ships", "--multigroup=true", "--namespaced", "--repo=x.org/s")
    recorded = facts(empty.folder)
    assert (recorded["projectName"], recorded["domain"], recorded["repo"]) == ("ships", "x.org", "x.org/s")
    assert (recorded["multigroup"], recorded["namespaced"]) == (True, True)


@pytest.mark.parametrize("plugins", ["python.kaiwuctl.io/v1", "python/v1", "python"])
def test_operator_sdks_spellings(empty: CommandLine, plugins: str) -> None:
    empty.ok(*INIT, f"--plugins={plugins}", "--project-version=3", "--multigroup=false")
    assert facts(empty.folder)["layout"] == ["python.kaiwuctl.io/v1"]


def test_defaults_come_from_the_folder(empty: CommandLine) -> None:
    empty.ok("init")
    recorded = facts(empty.folder)
    assert recorded["projectName"] == "kaiwu-operator"
    assert recorded["domain"] == "my.domain"
    assert recorded["repo"] == "my.domain/kaiwu-operator"


@pytest.mark.parametrize(
    ("origin", "repo"),
    [
        ("https://github.com/inspur/kaiwu.git", "github.com/inspur/kaiwu"),
        ("git@github.com:inspur/kaiwu.git", "github.com/inspur/kaiwu"),
        ("ssh://git@git.example.com:2222/inspur/kaiwu", "git.example.com/inspur/kaiwu"),
        ("https://ann:secret@git.example.com/kaiwu", "git.example.com/kaiwu"),
        ("/srv/git/kaiwu.git", "my.domain/kaiwu-operator"),
    ],
)
def test_the_repository_comes_from_git(empty: CommandLine, origin: str, repo: str) -> None:
    git = ["git", "-C", str(empty.folder)]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "remote", "add", "upstream", "https://github.com/other/other"], check=True)
    subprocess.run([*git, "remote", "add", "origin", origin], check=True)
    empty.ok("init")
    assert facts(empty.folder)["repo"] == repo


@pytest.mark.parametrize(
    ("folder", "suggestion"),
    [
        ("Kaiwu Operator", "kaiwu-operator"),
        ("kaiwu_operator", "kaiwu-operator"),
        ("a-name-that-is-much-too-long-for-it", "a-name-that-is-much-too-long"),
        ("42", "kaiwu-operator"),
    ],
)
def test_a_folder_whose_name_will_not_do(empty: CommandLine, folder: str, suggestion: str) -> None:
    other = empty.folder / folder
    other.mkdir()
    error = type(empty)(other).refused("init", status=2)
    assert f"the directory's name '{folder}'" in error
    assert error.endswith(f"write --project-name {suggestion}\n")
    type(empty)(other).ok("init", "--project-name", suggestion)


def test_an_upper_case_folder_is_fine(empty: CommandLine) -> None:
    other = empty.folder / "Kaiwu"
    other.mkdir()
    type(empty)(other).ok("init")
    assert facts(other)["projectName"] == "kaiwu"


def test_files_of_others_may_be_there(empty: CommandLine) -> None:
    (empty.folder / "notes.txt").write_text("mine\n")
    (empty.folder / "config").mkdir()
    (empty.folder / "config" / "mine.yaml").write_text("mine: true\n")
    empty.ok(*INIT)
    assert (empty.folder / "notes.txt").read_text() == "mine\n"
    assert (empty.folder / "config" / "mine.yaml").read_text() == "mine: true\n"


def test_every_collision_is_listed_and_nothing_written(empty: CommandLine) -> None:
    for name in ("Makefile", "README.md", "Dockerfile"):
        (empty.folder / name).write_text("mine\n")
    before = snapshot(empty.folder)
    error = empty.refused(*INIT, status=1)
    assert error.splitlines()[0].startswith("error: nothing was written, because 3 files exist and differ")
    assert error.splitlines()[1:] == ["  Dockerfile", "  Makefile", "  README.md"]
    assert snapshot(empty.folder) == before


def header(folder: Path) -> str:
    return (folder / "hack" / "boilerplate.py.txt").read_text()


def test_the_apache_header(empty: CommandLine) -> None:
    command_line = type(empty)(empty.folder, {"SOURCE_DATE_EPOCH": "1700000000"})
    command_line.ok(*INIT, "--owner", "Inspur Cloud")
    lines = header(empty.folder).splitlines()
    assert lines[0] == "# Copyright 2023 Inspur Cloud."
    assert all(line.startswith("#") for line in lines)
    assert "Apache License, Version 2.0" in header(empty.folder)


def test_the_header_stays_in_a_later_year(empty: CommandLine) -> None:
    type(empty)(empty.folder, {"SOURCE_DATE_EPOCH": "1700000000"}).ok(*INIT, "--owner", "Inspur Cloud")
    before = snapshot(empty.folder)
    later = type(empty)(empty.folder, {"SOURCE_DATE_EPOCH": "1800000000"})
    later.ok(*INIT, "--owner", "Inspur Cloud")
    assert snapshot(empty.folder) == before
    later.ok(*CREATE, "--make=false")
    types = (empty.folder / "api" / "v1" / "kaiwucluster_types.py").read_text()
    assert types.startswith("# Copyright 2023 Inspur Cloud.")


def test_no_licence(empty: CommandLine) -> None:
    empty.ok(*INIT, "--license", "none")
    assert header(empty.folder).strip() == ""


def test_no_licence_with_an_owner(empty: CommandLine) -> None:
    empty.ok(*INIT, "--license", "none", "--owner", "Ann")
    assert header(empty.folder).startswith("# Copyright 2")
    assert "Apache" not in header(empty.folder)


@pytest.mark.parametrize("content", ["Mine.\n\nAll of it.\n", "# Mine.\n#\n# All of it.\n", "Mine.\r\n\r\nAll of it."])
def test_a_header_of_ones_own(empty: CommandLine, tmp_path: Path, content: str) -> None:
    (tmp_path / "header.txt").write_bytes(content.encode())
    empty.ok(*INIT, "--license-file", str(tmp_path / "header.txt"))
    assert header(empty.folder).strip() == "# Mine.\n#\n# All of it."


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (b"a\x00b", "control characters"),
        (b"# coding: utf-7\n# Mine.\n", "has 'coding:' in its first two lines"),
        (b"Mine.\nencoding=none\n", "has 'coding:' in its first two lines"),
    ],
)
def test_a_header_that_will_not_do(empty: CommandLine, tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "header.txt").write_bytes(content)
    error = empty.refused(*INIT, "--license-file", str(tmp_path / "header.txt"), status=2)
    assert error.startswith("error: --license-file ")
    assert message in error
    assert list(empty.folder.iterdir()) == []


@pytest.mark.parametrize("owner", ['The "Kaiwu" Authors', "O'Brien \\ Söhne & Co. {{ x }}", "{% raw %}", "#"])
def test_any_owner_makes_a_project_that_loads(empty: CommandLine, owner: str) -> None:
    import tomllib

    empty.ok(*INIT, "--owner", owner)
    assert f" {owner}." in header(empty.folder)
    tomllib.loads((empty.folder / "pyproject.toml").read_text())
    compile((empty.folder / "main.py").read_bytes(), "main.py", "exec")


def test_the_users_copier_settings_do_not_matter(empty: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "settings.yml").write_text("defaults: {project_name: other}\n")
    type(empty)(empty.folder, {"COPIER_SETTINGS_PATH": str(tmp_path / "settings.yml")}).ok(*INIT)
    assert "other" not in (empty.folder / "config" / "default" / "kustomization.yaml").read_text()


def test_git_is_not_needed(empty: CommandLine) -> None:
    without = type(empty)(empty.folder, {"PATH": os.devnull})
    without.ok(*INIT)
