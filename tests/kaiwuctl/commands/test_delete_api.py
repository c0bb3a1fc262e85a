"""`kaiwuctl delete api`: the reverse of `create api`, which never takes what the user wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from .command_line import CREATE_ONLY, CommandLine, snapshot
from .in_process import built, recorded, run_generator

DELETE = ("delete", "api", "--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster")
DELETE_ONLY = (*DELETE, "--make=false")
SECOND_VERSION = ("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")


def test_what_stays_in_clusters_is_said(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    output = project.ok(*DELETE_ONLY)
    assert "kubectl delete customresourcedefinition kaiwuclusters.kaiwu.inspur.com\n" in output
    roles = [f"kaiwu-operator-kaiwucluster-{role}-role" for role in ("admin", "editor", "viewer")]
    assert f"kubectl delete clusterrole {' '.join(roles)}\n" in output


def test_the_same_again_changes_nothing(project: CommandLine) -> None:
    before = snapshot(project.folder)
    project.ok(*CREATE_ONLY)
    project.ok(*DELETE_ONLY)
    assert snapshot(project.folder) == before
    assert project.ok(*DELETE_ONLY) == ("Nothing to do: PROJECT has no KaiwuCluster of kaiwu/v1; it has no API.\n")
    assert snapshot(project.folder) == before


def test_a_mistyped_kind_shows_what_there_is(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    before = snapshot(project.folder)
    output = project.ok("delete", "api", "--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluser", "--make=false")
    assert output == (
        "Nothing to do: PROJECT has no KaiwuCluser of kaiwu/v1; it has kaiwu v1 KaiwuCluster kaiwucluster.\n"
    )
    assert snapshot(project.folder) == before


FILES = [
    "api/v1/kaiwucluster_types.py",
    "api/v1/__init__.py",
    "controllers/kaiwucluster_controller.py",
    "config/rbac/kaiwucluster_admin_role.yaml",
    "config/samples/kaiwu_v1_kaiwucluster.yaml",
    "tests/test_v1_kaiwucluster.py",
]


@pytest.mark.parametrize("path", FILES)
def test_a_users_change_is_not_deleted_silently(project: CommandLine, path: str) -> None:
    project.ok(*CREATE_ONLY)
    with (project.folder / path).open("a") as stream:
        stream.write("# mine\n")
    before = snapshot(project.folder)
    error = project.refused(*DELETE_ONLY, status=1)
    assert error == (
        "error: nothing was written, because 1 file has changes that kaiwuctl did not write; pass --force to delete:\n"
        f"  {path}\n"
    )
    assert snapshot(project.folder) == before
    assert f"delete    {path}\n" in project.ok(*DELETE_ONLY, "--force")
    assert not (project.folder / path).exists()


def test_a_crd_that_the_generator_wrote_is_not_a_users_change(project: CommandLine) -> None:
    before = snapshot(project.folder)
    project.ok(*CREATE_ONLY)
    types = project.folder / FILES[0]
    original = types.read_text()
    types.write_text(original.replace("foo: Annotated", "bar: int = 1\n\n    foo: Annotated"))
    run_generator(project.folder)
    types.write_text(original)
    assert "bar:" in (project.folder / "config/crd/bases/kaiwu.inspur.com_kaiwuclusters.yaml").read_text()
    project.ok(*DELETE_ONLY)
    run_generator(project.folder)
    assert snapshot(project.folder) == before


def test_a_users_files_beside_stay(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    (project.folder / "api/v1/shared.py").write_text("SIZE = 3\n")
    (project.folder / "config/crd/extra.yaml").write_text("kind: ConfigMap\napiVersion: v1\nmetadata: {name: a}\n")
    kustomization = project.folder / "config/crd/kustomization.yaml"
    kustomization.write_text(f"{kustomization.read_text()}- extra.yaml # mine\n# and this\n")
    project.ok(*DELETE_ONLY)
    assert sorted(path.name for path in (project.folder / "api/v1").iterdir()) == ["__init__.py", "shared.py"]
    assert kustomization.read_text().endswith("resources:\n- extra.yaml # mine\n# and this\n")
    assert "../crd" in (project.folder / "config/default/kustomization.yaml").read_text()
    assert "name: kaiwu-operator-a\n" in built(project.folder)


def test_a_kustomization_with_a_users_comment_stays(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    kustomization = project.folder / "config/crd/kustomization.yaml"
    kustomization.write_text(f"{kustomization.read_text()}# mine\n")
    project.ok(*DELETE_ONLY)
    assert kustomization.read_text().endswith("resources: []\n# mine\n")
    built(project.folder)


IMPORTS = [
    "from api.v1.kaiwucluster_types import KaiwuCluster",
    "from api.v1 import kaiwucluster_types",
    "import api.v1.kaiwucluster_types as types",
    "from api import v1",
    "def f() -> None:\n    from api.v1.kaiwucluster_types import KaiwuClusterSpec",
]


@pytest.mark.parametrize("line", IMPORTS)
def test_what_others_import_is_not_deleted(project: CommandLine, line: str) -> None:
    project.ok(*CREATE_ONLY)
    (project.folder / "billing").mkdir()
    (project.folder / "billing/plans.py").write_text(f'"""Mine."""\n\n{line}\n')
    before = snapshot(project.folder)
    error = project.refused(*DELETE_ONLY, "--force", status=1)
    assert "nothing was deleted, because other files of the project import what would be; change these lines:" in error
    number = 4 if line.startswith("def") else 3
    assert f"  billing/plans.py line {number} imports api.v1" in error
    assert snapshot(project.folder) == before


def test_relative_imports_are_found(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    (project.folder / "api/v1/views.py").write_text("from . import kaiwucluster_types\n")
    assert "api/v1/views.py line 1 imports api.v1.kaiwucluster_types" in project.refused(*DELETE_ONLY, status=1)


def test_a_virtual_environment_is_not_searched(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    for folder in (".venv", "venv", "mine"):
        (project.folder / folder / "lib").mkdir(parents=True)
        (project.folder / folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
        (project.folder / folder / "lib/x.py").write_text("from api.v1.kaiwucluster_types import KaiwuCluster\n")
    project.ok(*DELETE_ONLY)


def test_the_stored_version_goes_last(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    project.ok(*SECOND_VERSION)
    before = snapshot(project.folder)
    error = project.refused(*DELETE_ONLY, status=2)
    assert error.startswith(
        "error: --version 'v1': is the version of KaiwuCluster that the API server stores; make v2 "
    )
    assert snapshot(project.folder) == before


def test_the_first_version_once_another_is_stored(project: CommandLine) -> None:
    """The controller that works with the other version by now stays, and is that version's in PROJECT."""
    folder = project.folder
    project.ok(*CREATE_ONLY)
    project.ok(*SECOND_VERSION)
    first, second = (folder / f"api/{version}/kaiwucluster_types.py" for version in ("v1", "v2"))
    second.write_text(second.read_text().replace("    storage=False,\n", ""))
    first.write_text(first.read_text().replace('    version="v1",\n', '    version="v1",\n    storage=False,\n'))
    controller = folder / "controllers/kaiwucluster_controller.py"
    controller.write_text(controller.read_text().replace("api.v1.", "api.v2."))
    # The type of v1 was changed.
    assert "api/v1/kaiwucluster_types.py" in project.refused(*DELETE_ONLY, status=1)
    output = project.ok(*DELETE_ONLY, "--force")
    assert "PROJECT has the controllers of KaiwuCluster with v2 now: kaiwucluster.\n" in output
    assert "status.storedVersions does not list v1:\n" in output
    assert controller.exists()
    assert recorded(folder) == {("kaiwu", "v2", "KaiwuCluster"): (True, ("kaiwucluster",))}
    assert not (folder / "api/v1").exists()
    assert not (folder / "tests/test_v1_kaiwucluster.py").exists()
    assert (folder / "config/rbac/kaiwucluster_admin_role.yaml").exists()
    run_generator(folder)
    versions = yaml.safe_load_all(next((folder / "config/crd/bases").iterdir()).read_text())
    assert [version["name"] for version in next(iter(versions))["spec"]["versions"]] == ["v2"]
    built(folder)
    replayed = json.loads((folder / ".kaiwuctl/scaffold.json").read_text())["create"]
    assert [(each["version"], each["resource"], each["controller"]) for each in replayed] == [
        ("v2", True, False),
        ("v2", False, True),
    ]
    # What is left can be created again: the test of the controller, which had been v1's.
    assert "  create    tests/test_v2_kaiwucluster.py\n  change    .kaiwuctl" in project.ok(*SECOND_VERSION)
    assert project.ok(*SECOND_VERSION) == "Nothing to do: everything is there already.\n"


