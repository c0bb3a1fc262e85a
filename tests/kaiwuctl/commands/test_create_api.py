"""`kaiwuctl create api` through real processes."""

from __future__ import annotations

import ast
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from kaiwuctl.names.python import is_reserved_class

from ..project.sample import RESOURCE
from .command_line import CREATE, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from .command_line import CommandLine

NO_MAKE = "--make=false"


def resources(folder: Path, path: str) -> list[str]:
    loaded = yaml.safe_load((folder / path).read_text())["resources"]
    assert isinstance(loaded, list)
    return loaded


def entries(folder: Path) -> list[dict[str, object]]:
    loaded = yaml.safe_load((folder / "PROJECT").read_text()).get("resources", [])
    assert isinstance(loaded, list)
    return loaded


def test_a_controller_that_nothing_runs_is_warned_of(project: CommandLine) -> None:
    assert "warning" not in project.ok(*CREATE, NO_MAKE)
    (project.folder / "main.py").unlink()
    done = project.run(*CREATE, NO_MAKE)
    assert done.returncode == 0
    assert "warning: main.py does not exist, so nothing runs the controllers" in done.stderr
    (project.folder / "main.py").write_text("print('mine')\n")
    assert "warning: main.py discovers nothing; add `import controllers`" in project.run(*CREATE, NO_MAKE).stderr
    assert "warning" not in project.run(*CREATE, "--controller=false", NO_MAKE).stderr


def test_the_first_api(project: CommandLine) -> None:
    before = snapshot(project.folder)
    output = project.ok(*CREATE, "--resource=true", "--controller=true", NO_MAKE)
    after = snapshot(project.folder)
    for path in before:
        verb = "keep" if before[path] == after[path] else "change"
        assert verb == "keep" or f"change    {path}\n" in output
    for path in after.keys() - before.keys():
        assert after[path].content is None or f"create    {path}\n" in output
    for path in ("api/v1/kaiwucluster_types.py", "controllers/kaiwucluster_controller.py"):
        compile((project.folder / path).read_bytes(), path, "exec")
    assert "KaiwuCluster is kaiwuclusters.kaiwu.inspur.com, version v1.\n" in output
    own_controller = {name: value for name, value in RESOURCE.items() if name != "controllers"}
    assert entries(project.folder) == [{**own_controller, "controller": True}]
    assert resources(project.folder, "config/crd/kustomization.yaml") == ["bases/kaiwu.inspur.com_kaiwuclusters.yaml"]
    assert "../crd" in resources(project.folder, "config/default/kustomization.yaml")
    roles = [f"kaiwucluster_{role}_role.yaml" for role in ("admin", "editor", "viewer")]
    assert resources(project.folder, "config/rbac/kustomization.yaml")[-3:] == roles


def test_everything_a_kustomization_lists_is_there(project: CommandLine) -> None:
    project.ok(*CREATE, NO_MAKE)
    for folder in ("config/rbac", "config/samples"):
        for name in resources(project.folder, f"{folder}/kustomization.yaml"):
            assert (project.folder / folder / name).is_file(), name


def test_the_same_again_changes_nothing(project: CommandLine) -> None:
    project.ok(*CREATE, NO_MAKE)
    before = snapshot(project.folder)
    assert project.ok(*CREATE, NO_MAKE) == "Nothing to do: everything is there already.\n"
    assert project.ok(*CREATE) == "Nothing to do: everything is there already.\n"
    assert snapshot(project.folder) == before


def test_what_the_user_changed_stays(project: CommandLine) -> None:
    project.ok(*CREATE, NO_MAKE)
    changed = project.folder / "api/v1/kaiwucluster_types.py"
    changed.write_text(changed.read_text() + "MINE = True\n")
    kustomization = project.folder / "config/rbac/kustomization.yaml"
    kustomization.write_text(kustomization.read_text().replace("resources:", "# Mine.\nresources:"))
    before = snapshot(project.folder)
    assert project.ok(*CREATE, NO_MAKE) == "Nothing to do: everything is there already.\n"
    assert snapshot(project.folder) == before
    project.ok("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", NO_MAKE)
    assert changed.read_text().endswith("MINE = True\n")
    assert "# Mine.\n" in kustomization.read_text()


