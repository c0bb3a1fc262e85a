"""Types of Kubernetes itself are recognised on request, and only where the schema is exactly theirs."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from lightkube.models.core_v1 import Affinity, PodTemplateSpec, ResourceRequirements, SecretKeySelector, Toleration
from lightkube.models.meta_v1 import LabelSelector

from kaiwu_runtime.generator._kubernetes import kube_schema
from kaiwu_runtime.generator._schema import plain
from kaiwuctl.importer.crd import import_crd
from kaiwuctl.importer.kubernetes import recogniser

from .round_trip import classes, crd_of, meaning

if TYPE_CHECKING:
    from pathlib import Path

MODELS = (Affinity, PodTemplateSpec, ResourceRequirements, SecretKeySelector, Toleration, LabelSelector)


def schema_of(model: type[Any]) -> dict[str, Any]:
    return json.loads(json.dumps(plain(kube_schema(model, "test"))))  # type: ignore[no-any-return]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_a_type_of_kubernetes(model: type[Any], tmp_path: Path) -> None:
    from kaiwu_runtime.generator import build_crds

    crd = crd_of({**schema_of(model), "description": "Described.", "nullable": False})
    imported = import_crd(crd, recognise=recogniser())
    assert f"value: Kube[{model.__name__}]" in imported.versions[0].module
    (made,) = build_crds(classes(imported, tmp_path))
    assert meaning(made.manifest) == meaning(crd)


def test_without_the_flag(tmp_path: Path) -> None:
    assert "Kube" not in import_crd(crd_of(schema_of(Toleration))).versions[0].module


def test_a_type_with_other_limits_is_not_that_type() -> None:
    schema = schema_of(Toleration)
    schema["properties"]["key"]["maxLength"] = 9
    assert "Kube" not in import_crd(crd_of(schema), recognise=recogniser()).versions[0].module


def test_the_parts_of_other_types_are_recognised() -> None:
    schema = {"type": "array", "items": copy.deepcopy(schema_of(Toleration)), "maxItems": 3}
    module = import_crd(crd_of(schema), recognise=recogniser()).versions[0].module
    assert "value: Annotated[list[Kube[Toleration]], Field(max_length=3)]" in module
    assert "from lightkube.models.core_v1 import Toleration" in module
