"""Maps and lists of a custom resource that an apply empties, on an API server in memory and on a real one."""

from __future__ import annotations

import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from kaiwu_runtime import Client, PatchType
from kaiwu_runtime.api import APIModel, CustomResource, ListMapKeys, resource
from kaiwu_runtime.client._emptied import RejectedApply, emptied_maps, null_fields
from kaiwu_runtime.errors import InvalidError
from kaiwu_runtime.rest._transport import Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper

from ..on_both import SERVERS, connected


class Drawer(APIModel):
    slots: dict[str, str] = Field(default_factory=dict)


class Variable(APIModel):
    name: str
    labels: dict[str, str] | None = None


class Shelf(APIModel):
    boards: dict[str, str] | None = None
    env: Annotated[list[Variable], ListMapKeys("name")] | None = None  # of which the one in memory knows the key
    drawer: Drawer | None = None
    chests: dict[str, dict[str, str]] | None = None


@resource(group="shelves.example.com", version="v1")
class Cupboard(CustomResource):
    spec: Shelf = Shelf()
    status: Shelf = Shelf()


@pytest.fixture(params=SERVERS)
async def client(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Client]:
    async with connected(request, tmp_path, Cupboard) as client:
        yield client


def cupboard(client: Client, name: str = "a", **parts: Any) -> Cupboard:
    return Cupboard.model_validate({"metadata": {"name": name, "namespace": client.namespace}, **parts})


async def applied(client: Client, part: str, content: dict[str, Any], name: str = "a") -> dict[str, Any]:
    """Apply the spec or the status, and return what is stored of it."""
    obj = cupboard(client, name, **{part: content})
    await (client.apply(obj) if part == "spec" else client.apply_status(obj))
    return await stored(client, part, name)


async def stored(client: Client, part: str, name: str = "a") -> dict[str, Any]:
    path = f"/apis/shelves.example.com/v1/namespaces/{client.namespace}/cupboards/{name}"
    found: dict[str, Any] = json.loads(await client.transport.request("GET", path)).get(part, {})
    return found


def variables(found: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"name": name, **({} if labels is None else {"labels": labels})} for name, labels in found.items()]


NUMBERS = itertools.count()
MAPS = st.dictionaries(st.sampled_from("ab"), st.just("x"))
SHELVES = st.fixed_dictionaries(
    {},
    optional={
        "boards": MAPS,
        "env": st.dictionaries(st.sampled_from("ab"), st.none() | MAPS).map(variables),
        "drawer": st.fixed_dictionaries({}, optional={"slots": MAPS}),
        "chests": st.dictionaries(st.sampled_from(["a", "a.b", "b.c", "b.c/d", "[0]"]), MAPS),
    },
)


def without_empty_lists(content: dict[str, Any]) -> dict[str, Any]:
    """Return content without what the API server takes for the same as nothing."""
    return {name: value for name, value in content.items() if value != []}


@pytest.mark.parametrize("part", ["spec", "status"])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(contents=st.lists(SHELVES, min_size=2, max_size=5))
@example(contents=[{"env": []}, {"boards": {}, "drawer": {}, "env": [{"name": "a"}]}, {}])
@example(contents=[{"chests": {"b.c/d": {"a": "x"}, "[0]": {"a": "x"}}}, {"chests": {"b.c/d": {}, "[0]": {}}}])
@example(contents=[{"chests": {"a": {"b": "x"}, "a.b": {"a": "x"}}}, {"chests": {"a": {"b": "x"}, "a.b": {}}}])
@example(
    contents=[{"env": [{"name": "a", "labels": {"b": "x"}}]}, {"boards": {}, "env": [{"name": "a", "labels": {}}]}]
)
async def test_applies_one_after_the_other(client: Client, part: str, contents: list[dict[str, Any]]) -> None:
    name = f"n{next(NUMBERS)}"
    await client.apply(cupboard(client, name), field_manager="other")
    for content in contents:
        found = await applied(client, part, content, name)
        assert without_empty_lists(found) == without_empty_lists(content)
    await client.delete(Cupboard, name, namespace=client.namespace)


FULL, EMPTIED = {"boards": {"b": "x"}, "env": [{"name": "b"}]}, {"boards": {"b": None}, "env": []}
OWN, LATER = {"boards": {"a": "x"}, "env": [{"name": "a"}]}, {"boards": {"a": "y"}, "env": [{"name": "c"}]}


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("wanted", [{}, {"boards": {}, "env": []}])
async def test_what_another_manager_has_left_empty(client: Client, part: str, wanted: dict[str, Any]) -> None:
    await client.create(cupboard(client))
    subresource = "status" if part == "status" else ""
    for value in (FULL, EMPTIED):
        await client.patch(
            Cupboard,
            "a",
            {part: value},
            namespace=client.namespace,
            patch_type=PatchType.MERGE,
            field_manager="other",
            subresource=subresource,
        )
    assert await applied(client, part, OWN) == OWN
    found = await applied(client, part, wanted)
    assert not any(found.values()), found
    assert await applied(client, part, LATER) == LATER


