"""The page about API types: its examples are run, and it names every marker."""

from __future__ import annotations

import re
import sys
import types
from typing import TYPE_CHECKING, Any

import pytest

from kaiwu_runtime.api import CustomResource, rbac_rules
from kaiwu_runtime.api import _markers as markers
from kaiwu_runtime.generator import build_crds

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/api-types.md").read_text(encoding="utf-8")


@pytest.fixture
def example(page: str, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("documented_types")
    monkeypatch.setitem(sys.modules, "documented_types", module)
    for block in BLOCK.findall(page):
        exec(compile(block, "docs/api-types.md", "exec"), vars(module))
    return module


def test_the_example_becomes_a_crd(example: Any) -> None:
    [crd] = build_crds([example.Database])
    spec = crd.manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert spec["default"] == {"replicas": 3, "mode": "cluster", "storage": "10Gi"}
    assert spec["properties"]["listeners"]["x-kubernetes-list-map-keys"] == ["name"]
    assert [rule.resources for rule in rbac_rules(example.DatabaseReconciler)] == [("databases",), ("configmaps",), ()]


@pytest.mark.envtest
def test_the_api_server_takes_the_example(example: Any, server: Any, tmp_path: Path) -> None:
    database: type[CustomResource] = example.Database
    server.install([database], tmp_path)
    code, created = server.create(database, "x", spec={"listeners": [{"name": "sql", "port": 26257}]})
    assert code == 201, created
    assert created["spec"] == {
        "replicas": 3,
        "mode": "cluster",
        "storage": "10Gi",
        "listeners": [{"name": "sql", "port": 26257}],
    }
    code, answer = server.create(database, "y", spec={"mode": "standalone"})
    assert code == 422
    assert "a standalone database has one replica" in answer["message"]
    server.delete(database, "x")


def test_every_marker_is_on_the_page(page: str) -> None:
    names = {n for n, v in vars(markers).items() if isinstance(v, type) and issubclass(v, markers.Marker)}
    unnamed = {name for name in names - {"Marker", "AllowFloat"} if f"`{name}(" not in page}
    assert unnamed == set()
