"""Definitions of well-known projects, where their folder stands beside the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kaiwu_runtime.envtest._crds import install_crds, read_crds
from kaiwu_runtime.errors import ControlPlaneError

from ..crds import remove

if TYPE_CHECKING:
    from kaiwu_runtime.envtest import ControlPlane

SHARED = Path(__file__).resolve().parents[4] / "shared" / "crds"

CRD = """apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: probes.crds.example.com}
spec:
  group: crds.example.com
  scope: Namespaced
  names: {kind: Probe, plural: probes}
  versions:
  - name: v1
    served: yes
    storage: on
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              operator: {type: string, enum: [=, "!=", '>']}
              limit: {type: number, maximum: 1e3}
"""


@pytest.mark.envtest
@pytest.mark.skipif(
    not SHARED.is_dir(), reason=f"there is not a directory {SHARED.name} of well-known CRDs beside the checkout"
)
@pytest.mark.parametrize("file", sorted(SHARED.glob("*.yaml")), ids=lambda file: file.stem)
def test_definitions_of_well_known_projects(file: Path, control_plane: ControlPlane) -> None:
    names = install_crds(control_plane.rest, [file], timeout=60)
    try:
        assert len(names) == 1
    finally:
        for name in names:
            remove(control_plane, name)


@pytest.mark.envtest
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_kubectl_reads_is_installed(encoding: str, control_plane: ControlPlane, tmp_path: Path) -> None:
    file = tmp_path / "crd.yml"
    file.write_text(CRD, encoding=encoding)
    assert install_crds(control_plane.rest, [tmp_path], timeout=60) == ["probes.crds.example.com"]
    [definition] = read_crds(file)
    properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    assert properties["operator"]["enum"] == ["=", "!=", ">"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: CustomResourceDefinition", "a CustomResourceDefinition has no metadata.name"),
        ("kind: CustomResourceDefinition\nmetadata: 3", "a CustomResourceDefinition has no metadata.name"),
        ("kind: CustomResourceDefinition\nmetadata: {name: 3}", "a CustomResourceDefinition has no metadata.name"),
        (
            CRD.replace("/v1\n", "/v1beta1\n"),
            "has apiVersion 'apiextensions.k8s.io/v1beta1': use apiextensions.k8s.io/v1",
        ),
        ("a: [", "is not YAML"),
        ("kind: ConfigMap", "has no CustomResourceDefinition"),
    ],
)
def test_mistakes_name_the_file(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "crd.yaml"
    file.write_text(text)
    with pytest.raises(ControlPlaneError) as caught:
        read_crds(file)
    assert str(file) in str(caught.value)
    assert message in str(caught.value)
