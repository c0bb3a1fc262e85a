# ruff: noqa: E501 - rows of a table read better on one line
"""The command line, run as a project runs it: in its root, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.generator._cli import main

TYPES = '''
"""The API of things."""

from pydantic import Field

from kaiwu_runtime.api import APIModel, CustomResource, resource


class ThingSpec(APIModel):
    """What is wanted."""

    size: int = Field(default=1, ge=1)
    """How large."""


@resource(group="a.example.com", version="{version}", kind="{kind}")
class {kind}(CustomResource):
    """A thing."""

    spec: ThingSpec = Field(default_factory=ThingSpec)
'''
CONTROLLER = """
from kaiwu_runtime.api import rbac


@rbac(groups="a.example.com", resources="things", verbs=["get", "list", "watch"])
class ThingReconciler:
    async def reconcile(self, request: object) -> None: ...
"""
NO_KIND = """
from kaiwu_runtime import ObjectReconciler, Result


class Bad(ObjectReconciler):
    async def reconcile(self, obj: object) -> Result | None: ...
"""
MISSPELLED = """
from kaiwu_runtime import Reconciler


class Good(Reconciler):
    def setup_with_manager(self, manager: object) -> None: ...

    async def reconcile(self, request: object) -> None: ...


class Bad(Good if {inherits} else Reconciler):
    def setup_with_manager(self, manager: object) -> None: ...

    async def {method}(self, request: object) -> None: ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    write(tmp_path / "api/v1/thing_types.py", TYPES.format(version="v1", kind="Thing"))
    write(tmp_path / "controllers/thing_controller.py", CONTROLLER)
    write(tmp_path / "hack/boilerplate.py.txt", "# Copyright 2026 The Authors.\n#\n# All rights.")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf-8")


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        [sys.executable, "-m", "kaiwu_runtime.generator", *arguments],
        cwd=root, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def files(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): path.read_text(encoding="utf-8")
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.suffix not in {".py", ".txt", ".pyc"}
    }


def test_manifests(project: Path) -> None:
    result = run(project, "manifests")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == ("wrote     config/crd/bases/a.example.com_things.yaml\nwrote     config/rbac/role.yaml\n")
    crd = yaml.safe_load((project / "config/crd/bases/a.example.com_things.yaml").read_text())
    spec = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert spec["properties"]["size"] == {
        "default": 1,
        "description": "How large.",
        "format": "int64",
        "minimum": 1,
        "type": "integer",
    }
    role = yaml.safe_load((project / "config/rbac/role.yaml").read_text())
    assert role["rules"] == [
        {"apiGroups": ["a.example.com"], "resources": ["things"], "verbs": ["get", "list", "watch"]}
    ]
    assert (role["kind"], role["metadata"]) == ("ClusterRole", {"name": "manager-role"})


def test_a_second_run_changes_nothing(project: Path) -> None:
    run(project, "manifests")
    run(project, "generate")
    before = files(project)
    for command in ("manifests", "generate"):
        result = run(project, command)
        assert {line.split()[0] for line in result.stdout.splitlines()} == {"unchanged"}
    assert files(project) == before


def test_documents(project: Path) -> None:
    result = run(project, "generate", "--header-file", "hack/boilerplate.py.txt")
    assert (result.returncode, result.stderr) == (0, "")
    assert sorted(files(project)) == ["docs/api/a.example.com_v1_thing.schema.json", "docs/api/reference.md"]
    document = json.loads((project / "docs/api/a.example.com_v1_thing.schema.json").read_text())
    assert document["$comment"].endswith("Copyright 2026 The Authors.\n\nAll rights.")
    assert "Copyright 2026 The Authors." in (project / "docs/api/reference.md").read_text()


def test_folders_can_be_named(project: Path) -> None:
    (project / "api").rename(project / "schemas")
    (project / "controllers").rename(project / "logic")
    result = run(project, "manifests", "--api", "schemas", "--controllers", "logic", "--crd-dir", "out/crd", "--role-file", "out/role.yaml", "--role-name", "r", "--namespaced")  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
    role = yaml.safe_load((project / "out/role.yaml").read_text())
    assert (role["kind"], role["metadata"]) == ("Role", {"name": "r"})
    assert len(role["rules"]) == 1
    assert (project / "out/crd/a.example.com_things.yaml").is_file()