def test_the_image_of_another_version_stays(project: CommandLine) -> None:
    """Both versions have a controller that runs it, and there is one patch with the image."""
    project.ok(*CREATE_ONLY, "--image", "registry:5000/kaiwu:1")
    before = snapshot(project.folder)
    project.ok(*SECOND_VERSION, "--controller-name", "kaiwu-second")
    project.ok("delete", "api", *SECOND_VERSION[2:8], "--make=false")
    assert snapshot(project.folder) == before
    assert "registry:5000/kaiwu:1" in built(project.folder)


def test_only_the_controller(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    project.ok(*DELETE_ONLY, "--controller-only")
    assert recorded(project.folder) == {("kaiwu", "v1", "KaiwuCluster"): (True, ())}
    assert not (project.folder / "tests/test_v1_kaiwucluster.py").exists()
    assert (project.folder / "api/v1/kaiwucluster_types.py").exists()
    again = project.ok(*DELETE_ONLY, "--controller-only")
    assert again.startswith("Nothing to do: PROJECT has no controller of KaiwuCluster of kaiwu/v1; it has kaiwu v1 ")


def test_a_project_without_a_record(project: CommandLine) -> None:
    """What an older kaiwuctl wrote is known by writing it again."""
    record = project.folder / ".kaiwuctl/scaffold.json"
    before = snapshot(project.folder)
    project.ok(*CREATE_ONLY)
    record.unlink()
    (project.folder / ".kaiwuctl").rmdir()
    project.ok(*DELETE_ONLY)
    after = snapshot(project.folder)
    for tree in (before, after):
        tree.pop(".kaiwuctl", None)
        tree.pop(".kaiwuctl/scaffold.json", None)
    assert after == before


def test_compiled_files_do_not_keep_a_folder(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    cache = project.folder / "api/v1/__pycache__"
    cache.mkdir()
    (cache / "kaiwucluster_types.cpython-311.pyc").write_bytes(b"\0")
    project.ok(*DELETE_ONLY)
    assert not (project.folder / "api/v1").exists()


def test_a_dry_run_deletes_nothing(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    before = snapshot(project.folder)
    output = project.ok(*DELETE_ONLY, "--dry-run")
    assert "  delete    api/v1/kaiwucluster_types.py\n" in output
    assert "    -- ../crd\n" in output
    assert output.endswith("Dry run: 4 files would be written, 11 deleted.\n")
    assert snapshot(project.folder) == before


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "--group: is missing; for example --group kaiwu"),
        (("--group", "Kaiwu"), "--group 'Kaiwu': must be lower-case"),
        (("--version", "1.0"), "--version '1.0': must be v and a number"),
        (("--kind", "../../etc/passwd"), "--kind '../../etc/passwd': must be letters and digits only"),
        (("--controller-name", "a", "--controller-only"), "--controller-name: contradicts --controller-only"),
        (("--controller-name", "../x"), "--controller-name '../x': must be lower-case"),
        (("--controller-only=maybe",), "--controller-only=maybe: 'maybe' is not a boolean"),
    ],
)
def test_wrong_use(project: CommandLine, flags: tuple[str, ...], message: str) -> None:
    before = snapshot(project.folder)
    command = (*DELETE, *flags) if flags else DELETE[:2]
    assert project.refused(*command, status=2).startswith(f"error: {message}")
    assert snapshot(project.folder) == before


def test_outside_a_project(empty: CommandLine) -> None:
    assert "PROJECT: not found in this directory" in empty.refused(*DELETE, status=1)


@pytest.mark.parametrize("path", ["api/v1/kaiwucluster_types.py", "config/crd", "PROJECT"])
def test_a_link_is_not_followed(project: CommandLine, tmp_path: Path, path: str) -> None:
    project.ok(*CREATE_ONLY)
    elsewhere = tmp_path / "elsewhere"
    (project.folder / path).rename(elsewhere)
    (project.folder / path).symlink_to(elsewhere)
    before = snapshot(project.folder)
    project.refused(*DELETE_ONLY, "--force", status=1)
    assert snapshot(project.folder) == before
    assert elsewhere.exists()


def test_the_generator_runs_afterwards(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    (project.folder / "Makefile").write_text("generate manifests:\n\t@echo made $@ >> made\n")
    project.ok(*DELETE)
    assert (project.folder / "made").read_text() == "made generate\nmade manifests\n"
