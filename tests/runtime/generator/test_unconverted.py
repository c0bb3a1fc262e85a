"""Versions of a kind that lose fields to each other are a warning; a real API server removes what it names."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import create_model

from kaiwu_runtime.api import APIModel, CustomResource, PreserveUnknownFields, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._unconverted import removed_fields, unconverted_fields
from kaiwu_runtime.generator._webhooks import with_conversions
from kaiwu_runtime.webhook import converting
from kaiwu_runtime.webhook._configuration import declared_conversions

from .rig import CRDS
from .version_pairs import EMBEDDED, PAIRS, annotation, largest, removed

if TYPE_CHECKING:
    from .conftest import Server


class Named(APIModel):
    name: str = ""


class Part(Named):
    weight: int = 0


class Box(APIModel):
    part: Part = Part()


class NamedBox(APIModel):
    part: Named = Named()


class Much(APIModel):
    a: int = 0
    b: int = 0
    c: int = 0
    d: int = 0


Open = Annotated[Named, PreserveUnknownFields()]
OpenBox = Annotated[NamedBox, PreserveUnknownFields()]

ROWS: dict[str, tuple[Any, Any, str]] = {
    "same": (str, str, ""),
    "missing": (str, None, "spec.field"),
    "other name": (str, {"other": str}, "spec.other, spec.field"),
    "other type": (str, int, ""),
    "member": (Part, Named, "spec.field.weight"),
    "of items": (list[Part], list[Named], "spec.field[].weight"),
    "of values": (dict[str, Part], dict[str, Named], "spec.field.*.weight"),
    "map": (Part, dict[str, int | str], "spec.field.*"),
    "map of less": (Box, dict[str, Named], "spec.field.*, spec.field.part.weight"),
    "anything": (Part, dict[str, Any], "spec.field.*"),
    "unknown fields": (Part, Open, "spec.field.*"),
    "known field beside unknown ones": (Box, OpenBox, "spec.field.*, spec.field.part.weight"),
    "items of no list": (list[Part], str, "spec.field[].name, spec.field[].weight"),
    "embedded object": (EMBEDDED, Named, "spec.field.apiVersion, spec.field.kind, spec.field.metadata and 1 more"),
    "several": (Much, Named, "spec.field.name, spec.field.a, spec.field.b and 2 more"),
}

numbers = count(1)


def members(field: Any) -> dict[str, Any]:
    """Return the definitions of a model with a field, or with some, or with none."""
    fields = field if isinstance(field, dict) else {"field": field} if field is not None else {}
    return {name: (kind | None, None) for name, kind in fields.items()}


def versions(old: dict[str, Any], new: dict[str, Any], **of_old: Any) -> list[type[CustomResource]]:
    """Return two versions of a new kind; the newer one is stored."""
    number = next(numbers)
    found: list[type[CustomResource]] = []
    for version, definitions in (("v1", old), ("v2", new)):
        spec = create_model("Spec", __base__=APIModel, **definitions)
        kind: Any = create_model("Shop", __base__=CustomResource, spec=(spec, ...))
        how = {"storage": False, **of_old} if version == "v1" else {"storage": True}
        found.append(resource(group="unconverted.example.com", version=version, kind=f"Shop{number}", **how)(kind))
    return found


@pytest.mark.parametrize("row", ROWS)
def test_fields_that_versions_lose_are_named(row: str) -> None:
    old, new, named = ROWS[row]
    found = unconverted_fields(build_crds(versions(members(old), members(new))))
    assert [text.partition("have: ")[2].partition(";")[0] for text in found] == ([named] if named else [])
    assert all("no webhook converts between v2 and v1" in text for text in found)


def test_what_is_converted_or_not_served_is_not_lost() -> None:
    old, new = versions(members(Part), members(Named))

    @converting(new, old)
    class Hooks:
        pass

    crds = build_crds([old, new])
    assert unconverted_fields(crds)
    assert not unconverted_fields(with_conversions(crds, declared_conversions(Hooks)))
    assert not unconverted_fields(build_crds(versions(members(Part), members(Named), served=False)))


@pytest.mark.parametrize(("old", "new"), [(Part, Named), (Named, Part)])
def test_a_stored_version_removes_fields_also_if_it_is_not_served(old: Any, new: Any) -> None:
    crds = build_crds(versions(members(old), members(new)))
    crds[0].manifest["spec"]["versions"][0]["served"] = False
    assert bool(unconverted_fields(crds)) == (old is Part), "nothing can be written in the newer version"


def check_against(server: Server, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """Write every field in each version; what is read in the older one lacks what is said, and nothing else.

    Args:
        server: An API server.
        pairs: For a field each: the definitions of its members in both versions.
    """
    kinds = versions(*({f"field_{i}": model(pair[n]) for i, pair in enumerate(pairs)} for n in (0, 1)))
    [crd] = build_crds(kinds)
    code, answer = server.send("POST", CRDS, crd.manifest)
    assert code == 201, answer
    try:
        schemas = {each["name"]: spec_of(each) for each in crd.manifest["spec"]["versions"]}
        for kind, one, two in ((kinds[0], "v1", "v2"), (kinds[1], "v2", "v1")):
            server.wait(server.path(kind), lambda _: True)
            spec = largest(schemas[one], schemas[two])
            code, answer = server.create(kind, f"from-{one}", spec=spec)
            assert code == 201, (answer, spec)
            code, answer = server.send("GET", server.path(kinds[0], f"from-{one}"))
            assert code == 200, answer
            said = {field.replace("*", "zz") for field in removed_fields(schemas[one], schemas[two], "spec")}
            assert outside_metadata(removed(spec, answer["spec"], "spec")) == outside_metadata(said)
    finally:
        server.send("DELETE", f"{CRDS}/{crd.plural}.{crd.group}")


def model(definitions: dict[str, Any]) -> tuple[Any, None]:
    """Return the definition of a field that has these members."""
    return create_model("Field", __base__=APIModel, **definitions) | None, None


def spec_of(version: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    return found


def outside_metadata(fields: set[str]) -> set[str]:
    """Return the fields that are not of an embedded object's metadata, which has a schema of its own."""
    return {field for field in fields if ".metadata." not in field}


@pytest.mark.envtest
def test_the_api_server_removes_them(server: Server) -> None:
    check_against(server, [(members(old), members(new)) for old, new, _ in ROWS.values()])


@pytest.mark.envtest
def test_the_api_server_removes_the_same_fields_of_random_types(server: Server) -> None:
    @settings(max_examples=6, phases=[Phase.generate], suppress_health_check=list(HealthCheck), deadline=None)
    @given(st.lists(PAIRS, min_size=12, max_size=12))
    def run(pairs: list[Any]) -> None:
        found = [(members(annotation(old)), members(annotation(new))) for old, new in pairs]
        check_against(server, [pair for pair in found if is_accepted(*pair)])

    run()


def is_accepted(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether the generator accepts two versions: an embedded object limits some of its fields."""
    try:
        build_crds(versions(old, new))
    except DefinitionError:
        return False
    return True