def test_a_project_without_anything(tmp_path: Path) -> None:
    result = run(tmp_path, "manifests")
    assert result.returncode == 0
    assert result.stderr == "no API types yet: no *_types.py file below api/ has a kind of this project\n"
    assert list(files(tmp_path)) == ["config/rbac/role.yaml"]
    assert yaml.safe_load((tmp_path / "config/rbac/role.yaml").read_text())["rules"] == []
    result = run(tmp_path, "generate")
    assert (result.returncode, result.stdout) == (0, "")


def test_a_kind_that_is_gone_takes_its_files_along(project: Path) -> None:
    write(project / "api/v1/other_types.py", TYPES.format(version="v1", kind="Other"))
    write(project / "config/crd/bases/hand-written.yaml", "kind: CustomResourceDefinition\n")
    write(project / "docs/api/mine.schema.json", "{}")
    run(project, "manifests")
    run(project, "generate")
    (project / "api/v1/other_types.py").unlink()
    assert "removed   config/crd/bases/a.example.com_others.yaml" in run(project, "manifests").stdout
    assert "removed   docs/api/a.example.com_v1_other.schema.json" in run(project, "generate").stdout
    left = files(project)
    assert "config/crd/bases/hand-written.yaml" in left
    assert "docs/api/mine.schema.json" in left
    (project / "api/v1/thing_types.py").unlink()
    assert "removed   docs/api/reference.md" in run(project, "generate").stdout


def test_versions_and_groups_in_folders(project: Path) -> None:
    write(project / "api/kaiwu/v2/thing_types.py", TYPES.format(version="v2", kind="Thing"))
    run(project, "manifests")
    crd = yaml.safe_load((project / "config/crd/bases/a.example.com_things.yaml").read_text())
    assert [v["name"] for v in crd["spec"]["versions"]] == ["v2", "v1"]


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("api/v1/bad_types.py", "import nothing_like_this\n", "error: api/v1/bad_types.py:1: ModuleNotFoundError: No module named 'nothing_like_this'\n"),
        ("api/v1/bad_types.py", "x = 1\n\ndef f(:\n", "error: api/v1/bad_types.py:3: SyntaxError: invalid syntax\n"),
        ("api/v1/bad_types.py", "x = 1\n", "error: api/v1/bad_types.py has no class decorated with @resource(...): decorate its kind"),
        ("api/v1/bad_types.py", "from api.v1.helper import x\n", "error: api/v1/bad_types.py:1: ModuleNotFoundError: "),
        ("api/v1/bad_types.py", "1 / 0\n", "error: api/v1/bad_types.py:1: ZeroDivisionError: division by zero\n"),
        ("api/v1/bad_types.py", "raise SystemExit(3)\n", "error: api/v1/bad_types.py:1: SystemExit: 3\n"),
        ("api/v1-x/bad_types.py", "", "error: api/v1-x/bad_types.py: 'v1-x' is not a valid Python module name"),
        ("api/v1/bad_types.py", TYPES.format(version="One", kind="Bad"), "Bad: @resource version='One' is not a valid API version: use a DNS label such as v1 or v1beta1\n"),
        ("api/v1/bad_types.py", TYPES.replace("size: int = Field(default=1, ge=1)", "size: float = 1").format(version="v1", kind="Bad"), "error: api/v1/bad_types.py: ThingSpec.size: a float may be rounded"),
        ("api/v1/bad_types.py", TYPES.format(version="v1", kind="Thing"), "error: Thing: api.v1.bad_types.Thing and api.v1.thing_types.Thing both define version v1\n"),
        ("controllers/bad_controller.py", "x = 1\n", "error: controllers/bad_controller.py has no Reconciler: define a class with a reconcile method\n"),
        ("controllers/helper.py", "import nothing_like_this\n", "error: controllers/helper.py:1: ModuleNotFoundError"),
        ("controllers/bad_controller.py", CONTROLLER.replace('"get", ', '"Get", '), "error: controllers/bad_controller.py:5: ThingReconciler: @rbac verb 'Get' is not a valid verb"),
        ("controllers/bad_controller.py", NO_KIND, "error: Bad has no kind: write class Bad(ObjectReconciler[Kind])\n"),
        ("controllers/bad_controller.py", NO_KIND.replace("(ObjectReconciler)", "(ObjectReconciler[Result])"), "error: Bad: kaiwu_runtime.controller._request.Result is not a Kubernetes resource"),
        ("controllers/bad_controller.py", MISSPELLED.format(method="reconcil", inherits=False), "error: controllers/bad_controller.py: Bad.reconcil is never called: did you mean reconcile?\n"),
    ],
    ids=["missing module", "syntax", "no kind", "missing helper", "exception", "exit", "folder name", "decorator", "type", "twice", "no reconciler", "helper module", "rbac", "no kind in brackets", "not a kind in brackets", "misspelled"],
)  # fmt: skip
def test_one_line_that_names_the_file(project: Path, file: str, text: str, message: str) -> None:
    run(project, "manifests")
    before = files(project)
    write(project / file, text)
    result = run(project, "manifests")
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert files(project) == before, "a failure leaves the tree as it was"


