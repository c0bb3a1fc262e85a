"""Which fields of others an operator takes, as the managed fields of the fake tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from copy import deepcopy
from typing import Any

import pytest
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, PatchType
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._overwritten import Overwritten

Act = Callable[[Client], Awaitable[Any]]

OWNER = OwnerReference(apiVersion="v1", kind="Node", name="a", uid="1")
THEIRS: dict[str, Any] = {"labels": {"team": "blue"}, "annotations": {"note": "x"}, "finalizers": ["example.com/keep"]}


MADE = ConfigMap(metadata=ObjectMeta(labels={"app": "a"}), data={"own": "1", "more": "1"})


def merge(patch: dict[str, Any]) -> Act:
    return lambda client: client.patch(ConfigMap, "a", patch, namespace="x")


def json_patch(*operations: dict[str, Any]) -> Act:
    return lambda client: client.patch(ConfigMap, "a", operations, namespace="x", patch_type=PatchType.JSON)


def apply(data: dict[str, str] | None = None, **metadata: Any) -> Act:
    return lambda client: client.apply(ConfigMap(metadata=ObjectMeta(name="a", namespace="x", **metadata), data=data))


async def taken(
    *acts: tuple[str, Act], ignored: Sequence[str] = (), first: str = "operator", made: ConfigMap = MADE
) -> str:
    """Return what is found when a ConfigMap was created, and managers act in turn."""
    server, outcome = FakeTransport(), Outcome()
    overwritten = Overwritten({"operator", "operator-status"}, ignored, outcome)
    writer = first

    def note(before: dict[str, Any] | None, after: dict[str, Any] | None) -> None:
        if after is not None and writer.startswith("operator"):
            overwritten.written.add(after["metadata"]["resourceVersion"])
        overwritten.note(before, after)

    server.listen(lambda change: note(change.before, change.after))
    created = deepcopy(made)
    created.metadata = created.metadata or ObjectMeta()
    created.metadata.name, created.metadata.namespace = "a", "x"
    await Client(server, field_manager=first).create(created)
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
        (
            apply(ownerReferences=[OWNER]),
            merge({"metadata": {"ownerReferences": None}}),
            "metadata.ownerReferences",
        ),
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
        [
            ("helm", merge({"metadata": {"annotations": {"note": "x"}}})),
            ("operator", merge({"metadata": {"annotations": {"own": "1"}}})),
            ("argo", merge({"metadata": {"annotations": {"note": "y"}}})),
            ("argo", merge({"metadata": {"annotations": {"note": None}}})),
            ("operator", merge({"metadata": {"annotations": None}})),
        ],
    ],
    ids=[
        "restored",
        "no longer wanted",
        "two managers of the operator",
        "its own",
        "given up",
        "the same value",
        "a map whose members another has taken",
    ],
)
async def test_what_the_operator_may_do(acts: list[tuple[str, Act]]) -> None:
    assert await taken(*acts) == ""


@pytest.mark.parametrize("made", [ConfigMap(), ConfigMap(metadata=ObjectMeta(ownerReferences=[OWNER]))])
async def test_an_object_without_fields_of_its_own_counts_as_made(made: ConfigMap) -> None:
    found = await taken(
        ("helm", apply(labels={"team": "blue"})), ("operator", merge({"metadata": {"labels": None}})), made=made
    )
    assert found.startswith("after step change: the operator overwrote metadata.labels.team of ConfigMap x/a")


async def test_only_some_of_many_fields_are_named() -> None:
    many = {f"theirs-{number}": "1" for number in range(9)}
    found = await taken(("helm", apply(many)), ("operator", merge({"data": None})))
    assert "data.theirs-4 (and 4 more) of ConfigMap x/a, which helm had set" in found
    assert "theirs-5" not in found


ADOPTED = apply({"own": "2"}, ownerReferences=[OWNER])


@pytest.mark.parametrize(
    ("acts", "fields"),
    [
        ([ADOPTED], ""),
        ([ADOPTED, merge({"data": {"more": "2"}})], ""),
        ([ADOPTED, apply({"own": "3"}, ownerReferences=[OWNER])], ""),
        ([ADOPTED, merge({"data": {"own": None}})], ""),
        ([merge({"data": {"more": None}})], ""),
        ([ADOPTED, merge({"data": {"more": None}})], "data.more"),
        ([ADOPTED, json_patch({"op": "replace", "path": "/data", "value": {"own": "1"}})], "data.more"),
        (
            [merge({"metadata": {"ownerReferences": [OWNER.to_dict()], "labels": None}, "data": {"more": "2"}})],
            "metadata.labels.app",
        ),
    ],
    ids=["adopts", "sets more", "changes its own", "gives up", "not adopted", "removes", "replaces", "at once"],
)
async def test_an_adopted_object_keeps_what_others_have_set(acts: list[Act], fields: str) -> None:
    found = await taken(*(("operator", act) for act in acts), first="kubectl-create")
    what = f"after step change: the operator overwrote {fields} of ConfigMap x/a, which kubectl-create had set"
    assert found == (what if fields else "")
    assert await taken(*(("argo", act) for act in acts), first="kubectl-create") == "", "not by the operator"
    if fields:
        other = [("operator", acts[0]), ("helm", apply(labels={"team": "blue"})), ("operator", acts[-1])]
        assert fields in await taken(*other, first="kubectl-create")
