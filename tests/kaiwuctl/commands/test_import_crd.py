"""`kaiwuctl import crd` and `create api --from-crd`, through real processes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from kaiwu_runtime._manifests import read_manifests

from ..importer.round_trip import meaning
from .command_line import INIT, CommandLine, snapshot
from .imported_crds import NO_MAKE, NOTHING, entries, generate, two_versions
from .test_interruptions import MOMENTS, duration, start

if TYPE_CHECKING:
    pass

WELL_KNOWN = sorted((Path(__file__).parents[4] / "shared/crds").glob("*.yaml"))


def test_a_kind_of_our_own(project: CommandLine, source: Path) -> None:
    before = snapshot(project.folder)
    output = project.ok("import", "crd", str(source), "--controller", NO_MAKE)
    assert "Widget is widgets.shop.inspur.com, imported: v2, v1.\n" in output
    after = snapshot(project.folder)
    assert {path for path in after.keys() - before.keys() if after[path].content is not None} == {
        "api/v1/__init__.py",
        "api/v1/widget_types.py",
        "api/v2/__init__.py",
        "api/v2/widget_types.py",
        "config/crd/bases/shop.inspur.com_widgets.yaml",
        "config/crd/kustomization.yaml",
        "config/rbac/widget_admin_role.yaml",
        "config/rbac/widget_editor_role.yaml",
        "config/rbac/widget_viewer_role.yaml",
        "config/samples/kustomization.yaml",
        "config/samples/shop_v1_widget.yaml",
        "config/samples/shop_v2_widget.yaml",
        "controllers/widget_controller.py",
        "tests/test_v1_widget.py",
    }
    common = {
        "api": {"crdVersion": "v1", "namespaced": True},
        "domain": "inspur.com",
        "group": "shop",
        "kind": "Widget",
    }
    assert entries(project.folder) == [
        {**common, "controller": True, "path": "api/v1", "plural": "widgets", "version": "v1"},
        {**common, "path": "api/v2", "plural": "widgets", "version": "v2"},
    ]
    sample = yaml.safe_load((project.folder / "config/samples/shop_v1_widget.yaml").read_text())
    assert sample["spec"] == {"value": "example"}
    (written,) = read_manifests(Path(project.folder, "config/crd/bases/shop.inspur.com_widgets.yaml").read_bytes())
    assert meaning(written) == meaning(two_versions()), "kustomize builds before make manifests has run"
    assert meaning(generate(project.folder)) == meaning(two_versions())


def test_a_kind_of_another_project(project: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "routes.json"
    crd = two_versions("gateway.networking.k8s.io")
    crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved"}
    file.write_text(json.dumps(crd))
    project.ok("import", "crd", str(file), "--external", NO_MAKE)
    assert entries(project.folder)[0] == {
        "domain": "networking.k8s.io",
        "external": True,
        "group": "gateway",
        "kind": "Widget",
        "path": "api.external.gateway_networking_k8s_io.v1.widget_types",
        "plural": "widgets",
        "version": "v1",
    }
    (written,) = read_manifests((project.folder / "tests/crds/gateway.networking.k8s.io_widgets.yaml").read_bytes())
    assert meaning(written) == meaning(crd)
    module = (project.folder / "api/external/gateway_networking_k8s_io/v1/widget_types.py").read_text()
    assert "external=True" in module
    assert not (project.folder / "config/crd").exists() or not list((project.folder / "config/crd").rglob("*widget*"))


@pytest.mark.parametrize("flags", [(), ("--external",), ("--controller",), ("--external", "--controller")])
def test_twice_is_once(project: CommandLine, source: Path, flags: tuple[str, ...]) -> None:
    command = ("import", "crd", str(source), *flags, NO_MAKE)
    before = snapshot(project.folder)
    assert "Dry run:" in project.ok(*command, "--dry-run")
    assert snapshot(project.folder) == before
    project.ok(*command)
    after = snapshot(project.folder)
    assert project.ok(*command) == NOTHING
    assert snapshot(project.folder) == after
    (project.folder / "tests").joinpath("note.txt").write_text("mine")


def test_a_controller_can_be_added_later(project: CommandLine, source: Path) -> None:
    project.ok("import", "crd", str(source), NO_MAKE)
    assert not (project.folder / "controllers/widget_controller.py").exists()
    project.ok("create", "api", "--from-crd", str(source), NO_MAKE)
    assert "Seen a Widget" in (project.folder / "controllers/widget_controller.py").read_text()
    assert [entry.get("controller") for entry in entries(project.folder)] == [True, None]


OWN = ("create", "api", "--group", "shop", "--version", "v1", "--kind", "Widget", NO_MAKE)
CONDITIONS = """
class WidgetStatus(APIModel):
    conditions: {annotation}


