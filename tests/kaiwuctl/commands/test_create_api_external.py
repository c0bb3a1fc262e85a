"""`kaiwuctl create api` for kinds of other projects, through real processes."""

from __future__ import annotations

import subprocess
import textwrap
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .command_line import CREATE_ONLY, CommandLine, snapshot

if TYPE_CHECKING:
    from pathlib import Path

NO_MAKE = "--make=false"
NOTHING = "Nothing to do: everything is there already.\n"


def external(*flags: str, group: str = "cert-manager", kind: str = "Certificate", version: str = "v1") -> list[str]:
    return ["create", "api", "--group", group, "--version", version, "--kind", kind, *flags, NO_MAKE]


UNTYPED = external("--domain", "io", "--untyped")


def entries(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load((folder / "PROJECT").read_text()).get("resources", []))


def crd(folder: Path, name: str) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "tests/crds" / name).read_text()))


def test_a_kind_without_a_type(project: CommandLine) -> None:
    before = snapshot(project.folder)
    output = project.ok(*UNTYPED, "--resource=false")
    assert "Certificate is another project's: certificates.cert-manager.io, version v1.\n" in output
    after = snapshot(project.folder)
    assert {path for path in after.keys() - before.keys() if after[path].content is not None} == {
        "api/external/__init__.py",
        "api/external/cert_manager_io/__init__.py",
        "api/external/cert_manager_io/v1/__init__.py",
        "api/external/cert_manager_io/v1/certificate_types.py",
        "controllers/certificate_controller.py",
        "tests/crds/cert-manager.io_certificates.yaml",
        "tests/test_external_cert_manager_io_v1_certificate.py",
    }
    assert {path for path in before if before[path].content != after[path].content} == {
        ".kaiwuctl/scaffold.json",
        "PROJECT",
    }
    assert entries(project.folder) == [
        {
            "controller": True,
            "domain": "io",
            "external": True,
            "group": "cert-manager",
            "kind": "Certificate",
            "path": "api.external.cert_manager_io.v1.certificate_types",
            "plural": "certificates",
            "version": "v1",
        }
    ]


def test_the_same_again_changes_nothing_however_the_group_is_written(project: CommandLine) -> None:
    project.ok(*UNTYPED)
    before = snapshot(project.folder)
    assert project.ok(*UNTYPED) == NOTHING
    assert project.ok(*external("--untyped", group="cert-manager.io")) == NOTHING
    assert project.ok(*external("--untyped", "--domain", "", group="cert-manager.io")) == NOTHING
    assert project.ok(*external("--domain", "io")) == NOTHING
    assert project.ok(*external("--resource=false")) == NOTHING
    assert snapshot(project.folder) == before


def test_a_dry_run_writes_nothing(project: CommandLine) -> None:
    before = snapshot(project.folder)
    output = project.ok(*UNTYPED, "--dry-run")
    assert "create    api/external/cert_manager_io/v1/certificate_types.py\n" in output
    assert snapshot(project.folder) == before


def test_what_the_user_changed_stays(project: CommandLine) -> None:
    project.ok(*UNTYPED)
    for path in ("api/external/cert_manager_io/v1/certificate_types.py", "controllers/certificate_controller.py"):
        file = project.folder / path
        file.write_text(file.read_text() + "MINE = True\n")
    definition = project.folder / "tests/crds/cert-manager.io_certificates.yaml"
    definition.write_text(definition.read_text().replace("singular:", "shortNames: [cert]  # mine\n    singular:"))
    before = snapshot(project.folder)
    assert project.ok(*UNTYPED) == NOTHING
    assert snapshot(project.folder) == before
    project.ok(*external("--domain", "io", "--untyped", "--controller=false", version="v1beta1"))
    assert "# mine" in definition.read_text()
    versions = crd(project.folder, "cert-manager.io_certificates.yaml")["spec"]["versions"]
    assert [(each["name"], each["storage"]) for each in versions] == [("v1", True), ("v1beta1", False)]


