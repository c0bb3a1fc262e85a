"""Generated projects do what their Makefile says: one project of each shape, against a real API server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kaiwu_runtime.envtest import ControlPlane

from ..terminal import Terminal
from .cases import CASES, Case
from .generation import contents, differing, environment, find_uv, generate

# On one worker: each would make every project, and a virtual environment, for itself.
pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("generated projects")]

SHAPES = ("plain", "multigroup", "namespaced", "cluster-scope", "controller-only", "external", "image")
# Objects of other versions than the stored one need the operator, so that not every test can have it.
WITH_WEBHOOKS = "webhooks"
NAMESPACE = "kaiwu-operator-system"
GENERATED = r"docs/api/|config/crd/bases/|config/rbac/role\.yaml|config/default/role_namespaces\.yaml"


class Project:
    """A generated project and the environment its commands run in."""

    def __init__(self, case: Case, folder: Path, variables: dict[str, str]) -> None:
        self.case = case
        self.folder = folder
        self.environment = environment(**variables)

    def __repr__(self) -> str:
        return self.case.name

    def run(self, *command: str, status: int = 0, stdin: str = "") -> str:
        """Run a command in the project's folder and return what it prints, both streams."""
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert result.returncode == status, f"{' '.join(command)}: {result.returncode}\n{result.stdout}"
        return result.stdout

    @property
    def has_types(self) -> bool:
        """Whether there are CRDs and samples."""
        return (self.folder / "config" / "crd").is_dir()


@pytest.fixture(scope="module")
def kubeconfig() -> Iterator[Path]:
    """A control plane of this module's own: these tests look at every CRD and every object there is."""
    with ControlPlane() as plane:
        yield plane.kubeconfig


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, kubeconfig: Path, mypy_cache: Path) -> dict[str, Project]:
    """A project of each shape. The first has made the virtual environment, the others have a link to it."""
    projects: dict[str, Project] = {}
    variables = {
        "KUBECONFIG": str(kubeconfig),
        "MYPY_CACHE_DIR": str(mypy_cache),
        "RUFF_CACHE_DIR": str(tmp_path_factory.mktemp("ruff")),
        "PATH": with_uv(without_this_environment(os.environ["PATH"]), tmp_path_factory.mktemp("bin")),
    }
    for case in (case for case in CASES if case.name in {*SHAPES, WITH_WEBHOOKS}):
        folder, _ = generate(case, tmp_path_factory.mktemp(case.name))
        projects[case.name] = Project(case, folder, variables)
    first = projects[SHAPES[0]]
    first.run("make", "generate", f"PYTHON={sys.executable}")
    for project in projects.values():
        if project is not first:
            (project.folder / ".venv").symlink_to(first.folder / ".venv")
    (first.folder / ".venv" / ".installed").touch()
    return projects


@pytest.fixture(scope="module", params=SHAPES)
def project(request: pytest.FixtureRequest, prepared: dict[str, Project]) -> Project:
    """A project of each shape in turn."""
    return prepared[request.param]


@pytest.fixture
def installed(project: Project) -> Iterator[Project]:
    """A project that `make install` has been run in; the API server is shared, so `make uninstall` follows."""
    project.run("make", "install")
    yield project
    project.run("make", "uninstall")


def copy_of(project: Project, folder: Path) -> Project:
    """Return a copy of a project to change, with the virtual environment of the original."""
    shutil.copytree(project.folder, folder, symlinks=True, ignore=shutil.ignore_patterns(".venv", ".*_cache"))
    (folder / ".venv").symlink_to((project.folder / ".venv").resolve())
    return Project(project.case, folder, project.environment)


def without_this_environment(path: str) -> str:
    """Return a PATH without the virtual environment of the tests: a project must manage with its own."""
    own = Path(sys.executable).parent
    return os.pathsep.join(folder for folder in path.split(os.pathsep) if Path(folder) != own)


def with_uv(path: str, folder: Path) -> str:
    """Return a PATH with uv, which takes a tenth of the time of pip; test_environment.py has both."""
    uv = find_uv()
    if uv is not None:
        (folder / "uv").symlink_to(uv)
    return f"{folder}{os.pathsep}{path}"


def generated_files(names: Iterable[str]) -> list[str]:
    """Return those that the generator writes."""
    return [name for name in names if re.match(GENERATED, name)]


def installer(project: Project) -> list[dict[str, Any]]:
    """Return the objects in dist/install.yaml."""
    return list(YAML(typ="safe").load_all(project.folder / "dist" / "install.yaml"))


