"""Samples: what an imported type reads it writes again, and what is made of a schema fits it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings

from kaiwu_runtime._manifests import read_manifests
from kaiwu_runtime.client._codec import decode, encode
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import resource_schema
from kaiwu_runtime.generator._json_validation import violations
from kaiwuctl.importer.crd import import_crd
from kaiwuctl.importer.sample import sample_fields

from .round_trip import classes, crd_of
from .structural_schemas import SCHEMAS

if TYPE_CHECKING:
    from collections.abc import Iterator

WELL_KNOWN = sorted((Path(__file__).parents[4] / "shared/crds").glob("*.yaml"))


def samples(crd: dict[str, Any], folder: Path) -> Iterator[tuple[type[Any], dict[str, Any]]]:
    """Yield the class of each version with a sample."""
    imported = import_crd(crd, check=False)
    for version, kind in zip(imported.versions, classes(imported, folder), strict=True):
        api_version = f"{imported.group}/{version.name}"
        fields = sample_fields(version.schema)
        yield kind, {"apiVersion": api_version, "kind": imported.kind, "metadata": {"name": "a"}, **fields}


def problems(kind: type[Any], sample: dict[str, Any]) -> list[str]:
    """Return what the schema says against a sample, whose metadata the API server checks."""
    fields = {key: value for key, value in sample.items() if key != "metadata"}
    return list(violations(fields, resource_schema(kind)))


@pytest.mark.parametrize("file", WELL_KNOWN, ids=lambda file: file.stem)
def test_a_sample_of_a_well_known_kind(file: Path, tmp_path: Path) -> None:
    for crd in read_manifests(file.read_bytes()):
        for kind, sample in samples(crd, tmp_path):
            assert problems(kind, sample) == []
            assert json.loads(encode(decode(kind, json.dumps(sample).encode()))) == sample


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(schema=SCHEMAS)
def test_a_sample_of_a_random_kind(schema: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        found = list(samples(crd_of(schema), tmp_path_factory.getbasetemp()))
        assume(not any(problems(kind, sample) for kind, sample in found))  # limits that no value fits
    except DefinitionError:
        assume(False)
    for kind, sample in found:
        assert json.loads(encode(decode(kind, json.dumps(sample).encode()))) == sample