def test_a_second_controller_needs_no_type_again(project: CommandLine) -> None:
    project.ok(*external("--domain", "io", "--untyped", "--namespaced=false", "--plural", "certs"))
    (entry,) = entries(project.folder)
    assert (entry["plural"], entry["scope"]) == ("certs", "Cluster")
    before = snapshot(project.folder)
    project.ok(*external("--resource=false", "--controller-name", "renewal"))
    after = snapshot(project.folder)
    assert [path for path in after if path not in before] == ["controllers/renewal_controller.py"]
    assert "import Certificate\n" in (project.folder / "controllers/renewal_controller.py").read_text()
    assert entries(project.folder)[0]["controllers"] == [{"name": "certificate"}, {"name": "renewal"}]


def test_a_kind_without_a_controller_can_be_owned(project: CommandLine) -> None:
    output = project.ok(*external("--domain", "io", "--untyped", "--controller=false"))
    assert "Next:" not in output
    assert (project.folder / "api/external/cert_manager_io/v1/certificate_types.py").is_file()
    assert not (project.folder / "controllers/certificate_controller.py").exists()
    assert "controller" not in entries(project.folder)[0]


def test_own_kinds_and_those_of_others_side_by_side(project: CommandLine) -> None:
    project.ok(*UNTYPED)
    project.ok(*CREATE_ONLY)
    project.ok(*external("--domain", "coreos.com", "--untyped", group="monitoring", kind="Prometheus"))
    assert [entry["kind"] for entry in entries(project.folder)] == ["Certificate", "KaiwuCluster", "Prometheus"]
    error = project.refused("create", "api", "--group", "cert-manager", "--version", "v1", "--kind", "Certificate",
                            "--resource=true", NO_MAKE, status=2)  # fmt: skip
    assert "as a kind of another project, certificates.cert-manager.io" in error


@pytest.mark.parametrize("kind", ["Client", "Condition", "Object", "ObjectReconciler", "GenericNamespacedResource"])
def test_a_name_that_is_taken_in_python(project: CommandLine, kind: str) -> None:
    """Another project may call its kinds as it likes."""
    project.ok(*external("--domain", "io", "--untyped", kind=kind))
    module = project.folder / f"controllers/{kind.lower()}_controller.py"
    text = module.read_text()
    name = kind if kind == "Object" else f"{kind}Kind"
    assert f"import {name}\n" in text
    assert f"(ObjectReconciler[{name}])" in text
    assert project.ok(*external("--domain", "io", "--untyped", kind=kind)) == NOTHING


