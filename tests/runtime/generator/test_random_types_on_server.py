"""Random types: each is refused in one line, or its objects are what the type says, on a real API server.

For a type that is not refused the API server accepts the CRD; every instance that Python accepts, the API server
accepts; it comes back equal, and writing it again changes nothing. `KAIWU_RANDOM_TYPES=2000 pytest ...` runs more.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError, create_model
from pydantic_core import PydanticSerializationError

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.client._codec import decode, encode
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds

from .random_types import random_fields

if TYPE_CHECKING:
    from .conftest import Server

TYPES = int(os.environ.get("KAIWU_RANDOM_TYPES", "150"))
TYPES_PER_KIND = 10
INSTANCES = 4
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

counts: Counter[str] = Counter()


def kind_of(name: str, fields: dict[str, Any]) -> type[CustomResource]:
    spec = create_model("Spec", __base__=APIModel, **fields)
    return resource(group="random.example.com", version="v1")(
        create_model(name, __base__=CustomResource, spec=(spec, ...))
    )


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


class Rig:
    """Kinds on the API server, each for a few objects."""

    def __init__(self, server: Server) -> None:
        self.server, self.number = server, 0

    def install(self, fields: dict[str, Any]) -> type[CustomResource]:
        self.number += 1
        kind = kind_of(f"Random{self.number}", fields)
        [crd] = build_crds([kind])
        code, answer = self.server.send("POST", CRDS, crd.manifest)
        assert code == 201, (answer.get("message"), fields)
        self.server.wait(self.server.path(kind), lambda _: True)
        return kind

    def remove(self, kind: type[CustomResource]) -> None:
        identity = kind.identity()
        self.server.send("DELETE", f"{CRDS}/{identity.plural}.{identity.group}")

    def check(self, kind: type[CustomResource], name: str, spec: Any) -> None:
        counts["instances"] += 1
        made: Any = kind(spec=spec)
        sent = json.loads(encode(made))
        code, answer = self.server.create(kind, name, spec=sent["spec"])
        assert code == 201, (answer.get("message"), sent["spec"])
        read: Any = decode(kind, json.dumps(answer).encode())
        assert read.spec == spec, (read.spec, spec, sent["spec"])
        again = json.loads(encode(read))
        code, written = self.server.send("PUT", self.server.path(kind, name), again)
        assert code == 200, (written.get("message"), again["spec"])
        changed = written["metadata"]["resourceVersion"] != answer["metadata"]["resourceVersion"]
        assert not changed, [(stored, again["spec"].get(key)) for key, stored in answer["spec"].items()]


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
                rig.check(kind, f"o{number}", spec)
        rig.remove(kind)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        run()
    assert counts["types accepted"] > counts["types refused"] // 4
    assert counts["instances"] > 0