def test_force_overwrites_and_lists(project: CommandLine) -> None:
    project.ok(*CREATE, NO_MAKE)
    before = snapshot(project.folder)
    (project.folder / "api/v1/kaiwucluster_types.py").write_text("mine\n")
    (project.folder / "api/v1/__init__.py").write_text("mine\n")
    output = project.ok(*CREATE, NO_MAKE, "--force")
    assert output.splitlines()[0] == "  overwrite api/v1/kaiwucluster_types.py"
    assert output.count("overwrite") == 1
    after = snapshot(project.folder)
    assert after.pop("api/v1/__init__.py").content == b"mine\n"
    before.pop("api/v1/__init__.py")
    assert after == before


def test_a_file_in_the_way_is_listed_and_nothing_written(project: CommandLine) -> None:
    (project.folder / "controllers").mkdir(exist_ok=True)
    (project.folder / "controllers/kaiwucluster_controller.py").write_text("mine\n")
    before = snapshot(project.folder)
    error = project.refused(*CREATE, NO_MAKE, status=1)
    assert error.splitlines()[1:] == ["  controllers/kaiwucluster_controller.py"]
    assert snapshot(project.folder) == before


def test_a_dry_run_shows_diffs_and_writes_nothing(project: CommandLine) -> None:
    before = snapshot(project.folder)
    output = project.ok(*CREATE, "--dry-run")
    assert snapshot(project.folder) == before
    assert "create    api/v1/kaiwucluster_types.py\n" in output
    assert "    +++ b/PROJECT\n" in output
    assert "    +  kind: KaiwuCluster\n" in output
    assert "sha256" not in output  # of the record only that it changes
    assert "Running make" not in output
    wrote = project.ok(*CREATE, NO_MAKE)
    for line in wrote.splitlines():
        if line.startswith("  c"):
            assert line in output.splitlines()


@pytest.mark.parametrize(
    ("flags", "present", "absent"),
    [
        (("--controller=false",), "api/v1/kaiwucluster_types.py", "controllers/kaiwucluster_controller.py"),
        (("--no-controller",), "api/v1/kaiwucluster_types.py", "controllers/kaiwucluster_controller.py"),
    ],
)
def test_only_the_type(project: CommandLine, flags: tuple[str, ...], present: str, absent: str) -> None:
    project.ok(*CREATE, *flags, NO_MAKE)
    assert (project.folder / present).is_file()
    assert not (project.folder / absent).exists()
    assert "controller" not in entries(project.folder)[0]


def test_the_controller_later(project: CommandLine) -> None:
    project.ok(*CREATE, "--controller=false", NO_MAKE)
    project.ok(*CREATE, "--resource=false", "--controller=true", NO_MAKE)
    assert (project.folder / "controllers/kaiwucluster_controller.py").is_file()
    assert entries(project.folder)[0]["controller"] is True


def test_a_controller_of_a_kind_of_kubernetes(project: CommandLine) -> None:
    command = (
        "create",
        "api",
        "--group",
        "apps",
        "--version",
        "v1",
        "--kind",
        "Deployment",
        "--resource=false",
        NO_MAKE,
    )
    project.ok(*command)
    (entry,) = entries(project.folder)
    assert entry == {
        "controller": True,
        "core": True,
        "group": "apps",
        "kind": "Deployment",
        "path": "lightkube.resources.apps_v1",
        "plural": "deployments",
        "version": "v1",
    }
    text = (project.folder / "controllers/deployment_controller.py").read_text()
    assert "from lightkube.resources.apps_v1 import Deployment" in text
    assert not (project.folder / "config/crd").exists() or "deploy" not in str(snapshot(project.folder / "config/crd"))
    assert project.ok(*command) == "Nothing to do: everything is there already.\n"


