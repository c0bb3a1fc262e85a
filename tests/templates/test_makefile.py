"""The Makefile has the targets that operator-sdk's users type, and needs no more than make and a POSIX shell."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .generation import environment
from .shell import POSIX_SHELL

TARGETS = [
    "help",
    "generate",
    "manifests",
    "lock",
    "fmt",
    "lint",
    "test",
    "test-faults",
    "build",
    "run",
    "install",
    "uninstall",
    "docker-build",
    "docker-push",
    "docker-buildx",
    "build-installer",
    "deploy",
    "undeploy",
    "test-e2e",
]


def make(project: Path, *arguments: str) -> str:
    """Run make, with the shell that knows POSIX only, and return what it prints."""
    command = ["make", f"SHELL={POSIX_SHELL}", *arguments]
    result = subprocess.run(command, cwd=project, env=environment(), capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
    return result.stdout


def test_help_lists_every_target_and_no_other(golden: Path) -> None:
    listed = re.findall(r"^  (\S+) +\S", make(golden, "help"), re.MULTILINE)
    assert sorted(listed) == sorted(TARGETS)
    assert make(golden) == make(golden, "help")


@pytest.mark.parametrize("target", TARGETS)
def test_recipe_is_posix_shell(target: str, plain: Path) -> None:
    recipe = make(plain, "--dry-run", "--always-make", target)
    assert recipe.strip()
    result = subprocess.run([POSIX_SHELL, "-n"], input=recipe, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, ""), recipe
    for construct in (r"\[\[", r"\bfunction\b", r"\bsource\b", r"<\(", r"\bpipefail\b", r"<<<", r"&>", r"\$'"):
        assert re.search(construct, recipe) is None, construct


@pytest.mark.parametrize("target", TARGETS)
def test_target_is_phony(target: str, plain: Path) -> None:
    """A file of that name would keep it from running."""
    if not (plain / target).exists():
        (plain / target).touch()
    assert f"\n.PHONY: {target}\n" in (plain / "Makefile").read_text(encoding="utf-8")
    assert "is up to date" not in make(plain, "--dry-run", target)


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("docker-build",), "docker build --label org.opencontainers.image.version=latest -t controller:latest ."),
        (
            ("docker-build", "IMG=r.example:5000/o:v1", "CONTAINER_TOOL=podman"),
            "podman build --label org.opencontainers.image.version=v1 -t r.example:5000/o:v1 .",
        ),
        (("docker-build", "IMG=r.example:5000/o"), "docker build -t r.example:5000/o ."),
        (
            ("docker-build", "IMG=o@sha256:1", "BUILD_ARGS=--build-arg A=b"),
            "docker build --build-arg A=b -t o@sha256:1 .",
        ),
        (
            ("docker-build", "IMG=o", "SOURCE_DATE_EPOCH=7", "CONTAINER_TOOL=buildah"),
            "buildah build --build-arg SOURCE_DATE_EPOCH=7 --timestamp 7 -t o .",
        ),
        (("docker-build", "IMG=o", "SOURCE_DATE_EPOCH=7"), "docker build --build-arg SOURCE_DATE_EPOCH=7 -t o ."),
        (("docker-push", "IMG=r.example/o:v1"), "docker push r.example/o:v1"),
        (
            ("docker-buildx", "IMG=o:v1", "PLATFORMS=linux/s390x"),
            "docker buildx build --label org.opencontainers.image.version=v1 --platform linux/s390x --push -t o:v1 .",
        ),
        (("run", "ARGS=--log-level=debug"), ".venv/bin/python main.py --log-level=debug"),
        (("uninstall",), "kubectl delete --ignore-not-found=false -k config/crd"),
        (("undeploy", "ignore-not-found=true"), "kubectl delete --ignore-not-found=true -k build/deploy"),
        (("install", "KUBECTL=k"), "k apply --server-side --force-conflicts -k config/crd"),
        (("deploy",), "kubectl apply --server-side --force-conflicts -k build/deploy"),
        (
            ("test-e2e", "IMG=o:v1", "CONTAINER_TOOL=podman"),
            'E2E_IMG="o:v1" CONTAINER_TOOL="podman" BUILD_ARGS="" .venv/bin/pytest tests/e2e',
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_variables_reach_the_command(arguments: tuple[str, ...], command: str, plain: Path) -> None:
    # Before the others, the last of which counts: what the environment says must not matter here.
    recipe = " ".join(make(plain, "--dry-run", "SOURCE_DATE_EPOCH=", *arguments).split())
    assert command in recipe


def test_deploying_puts_the_image_in_and_changes_no_file(plain: Path) -> None:
    before = {path: path.read_bytes() for path in plain.rglob("*") if path.is_file()}
    make(plain, "build/deploy/kustomization.yaml", "IMG=registry.example.com:5000/team/operator@sha256:" + "a" * 64)
    command = ["kubectl", "kustomize", "build/deploy"]
    output = subprocess.run(command, cwd=plain, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"image: (.+)", output) == ["registry.example.com:5000/team/operator@sha256:" + "a" * 64]
    after = {path: path.read_bytes() for path in plain.rglob("*") if path.is_file()}
    assert [path.relative_to(plain).as_posix() for path in after if before.get(path) != after[path]] == [
        "build/deploy/kustomization.yaml"
    ]


def test_python_that_is_too_old_is_refused(plain: Path) -> None:
    old = plain / "python-old"
    old.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    old.chmod(0o755)
    command = ["make", "lint", "PYTHON=./python-old"]
    result = subprocess.run(command, cwd=plain, env=environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "error: ./python-old is older than 3.11; name a newer one: make PYTHON=python3.12 lint" in result.stderr
    assert not (plain / ".venv").exists()


def test_runtime_is_installed_from_its_file_with_its_hash_first(plain: Path) -> None:
    """A package of that name could belong to an attacker."""
    recipe = make(plain, "--dry-run", "--always-make", "lint")
    installs = re.findall(r"pip install .*|-m pip install .*", recipe)
    assert "--no-deps --force-reinstall --require-hashes -r requirements-runtime.txt" in installs[0]
    # By the script that has the locks and their hashes checked.
    assert re.search(rf"sh hack/install\.sh \S+ {re.escape(installs[1])}", recipe)
    script = (plain / "hack" / "install.sh").read_text(encoding="utf-8")
    assert '"$@" --require-hashes -r requirements.lock $development' in script
    assert 'development="-r requirements-dev.lock"' in script
    # Where there is neither a lock nor a package index.
    assert installs[2].startswith("pip install") or "-m pip install" in installs[2]
    assert installs[2].rstrip("; \\").endswith("-r requirements.txt -r requirements-dev.txt")
    assert len(installs) == 3
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-runtime.txt"):
        lines = (plain / name).read_text(encoding="utf-8").splitlines()
        for line in (line for line in lines if not line.startswith("#")):
            assert "kaiwu" not in line or line.startswith("./vendor/kaiwu_runtime-"), line


@pytest.mark.parametrize("unfinished", [True, False])
def test_what_an_interrupted_installer_left_is_made_anew(unfinished: bool, plain: Path) -> None:
    """Neither pip nor uv repairs a package without metadata, which is what Ctrl-C leaves."""
    arguments = ["PYTHON=python3", "MAKE_VENV=mkdir -p .venv/bin", "LOCK=true", ".venv/.installed"]
    damaged = plain / ".venv/lib/damaged.dist-info"
    damaged.mkdir(parents=True)
    if unfinished:
        command = ["make", f"SHELL={POSIX_SHELL}", "INSTALL=false", *arguments]
        result = subprocess.run(command, cwd=plain, env=environment(), capture_output=True, check=False)
        assert result.returncode == 2
        assert not (plain / ".venv/.installed").exists()
    assert make(plain, "INSTALL=true", *arguments) == "Setting up .venv\n"
    assert damaged.exists() is not unfinished
    assert sorted(path.name for path in (plain / ".venv").glob(".*")) == [".installed"]
