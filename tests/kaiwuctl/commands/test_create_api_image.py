"""`kaiwuctl create api --image` through real processes."""

from __future__ import annotations

import ast
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from .command_line import CommandLine, snapshot

if TYPE_CHECKING:
    from pathlib import Path

NO_MAKE = "--make=false"
NOTHING = "Nothing to do: everything is there already.\n"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"


def memcached(*flags: str, version: str = "v1", kind: str = "Memcached") -> list[str]:
    return ["create", "api", "--group", "cache", "--version", version, "--kind", kind, *flags, NO_MAKE]


ALL_FLAGS = memcached(
    *("--image", "memcached:1.6", "--container-port", "11211", "--container-command", "memcached,-m,64"),
    *("--run-as-user", "1001"),
)


def project_of(folder: Path) -> dict[str, Any]:
    return dict(yaml.safe_load((folder / "PROJECT").read_text()))


def images(folder: Path) -> list[dict[str, Any]]:
    """Return what PROJECT says about images."""
    plugins = project_of(folder).get("plugins", {})
    return list(plugins.get("deploy-image.kaiwuctl.io/v1", {}).get("resources", []))


def constant(folder: Path, name: str, module: str = "memcached_controller") -> str:
    """Return the expression of a constant in a controller."""
    tree = ast.parse((folder / f"controllers/{module}.py").read_text())
    (found,) = (node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name)
    return ast.unparse(found.value)


def kustomized(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        ["kubectl", "kustomize", "config/manager"], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.safe_load_all(done.stdout) if each["kind"] == "Deployment"]


