"""The kinds of a scenario, and the objects that it loads."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.testing.faults import Cluster, kinds_of


def test_kinds_of_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from kaiwu_runtime.api import CustomResource, resource\n\n\n@resource(group='x.example.com', version='{}')\n"
    )
    for version in ("v1", "v2"):
        (tmp_path / "faultkinds" / version).mkdir(parents=True)
        (tmp_path / "faultkinds" / version / "__init__.py").touch()
        text = source.format(version) + "class Thing(CustomResource):\n    pass\n"
        (tmp_path / "faultkinds" / version / "thing_types.py").write_text(text)
    (tmp_path / "faultkinds/__init__.py").write_text("from faultkinds.v1.thing_types import Thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = kinds_of(importlib.import_module("faultkinds"))
    assert [kind.__module__ for kind in found] == ["faultkinds.v1.thing_types", "faultkinds.v2.thing_types"]


@resource(group="versions.example.com", version="v1beta1", kind="Vessel")
class OldVessel(CustomResource):
    pass


@resource(group="versions.example.com", version="v1", kind="Vessel")
class Vessel(CustomResource):
    pass


@pytest.mark.parametrize("order", [("v1", "v1beta1"), ("v1beta1", "v1")])
def test_an_object_in_two_versions_is_one_object(tmp_path: Path, order: tuple[str, str]) -> None:
    for number, version in enumerate(order):
        text = f"apiVersion: versions.example.com/{version}\nkind: Vessel\nmetadata: {{name: a}}\n"
        (tmp_path / f"{number}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "2.yaml").write_text("apiVersion: versions.example.com/v1\nkind: Vessel\nmetadata: {name: b}\n")
    cluster = Cluster(Client(FakeTransport()), "x", kinds={Vessel, OldVessel})
    assert [(type(obj), obj.key.name) for obj in cluster.load(tmp_path)] == [(Vessel, "a"), (Vessel, "b")]