def test_a_second_version(project: CommandLine) -> None:
    project.ok(*CREATE, "--plural", "kcs", "--namespaced=false", NO_MAKE)
    output = project.ok("create", "api", "--group", "kaiwu", "--version", "v2beta1", "--kind", "KaiwuCluster", NO_MAKE)
    assert "No controller was added" in output
    second = entries(project.folder)[1]
    assert (second["plural"], second["api"], second["path"]) == ("kcs", {"crdVersion": "v1"}, "api/v2beta1")
    assert resources(project.folder, "config/crd/kustomization.yaml") == ["bases/kaiwu.inspur.com_kcs.yaml"]
    assert resources(project.folder, "config/samples/kustomization.yaml") == [
        "kaiwu_v1_kaiwucluster.yaml",
        "kaiwu_v2beta1_kaiwucluster.yaml",
    ]


def test_a_second_controller(project: CommandLine) -> None:
    project.ok(*CREATE, NO_MAKE)
    project.ok(*CREATE, "--resource=false", "--controller-name", "captain-backup", NO_MAKE)
    assert "class CaptainBackupReconciler(" in (project.folder / "controllers/captain_backup_controller.py").read_text()
    assert entries(project.folder)[0]["controllers"] == [{"name": "kaiwucluster"}, {"name": "captain-backup"}]


def test_the_same_kind_in_two_groups(empty: CommandLine) -> None:
    empty.ok("init", "--domain", "inspur.com", "--multigroup")
    for group in ("sea-creatures", "class"):
        empty.ok("create", "api", "--group", group, "--version", "v1", "--kind", "Otter", NO_MAKE)
    files = {path for path, entry in snapshot(empty.folder).items() if entry.content is not None}
    for module in ("sea_creatures", "class_"):
        assert f"api/{module}/v1/otter_types.py" in files
        assert f"controllers/{module}/otter_controller.py" in files
        assert f"config/rbac/{module}_otter_editor_role.yaml" in files
    assert resources(empty.folder, "config/crd/kustomization.yaml") == [
        "bases/sea-creatures.inspur.com_otters.yaml",
        "bases/class.inspur.com_otters.yaml",
    ]


def test_the_domain_as_group(project: CommandLine) -> None:
    output = project.ok("create", "api", "--group", "", "--version", "v1", "--kind", "Otter", NO_MAKE)
    assert "Otter is otters.inspur.com, version v1." in output
    assert resources(project.folder, "config/samples/kustomization.yaml") == ["v1_otter.yaml"]
    assert (project.folder / "config/samples/v1_otter.yaml").is_file()


def test_no_name_in_the_generated_modules_can_be_a_kind(project: CommandLine) -> None:
    """A kind called like something its modules import would replace it."""
    project.ok("create", "api", "--group", "zzz", "--version", "v1", "--kind", "Zzz", NO_MAKE)
    names: set[str] = set()
    for path in project.folder.rglob("*.py"):
        # Only beside the kind itself.
        if "Zzz" not in path.read_text():
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom | ast.Import):
                names.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ClassDef):
                names.add(node.name)
    upper_case = {name for name in names if name[0].isupper() and not name.startswith("Zzz")}
    assert len(upper_case) > 5
    assert [name for name in sorted(upper_case) if not is_reserved_class(name)] == []


REFUSED = [
    (("--version", "v1", "--kind", "K"), 'error: --group: is missing; for example --group kaiwu (or --group ""'),
    (("--group", "kaiwu", "--kind", "K"), "error: --version: is missing; for example --version v1\n"),
    (("--group", "kaiwu", "--version", "v1"), "error: --kind: is missing; for example --kind KaiwuCluster\n"),
    (("--group", "--version", "v1"), "error: --group: its value is missing, the flag --version follows"),
    (
        ("--group", "kaiwu", "--version", "v1", "--kind", "kaiwu"),
        "error: --kind 'kaiwu': must start with an upper-case",
    ),
    (("--group", "kaiwu", "--version", "1", "--kind", "K"), "error: --version '1': must be v and a number"),
    (("--group", "Kaiwu", "--version", "v1", "--kind", "K"), "error: --group 'Kaiwu': must be lower-case letters"),
    (
        ("--group", "kaiwu", "--version", "v1", "--kind", "K", "--resource=false"),
        "error: --resource=false: PROJECT has no K of kaiwu/v1, and Kubernetes has none either; ",
    ),
    (
        ("--group", "kaiwu", "--version", "v1", "--kind", "K", "--resource", "false"),
        "error: --resource false: a boolean takes its value after an equals sign: --resource=false\n",
    ),
    (
        ("--group", "apps", "--version", "v1", "--kind", "Pod", "--resource=false"),
        "error: --kind 'Pod': apps/v1 has only ControllerRevision, DaemonSet, Deployment, ReplicaSet, StatefulSet\n",
    ),
]


