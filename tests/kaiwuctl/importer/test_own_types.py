"""The CRDs of random models of this project's own vocabulary: import gives types with the same CRD."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import create_model

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

from ...runtime.generator.random_types import random_fields
from .round_trip import meaning, regenerated

if TYPE_CHECKING:
    from pathlib import Path

FEWEST = 5


def test_random_models(tmp_path: Path) -> None:
    compared = 0

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def check(data: Any) -> None:
        nonlocal compared
        try:
            field = data.draw(random_fields(2))
            spec = create_model("Spec", __base__=APIModel, some_value=field[:2])
            widget = create_model("Widget", __base__=CustomResource, spec=(spec, ...))
            (crd,) = build_crds([resource(group="random.example.com", version="v1")(widget)])
        except (DefinitionError, TypeError, ValueError):
            return  # a random type that has no schema, or no values
        manifest = json.loads(json.dumps(crd.manifest))
        assert meaning(regenerated(manifest, tmp_path)) == meaning(manifest)
        compared += 1

    check()
    assert compared >= FEWEST