class Widget(CustomResource):
    status: {status}
"""


@pytest.mark.parametrize("flags", [(), ("--controller-name", "second"), ("--resource=false", "--controller")])
def test_a_controller_of_an_imported_kind_works(project: CommandLine, source: Path, flags: tuple[str, ...]) -> None:
    """Without the CRD at hand: what the status of the kind has is read from its type."""
    project.ok("import", "crd", str(source), NO_MAKE)
    project.ok(*OWN, *flags)
    (controller,) = (project.folder / "controllers").glob("*_controller.py")
    assert "Seen a Widget" in controller.read_text()
    tests = [path.read_text() for path in (project.folder / "tests").glob("test_v1_widget.py")]
    assert not [text for text in tests if '"Ready"' in text]
    command = [sys.executable, "-m", "mypy", "."]
    done = subprocess.run(command, cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    after = snapshot(project.folder)
    assert project.ok(*OWN, *flags) == NOTHING
    assert snapshot(project.folder) == after


@pytest.mark.parametrize(
    ("annotation", "status", "has"),
    [
        ("Conditions = Conditions()", "WidgetStatus = WidgetStatus()", True),
        ("api.Conditions = api.Conditions()", "WidgetStatus = WidgetStatus()", True),
        ('Annotated[Conditions, "x"] = Conditions()', "WidgetStatus = WidgetStatus()", True),
        ("Conditions | None = None", "WidgetStatus = WidgetStatus()", False),
        ("list[str] = []", "WidgetStatus = WidgetStatus()", False),
        ("Conditions = Conditions()", "WidgetStatus | None = None", False),
        ("Conditions = Conditions()", "OtherStatus = OtherStatus()", False),
    ],
)
def test_a_controller_sets_the_conditions_that_a_type_has(
    project: CommandLine, annotation: str, status: str, has: bool
) -> None:
    project.ok(*OWN)
    types = project.folder / "api/v1/widget_types.py"
    types.write_text(CONDITIONS.format(annotation=annotation, status=status))
    project.ok(*OWN, "--controller-name", "second")
    assert ("conditions.set(" in (project.folder / "controllers/second_controller.py").read_text()) == has


def test_a_newer_crd_is_not_written_over_changes(project: CommandLine, source: Path) -> None:
    project.ok("import", "crd", str(source), NO_MAKE)
    module = project.folder / "api/v2/widget_types.py"
    module.write_text(module.read_text() + "# mine\n")
    before = snapshot(project.folder)
    assert project.ok("import", "crd", str(source), NO_MAKE) == NOTHING
    assert snapshot(project.folder) == before
    assert "overwrite api/v2/widget_types.py" in project.ok("import", "crd", str(source), "--force", NO_MAKE)


def test_one_version_of_several(project: CommandLine, source: Path) -> None:
    result = project.run("import", "crd", str(source), "--versions", "v2", NO_MAKE)
    assert result.returncode == 0
    assert result.stderr == "warning: widgets.shop.inspur.com: version v1 is the stored one and was not imported\n"
    assert [entry["version"] for entry in entries(project.folder)] == ["v2"]
    assert [version["name"] for version in generate(project.folder)["spec"]["versions"]] == ["v2"]


def test_outside_of_a_project(empty: CommandLine, source: Path) -> None:
    assert "PROJECT: not found in this directory" in empty.refused("import", "crd", str(source), status=1)


def test_a_second_group(project: CommandLine, source: Path, tmp_path: Path) -> None:
    project.ok("import", "crd", str(source), NO_MAKE)
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(two_versions("other.example.org")))
    before = snapshot(project.folder)
    assert "is for one group" in project.refused("import", "crd", str(file), NO_MAKE, status=2)
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_in_the_middle(pristine: Path, tmp_path: Path, source: Path, number: signal.Signals) -> None:
    """Whenever a run ends, the tree is as before or as after; the next run leaves what one run leaves."""
    command = ("import", "crd", str(source), "--controller", NO_MAKE)
    folder = tmp_path / "kaiwu-operator"

    def fresh() -> CommandLine:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(pristine, folder, symlinks=True)
        return CommandLine(folder)

    project = fresh()
    before = snapshot(folder)
    length = duration(project, *command)
    after = snapshot(folder)
    ended = 0
    for moment in range(MOMENTS):
        project = fresh()
        process = start(project, *command)
        try:
            process.wait(length * moment / MOMENTS)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        process.communicate(timeout=60)
        ended += process.returncode in {-number, 128 + number}
        if number != signal.SIGKILL:
            assert snapshot(folder) in (before, after), moment
        result = project.run(*command)
        assert result.returncode == 0, result.stderr
        assert result.stderr in {"", "warning: An earlier run was interrupted; what it had written was undone\n"}
        assert snapshot(folder) == after, moment
    assert ended >= MOMENTS // 4


def test_the_stored_version_of_an_imported_kind_stays(project: CommandLine, source: Path) -> None:
    project.ok("import", "crd", str(source), NO_MAKE)
    before = snapshot(project.folder)
    delete = ("delete", "api", "--group", "shop", "--version", "v1", "--kind", "Widget", NO_MAKE)
    error = project.refused(*delete, status=2)
    assert error == (
        "error: --version 'v1': is the version of Widget that the API server stores; make v2 the stored one first: "
        "set storage=True in the @resource of v2, leave storage out of that of v1, and run make manifests\n"
    )
    assert snapshot(project.folder) == before
    # What the message says.
    old, new = (project.folder / f"api/{version}/widget_types.py" for version in ("v1", "v2"))
    old.write_text(old.read_text().replace(", storage=True", "").replace("    storage=True,\n", ""))
    new.write_text(new.read_text().replace('version="v2"', 'version="v2", storage=True'))
    stored = [version["name"] for version in generate(project.folder)["spec"]["versions"] if version["storage"]]
    assert stored == ["v2"]
    project.ok(*delete, "--force")
    assert [entry["version"] for entry in entries(project.folder)] == ["v2"]


def test_a_version_that_is_not_stored_goes(project: CommandLine, source: Path) -> None:
    project.ok("import", "crd", str(source), NO_MAKE)
    project.ok("delete", "api", "--group", "shop", "--version", "v2", "--kind", "Widget", NO_MAKE)
    assert [version["name"] for version in generate(project.folder)["spec"]["versions"]] == ["v1"]


def test_a_kind_of_kubernetes_itself_is_another_projects(project: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(yaml.safe_dump(two_versions("gateway.networking.k8s.io")))
    before = snapshot(project.folder)
    assert project.refused("import", "crd", str(file), NO_MAKE, status=2) == (
        f"error: {file}: the API group gateway.networking.k8s.io is reserved for Kubernetes itself, so Widget is "
        "another project's; pass --external\n"
    )
    assert snapshot(project.folder) == before
    project.ok("import", "crd", str(file), "--external", NO_MAKE)


def test_the_crds_of_well_known_projects_make_one_project(empty: CommandLine) -> None:
    """All of them are the project's own kinds, or another project's, and the generator gives what they mean."""
    empty.ok(*INIT, "--multigroup")
    expected: dict[str, Any] = {}
    for file in WELL_KNOWN:
        (crd,) = read_manifests(file.read_bytes())
        group = str(crd["spec"]["group"])
        external = ["--external"] if group.endswith("k8s.io") and group.startswith("gateway.") else []
        empty.ok("import", "crd", str(file), *external, NO_MAKE)
        if not external:
            expected[crd["metadata"]["name"]] = meaning(crd)
    command = [sys.executable, "-m", "kaiwu_runtime.generator", "manifests"]
    done = subprocess.run(command, cwd=empty.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = sorted((empty.folder / "config/crd/bases").glob("*.yaml"))
    made = [crd for file in files for crd in read_manifests(file.read_bytes())]
    assert {crd["metadata"]["name"]: meaning(crd) for crd in made} == expected
