"""Which fields of others an operator takes, as the managed fields of the fake tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, PatchType
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._overwritten import Overwritten

Act = Callable[[Client], Awaitable[Any]]

THEIRS: dict[str, Any] = {"labels": {"team": "blue"}, "annotations": {"note": "x"}, "finalizers": ["example.com/keep"]}


def merge(patch: dict[str, Any]) -> Act:
    return lambda client: client.patch(ConfigMap, "a", patch, namespace="x")


def json_patch(*operations: dict[str, Any]) -> Act:
    return lambda client: client.patch(ConfigMap, "a", operations, namespace="x", patch_type=PatchType.JSON)


def apply(data: dict[str, str] | None = None, **metadata: Any) -> Act:
    return lambda client: client.apply(ConfigMap(metadata=ObjectMeta(name="a", namespace="x", **metadata), data=data))


async def taken(*acts: tuple[str, Act], ignored: Sequence[str] = (), first: str = "operator") -> str:
    """Return what is found when a ConfigMap was created, and managers act in turn."""
    server, outcome = FakeTransport(), Outcome()
    overwritten = Overwritten({"operator", "operator-status"}, ignored, outcome)
    writer = first

    def note(before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        if after is not None and writer.startswith("operator"):
            overwritten.written.add(after["metadata"]["resourceVersion"])
        overwritten.note(before, after)

    server.listen(lambda change: note(change.before, change.after))
    await Client(server, field_manager=first).create(
        ConfigMap(metadata=ObjectMeta(name="a", namespace="x", labels={"app": "a"}), data={"own": "1", "more": "1"})
    )
    for writer, act in acts:
        await act(Client(server, field_manager=writer))
    overwritten.look("change")
    return outcome.overwritten


@pytest.mark.parametrize(
    ("theirs", "act", "fields"),
    [
        (apply(labels={"team": "blue"}), merge({"metadata": {"labels": {"team": None}}}), "metadata.labels.team"),
        (apply(labels={"team": "blue"}), apply(labels={"team": "red"}), "metadata.labels.team"),
        (apply(labels={"team": "blue"}), merge({"metadata": {"labels": None}}), "metadata.labels.team"),
        (
            apply(labels={"example.com/team": "blue"}),
            json_patch({"op": "replace", "path": "/metadata/labels", "value": {"app": "a"}}),
            "metadata.labels.example.com/team",
        ),
        (apply(annotations={"note": "x"}), merge({"metadata": {"annotations": None}}), "metadata.annotations.note"),
        (apply(finalizers=["example.com/keep"]), merge({"metadata": {"finalizers": []}}), "metadata.finalizers"),
        (merge({"data": {"theirs": "1"}}), merge({"data": {"theirs": "2"}}), "data.theirs"),
        (apply({"theirs": "1"}), json_patch({"op": "replace", "path": "/data", "value": {"own": "1"}}), "data.theirs"),
        (
            apply({"theirs": "1"}, labels={"team": "blue"}),
            merge({"data": {"theirs": None}, "metadata": {"labels": {"team": None}}}),
            "data.theirs, metadata.labels.team",
        ),
    ],
)
async def test_a_field_of_another_manager_is_found(theirs: Act, act: Act, fields: str) -> None:
    found = await taken(("helm", theirs), ("operator", act))
    text = found.removeprefix("after step change: the operator overwrote ").removesuffix(
        " of ConfigMap x/a, which helm had set"
    )
    assert sorted(text.split(", ")) == sorted(fields.split(", ")), found
    assert await taken(("helm", theirs), ("operator", act), ignored=fields.split(", ")) == ""
    assert await taken(("helm", theirs), ("operator", act), first="helm") == "", (
        "an object that the operator did not make"
    )
    assert await taken(("helm", theirs), ("argo", act)) == "", "not by the operator"


@pytest.mark.parametrize(
    "acts",
    [
        [("helm", merge({"data": {"own": "2"}})), ("operator", merge({"data": {"own": "1"}}))],
        [("helm", merge({"data": {"own": "2"}})), ("operator", merge({"data": {"own": None}}))],
        [("operator-status", merge({"data": {"x": "1"}})), ("operator", merge({"data": {"x": "2"}}))],
        [("helm", apply(**THEIRS)), ("operator", apply({"own": "2"}, labels={"app": "b"}))],
        [("helm", apply(**THEIRS)), ("helm", apply()), ("operator", merge({"data": {"own": "2"}}))],
        [("helm", apply({"theirs": "1"})), ("operator", apply({"theirs": "1"}))],
    ],
    ids=["restored", "no longer wanted", "two managers of the operator", "its own", "given up", "the same value"],
)
async def test_what_the_operator_may_do(acts: list[tuple[str, Act]]) -> None:
    assert await taken(*acts) == ""
