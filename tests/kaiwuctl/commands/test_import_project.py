"""`kaiwuctl import project`, through real processes."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from kaiwu_runtime._manifests import read_manifests

from ..go_operator import PROJECT, SAMPLE, shop_crd, write_go_operator
from ..importer.round_trip import meaning
from .command_line import CommandLine, snapshot
from .test_interruptions import start

if TYPE_CHECKING:
    pass

NO_MAKE = "--make=false"
SCRIPTS = Path(sys.executable).parent


@pytest.fixture
def operator(tmp_path: Path) -> Path:
    return write_go_operator(tmp_path / "go-operator")


@pytest.fixture
def imported(empty: CommandLine, operator: Path) -> CommandLine:
    before = snapshot(operator)
    empty.ok("import", "project", str(operator), NO_MAKE)
    assert snapshot(operator) == before, "the source is only read"
    return empty


def test_what_is_taken_over(imported: CommandLine) -> None:
    project = yaml.safe_load((imported.folder / "PROJECT").read_text())
    assert {key: project[key] for key in ("domain", "projectName", "repo")} == {
        key: PROJECT[key] for key in ("domain", "projectName", "repo")
    }
    entries = {(entry["kind"], entry["version"]): entry for entry in project["resources"]}
    assert {key: entry.get("controller", False) for key, entry in entries.items()} == {
        ("Shop", "v1"): True,
        ("Shop", "v2"): False,
        ("Deployment", "v1"): True,
        ("Certificate", "v1"): True,
    }
    assert entries["Shop", "v1"]["webhooks"] == PROJECT["resources"][0]["webhooks"]
    (sample,) = read_manifests((imported.folder / "config/samples/web_v1_shop.yaml").read_bytes())
    assert sample == SAMPLE
    controller = (imported.folder / "controllers/shop_controller.py").read_text()
    assert "shops" not in controller.replace("webhook", "")
    assert (
        '@rbac(groups="apps", resources=["deployments", "statefulsets"], verbs=["get", "list", "watch", "patch"])'
        in controller
    )
    assert '@rbac(groups="", resources="configmaps", verbs="get")' in controller
    assert '@rbac(urls="/metrics", verbs="get")' in controller
    assert 'resource_names="shop-password", verbs="get", namespace="system"' in controller
    left = (imported.folder / "IMPORTED.md").read_text()
    for line in (
        "internal/controller/shop_controller.go: write its Reconcile in Python",
        "internal/webhook/v1/shop_webhook.go: write what it checks and fills in in Python",
        "config/default/own_patch.yaml: was not carried over",
        "Certificate v1: is untyped",
        "cmd/main.go: was not carried over",
    ):
        assert f"- [ ] {line}" in left


def test_the_new_project_is_whole(imported: CommandLine) -> None:
    for command in (
        [sys.executable, "-m", "kaiwu_runtime.generator", "manifests"],
        [sys.executable, "-m", "kaiwu_runtime.generator", "generate"],
        [str(SCRIPTS / "ruff"), "check", "."],
        [str(SCRIPTS / "ruff"), "format", "--check", "."],
        [str(SCRIPTS / "mypy")],
    ):
        done = subprocess.run(command, cwd=imported.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    (crd,) = read_manifests((imported.folder / "config/crd/bases/web.example.com_shops.yaml").read_bytes())
    assert meaning(crd) == meaning(shop_crd())
    role = (imported.folder / "config/rbac/role.yaml").read_text()
    assert "shop-password" in role


def test_a_sample_without_a_value(empty: CommandLine, operator: Path) -> None:
    """kubebuilder scaffolds samples whose spec has only a comment."""
    sample = {"apiVersion": "web.example.com/v1", "kind": "Shop", "metadata": {"name": "first"}, "spec": None}
    (operator / "config/samples/web_v1_shop.yaml").write_text(yaml.safe_dump(sample))
    empty.ok("import", "project", str(operator), NO_MAKE)
    written = yaml.safe_load((empty.folder / "config/samples/web_v1_shop.yaml").read_text())
    assert written == sample | {"spec": {"value": "example"}}


def test_twice_is_once(imported: CommandLine, operator: Path) -> None:
    before = snapshot(imported.folder)
    assert imported.ok("import", "project", str(operator), NO_MAKE) == "Nothing to do: everything is there already.\n"
    assert snapshot(imported.folder) == before
    # The record knows what was written, so that other commands can tell what is the user's.
    imported.ok("delete", "api", "--group", "cert-manager", "--version", "v1", "--kind", "Certificate", NO_MAKE)


def make(project: CommandLine) -> None:
    """Run what `make generate manifests` runs."""
    for command in ("generate", "manifests"):
        line = [sys.executable, "-m", "kaiwu_runtime.generator", command]
        done = subprocess.run(line, cwd=project.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_twice_is_once_after_make_too(imported: CommandLine, operator: Path) -> None:
    make(imported)
    before = snapshot(imported.folder)
    assert imported.ok("import", "project", str(operator), NO_MAKE) == "Nothing to do: everything is there already.\n"
    assert snapshot(imported.folder) == before
    # What a user has changed is named, and what was generated is not.
    controller = imported.folder / "controllers/shop_controller.py"
    controller.write_text(controller.read_text() + "# mine\n")
    (imported.folder / "config/samples/web_v1_shop.yaml").write_text("kind: Shop\n")
    before = snapshot(imported.folder)
    error = imported.refused("import", "project", str(operator), NO_MAKE, status=1)
    assert error.splitlines() == [
        "error: nothing was written, because 2 files exist and differ from what would be; move aside or remove:",
        "  config/samples/web_v1_shop.yaml",
        "  controllers/shop_controller.py",
    ]
    assert snapshot(imported.folder) == before


BAD_MARKERS = [
    "groups=apps,resources=deployments,verbs=Get",
    "groups=apps,resources=Deployment,verbs=get",
    "groups=apps,verbs=get",
    "groups=batch,resources=jobs",
    "groups=batch,resources=jobs,verbs=get,featureGate=alpha",
    "urls=metrics,verbs=get",
    "nonsense",
]


@pytest.mark.parametrize("namespaced", [False, True])
def test_permissions_that_are_no_rules(empty: CommandLine, operator: Path, namespaced: bool) -> None:
    """`make manifests` accepts what is written; the rest is in the list, by file and line."""
    if namespaced:
        (operator / "PROJECT").write_text(yaml.safe_dump({**PROJECT, "namespaced": True}))
    file = operator / "internal/controller/shop_controller.go"
    good = file.read_text()
    marker = "// +kubebuilder:rbac:"
    named = f"{marker}groups=apps,resources=daemonsets,verbs=get,namespace=infra,roleName=leader-election-role\n"
    file.write_text(good + "".join(f"{marker}{bad}\n" for bad in BAD_MARKERS) + named)
    said = empty.ok("import", "project", str(operator), NO_MAKE)
    make(empty)
    controller = (empty.folder / "controllers/shop_controller.py").read_text()
    assert '@rbac(groups="apps", resources=["deployments", "statefulsets"]' in controller
    left = (empty.folder / "IMPORTED.md").read_text()
    first = good.count("\n") + 1
    for line, bad in enumerate(BAD_MARKERS, start=first):
        where = f"- [ ] internal/controller/shop_controller.go:{line}: `+kubebuilder:rbac:{bad}` was not carried over: "
        assert where in left
    assert "config/rbac has a role 'leader-election-role': choose another role_name=" in left
    # A manager of one namespace cannot have a rule for URLs.
    assert ("and this project is namespaced" in left) is namespaced
    assert f"Permissions that were not carried over: {len(BAD_MARKERS) + 1 + namespaced}\n" in said


def test_a_dry_run(empty: CommandLine, operator: Path) -> None:
    assert "Dry run:" in empty.ok("import", "project", str(operator), "--dry-run")
    assert list(empty.folder.iterdir()) == []


def test_beside_other_files(empty: CommandLine, operator: Path) -> None:
    (empty.folder / "main.py").write_text("mine")
    before = snapshot(empty.folder)
    error = empty.refused("import", "project", str(operator), NO_MAKE, status=1)
    assert "1 file exists and differs" in error
    assert snapshot(empty.folder) == before


def _change(folder: Path, path: str, content: str | None) -> None:
    file = folder / path
    if content is None:
        file.unlink()
    else:
        file.write_text(content)


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        ("PROJECT", None, "PROJECT: not found; pass the directory of a kubebuilder or operator-sdk project"),
        ("PROJECT", "version: '2'\n", "version '2' is not 3; migrate the project first"),
        ("PROJECT", "a: [", "is not YAML"),
        ("PROJECT", "version: '3'\nlayout: python.kaiwuctl.io/v1\n", "is kaiwuctl's own; copy the directory instead"),
        ("PROJECT", "version: '3'\nresources: {}\n", "resources must be a list"),
        ("PROJECT", "version: '3'\nresources: [1]\n", "resources[0] must have a kind and a version"),
        ("PROJECT", "version: '3'\nprojectName: My_Shop\n", "--project-name"),
        ("config/crd/bases/web.example.com_shops.yaml", "a: [", "is not YAML"),
    ],
)
def test_a_project_that_cannot_be_read(
    empty: CommandLine, operator: Path, path: str, content: str | None, message: str
) -> None:
    _change(operator, path, content)
    result = empty.run("import", "project", str(operator), NO_MAKE)
    assert result.returncode in {1, 2}
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert list(empty.folder.iterdir()) == []


def test_a_repository_that_is_a_module_without_a_slash(empty: CommandLine, operator: Path) -> None:
    _change(operator, "PROJECT", yaml.safe_dump({**PROJECT, "repo": "shop"}))
    empty.ok("import", "project", str(operator), NO_MAKE)
    assert yaml.safe_load((empty.folder / "PROJECT").read_text())["repo"] == "example.com/shop-operator"
    assert "- [ ] PROJECT: the repo 'shop' is not a host and a path; " in (empty.folder / "IMPORTED.md").read_text()


def test_an_interruption_of_a_step_says_that_nothing_was_changed(empty: CommandLine, operator: Path) -> None:
    """The steps write into a temporary folder: to have written that is not to have changed anything."""
    code = f"""