def test_two_controllers_of_one_name_are_a_warning(project: Path) -> None:
    """One may be chosen in main.py."""
    for name in ("first", "second"):
        text = NO_KIND.replace("(ObjectReconciler)", "(ObjectReconciler[Thing])") + "\n    region = 'eu'\n"
        write(project / f"controllers/{name}_controller.py", f"from api.v1.thing_types import Thing\n{text}")
    result = run(project, "manifests")
    where = "Bad of controllers/first_controller.py and Bad of controllers/second_controller.py"
    assert result.returncode == 0
    assert result.stderr.startswith(f"warning: {where} are controllers of the name 'thing', and a manager takes only")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(("method", "inherits"), [("reconcil", True), ("reconcile_one", False), ("measure", False)])
def test_a_base_class_of_reconcilers_is_no_mistake(project: Path, method: str, inherits: bool) -> None:
    """A complete class may have any method, and a class that lacks one may be completed elsewhere."""
    write(project / "controllers/good_controller.py", MISSPELLED.format(method=method, inherits=inherits))
    result = run(project, "manifests")
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["manifests", "--api", "nowhere"], 1, "error: --api nowhere: there is no such directory\n"),
        (["manifests", "--controllers", "nowhere"], 1, "error: --controllers nowhere: there is no such directory\n"),
        (["manifests", "--api", ".."], 1, "error: --api ..: run this in the root of the project\n"),
        (["generate", "--header-file", "nowhere"], 1, "error: --header-file nowhere: No such file or directory\n"),
        (["manifests", "--nonsense"], 2, "unrecognized arguments: --nonsense"),
        (
            ["manifests", "--max-description", "few"],
            2,
            "argument --max-description: invalid number 'few': use 0 or more",
        ),
        (["manifests", "--max-description", "-1"], 2, "argument --max-description: -1 is negative"),
        ([], 2, "the following arguments are required: COMMAND"),
        (["unknown"], 2, "invalid choice: 'unknown'"),
    ],
)
def test_wrong_use(project: Path, arguments: list[str], code: int, message: str) -> None:
    result = run(project, *arguments)
    assert result.returncode == code
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_in_the_way_is_named(project: Path) -> None:
    write(project / "config", "")
    result = run(project, "manifests")
    assert result.returncode == 1
    assert result.stderr.startswith("error: cannot write config/crd/bases/a.example.com_things.yaml: ")
    assert result.stderr.count("\n") == 1


def test_a_module_of_another_place_is_not_taken_for_the_projects(project: Path) -> None:
    (project / "api").rename(project / "json")
    result = run(project, "manifests", "--api", "json")
    assert result.returncode == 1
    assert result.stderr == (
        "error: json/v1/thing_types.py: Python has another module called 'json': rename the directory json/\n"
    )


def test_descriptions_can_be_cut(project: Path) -> None:
    run(project, "manifests", "--max-description", "0")
    assert "description" not in (project / "config/crd/bases/a.example.com_things.yaml").read_text()


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["manifests", "--help"])
    assert caught.value.code == 0
    assert "--role-name" in capsys.readouterr().out


def test_a_large_crd_warns(project: Path) -> None:
    fields = "\n".join(f"    t{index}: Kube[PodTemplateSpec] | None = None" for index in range(8))
    text = TYPES.replace(
        "from pydantic import Field", "from lightkube.models.core_v1 import PodTemplateSpec\nfrom pydantic import Field"
    ).replace("APIModel,", "APIModel, Kube,")
    write(
        project / "api/v1/thing_types.py",
        text.replace('    size: int = Field(default=1, ge=1)\n    """How large."""', fields).format(
            version="v1", kind="Thing"
        ),
    )
    result = run(project, "manifests")
    assert result.returncode == 0
    assert result.stderr.startswith("warning: Thing: its CRD has ")
    assert run(project, "generate").stderr == "", "`make generate manifests` says it once"


