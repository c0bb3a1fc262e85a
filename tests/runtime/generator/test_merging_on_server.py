# ruff: noqa: E501 - rows of a table read better on one line
"""List, map and struct types do what they are for: two field managers apply the same field on a real API server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import create_model

from kaiwu_runtime.api import (
    APIModel,
    CustomResource,
    Kube,
    ListMapKeys,
    ListType,
    MapType,
    PreserveUnknownFields,
    StructType,
    resource,
)

if TYPE_CHECKING:
    from pathlib import Path

from lightkube.models.core_v1 import Container
from lightkube.models.meta_v1 import LabelSelector

pytestmark = pytest.mark.envtest

CONFLICT = object()


class Port(APIModel):
    name: str
    number: int | None = None
    protocol: str | None = None


@dataclass(frozen=True)
class Row:
    name: str
    type: Any
    first: Any
    second: Any
    merged: Any

    @property
    def kind_name(self) -> str:
        return "".join(word.capitalize() for word in self.name.split())


ROWS = [
    Row("list map", Annotated[list[Port], ListMapKeys("name")], [{"name": "a", "number": 1}], [{"name": "b", "number": 2}], [{"name": "a", "number": 1}, {"name": "b", "number": 2}]),
    Row("list map same item", Annotated[list[Port], ListMapKeys("name")], [{"name": "a", "number": 1}], [{"name": "a", "protocol": "UDP"}], [{"name": "a", "number": 1, "protocol": "UDP"}]),
    Row("list map same field", Annotated[list[Port], ListMapKeys("name")], [{"name": "a", "number": 1}], [{"name": "a", "number": 2}], CONFLICT),
    Row("list set", Annotated[list[str], ListType("set")], ["a"], ["b"], ["a", "b"]),
    Row("list atomic", Annotated[list[str], ListType("atomic")], ["a"], ["b"], CONFLICT),
    Row("list without a type", list[str], ["a"], ["b"], CONFLICT),
    Row("map", dict[str, str], {"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
    Row("map granular", Annotated[dict[str, str], MapType("granular")], {"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
    Row("map atomic", Annotated[dict[str, str], MapType("atomic")], {"a": "1"}, {"b": "2"}, CONFLICT),
    Row("struct", Port, {"name": "a", "number": 1}, {"name": "a", "protocol": "UDP"}, {"name": "a", "number": 1, "protocol": "UDP"}),
    Row("struct atomic", Annotated[Port, StructType("atomic")], {"name": "a", "number": 1}, {"name": "a", "protocol": "UDP"}, CONFLICT),
    Row("kube list map", Kube[Container], {"name": "a", "ports": [{"containerPort": 1}]}, {"name": "a", "ports": [{"containerPort": 2}]}, {"name": "a", "ports": [{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 2, "protocol": "TCP"}]}),
    Row("kube atomic struct", Kube[LabelSelector], {"matchLabels": {"a": "1"}}, {"matchLabels": {"b": "2"}}, CONFLICT),
]  # fmt: skip


@pytest.fixture(scope="module")
def kinds(server: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, type[CustomResource]]:
    directory: Path = tmp_path_factory.mktemp("merging")
    kinds: dict[str, type[CustomResource]] = {}
    for row in ROWS:
        spec = create_model("Spec", __base__=APIModel, value=(row.type, ...))
        model = create_model(row.kind_name, __base__=CustomResource, spec=(spec, ...))
        kinds[row.name] = resource(group="merge.example.com", version="v1")(model)
    server.install(kinds.values(), directory)
    return kinds


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_two_managers(row: Row, kinds: dict[str, type[CustomResource]], server: Any) -> None:
    kind = kinds[row.name]

    def apply(manager: str, value: Any) -> tuple[int, Any]:
        body = {
            "apiVersion": kind.identity().api_version,
            "kind": kind.identity().kind,
            "metadata": {"name": "x"},
            "spec": {"value": value},
        }
        path = f"{server.path(kind, 'x')}?fieldManager={manager}"
        answer: tuple[int, Any] = server.send("PATCH", path, body, "application/apply-patch+yaml")
        return answer

    code, answer = apply("first", row.first)
    assert code == 201, answer
    try:
        code, answer = apply("second", row.second)
        if row.merged is CONFLICT:
            assert code == 409, answer
            assert 'conflict with "first"' in answer["message"]
        else:
            assert code == 200, answer
            assert answer["spec"]["value"] == row.merged
    finally:
        server.delete(kind, "x")


def test_unknown_fields_are_dropped_unless_they_are_kept(server: Any, tmp_path: Path) -> None:
    spec = create_model(
        "Spec",
        __base__=APIModel,
        closed=(Port, ...),
        open=(Annotated[Port, PreserveUnknownFields()], ...),
        anything=(dict[str, Any], ...),
    )
    kind = resource(group="merge.example.com", version="v1")(
        create_model("Pruned", __base__=CustomResource, spec=(spec, ...))
    )
    server.install([kind], tmp_path)
    port = {"name": "a", "extra": {"b": 1}}
    code, created = server.create(kind, "x", spec={"closed": port, "open": port, "anything": port, "more": 1})
    assert code == 201, created
    assert created["spec"] == {"closed": {"name": "a"}, "open": port, "anything": port}
    server.delete(kind, "x")
