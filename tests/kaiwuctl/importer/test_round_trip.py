"""What the generator makes of an imported type is the CRD again, by meaning."""

from __future__ import annotations

import builtins
import json
import keyword
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from kaiwu_runtime._manifests import read_manifests
from kaiwu_runtime.api import CustomResource

from .round_trip import crd_of, meaning, regenerated
from .structural_schemas import SCHEMAS

ROOT = Path(__file__).parents[3]
WELL_KNOWN = sorted((ROOT.parent / "shared/crds").glob("*.yaml"))


@pytest.mark.parametrize("file", WELL_KNOWN, ids=lambda file: file.stem)
def test_a_crd_of_a_well_known_project(file: Path, tmp_path: Path) -> None:
    for crd in read_manifests(file.read_bytes()):
        assert meaning(regenerated(crd, tmp_path)) == meaning(crd)


def test_the_well_known_projects_are_there() -> None:
    if not WELL_KNOWN:
        pytest.skip("there is no folder shared/crds beside this checkout")


@pytest.mark.parametrize(
    "file", sorted((ROOT / "generated-example").glob("config/crd/bases/*.yaml")), ids=lambda f: f.stem
)
def test_a_crd_of_our_own(file: Path, tmp_path: Path) -> None:
    (crd,) = read_manifests(file.read_bytes())
    assert meaning(regenerated(crd, tmp_path)) == meaning(crd)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=SCHEMAS)
def test_a_random_schema(schema: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    crd = crd_of(schema)
    before = json.dumps(crd)
    folder = tmp_path_factory.getbasetemp()
    # What the API server would reject is rejected by the generator too, which is not the question here.
    assert meaning(regenerated(crd, folder, check=False)) == meaning(crd)
    assert json.dumps(crd) == before, "the CRD is not changed"


def test_a_description_with_tabs(tmp_path: Path) -> None:
    text = "How it is done:\n\t- first\n\t- then"
    crd = crd_of({"type": "object", "properties": {"a": {"type": "string", "description": text}}, "description": text})
    made = regenerated(crd, tmp_path)
    value = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["value"]
    assert value["description"] == text
    assert value["properties"]["a"]["description"] == text


NAMES = [
    *keyword.kwlist, *keyword.softkwlist, *dir(builtins), *dir(type), *dir(CustomResource), *dir(type(CustomResource)),
    "Kind", "Metadata", "api_version", "api-version", "meta_data", "model_config", "self", "cls", "typing", "APIModel",
    "Any", "Field", "\u0663", "\uff21", "\U0001f600", "x__y", "$ref", "a b", "'", '"', "\\", "\n", "{x}", "x" * 300,
]  # fmt: skip
"""Names that mean something to Python, to pydantic or to a model, and names that are none in Python."""


@pytest.mark.parametrize("name", dict.fromkeys(NAMES), ids=ascii)
def test_a_name_that_means_something_in_python(name: str, tmp_path: Path) -> None:
    part = {"type": "object", "properties": {name: {"type": "string"}}, "required": [name]}
    crd = crd_of({**part, "properties": {name: part, "other": {"type": "array", "items": part}}})
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root["properties"].setdefault(name, part)
    assert meaning(regenerated(crd, tmp_path)) == meaning(crd)
