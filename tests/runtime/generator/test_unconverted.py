"""Versions of a kind that lose fields to each other are a warning; a real API server removes what it names."""

from __future__ import annotations

from itertools import count
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import create_model

from kaiwu_runtime.api import APIModel, CustomResource, PreserveUnknownFields, identify, resource
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._unconverted import unconverted_fields
from kaiwu_runtime.generator._webhooks import with_conversions
from kaiwu_runtime.webhook import converting
from kaiwu_runtime.webhook._configuration import declared_conversions

from ..crds import install, uninstall


class Named(APIModel):
    name: str = ""


class Part(Named):
    weight: int = 0


class Much(APIModel):
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0


Open = Annotated[Named, PreserveUnknownFields()]
PART = {"name": "a", "weight": 1}

ROWS: dict[str, tuple[Any, Any, Any, str]] = {
    "same": (str, str, "a", ""),
    "missing": (str, None, "a", "spec.field"),
    "other name": (str, {"other": str}, "a", "spec.other, spec.field"),
    "member": (Part, Named, PART, "spec.field.weight"),
    "of items": (list[Part], list[Named], [PART], "spec.field[].weight"),
    "of values": (dict[str, Part], dict[str, Named], {"a": PART}, "spec.field{}.weight"),
    "into a map": (Part, dict[str, int | str], PART, ""),
    "into anything": (Part, Open, PART, ""),
    "several": (Much, Named, {"a": 1}, "spec.field.name, spec.field.a, spec.field.b and 2 more"),
}

numbers = count(1)


def versions(old: Any, new: Any, **of_old: Any) -> list[type[CustomResource]]:
    """Return two versions of a new kind; the newer one is stored."""
    number = next(numbers)
    found: list[type[CustomResource]] = []
    for version, field in (("v1", old), ("v2", new)):
        fields = field if isinstance(field, dict) else {"field": field} if field is not None else {}
        definitions: dict[str, Any] = {name: (kind | None, None) for name, kind in fields.items()}
        spec = create_model("Spec", __base__=APIModel, **definitions)
        kind: Any = create_model("Shop", __base__=CustomResource, spec=(spec, ...))
        how = {"storage": False, **of_old} if version == "v1" else {}
        found.append(resource(group="unconverted.example.com", version=version, kind=f"Shop{number}", **how)(kind))
    return found


@pytest.mark.parametrize("row", ROWS)
def test_fields_that_versions_lose_are_named(row: str) -> None:
    old, new, _, named = ROWS[row]
    found = unconverted_fields(build_crds(versions(old, new)))
    assert [text.partition("have: ")[2].partition(";")[0] for text in found] == ([named] if named else [])
    assert all("no webhook converts between v2 and v1" in text for text in found)


def test_what_is_converted_or_not_served_is_not_lost() -> None:
    old, new = versions(Part, Named)

    @converting(new, old)
    class Hooks:
        pass

    crds = build_crds([old, new])
    assert unconverted_fields(crds)
    assert not unconverted_fields(with_conversions(crds, declared_conversions(Hooks)))
    assert not unconverted_fields(build_crds(versions(Part, Named, served=False)))


@pytest.mark.envtest
@pytest.mark.parametrize("row", ROWS)
def test_the_api_server_removes_them(row: str, control_plane: ControlPlane, tmp_path: Path) -> None:
    old, new, value, named = ROWS[row]
    kinds = versions(old, new)
    install(control_plane, kinds, tmp_path)
    try:
        identity = identify(kinds[0])
        path = identity.path("default")
        body = {"apiVersion": f"{identity.group}/v1", "kind": identity.kind, "metadata": {"name": "a"}}
        control_plane.rest.object("POST", path, {**body, "spec": {"field": value}})
        kept = control_plane.rest.object("GET", f"{path}/a")["spec"] == {"field": value}
        assert kept == (not named)
    finally:
        uninstall(control_plane, kinds[0])