def test_the_generator_grants_no_more_than_reading(project: CommandLine) -> None:
    project.ok(*UNTYPED)
    project.ok(*external("--resource=false", group="apps", kind="Deployment"))
    run = subprocess.run(
        [project.argv()[0], "-m", "kaiwu_runtime.generator", "manifests"],
        cwd=project.folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "config/crd" not in run.stdout
    rules = yaml.safe_load((project.folder / "config/rbac/role.yaml").read_text())["rules"]
    read = ["get", "list", "watch"]
    assert rules == [
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": read},
        {"apiGroups": ["cert-manager.io"], "resources": ["certificates"], "verbs": read},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ]


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (external("--untyped", group="certmanager"), 2, "the API group of another project's kind has a dot"),
        (external("--untyped", "--domain", "", group="certmanager"), 2, "add the rest with --domain"),
        (external("--untyped", "--domain", "io", group=""), 2, "--group ''"),
        (external("--untyped", "--domain", "IO"), 2, "--domain 'IO': must be lower-case DNS labels"),
        (external("--untyped", "--domain", "io\nx"), 2, "--domain"),
        (external("--untyped", "--domain", "io;rm -rf"), 2, "--domain"),
        (external("--untyped", "--domain", "i" * 101), 2, "--domain"),
        (external("--domain", "io"), 2, "--domain: PROJECT has no Certificate of cert-manager.io/v1 of another"),
        (external("--domain", "io", "--untyped", "--from", "a:B"), 2, "--untyped: contradicts --from"),
        (external("--domain", "io", "--untyped", "--resource=true"), 2, "--untyped: is for a kind of another project"),
        (external("--domain", "io", "--resource=true"), 2, "--domain: is for a kind of another project"),
        (external("--domain", "io", "--from", "a:B", "--plural", "bs"), 2, "--plural: the class of --from says it"),
        (external("--domain", "io", "--from", "a:B", "--namespaced"), 2, "--namespaced: the class of --from"),
        (external("--domain", "io", "--from", ""), 2, "--from '': must be a module and a class in it"),
        (external("--domain", "io", "--from", "a.yaml"), 2, "for a CRD write --from-crd a.yaml --resource=false"),
        (external("--domain", "io", "--from", "cluster:a.b"), 2, "for a CRD write --from-crd cluster:a.b"),
        (external("--domain", "io", "--from", "-"), 2, "for a CRD write --from-crd -"),
        (external("--domain", "io", "--from", "a.b"), 2, "must be a module and a class in it"),
        (external("--domain", "io", "--from", "a:b.c"), 2, "must be a module and a class in it"),
        (external("--domain", "io", "--from", "a..b:C"), 2, "must be the Python module"),
        (external("--domain", "io", "--from", "../a:C"), 2, "must be a module and a class in it"),
        (external("--domain", "io", "--from", "class:C"), 2, "must not contain a keyword"),
        (external("--domain", "io", "--from", "a:C\n"), 2, "there is no module a in"),
        (external("--domain", "io", "--from", "größe:C"), 2, "must be a module and a class in it"),
        (external("--domain", "io", "--from", "nothing.here:C"), 2, "there is no module nothing.here in the environ"),
        (external("--domain", "io", "--from", "json:Nothing"), 2, "json has no class Nothing; its classes are"),
        (external("--domain", "io", "--from", "json:JSONDecoder"), 2, "is not a Kubernetes resource"),
        (external("--domain", "io", "--from", "antigravity2:X"), 2, "there is no module antigravity2"),
        (
            external("--domain", "io", "--from", "lightkube.resources.apps_v1:Deployment"),
            2,
            "its API group 'apps' is not that of another project",
        ),
        (external("--untyped", "--domain", "k8s.io", group="networking", kind="Ingress"), 2, "a kind of Kubernetes"),
        (external("--untyped", "--domain", "io", version="1.0"), 2, "--version '1.0'"),
        (external("--untyped", "--domain", "io", kind="certificate"), 2, "must start with an upper-case letter"),
        (external("--untyped", "--domain", "io", "--plural", "Certs"), 2, "--plural"),
        (external("--untyped", "--domain", "io", "--controller=false", "--controller-name", "x"), 2, "contradicts"),
        (external("--resource=false"), 2, "add --untyped or its type with --from"),
    ],
)  # fmt: skip
def test_what_is_refused_changes_nothing(project: CommandLine, flags: list[str], status: int, words: str) -> None:
    before = snapshot(project.folder)
    assert words in project.refused(*flags, status=status)
    assert snapshot(project.folder) == before


def test_flags_that_contradict_the_project(project: CommandLine) -> None:
    project.ok(*UNTYPED)
    project.ok(*CREATE_ONLY)
    before = snapshot(project.folder)
    refusals = {
        "PROJECT has it with the plural": external("--domain", "io", "--untyped", "--plural", "certs"),
        "the scope 'Namespaced', not 'Cluster'": external("--domain", "io", "--untyped", "--namespaced=false"),
        "with the same group": external("--domain", "dev", "--untyped"),
        "of its own, kaiwuclusters": external("--domain", "io", "--untyped", group="kaiwu", kind="KaiwuCluster"),
        "the name 'certificates' belongs to": external("--domain", "io", "--untyped", "--plural", "certificates",
                                                       kind="Cert"),
    }  # fmt: skip
    for words, flags in refusals.items():
        assert words in project.refused(*flags, status=2)
    assert snapshot(project.folder) == before


