"""The kind of a list, which a project may name."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwu_runtime.api import APIModel, CustomResource, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds


class Spec(APIModel):
    size: int = 1


def kind(version: str, **arguments: Any) -> type[CustomResource]:
    class Thing(CustomResource):
        spec: Spec = Spec()

    return resource(group="a.example.com", version=version, **arguments)(Thing)


@pytest.mark.parametrize(("given", "expected"), [(None, "ThingList"), ("Things", "Things")])
def test_it_is_the_kind_with_list_behind_it_or_what_is_said(given: str | None, expected: str) -> None:
    [crd] = build_crds([kind("v1", list_kind=given)])
    assert crd.manifest["spec"]["names"]["listKind"] == expected


@pytest.mark.parametrize("given", ["Thing", "1Thing", "Thing_List", ""])
def test_what_the_api_server_does_not_take_is_refused(given: str) -> None:
    with pytest.raises(DefinitionError, match="@resource list_kind="):
        kind("v1", list_kind=given)


def test_all_versions_share_it() -> None:
    with pytest.raises(DefinitionError, match="@resource list_kind of v1 and v2 differ"):
        build_crds([kind("v1", list_kind="Things"), kind("v2")])


@pytest.mark.envtest
def test_the_api_server_takes_it(server: Any) -> None:
    [crd] = build_crds([kind("v1", list_kind="Things")])
    server.acceptance(crd.manifest)