@pytest.mark.parametrize(
    ("rule", "warning"),
    [
        ('groups="", resources="pods", verbs="write"', "'write' is not a standard verb: use verbs=WRITE, which is ['create', 'patch']"),
        ('groups="", resources="pods", verbs=["get", "remove"]', "'remove' is not a standard verb"),
        ('urls="/metrics", verbs="list"', "'list' is not a standard verb"),
        ('groups="", resources="userextras/x", verbs=["impersonate:user-info"]', ""),
        ('groups="certificates.k8s.io", resources="signers", verbs=["approve", "sign"]', ""),
        ('urls="/metrics", verbs=["get", "post"]', ""),
        ('groups="*", resources="*", verbs="*"', ""),
    ],
)  # fmt: skip
def test_a_verb_that_grants_nothing_warns(project: Path, rule: str, warning: str) -> None:
    write(project / "controllers/thing_controller.py", CONTROLLER.replace("@rbac(", f"@rbac({rule})\n@rbac(", 1))
    result = run(project, "manifests")
    assert result.returncode == 0
    assert result.stderr == (f"warning: ThingReconciler: @rbac verb {warning}\n" if warning else "")


def test_kinds_of_other_projects_get_no_files(project: Path) -> None:
    """Their projects install the CRDs; the reconciler of one of them needs no more than to read it."""
    before = run(project, "manifests").returncode, run(project, "generate").returncode, files(project)
    external = TYPES.format(version="v1", kind="Foreign").replace('kind="Foreign"', 'kind="Foreign", external=True')
    write(project / "api/external/a/v1/foreign_types.py", external)
    write(
        project / "api/external/b/v1/untyped_types.py",
        """
        from lightkube.generic_resource import GenericNamespacedResource, create_api_info


        class Untyped(GenericNamespacedResource):
            _api_info = create_api_info("b.example.com", "v1", "Untyped", "untypeds")
        """,
    )
    assert (run(project, "manifests").returncode, run(project, "generate").returncode, files(project)) == before
    for kind, module in (("Foreign", "a.v1.foreign_types"), ("Untyped", "b.v1.untyped_types")):
        write(
            project / f"controllers/{kind.lower()}_controller.py",
            f"""
            from kaiwu_runtime import ObjectReconciler

            from api.external.{module} import {kind}


            class {kind}Reconciler(ObjectReconciler[{kind}]):
                async def reconcile(self, obj: {kind}) -> None: ...
            """,
        )
    result = run(project, "manifests")
    assert (result.returncode, result.stderr) == (0, "")
    rules = yaml.safe_load((project / "config/rbac/role.yaml").read_text())["rules"]
    assert [rule for rule in rules if set(rule["resources"]) & {"foreigns", "untypeds"}] == [
        {"apiGroups": ["a.example.com"], "resources": ["foreigns", "things"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["b.example.com"], "resources": ["untypeds"], "verbs": ["get", "list", "watch"]},
    ]


def test_a_role_beside_the_crds_stays(project: Path) -> None:
    """It carries the mark of generated files, as the CRDs of kinds that are gone do."""
    for role in ("out/role.yaml", str(project / "out/role.yaml")):
        result = run(project, "manifests", "--crd-dir", "out", "--role-file", role)
        assert (result.returncode, result.stderr) == (0, "")
        assert "removed" not in result.stdout
        assert sorted(files(project)) == ["out/a.example.com_things.yaml", "out/role.yaml"]


def test_a_class_with_a_second_name_is_one_class(project: Path) -> None:
    write(project / "api/v1/thing_types.py", TYPES.format(version="v1", kind="Thing") + "\n\nThingV1 = Thing\n")
    webhook = """
    from kaiwu_runtime.webhook import Validator, validating

    from api.v1.thing_types import Thing


    @validating()
    class ThingRules(Validator[Thing]):
        pass


    Rules = ThingRules
    """
    write(project / "controllers/rules.py", webhook)
    write(project / "config/webhook/kustomization.yaml", "resources: []\n")
    result = run(project, "manifests")
    assert (result.returncode, result.stderr) == (0, "")
    (document,) = yaml.safe_load_all((project / "config/webhook/manifests.yaml").read_text())
    assert len(document["webhooks"]) == 1
