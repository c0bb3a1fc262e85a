"""The image: what is in it, how large it is, and that equal inputs give an equal one, on- and offline."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from .conftest import BUILD_ARGS, TOOL, Project, run

IMAGE = "localhost/kaiwu-e2e-image:v1"
MOST_ADDED = 50_000_000
"""Bytes that the operator may add to its base."""


IMPORT_EVERYTHING = """
import importlib, pkgutil
import cryptography.x509, h11, msgspec, pydantic, uvloop, yaml
import api, controllers, kaiwu_runtime
names = [
    module.name
    for package in (api, controllers, kaiwu_runtime)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + ".")
    if not module.name.endswith(("__main__", "pytest_plugin"))
]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


@pytest.fixture(scope="module")
def image(project: Project) -> str:
    project.make(f"docker-build IMG={IMAGE}")
    return IMAGE


def inspect(image: str) -> dict[str, Any]:
    found: list[dict[str, Any]] = json.loads(run(f"{TOOL} image inspect {image}"))
    return found[0]


def inside(image: str, command: str) -> str:
    """Run a command in the image as restricted as the Deployment runs it."""
    restricted = "--network none --read-only --cap-drop ALL --security-opt no-new-privileges"
    return run(f"{TOOL} run --rm {restricted} --entrypoint sh {image} -c {shlex.quote(command)}")


def test_it_adds_little_to_its_base(image: str) -> None:
    named = re.search(r"BASE_IMAGE=(\S+)", BUILD_ARGS)
    base = named[1] if named else "python:3.13-slim"
    total, below = inspect(image)["Size"], inspect(base)["Size"]
    added = total - below
    print(f"{image}: {total / 1e6:.0f} MB in total, {added / 1e6:.1f} MB added to {base} of {below / 1e6:.0f} MB")
    assert 10_000_000 < added <= MOST_ADDED


def test_only_the_environment_and_the_code_are_in_it(image: str) -> None:
    found = inside(image, "cd /app && find . -maxdepth 1 | sort").split()
    assert found == [".", "./.venv", "./__pycache__", "./api", "./controllers", "./main.py"]
    names = inside(image, "ls /app/.venv/bin; ls /app/.venv/lib/python3*/site-packages").split()
    assert not {"pip", "pip3", "setuptools", "wheel", "pytest", "gcc"} & set(names)
    assert inside(image, "ls -d /root/.cache /tools /image 2>/dev/null || true").split() == []
    # As many compiled files as sources: nothing is compiled at each start on a file system that cannot keep it.
    counts = inside(image, "find /app -name '*.py' | wc -l; find /app -name '*.pyc' | wc -l").split()
    assert counts[0] == counts[1]
    assert int(counts[0]) > 100


def test_it_runs_as_nobody_in_particular(image: str) -> None:
    config = inspect(image)["Config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["python", "/app/main.py"]
    assert inside(image, "id -u; id -g").split() == ["65532", "65532"]
    inside(image, "! touch /app/x 2>/dev/null && ! touch /tmp/x 2>/dev/null")
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == "kaiwu-operator"
    assert labels["org.opencontainers.image.source"] == "https://github.com/inspur/kaiwu-operator"
    assert labels["org.opencontainers.image.version"] == "v1"


def test_every_user_can_read_it_and_none_can_change_it(project: Project, image: str) -> None:
    """Whatever the umask of the checkout was: the same image comes of files that only their owner may read."""
    assert inside(image, "find /app ! -type l ! -perm -a+r -o ! -type l -perm /go+w -o -type d ! -perm -a+x") == ""
    private = "localhost/kaiwu-e2e-image:private"
    files = [path for path in project.folder.rglob("*") if ".venv" not in path.parts and not path.is_symlink()]
    modes = {path: path.stat().st_mode for path in files}
    try:
        for path, mode in modes.items():
            path.chmod(mode & ~0o077)
        project.make(f"docker-build IMG={private}")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert inspect(private)["RootFS"]["Layers"] == inspect(image)["RootFS"]["Layers"]
    run(f"{TOOL} image rm {private}")


def test_every_module_can_be_imported(image: str) -> None:
    """What was cut off the libraries was not needed, and nothing of the project is missing."""
    found = inside(image, f"cd /app && python -c {shlex.quote(IMPORT_EVERYTHING)}")
    assert int(found.splitlines()[-1]) > 80


def test_it_builds_without_a_network_and_comes_out_equal(project: Project, image: str, tmp_path: Path) -> None:
    """From wheels, without any layer that is there already: the same bytes, at another time."""
    wheels = project.folder / "wheels"
    # An environment that uv made, such as the one of these tests may be, has no pip.
    run(f"python -m venv {tmp_path}/tools")
    python = inside(IMAGE, 'python -c "import sys; print(sys.version_info[1])"').strip()
    run(
        f"{tmp_path}/tools/bin/pip download --quiet --dest {wheels} --only-binary :all: --python-version 3.{python} "
        f"--require-hashes --no-deps -r requirements.lock",
        project.folder,
    )
    offline = "localhost/kaiwu-e2e-image:offline"
    try:
        arguments = BUILD_ARGS.replace("--network host", "")
        project.make(f"docker-build IMG={offline}", build_args=f"--no-cache --network none {arguments}")
        assert inspect(offline)["RootFS"]["Layers"] == inspect(image)["RootFS"]["Layers"]
    finally:
        shutil.rmtree(wheels)
    run(f"{TOOL} image rm {offline}")


@pytest.mark.skipif("KAIWU_E2E_OTHER_TOOLS" not in os.environ, reason="KAIWU_E2E_OTHER_TOOLS names no other tool")
def test_other_tools_build_it_too(project: Project) -> None:
    for tool in os.environ["KAIWU_E2E_OTHER_TOOLS"].split():
        digests = set()
        for _ in range(2):
            run(
                f"make docker-build IMG=localhost/kaiwu-e2e-other:v1 CONTAINER_TOOL={tool} SOURCE_DATE_EPOCH=1 "
                f"BUILD_ARGS='--no-cache {BUILD_ARGS}'",
                project.folder,
            )
            digests.add(run(f"{tool} images --no-trunc --quiet localhost/kaiwu-e2e-other:v1").strip())
        assert len(digests) == 1, f"{tool}: {digests}"