async def test_members_of_others_stay(client: Client) -> None:
    await client.create(cupboard(client))
    await client.apply_status(cupboard(client, status={"boards": {"b": "x"}}), field_manager="other")
    await applied(client, "status", {"boards": {"a": "x"}})
    assert await applied(client, "status", {"boards": {}}) == {"boards": {"b": "x"}}


class Meanwhile(TransportWrapper):
    """Lets another writer act after the first rejection."""

    def __init__(self, inner: Transport, act: Callable[[], Awaitable[object]]) -> None:
        super().__init__(inner)
        self.act: Callable[[], Awaitable[object]] | None = act

    async def request(self, method: str, path: str, **kwargs: Any) -> bytes:
        try:
            return await super().request(method, path, **kwargs)
        except InvalidError:
            if (act := self.act) is not None:
                self.act = None
                await act()
            raise


@pytest.mark.parametrize("part", ["spec", "status"])
@pytest.mark.parametrize("boards", [{"b": "y"}, {"a": "y"}, None])
async def test_another_writer_after_the_rejection(client: Client, part: str, boards: dict[str, str] | None) -> None:
    """Once the rejection was raised, as nothing was found that the apply leaves empty."""
    await client.create(cupboard(client))

    async def patch(boards: dict[str, Any] | None) -> None:
        await client.patch(
            Cupboard,
            "a",
            {part: {"boards": boards}},
            namespace=client.namespace,
            subresource="status" if part == "status" else "",
            field_manager="other",
        )

    await patch({"b": "x"})
    await patch({"b": None})
    await applied(client, part, {"boards": {"a": "x"}})
    transport = Meanwhile(client.transport, lambda: patch(boards))
    await applied(Client(transport, namespace=client.namespace), part, {"chests": {"c": {"d": "e"}}})
    assert transport.act is None
    assert (await stored(client, part)) == {"chests": {"c": {"d": "e"}}, **({"boards": boards} if boards else {})}


def rejection(*causes: tuple[str, str]) -> InvalidError:
    found = [{"field": field, "message": message} for field, message in causes]
    return InvalidError("invalid", code=422, reason="Invalid", details={"causes": found})


def test_which_rejections_are_about_nulls() -> None:
    null, typed = "Invalid value: null", 'Invalid value: "null": boards in body must be of type object: "null"'
    causes = [("spec.a", null), ("status.b.c", typed), ("spec.a", typed), ("spec.d[0].e", null), ("spec.f", "Required")]
    assert null_fields(rejection(*causes)) == [["spec", "a"], ["status", "b", "c"], ["spec", "d[0]", "e"]]
    assert null_fields(rejection()) == []


@pytest.mark.parametrize(
    ("body", "content", "owners", "patch"),
    [
        ({"a": {}}, {"a": {"b": "1"}}, [], {"a": None}),
        ({}, {"a": {"b": "1"}}, [{"f:a": {}}, {"f:a": {".": {}}}, {"f:c": {}}], {"a": None}),
        ({"a": {}}, {"a": {"b": "1"}}, [{"f:a": {"f:c": {}}}], None),
        ({"a": None}, {"a": {"b": "1"}}, [], None),
        ({"a": {"b": None}}, {"a": {"b": "1"}}, [], None),
        ({"a": {}}, {"a": "1"}, [], None),
        ({"a": {}}, {}, [], None),
        ({"a": []}, {"a": ["b"]}, [{"f:a": {}}], {"a": None}),
        ({"a": []}, {"a": ["b"]}, [{"f:a": {'v:"c"': {}}}], None),
        ({"a": []}, {"a": ["b"]}, [{"f:a": {'k:{"name":"c"}': {}}}], None),
    ],
)
def test_only_what_the_apply_empties_is_removed(
    body: dict[str, Any], content: dict[str, Any], owners: list[dict[str, Any]], patch: dict[str, Any] | None
) -> None:
    fields = [{"f:status": {"f:a": {"f:b": {}}}}, *({"f:status": each} for each in owners)]
    managed = [
        {"manager": "m" if number == 0 else "o", "operation": "Apply", "subresource": "status", "fieldsV1": tree}
        for number, tree in enumerate(fields)
    ]
    obj = {"metadata": {"resourceVersion": "7", "managedFields": managed}, "status": content}
    rejected = RejectedApply(("/a", "/a/status"), json.dumps({"status": body}).encode(), {"fieldManager": "m"})
    found = emptied_maps([["status", "a"]], rejected, json.dumps(obj).encode())
    assert found == ({"status": patch, "metadata": {"resourceVersion": "7"}} if patch else {})