@pytest.mark.parametrize(("flags", "message"), REFUSED, ids=["_".join(row[0]) for row in REFUSED])
def test_wrong_use(project: CommandLine, flags: tuple[str, ...], message: str) -> None:
    before = snapshot(project.folder)
    assert project.refused("create", "api", *flags, status=2).startswith(message)
    assert snapshot(project.folder) == before


def test_whitespace_around_names_does_not_matter(project: CommandLine) -> None:
    project.ok("create", "api", "--group", " kaiwu", "--version", "v1 ", "--kind", " KaiwuCluster ", NO_MAKE)
    assert entries(project.folder)[0]["kind"] == "KaiwuCluster"


def fake_make(command_line: CommandLine, script: str) -> CommandLine:
    folder = command_line.folder.parent / "bin"
    folder.mkdir()
    (folder / "make").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "make").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return type(command_line)(
        command_line.folder, {"PATH": path, "MAKEFLAGS": "--jobserver-auth=3,4", "MAKELEVEL": "1"}
    )


def test_make_runs_afterwards(project: CommandLine) -> None:
    output = fake_make(project, 'echo "made $* in $(pwd) with [$MAKEFLAGS$MAKELEVEL]"').ok(*CREATE)
    assert output.index("KaiwuCluster is") < output.index("Running make generate manifests")
    assert output.endswith(f"made generate manifests in {project.folder} with []\n")


def test_a_failing_make_leaves_the_scaffold_complete(project: CommandLine, pristine: Path) -> None:
    result = fake_make(project, "echo broken >&2; exit 2").run(*CREATE)
    assert result.returncode == 1
    assert result.stderr == (
        "broken\nerror: `make generate manifests` failed with exit status 2; the scaffold is complete and "
        "recorded: "
        "correct the cause and run make generate manifests\n"
    )
    assert project.ok(*CREATE, NO_MAKE) == "Nothing to do: everything is there already.\n"


def test_no_make(project: CommandLine) -> None:
    error = type(project)(project.folder, {"PATH": os.devnull}).run(*CREATE).stderr
    assert error.startswith("error: make is not installed, so `make generate manifests` was not run; the scaffold is")
    assert (project.folder / "api/v1/kaiwucluster_types.py").is_file()


def test_a_terminal_is_asked_for_what_is_missing(project: CommandLine) -> None:
    primary, secondary = pty.openpty()
    process = subprocess.Popen(
        project.argv("create", "api", "--version", "v1", NO_MAKE),
        cwd=project.folder,
        env={**project.env(), "TERM": "dumb"},
        stdin=secondary,
        stdout=secondary,
        stderr=secondary,
        close_fds=True,
    )
    os.close(secondary)
    output = b""
    for prompt, answer in (
        (b"Group (for example kaiwu): ", b"kaiwu\n"),
        (b"Kind (for example KaiwuCluster): ", b"Otter\n"),
    ):
        while prompt not in output:
            output += os.read(primary, 1024)
        os.write(primary, answer)
    while True:
        try:
            chunk = os.read(primary, 1024)
        except OSError:
            break
        if not chunk:
            break
        output += chunk
    assert process.wait(30) == 0
    os.close(primary)
    assert b"Resource" not in output
    assert (project.folder / "api/v1/otter_types.py").is_file()
