"""`kaiwuctl edit`: the other layout, scope and licence, there and back."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.project.file import ProjectFile

from .command_line import CREATE_ONLY, INIT, snapshot
from .in_process import built, check_imports, run_generator

if TYPE_CHECKING:
    from collections.abc import Callable

    from .command_line import CommandLine, Entry

MULTI = ("edit", "--multigroup", "--make=false")
SINGLE = ("edit", "--no-multigroup", "--make=false")


def test_the_values_are_printed(project: CommandLine) -> None:
    before = snapshot(project.folder)
    assert project.ok("edit") == (
        "domain: inspur.com\n"
        "license: apache2\n"
        "multigroup: false\n"
        "namespaced: false\n"
        "owner:\n"
        "projectName: kaiwu-operator\n"
        "repo: github.com/inspur/kaiwu-operator\n"
    )
    (project.folder / ".kaiwuctl/scaffold.json").unlink()
    assert "license: apache2\n" in project.ok("edit")
    before.pop(".kaiwuctl/scaffold.json")
    assert snapshot(project.folder) == before


def test_two_groups_are_not_one(project: CommandLine) -> None:
    project.ok(*MULTI)
    project.ok(*CREATE_ONLY)
    project.ok("create", "api", "--group", "backup", "--version", "v1", "--kind", "Schedule", "--make=false")
    before = snapshot(project.folder)
    error = project.refused(*SINGLE, status=2)
    assert error.startswith("error: --no-multigroup: PROJECT has the groups backup, kaiwu, and a project for one group")
    assert snapshot(project.folder) == before


def test_after_the_edit_a_second_group_is_accepted(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    second = ("create", "api", "--group", "backup", "--version", "v1", "--kind", "KaiwuCluster", "--make=false")
    assert "kaiwuctl edit --multigroup" in project.refused(*second, status=2)
    project.ok(*MULTI)
    project.ok(*second)
    resources = ProjectFile.load(project.folder).project.resources
    assert [entry.controllers for entry in resources] == [("kaiwucluster",), ("backup-kaiwucluster",)]
    check_imports(project.folder)
    built(project.folder)


def user_project(project: CommandLine) -> Path:
    project.ok(*CREATE_ONLY)
    return project.folder


def test_a_users_work_moves_along(project: CommandLine) -> None:
    folder = user_project(project)
    before = snapshot(folder)
    (folder / "api/v1/shared.py").write_text("SIZE = 3\n")
    types = folder / "api/v1/kaiwucluster_types.py"
    types.write_text(f"{types.read_text()}\nfrom .shared import SIZE as SIZE  # noqa: E402\n")
    logic = folder / "controllers/logic.py"
    logic.write_text(
        "from api.v1.shared import SIZE\n\nfrom . import kaiwucluster_controller as one\n\nX = one, SIZE\n"
    )
    (folder / "notes.md").write_text("See `api/v1/kaiwucluster_types.py`, not api/v10.\n")
    pyproject = folder / "pyproject.toml"
    ignores = '\n[tool.ruff.lint.per-file-ignores]\n"api/v1/kaiwucluster_types.py" = ["E402"]\n"api/v1/*" = []\n'
    pyproject.write_text(pyproject.read_text() + ignores)
    (folder / "main.py").write_text((folder / "main.py").read_text() + "\nWHERE = 'api.v1.shared'\n")
    changed = snapshot(folder)
    result = project.run(*MULTI)
    assert result.returncode == 0, result.stderr
    assert result.stderr == (
        "warning: these lines name what has moved and were not changed; look at them:\n"
        "  main.py:42: WHERE = 'api.v1.shared'\n"
        "  notes.md:1: See `api/v1/kaiwucluster_types.py`, not api/v10.\n"
    ).replace("main.py:42", f"main.py:{len((folder / 'main.py').read_text().splitlines())}")
    check_imports(folder)
    assert (folder / "api/kaiwu/v1/shared.py").exists()
    assert not (folder / "api/v1").exists()
    assert logic.read_text() == (
        "from api.kaiwu.v1.shared import SIZE\n\nfrom .kaiwu import kaiwucluster_controller as one\n\nX = one, SIZE\n"
    )
    assert pyproject.read_text().endswith(ignores.replace("api/v1", "api/kaiwu/v1"))
    project.run(*SINGLE)
    assert snapshot(folder) == changed
    assert before.keys() < changed.keys()


def test_webhooks_move_along(project: CommandLine) -> None:
    folder = user_project(project)
    project.ok("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
    webhook = ("create", "webhook", *CREATE_ONLY[2:8], "--defaulting", "--validation", "--conversion", "--make=false")
    project.ok(*webhook)
    before, objects = snapshot(folder), built(folder)
    project.ok(*MULTI)
    assert built(folder) == objects
    check_imports(folder)
    assert (folder / "controllers/kaiwu/kaiwucluster_webhook.py").exists()
    assert (folder / "tests/test_kaiwu_v1_kaiwucluster_webhook.py").exists()
    assert project.ok(*webhook) == "Nothing to do: everything is there already.\n"
    result = project.run("edit", "--namespaced", "--make=false")
    assert result.stderr.startswith("warning: the webhooks are still called for objects in every namespace; ")
    project.ok("edit", "--no-namespaced", "--make=false")
    project.ok(*SINGLE)
    assert snapshot(folder) == before


def test_a_type_without_conditions_moves_along(project: CommandLine) -> None:
    """As the types are that are imported from a CRD."""
    project.ok(*CREATE_ONLY)
    types = project.folder / "api/v1/kaiwucluster_types.py"
    types.write_text(types.read_text().replace("    conditions: Conditions = Conditions()", "    ready: bool = False"))
    before = snapshot(project.folder)
    project.ok(*MULTI)
    check_imports(project.folder)
    assert (project.folder / "api/kaiwu/v1/kaiwucluster_types.py").is_file()
    assert (project.folder / "tests/test_kaiwu_v1_kaiwucluster.py").is_file()
    project.ok(*SINGLE)
    after = snapshot(project.folder)
    assert after.keys() == before.keys()


def test_a_file_in_the_way_is_kept(project: CommandLine) -> None:
    folder = user_project(project)
    (folder / "api/kaiwu/v1").mkdir(parents=True)
    (folder / "api/kaiwu/v1/kaiwucluster_types.py").write_text("mine\n")
    before = snapshot(folder)
    error = project.refused(*MULTI, status=1)
    assert "api/kaiwu/v1/kaiwucluster_types.py" in error
    assert snapshot(folder) == before


def test_a_group_that_is_called_like_a_version(empty: CommandLine) -> None:
    empty.ok(*INIT)
    empty.ok("create", "api", "--group", "v1", "--version", "v1", "--kind", "Shop", "--make=false")
    before = snapshot(empty.folder)
    assert "would get the path of another that is moved" in empty.refused(*MULTI, status=1)
    assert snapshot(empty.folder) == before


def test_a_package_with_a_users_work_is_not_deleted(project: CommandLine) -> None:
    folder = user_project(project)
    project.ok(*MULTI)
    (folder / "api/kaiwu/__init__.py").write_text("MINE = 1\n")
    before = snapshot(folder)
    assert "  api/kaiwu/__init__.py\n" in project.refused(*SINGLE, status=1)
    assert snapshot(folder) == before


def test_a_file_that_is_not_python_is_named(project: CommandLine) -> None:
    folder = user_project(project)
    (folder / "broken.py").write_text("from api.v1 import (\n")
    (folder / "latin.py").write_bytes("# -*- coding: latin-1 -*-\nfrom api import v1  # Größe\n".encode("latin-1"))
    result = project.run(*MULTI)
    assert result.returncode == 0
    assert "  broken.py:1: from api.v1 import (\n" in result.stderr
    assert "  latin.py:1: # -*- coding: latin-1 -*-\n" in result.stderr


@pytest.mark.parametrize("flags", [MULTI, ("edit", "--owner", "Inspur", "--make=false")])
def test_what_need_not_be_read_is_not(project: CommandLine, tmp_path: Path, flags: tuple[str, ...]) -> None:
    """The data of a project, and settings that are not its own, are none of the command's business."""
    folder = user_project(project)
    (tmp_path / "ruff.toml").write_text("line-length = 100\n")
    (folder / ".ruff.toml").symlink_to(tmp_path / "ruff.toml")
    (folder / "tests/data").mkdir()
    for name in ("tests/data/model.bin", "tests/data/dump.yaml", "large.py"):
        with (folder / name).open("wb") as file:
            file.truncate(17 * 1024 * 1024)
    result = project.run(*flags)
    assert result.returncode == 0, result.stderr
    assert "model.bin" not in result.stderr
    # It may import what has moved, or have a header: a person has to look.
    assert "  large.py" in result.stderr
    assert ("  .ruff.toml:1: (was not read)\n" in result.stderr) == (flags == MULTI)