def test_kinds_of_one_name_in_two_groups(project: CommandLine) -> None:
    project.ok(*UNTYPED)
    other = external("--domain", "", "--untyped", "--controller-name", "other", group="cert-manager.dev")
    project.ok(*other)
    assert project.ok(*other) == NOTHING
    assert [(each["group"], each.get("domain")) for each in entries(project.folder)] == [
        ("cert-manager", "io"),
        ("cert-manager.dev", None),
    ]


PACKAGE = '''
"""Types of Acme."""

print("imported")

from lightkube.generic_resource import GenericGlobalResource, create_api_info
from pydantic import Field

from kaiwu_runtime.api import APIModel, CustomResource, resource


class CacheSpec(APIModel):
    size: int = Field(default=1, ge=1)


@resource(group="caches.acme.io", version="v1beta1", plural="cachez")
class Cache(CustomResource):
    spec: CacheSpec = CacheSpec()


class NeedsSpec(APIModel):
    secret_name: str
    hosts: list[str] = Field(min_length=1)


@resource(group="caches.acme.io", version="v1", external=True)
class Needs(CustomResource):
    spec: NeedsSpec


class Wide(GenericGlobalResource):
    _api_info = create_api_info("caches.acme.io", "v1", "WideCache", "widecaches")
'''