def test_lint_passes(project: Project) -> None:
    output = project.run("make", "lint")
    assert "All checks passed!" in output
    assert "Success: no issues found" in output


def test_generating_again_writes_nothing(project: Project) -> None:
    """The committed files are there already, so that the first run has nothing to write either."""
    before = contents(project.folder)
    for _ in range(2):
        lines = project.run("make", "generate", "manifests").splitlines()
        actions = [line.split()[0] for line in lines if (project.folder / line.split()[-1]).is_file()]
        assert actions == ["unchanged"] * len(generated_files(before))
    assert differing(before, contents(project.folder)) == []


def test_build_imports_everything(project: Project) -> None:
    project.run("make", "build")


def test_a_package_of_ones_own_is_built_and_linted(prepared: dict[str, Project], tmp_path: Path) -> None:
    project = copy_of(prepared["plain"], tmp_path / "project")
    (project.folder / "clock").mkdir()
    (project.folder / "clock/__init__.py").write_text("def tick() -> int:\n    return 1\n", encoding="utf-8")
    main = project.folder / "main.py"
    text = main.read_text(encoding="utf-8").replace(
        "import controllers\n", "import controllers\nfrom clock import tick\n"
    )
    main.write_text(text.replace("    manager.discover", "    tick()\n    manager.discover"), encoding="utf-8")
    project.run("make", "build")
    project.run("make", "lint")
    (project.folder / "clock/__init__.py").write_text("import sys\ndef tick():\n    return 1\n", encoding="utf-8")
    assert "clock/__init__.py" in project.run(".venv/bin/ruff", "check", ".", status=1)
    assert "clock/__init__.py:2: error" in project.run(".venv/bin/mypy", status=1)
    with (project.folder / ".dockerignore").open("a", encoding="utf-8") as file:
        file.write("clock\n")
    output = project.run("make", "build", status=2)
    assert "error: clock/__init__.py is not in the image: it is imported by main.py:" in output


def test_install_and_uninstall(project: Project) -> None:
    expected = sorted(path.stem.split("_")[1] for path in (project.folder / "config/crd/bases").glob("*.yaml"))
    output = project.run("make", "install")
    if not project.has_types:
        assert "no CRDs yet: kaiwuctl create api adds the first" in output
        assert expected == []
    project.run("make", "install")
    names = project.run("kubectl", "get", "crd", "-o", "jsonpath={.items[*].spec.names.plural}").split()
    assert sorted(names) == expected
    project.run("make", "uninstall")
    assert project.run("kubectl", "get", "crd", "-o", "name") == ""


def test_samples_are_accepted(installed: Project) -> None:
    if not installed.has_types:
        assert not (installed.folder / "config" / "samples").exists()
        return
    for definition in (installed.folder / "config/crd/bases").glob("*.yaml"):
        installed.run("kubectl", "wait", "--for=condition=Established", "-f", str(definition), "--timeout=30s")
    output = installed.run("kubectl", "apply", "-k", "config/samples", "--dry-run=server", "--validate=strict")
    kinds = [arguments for arguments in installed.case.apis if "--resource=false" not in arguments]
    assert output.count("created (server dry run)") == len(kinds)