def test_a_file_that_is_too_large_to_move_is_named(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    with (project.folder / "api/v1/model.bin").open("wb") as file:
        file.truncate(17 * 1024 * 1024)
    before = snapshot(project.folder)
    assert project.refused(*MULTI, status=1) == (
        "error: api/v1/model.bin: is larger than 16384 KiB; move it out of api/v1 first: only smaller files are moved\n"
    )
    assert snapshot(project.folder) == before
    (project.folder / "api/v1/model.bin").rename(project.folder / "model.bin")
    project.ok(*MULTI)


CLUSTER = ("create", "api", "--group", "kaiwu", "--version", "v1", "--kind", "Tier", "--namespaced=false", "--no-make")
NODE = ("create", "api", "--group", "", "--version", "v1", "--kind", "Node", "--resource=false", "--make=false")
CORE_NODE = ("create", "api", "--group", "core", "--version", "v1", "--kind", "Node", "--resource=false", "--no-make")


@pytest.mark.parametrize(("command", "kind"), [(CLUSTER, "Tier"), (CORE_NODE, "Node")])
def test_kinds_of_the_cluster_need_a_cluster_role(project: CommandLine, command: tuple[str, ...], kind: str) -> None:
    project.ok(*CREATE_ONLY)
    project.ok(*command)
    before = snapshot(project.folder)
    assert f"error: --namespaced: {kind}: objects of the cluster" in project.refused("edit", "--namespaced", status=2)
    assert snapshot(project.folder) == before


def change_role_binding(folder: Path) -> None:
    path = folder / "config/rbac/role_binding.yaml"
    path.write_text(path.read_text().replace("kind: ClusterRoleBinding", "kind: ClusterRoleBinding # mine"))


def test_a_users_change_to_the_same_line_is_a_conflict(project: CommandLine) -> None:
    folder = user_project(project)
    change_role_binding(folder)
    before = snapshot(folder)
    error = project.refused("edit", "--namespaced", "--make=false", status=1)
    assert error.splitlines()[1:] == ["  config/rbac/role_binding.yaml"]
    assert snapshot(folder) == before


def test_a_users_changes_beside_stay(project: CommandLine) -> None:
    folder = user_project(project)
    run_generator(folder)
    edits: dict[str, Callable[[str], str]] = {
        "config/manager/manager.yaml": lambda text: text.replace("replicas: 1", "replicas: 1 # mine"),
        "Makefile": lambda text: f"{text}\n.PHONY: mine\nmine: ## Mine.\n\ttrue\n",
        "README.md": lambda text: f"# Mine\n\n{text}",
    }
    for path, change in edits.items():
        (folder / path).write_text(change((folder / path).read_text()))
    before = snapshot(folder)
    project.ok("edit", "--namespaced", "--make=false")
    assert "--namespaced$(if" in (folder / "Makefile").read_text()
    assert "mine: ## Mine." in (folder / "Makefile").read_text()
    assert "WATCH_NAMESPACE" in (folder / "config/manager/manager.yaml").read_text()
    role = folder / "config/rbac/role.yaml"
    merged = role.read_text()
    run_generator(folder, "--namespaced")
    assert role.read_text() == merged
    objects = built(folder)
    assert "\nkind: Role\n" in objects
    assert "name: kaiwu-operator-manager-role\n  namespace: kaiwu-operator-system\n" in objects
    project.ok("edit", "--no-namespaced", "--make=false")
    assert snapshot(folder) == before


def test_headers_of_any_year_change_and_others_are_listed(project: CommandLine) -> None:
    folder = user_project(project)
    main = folder / "main.py"
    main.write_text(re.sub(r"Copyright \d{4}", "Copyright 2019", main.read_text()))
    (folder / "mine.py").write_text("# Copyright 2020 The Other Authors.\n\nX = 1\n")
    result = project.run("edit", "--owner", "Inspur", "--make=false")
    assert result.returncode == 0
    assert result.stderr == (
        "warning: these files do not have the project's licence header and were not changed:\n  mine.py\n"
    )
    assert main.read_text().startswith("# Copyright 2019 Inspur.\n")
    assert "Inspur." in (folder / "api/v1/kaiwucluster_types.py").read_text().splitlines()[0]
    assert "Inspur." in (folder / "README.md").read_text()
    assert (folder / "mine.py").read_text() == "# Copyright 2020 The Other Authors.\n\nX = 1\n"
    project.ok("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
    assert "Inspur." in (folder / "api/v2/kaiwucluster_types.py").read_text().splitlines()[0]


@pytest.mark.parametrize("header", ["Mine. Größe 😀", "# Mine.\n#\n# Second.", "Mine.\r\nSecond.\n\n"])
def test_a_header_of_ones_own(project: CommandLine, tmp_path: Path, header: str) -> None:
    folder = user_project(project)
    before = snapshot(folder)
    file = tmp_path / "header.txt"
    file.write_text(header, newline="")
    project.ok("edit", "--license-file", str(file), "--make=false")
    assert (folder / "main.py").read_text().startswith("# Mine.")
    assert "license: custom\n" in project.ok("edit")
    assert "## Licence" not in (folder / "README.md").read_text()
    error = project.refused("edit", "--owner", "A", status=2)
    assert error.startswith("error: --owner: the project's header comes from a file")
    project.ok("edit", "--license", "apache2", "--make=false")
    assert snapshot(folder) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--license", "mit"), "--license 'mit': must be apache2 or none"),
        (("--license-file", "nowhere"), "--license-file 'nowhere': no such file"),
        (("--owner", "a\nb"), "--owner 'a�b': must be one line"),
        (("--owner", "a", "--license-file", "x"), "--owner: contradicts --license-file"),
        (("--license", "none", "--license-file", "x"), "--license: contradicts --license-file"),
        (("--multigroup=maybe",), "--multigroup=maybe: 'maybe' is not a boolean"),
        (("--multigroup", "false"), "--multigroup false: a boolean takes its value after an equals sign"),
    ],
)
def test_wrong_use(project: CommandLine, flags: tuple[str, ...], message: str) -> None:
    before = snapshot(project.folder)
    assert project.refused("edit", *flags, status=2).startswith(f"error: {message}")
    assert snapshot(project.folder) == before


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_a_dirty_tree_is_refused(project: CommandLine) -> None:
    folder = user_project(project)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "one")
    (folder / "main.py").write_text(f"{(folder / 'main.py').read_text()}# mine\n")
    before = snapshot(folder)
    error = project.refused(*MULTI, status=1)
    assert error.startswith("error: the project has changes that are not committed, ")
    assert error.splitlines()[1:] == ["  main.py"]
    assert "create    api/kaiwu/__init__.py" in project.ok(*MULTI, "--dry-run")
    assert without_git(snapshot(folder)) == without_git(before)
    project.ok("edit")
    project.ok(*MULTI, "--force")
    assert (folder / "api/kaiwu/v1/kaiwucluster_types.py").exists()