@pytest.fixture
def with_package(project: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line with a package beside it that has types."""
    site = tmp_path / "site"
    write(site / "acme/__init__.py", PACKAGE)
    write(site / "broken_types/__init__.py", "raise RuntimeError('not\\x1b today\\nat all')")
    write(site / "loud_types/__init__.py", "import os\nprint('{}', flush=True)\nos._exit(3)")
    write(
        site / "Acme_Types-1.4.2+local.dist-info/METADATA",
        "Metadata-Version: 2.1\nName: Acme_Types\nVersion: 1.4.2+local\n",
    )
    write(site / "Acme_Types-1.4.2+local.dist-info/RECORD", "acme/__init__.py,,\n")
    return replace(project, environment={"PYTHONPATH": str(site)})


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def test_a_type_of_an_installed_package(with_package: CommandLine) -> None:
    command = external("--domain", "acme.io", "--from", "acme:Cache", group="caches", kind="Cache", version="v1beta1")
    requirements = with_package.folder / "requirements.txt"
    before = requirements.read_text()
    with_package.ok(*command)
    assert requirements.read_text() == f"{before}Acme_Types>=1.4.2\n"
    (entry,) = entries(with_package.folder)
    assert (entry["path"], entry["plural"], entry["external"]) == ("acme", "cachez", True)
    text = (with_package.folder / "controllers/cache_controller.py").read_text()
    # The generated modules import a Cache of their own.
    assert "from acme import Cache as CacheKind\nfrom kaiwu_runtime import" in text
    assert "ObjectReconciler[CacheKind]" in text
    definition = crd(with_package.folder, "caches.acme.io_cachez.yaml")
    (version,) = definition["spec"]["versions"]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    assert properties["spec"]["properties"]["size"]["minimum"] == 1
    assert with_package.ok(*command) == NOTHING
    assert not (with_package.folder / "api/external").exists()


def test_a_class_that_is_not_called_as_its_kind(with_package: CommandLine) -> None:
    command = external("--from", "acme:Wide", group="caches.acme.io", kind="WideCache")
    with_package.ok(*command)
    (entry,) = entries(with_package.folder)
    assert (entry["path"], entry["scope"]) == ("acme:Wide", "Cluster")
    assert (
        "from acme import Wide as WideCache\n"
        in (with_package.folder / "controllers/widecache_controller.py").read_text()
    )
    assert crd(with_package.folder, "caches.acme.io_widecaches.yaml")["spec"]["scope"] == "Cluster"
    assert with_package.ok(*command) == NOTHING


def test_the_test_creates_an_object_that_the_crd_accepts(with_package: CommandLine) -> None:
    """The fields that a type requires are filled in; a kind without a type needs none."""
    with_package.ok(*external("--from", "acme:Needs", group="caches.acme.io", kind="Needs"))
    text = (with_package.folder / "tests/test_external_caches_acme_io_v1_needs.py").read_text()
    assert 'FIELDS: dict[str, Any] = {"spec": {"hosts": ["example"], "secretName": "example"}}\n' in text
    assert "Needs.model_validate(" in text
    with_package.ok(*external("--from", "acme:Wide", group="caches.acme.io", kind="WideCache"))
    text = (with_package.folder / "tests/test_external_caches_acme_io_v1_widecache.py").read_text()
    assert 'WideCache(metadata=ObjectMeta(name="sample"))' in text
    ruff = [with_package.argv()[0], "-m", "ruff"]
    for command in (["check", "."], ["format", "--check", "."]):
        done = subprocess.run([*ruff, *command], cwd=with_package.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def test_a_webhook_of_a_class_that_is_not_called_as_its_kind(with_package: CommandLine) -> None:
    of = ("--group", "caches", "--version", "v1", NO_MAKE, "--kind")
    with_package.ok(*external("--from", "acme:Wide", group="caches.acme.io", kind="WideCache"))
    with_package.ok("create", "webhook", *of, "WideCache", "--defaulting", "--validation")
    with_package.ok(*external("--untyped", group="caches.acme.io", kind="Client"))
    with_package.ok("create", "webhook", *of, "Client", "--validation")
    commands = ("-m ruff check .", "-m ruff format --check .", "-c", "-c")
    code = [f"import controllers.{kind}_webhook" for kind in ("widecache", "client")]
    for command, more in zip(commands, ([], [], code[:1], code[1:]), strict=True):
        run = [with_package.argv()[0], *command.split(), *more]
        done = subprocess.run(
            run, cwd=with_package.folder, env=with_package.env(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_a_requirement_that_is_there_stays(with_package: CommandLine) -> None:
    requirements = with_package.folder / "requirements.txt"
    requirements.write_text("acme.types[extra] == 1.4.2  # mine")
    with_package.ok(*external("--from", "acme:Wide", group="caches.acme.io", kind="WideCache"))
    assert requirements.read_text() == "acme.types[extra] == 1.4.2  # mine"


def test_a_class_of_the_project_itself(project: CommandLine) -> None:
    write(project.folder / "shared/caches.py", PACKAGE)
    before = (project.folder / "requirements.txt").read_text()
    project.ok(*external("--from", "shared.caches:Wide", group="caches.acme.io", kind="WideCache"))
    assert (project.folder / "requirements.txt").read_text() == before
    assert not list(project.folder.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("source", "status", "words"),
    [
        ("acme:Cache", 2, "is Cache of caches.acme.io/v1beta1, not Certificate of cert-manager.io/v1"),
        ("broken_types:X", 1, "broken_types cannot be imported: RuntimeError: not today"),
        ("loud_types:X", 1, "loud_types cannot be imported: exit status 3"),
    ],
)  # fmt: skip
def test_a_package_that_does_not_help(with_package: CommandLine, source: str, status: int, words: str) -> None:
    before = snapshot(with_package.folder)
    assert words in with_package.refused(*external("--domain", "io", "--from", source), status=status)
    assert snapshot(with_package.folder) == before


def test_a_venv_of_the_project_is_asked(with_package: CommandLine) -> None:
    folder = with_package.folder / ".venv/bin"
    folder.mkdir(parents=True)
    (folder / "python").write_text("#!/bin/sh\nexit 7\n")
    command = external("--domain", "io", "--from", "acme:Cache")
    assert ".venv/bin/python cannot be run" in with_package.refused(*command, status=1)
    (folder / "python").chmod(0o755)
    assert "acme cannot be imported: exit status 7" in with_package.refused(*command, status=1)
