"""Random types: each is refused in one line, or its objects are what the type says, on a real API server.

For a type that is not refused the API server accepts the CRD; every instance that Python accepts, the API server
accepts; it comes back equal, and writing it again changes nothing. `KAIWU_RANDOM_TYPES=2000 pytest ...` runs more.
"""

from __future__ import annotations

import os
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError, create_model
from pydantic_core import PydanticSerializationError

from kaiwu_runtime.api import APIModel
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

from .random_types import random_fields
from .rig import Rig, kind_of

if TYPE_CHECKING:
    from .conftest import Server

TYPES = int(os.environ.get("KAIWU_RANDOM_TYPES", "150"))
TYPES_PER_KIND = 10
INSTANCES = 4

counts: Counter[str] = Counter()


def accepted(annotation: Any, default: Any) -> bool:
    """Return whether the generator takes a type; fail when it refuses it in any way but one line."""
    refusal = ""
    try:
        build_crds([kind_of("Single", {"value": (annotation, default)})])
    except DefinitionError as error:
        refusal = str(error)
    assert "\n" not in refusal
    assert not refusal or refusal.startswith(("Spec.value", "Part."))
    counts["types refused" if refusal else "types accepted"] += 1
    return not refusal


def draw_spec(data: Any, model: Any, fields: dict[str, Any]) -> Any:
    """Return an instance, each field with a value that Python accepts or left out; None when one has no such value."""
    content: dict[str, Any] = {}
    for name, (annotation, default, values) in fields.items():
        if default is not ... and data.draw(st.integers(0, 3)) == 0:
            continue
        try:
            value = data.draw(values)
            create_model("Alone", __base__=APIModel, value=(annotation, ...))(value=value)
        except ValidationError:
            counts["values refused by Python"] += 1
            if default is ...:
                return None
            continue
        content[name] = value
    return model(**content)


@pytest.fixture(scope="module")
def rig(server: Server) -> Any:
    yield Rig(server)
    print("\nrandom types:", ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))


@pytest.mark.envtest
def test_a_type_is_refused_in_one_line_or_its_objects_are_what_it_says(rig: Rig) -> None:
    @settings(
        max_examples=max(1, TYPES // TYPES_PER_KIND),
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        deadline=None,
    )
    @given(st.data())
    def run(data: Any) -> None:
        fields: dict[str, Any] = {}
        for index in range(TYPES_PER_KIND):
            try:
                field = data.draw(random_fields(2))
            except (ValidationError, DefinitionError, TypeError):  # a default that does not fit its limits
                counts["types refused by Python"] += 1
                continue
            if accepted(*field[:2]):
                fields[f"field_{index}"] = field
        if not fields:
            return
        kind = rig.install({name: (annotation, default) for name, (annotation, default, _) in fields.items()})
        model: Any = kind.model_fields["spec"].annotation
        for number in range(INSTANCES):
            try:
                spec = draw_spec(data, model, fields)
            except PydanticSerializationError:
                continue
            if spec is not None:
                counts["instances"] += 1
                rig.check(kind, f"o{number}", spec)
        rig.remove(kind)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run()
    assert counts["types accepted"] > counts["types refused"] // 4
    assert counts["instances"] > 0