def test_everything_is_recorded(project: CommandLine) -> None:
    output = project.ok(*ALL_FLAGS)
    assert "Its pods run memcached:1.6; change it in config/manager.\nNext: run\n" in output
    folder = project.folder
    assert images(folder) == [
        {
            "domain": "inspur.com",
            "group": "cache",
            "kind": "Memcached",
            "options": {
                "containerCommand": "memcached,-m,64",
                "containerPort": "11211",
                "image": "memcached:1.6",
                "runAsUser": "1001",
            },
            "version": "v1",
        }
    ]
    assert constant(folder, "IMAGE") == "os.environ.get('MEMCACHED_IMAGE') or 'memcached:1.6'"
    assert constant(folder, "COMMAND") == "['memcached', '-m', '64']"
    assert "finalizer" not in (folder / "controllers/memcached_controller.py").read_text()
    sample = yaml.safe_load((folder / "config/samples/cache_v1_memcached.yaml").read_text())
    assert sample["spec"] == {"size": 1, "containerPort": 11211}
    (manager,) = kustomized(folder)
    (container,) = manager["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "MEMCACHED_IMAGE", "value": "memcached:1.6"}]


def test_the_same_again_changes_nothing(project: CommandLine) -> None:
    project.ok(*ALL_FLAGS)
    before = snapshot(project.folder)
    for again in (ALL_FLAGS, memcached(), memcached("--image", "memcached:1.6"), memcached("--resource=false")):
        assert project.ok(*again) == NOTHING
    assert snapshot(project.folder) == before


def test_a_dry_run_writes_nothing(project: CommandLine) -> None:
    before = snapshot(project.folder)
    output = project.ok(*ALL_FLAGS, "--dry-run")
    assert "create    config/manager/memcached_image.yaml\n" in output
    assert "+- path: memcached_image.yaml" in output
    assert snapshot(project.folder) == before


@pytest.mark.parametrize("image", ["registry:5000/x:1", f"x@{DIGEST}", f"registry:5000/x:1@{DIGEST}", "x", "1"])
def test_an_image_reaches_code_and_manifest(project: CommandLine, image: str) -> None:
    output = project.ok(*memcached("--image", image))
    assert "The image has to name a user by a number other than 0; --run-as-user sets one.\n" in output
    assert repr(image) in constant(project.folder, "IMAGE")
    (manager,) = kustomized(project.folder)
    assert manager["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] == image
    assert images(project.folder)[0]["options"] == {"image": image}
    text = (project.folder / "controllers/memcached_controller.py").read_text()
    assert "Service" not in text
    assert "COMMAND" not in text


def test_the_operator_survives_every_fault(project: CommandLine) -> None:
    """What `make test-faults` does: the end is the same after a kill, a refusal or a lost answer at any write."""
    project.ok(*ALL_FLAGS)
    done = subprocess.run(
        [project.argv()[0], "-m", "kaiwu_runtime.testing.faults", "tests/faults/scenario.py"],
        cwd=project.folder, env={**project.env(), "PYTHONHASHSEED": "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert " plans run, 0 failed; " in done.stdout


def test_two_kinds_and_what_users_added(project: CommandLine) -> None:
    file = project.folder / "config/manager/kustomization.yaml"
    file.write_text(file.read_text() + "# mine\npatches:\n- path: mine.yaml  # first\n- patch: |-\n    - op: test\n")
    project.ok(*ALL_FLAGS)
    project.ok(*memcached("--image", "worker:1", kind="Worker"))
    loaded = yaml.safe_load(file.read_text())
    assert [patch.get("path") for patch in loaded["patches"]] == [
        "mine.yaml",
        None,
        "memcached_image.yaml",
        "worker_image.yaml",
    ]
    assert "# mine" in file.read_text()
    assert "# first" in file.read_text()
    assert [entry["kind"] for entry in images(project.folder)] == ["Memcached", "Worker"]


def test_in_several_groups_the_variables_differ(empty: CommandLine) -> None:
    empty.ok("init", "--domain", "inspur.com", "--multigroup")
    for group in ("cache", "store-x"):
        empty.ok("create", "api", "--group", group, "--version", "v1", "--kind", "Node", "--image", "x:1", NO_MAKE)
    (manager,) = kustomized(empty.folder)
    names = {each["name"] for each in manager["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert names == {"CACHE_NODE_IMAGE", "STORE_X_NODE_IMAGE"}


def test_another_version_has_the_same_fields(project: CommandLine) -> None:
    project.ok(*ALL_FLAGS)
    project.ok(*memcached(version="v2"))
    text = (project.folder / "api/v2/memcached_types.py").read_text()
    assert "container_port: Annotated[int, Field(ge=1, le=65535)] = 11211" in text
    assert "storage=False" in text
    assert [entry["version"] for entry in images(project.folder)] == ["v1", "v2"]
    assert project.ok(*memcached(version="v2")) == NOTHING


def test_a_second_controller_is_a_plain_one(project: CommandLine) -> None:
    project.ok(*ALL_FLAGS)
    project.ok(*memcached("--controller-name", "backup"))
    text = (project.folder / "controllers/backup_controller.py").read_text()
    assert "Deployment" not in text
    assert project.ok(*ALL_FLAGS[:-1], "--controller-name", "memcached", NO_MAKE) == NOTHING


def test_the_controller_later(project: CommandLine) -> None:
    project.ok(*memcached("--image", "x:1", "--controller=false"))
    assert not (project.folder / "config/manager/memcached_image.yaml").exists()
    project.ok(*memcached())
    assert (project.folder / "config/manager/memcached_image.yaml").exists()
    assert repr("x:1") in constant(project.folder, "IMAGE")


IMAGE = ("--image", "x:1")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--image", ""), "--image '': must not be empty; for example registry.example.com/memcached:1.6"),
        (("--image", "   "), "--image '': must not be empty"),
        (("--image", "https://x/y"), "must be a reference without a scheme"),
        (("--image", "X:1"), "must be a registry and a path in lower case"),
        (("--image", "x:1\nenv: y"), "must have ASCII characters only"),
        (("--image", 'x"y'), "must be a registry and a path"),
        (("--image", "x@sha256:abc"), "must have a digest"),
        (("--container-port", "80"), "--container-port: says how --image runs; add --image"),
        (("--container-command", "sh"), "--container-command: says how --image runs"),
        (("--run-as-user", "1"), "--run-as-user: says how --image runs"),
        ((*IMAGE, "--container-port", "0"), "must be a number from 1 to 65535"),
        ((*IMAGE, "--container-port", "http"), "must be a number from 1 to 65535"),
        ((*IMAGE, "--container-port", ""), "must be a number from 1 to 65535"),
        ((*IMAGE, "--run-as-user", "0"), "must not be 0, because the pods run without root"),
        ((*IMAGE, "--run-as-user", "root"), "must be the number of a user"),
        ((*IMAGE, "--container-command", ""), "--container-command: must not be empty"),
        ((*IMAGE, "--container-command", "[1]"), "must be a list of strings"),
        ((*IMAGE, "--container-command", "a\x1b[31m"), "must have printable characters only"),
        ((*IMAGE, "--resource=false"), "--image: needs a type of its own"),
        ((*IMAGE, "--untyped", "--domain", "io"), "--image: needs a type of its own"),
        ((*IMAGE, "--namespaced=false"), "--image: the pods run in the namespace of their object"),
    ],
)
def test_what_is_refused_changes_nothing(project: CommandLine, flags: tuple[str, ...], words: str) -> None:
    before = snapshot(project.folder)
    assert words in project.refused(*memcached(*flags), status=2)
    assert snapshot(project.folder) == before


def test_a_kind_that_the_modules_import_is_renamed_there(project: CommandLine) -> None:
    project.ok(*memcached(*IMAGE, kind="Deployment"))
    controller = (project.folder / "controllers/deployment_controller.py").read_text()
    assert "\nfrom api.v1.deployment_types import Deployment as DeploymentKind\n" in controller
    assert "class DeploymentReconciler(ObjectReconciler[DeploymentKind]):" in controller
    assert "\nclass Deployment(CustomResource):" in (project.folder / "api/v1/deployment_types.py").read_text()


def test_a_kind_that_its_type_would_replace(project: CommandLine) -> None:
    before = snapshot(project.folder)
    error = project.refused(*memcached(*IMAGE, kind="Int32"), status=2)
    assert error == (
        "error: --kind 'Int32': is a name that the generated api/v1/int32_types.py imports; choose another, for "
        "example Int32Set\n"
    )
    assert snapshot(project.folder) == before
    project.ok(*memcached(kind="Int32"))


def test_flags_that_contradict_the_project(project: CommandLine) -> None:
    project.ok(*ALL_FLAGS)
    project.ok(*memcached(kind="Plain"))
    before = snapshot(project.folder)
    kept = ("--image", "memcached:1.6")
    refusals = {
        "--image 'memcached:1.7': Memcached has 'memcached:1.6' in PROJECT": memcached("--image", "memcached:1.7"),
        "--container-port '80': Memcached has '11211'": memcached(*kept, "--container-port", "80"),
        "--run-as-user '5': Memcached has '1001'": memcached(*kept, "--run-as-user", "5"),
        "--container-command 'sh': Memcached has": memcached(*kept, "--container-command", "sh"),
        "--image: PROJECT has Plain v1 with a type of its own": memcached("--image", "x:1", kind="Plain"),
    }
    for words, flags in refusals.items():
        assert words in project.refused(*flags, status=2)
    assert snapshot(project.folder) == before


def test_what_the_user_changed_stays(project: CommandLine) -> None:
    project.ok(*ALL_FLAGS)
    for path in (
        "controllers/memcached_controller.py",
        "config/manager/memcached_image.yaml",
        "config/manager/manager.yaml",
    ):
        file = project.folder / path
        file.write_text(file.read_text() + "# mine\n")
    before = snapshot(project.folder)
    assert project.ok(*ALL_FLAGS) == NOTHING
    assert snapshot(project.folder) == before


def test_a_file_in_the_way(project: CommandLine) -> None:
    (project.folder / "config/manager/memcached_image.yaml").write_text("mine\n")
    before = snapshot(project.folder)
    error = project.refused(*ALL_FLAGS, status=1)
    assert error.splitlines()[1:] == ["  config/manager/memcached_image.yaml"]
    assert snapshot(project.folder) == before


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "config/manager/kustomization.yaml: not found; restore it from version control"),
        ("a: [", "config/manager/kustomization.yaml:1: broken YAML"),
        ("patches: x\n", "config/manager/kustomization.yaml:1: patches must be a list"),
        ("[]\n", "config/manager/kustomization.yaml:1: must be a YAML mapping"),
    ],
)
def test_a_kustomization_that_cannot_be_changed(project: CommandLine, text: str | None, words: str) -> None:
    file = project.folder / "config/manager/kustomization.yaml"
    file.unlink()
    if text is not None:
        file.write_text(text)
    before = snapshot(project.folder)
    assert words in project.refused(*ALL_FLAGS, status=1)
    assert snapshot(project.folder) == before