import os, sys, tempfile
from kaiwuctl.cli import main
waiting = [True]
def stop(event, arguments):
    if event == "os.remove" and str(arguments[0]).endswith("/project/.kaiwuctl-undo/journal.json") and waiting:
        waiting.clear()
        os.kill(os.getpid(), {int(signal.SIGTERM)})
sys.addaudithook(stop)
status = main(["import", "project", {str(operator)!r}, "{NO_MAKE}"])
assert not waiting
sys.exit(status)
"""
    command = [empty.argv()[0], "-c", code]
    result = subprocess.run(command, cwd=empty.folder, env=empty.env(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (
        128 + signal.SIGTERM,
        "error: interrupted; nothing was changed\n",
    )
    assert list(empty.folder.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_end_in_the_middle(tmp_path: Path, operator: Path, number: signal.Signals) -> None:
    """Whenever a run ends, the folder is empty or whole; the next run leaves what one run leaves."""
    import time

    folder = tmp_path / "kaiwu-operator"
    command = ("import", "project", str(operator), NO_MAKE)

    def fresh() -> CommandLine:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        return CommandLine(folder)

    project = fresh()
    begin = time.perf_counter()
    project.ok(*command)
    length = time.perf_counter() - begin
    after, ended, moments = snapshot(folder), 0, 6
    for moment in range(moments):
        project = fresh()
        process = start(project, *command)
        try:
            # Most of the time nothing is written yet: half of the moments are in the last tenth.
            share = moment / moments if moment < moments // 2 else 0.9 + 0.1 * (moment - moments // 2) / (moments // 2)
            process.wait(length * share)
        except subprocess.TimeoutExpired:
            process.send_signal(number)
        process.communicate(timeout=60)
        ended += process.returncode in {-number, 128 + number}
        if number != signal.SIGKILL:
            assert snapshot(folder) in ({}, after), moment
        result = project.run(*command)
        assert result.returncode == 0, result.stderr
        assert snapshot(folder) == after, moment
    assert ended >= moments // 4