def test_installer_is_accepted(installed: Project) -> None:
    installed.run("make", "build-installer", "IMG=registry.example.com/kaiwu-operator:v1")
    objects = installer(installed)
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "registry.example.com/kaiwu-operator:v1"
    assert list((installed.folder / "dist").iterdir()) == [installed.folder / "dist" / "install.yaml"]

    # With a dry run nothing is created, so that what is in the namespace needs it beforehand.
    for each in objects:
        if each["kind"] in {"Namespace", "PriorityClass", "ServiceAccount"}:
            apply(installed, each)
    command = ("kubectl", "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "dist/install.yaml")
    output = installed.run(*command)
    assert "Warning" not in output, "PodSecurity warns of a pod that the namespace will not take"
    assert output.count("serverside-applied (server dry run)") == len(objects)


def test_pod_is_admitted_by_the_namespace(installed: Project) -> None:
    installed.run("make", "build-installer")
    objects = installer(installed)
    for each in objects:
        if each["kind"] in {"Namespace", "PriorityClass", "ServiceAccount"}:
            apply(installed, each)
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    pod["metadata"] = {**pod["metadata"], "name": "manager", "namespace": NAMESPACE}
    apply(installed, pod, "--dry-run=server")
    # The namespace does refuse others, so that the line above says something.
    pod["spec"] = {key: value for key, value in pod["spec"].items() if key != "securityContext"}
    assert 'violates PodSecurity "restricted' in apply(installed, pod, "--dry-run=server", status=1)


@pytest.mark.parametrize("shape", ["plain", "namespaced", "multigroup", "external", "image", WITH_WEBHOOKS])
def test_its_own_tests_pass(prepared: dict[str, Project], shape: str) -> None:
    project = prepared[shape]
    texts = [file.read_text(encoding="utf-8") for file in (project.folder / "tests").glob("test_*.py")]
    count = sum(len(re.findall(r"^(?:async )?def test_", text, re.MULTILINE)) for text in texts)
    assert f"{count} passed" in project.run("make", "test")


@pytest.mark.parametrize("shape", ["plain", "namespaced"])
@pytest.mark.parametrize(
    ("missing", "needs_it"),
    [
        ("configmaps", 'await self.client.apply(child_of(obj, ConfigMap, data={"a": "b"}))'),
        ("secrets", 'await self.client.get(Secret, "a", namespace=obj.metadata.namespace)'),
    ],
)
def test_its_own_tests_name_a_missing_rule(
    prepared: dict[str, Project], tmp_path: Path, shape: str, missing: str, needs_it: str
) -> None:
    """The rules for its own kind come from the class; those for what `reconcile` does are the project's."""
    project = copy_of(prepared[shape], tmp_path / "project")
    controller = project.folder / "controllers/kaiwucluster_controller.py"
    text = controller.read_text(encoding="utf-8")
    before = "        obj.status.conditions.set("
    imports = "from kaiwu_runtime import child_of\nfrom lightkube.resources.core_v1 import ConfigMap, Secret\n"
    assert text.count(before) == text.count("\nfrom kaiwu_runtime import") == 1
    text = text.replace(before, f"        {needs_it}\n{before}")
    controller.write_text(text.replace("\nfrom kaiwu_runtime import", f"\n{imports}from kaiwu_runtime import"), "utf-8")
    output = project.run("make", "test", status=2)
    assert "@rbac" in output
    assert missing in output
    assert "TimeoutError" not in output


def test_run_makes_the_sample_ready(prepared: dict[str, Project]) -> None:
    """And Ctrl-C ends it without a traceback."""
    project = prepared["plain"]
    project.run("make", "install")
    project.run("kubectl", "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    project.run("kubectl", "apply", "-k", "config/samples")
    log = project.folder.parent / "run.log"
    command = ["make", "run", "ARGS=--health-probe-bind-address=0"]
    with Terminal(command, project.folder, project.environment, log):
        project.run("kubectl", "wait", "--for=condition=Ready", "--timeout=60s", "kaiwuclusters", "--all")
    assert "Traceback" not in log.read_text(encoding="utf-8")
    columns = project.run("kubectl", "get", "kaiwuclusters").splitlines()
    assert [line.split()[:2] for line in columns] == [["NAME", "READY"], ["kaiwucluster-sample", "True"]]
    project.run("kubectl", "delete", "-k", "config/samples")
    project.run("make", "uninstall")


def test_run_serves_the_webhooks_until_ctrl_c(prepared: dict[str, Project], tmp_path: Path) -> None:
    project = copy_of(prepared[WITH_WEBHOOKS], tmp_path / "copy")
    sample = "config/samples/kaiwu_v1beta1_kaiwucluster.yaml"
    rules = project.folder / "controllers/kaiwucluster_webhook.py"
    text = rules.read_text(encoding="utf-8")
    assert text.count("        return None\n") == 1
    text = text.replace("        return None\n", '        raise AdmissionDenied("not today")\n')
    rules.write_text(text.replace("    AdmissionRequest,\n", "    AdmissionDenied,\n    AdmissionRequest,\n", 1))
    project.run("make", "install")
    project.run("kubectl", "wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    log = tmp_path / "run.log"
    command = ["make", "run", "ARGS=--health-probe-bind-address=0 --webhook-port=0"]
    with Terminal(command, project.folder, project.environment, log) as terminal:
        terminal.shows("The API server calls the webhooks of this process")
        assert "not today" in project.run("kubectl", "apply", "-f", sample, status=1)
    assert "Traceback" not in log.read_text(encoding="utf-8")
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations"
    assert "No resources found" in project.run("kubectl", "get", kinds)
    project.run("kubectl", "apply", "-f", sample, "--dry-run=server")
    project.run("make", "uninstall")


def apply(project: Project, manifest: dict[str, Any], *flags: str, status: int = 0) -> str:
    """Apply one object and return what kubectl prints."""
    return project.run(
        "kubectl", "apply", "--server-side", *flags, "-f", "-", stdin=json.dumps(manifest), status=status
    )
