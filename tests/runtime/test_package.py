"""What `import kaiwu_runtime` gives."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys

import pytest

import kaiwu_runtime

PACKAGES = [
    name
    for _, name, is_package in pkgutil.walk_packages(kaiwu_runtime.__path__, "kaiwu_runtime.")
    if is_package and name != "kaiwu_runtime.envtest.modules"
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_name_of_every_face_is_there(package: str) -> None:
    """Some are imported from a module that is named in a string, when they are asked for."""
    face = importlib.import_module(package)
    assert all(getattr(face, name) is not None for name in getattr(face, "__all__", ()))


@pytest.mark.parametrize("name", kaiwu_runtime.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(kaiwu_runtime, name) is not None
    assert name in dir(kaiwu_runtime)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Bogus'"):
        kaiwu_runtime.Bogus  # noqa: B018


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, kaiwu_runtime;"
        "print([name for name in ('aiohttp', 'pydantic', 'httpx2', 'yaml') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_lightkubes_http_client_is_never_loaded() -> None:
    code = (
        "import sys, kaiwu_runtime as k; [getattr(k, name) for name in k.__all__];"
        "import lightkube.resources.core_v1; print('httpx2' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


@pytest.mark.parametrize(
    "statement",
    [
        "from lightkube import Client",
        "from lightkube import codecs",
        "from lightkube.generic_resource import create_namespaced_resource",
        "import lightkube.core.client",
        "import lightkube; lightkube.AsyncClient; lightkube.operators",
    ],
)
def test_all_of_lightkube_can_be_imported_afterwards(statement: str) -> None:
    command = [sys.executable, "-c", f"import kaiwu_runtime; {statement}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_plain_operator_loads_nothing_that_it_does_not_use() -> None:
    """What is imported stays in memory: 1 MB of 40, in each operator, for what few need."""
    code = (
        "import os, sys; from kaiwu_runtime import Manager, ManagerOptions, ObjectReconciler;"
        "Manager(ManagerOptions.from_args([]));"
        "unwanted = ('argparse', 'email', 'importlib.metadata._meta', 'shutil', 'zipfile', 'aiohttp', 'yaml', 'httpx2',"
        "'cryptography', 'prometheus_client', 'lightkube.models.autoscaling_v1', 'difflib', 'tempfile');"
        "print([name for name in unwanted if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