def without_git(tree: dict[str, Entry]) -> dict[str, Entry]:
    return {path: entry for path, entry in tree.items() if not path.startswith(".git/")}


def test_a_dry_run_shows_moves_and_writes_nothing(project: CommandLine) -> None:
    folder = user_project(project)
    before = snapshot(folder)
    output = project.ok(*MULTI, "--dry-run")
    assert "  move      api/v1/kaiwucluster_types.py -> api/kaiwu/v1/kaiwucluster_types.py\n" in output
    assert "    +from api.kaiwu.v1.kaiwucluster_types import KaiwuCluster\n" in output
    assert snapshot(folder) == before


def test_the_generator_runs_afterwards(project: CommandLine) -> None:
    folder = user_project(project)
    (folder / "Makefile").write_text("generate manifests:\n\t@echo made $@ >> made\n")
    project.ok("edit", "--multigroup")
    assert (folder / "made").read_text() == "made generate\nmade manifests\n"


def test_outside_a_project(empty: CommandLine) -> None:
    assert "PROJECT: not found in this directory" in empty.refused("edit", status=1)


@pytest.mark.parametrize("path", ["api/v1/kaiwucluster_types.py", "config/rbac/kustomization.yaml", "PROJECT"])
def test_a_link_is_not_followed(project: CommandLine, tmp_path: Path, path: str) -> None:
    folder = user_project(project)
    elsewhere = tmp_path / "elsewhere"
    (folder / path).rename(elsewhere)
    (folder / path).symlink_to(elsewhere)
    before = snapshot(folder)
    project.refused(*MULTI, "--force", status=1)
    assert snapshot(folder) == before
