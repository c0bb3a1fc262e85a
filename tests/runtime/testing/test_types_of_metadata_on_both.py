"""Metadata of a wrong type in every kind of write: the fake refuses it as a real API server does."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwu_runtime.client import Client
from kaiwu_runtime.errors import APIStatusError

from ..generic_kinds import GenericConfigMap as Settings
from .test_client_on_both import client as client  # noqa: PLC0414 - a fixture

OWNER = {"apiVersion": "v1", "kind": "Secret", "name": "o", "uid": "u"}
NO_TEXTS: list[Any] = [1, True, 1.5, {}, [], ["a"]]
FIELDS: list[tuple[str, list[Any]]] = [
    *((name, [{"a": value} for value in NO_TEXTS]) for name in ("labels", "annotations")),
    ("finalizers", [[1], [None], [{}], [[]], "a", 1, True]),
    ("ownerReferences", [[1], ["a"], [[]], [{**OWNER, "controller": "x"}], [{**OWNER, "uid": 1}], "a", 1, True]),
    ("labels", ["a", 1, True]),
    ("generation", ["1", 1.5, {}, True]),
    *((name, [1, [], {}]) for name in ("generateName", "uid")),
    ("creationTimestamp", ["yesterday"]),
]
WRONG: list[dict[str, Any]] = [{name: value} for name, values in FIELDS for value in values]
# What else is wrong lightkube's own type of metadata refuses before it is sent.
TEXTS = [wrong for wrong in WRONG if any(isinstance(wrong.get(name), dict) for name in ("labels", "annotations"))]


@pytest.mark.parametrize("metadata", WRONG, ids=str)
async def test_a_patch_is_refused(client: Client, metadata: dict[str, Any]) -> None:
    await client.create(Settings(metadata={"name": "a", "namespace": client.namespace}))
    with pytest.raises(APIStatusError) as refused:
        await client.patch(Settings, "a", {"metadata": metadata}, namespace=client.namespace)
    assert refused.value.code == 422


@pytest.mark.parametrize("metadata", TEXTS, ids=str)
async def test_a_creation_and_an_apply_are_refused(client: Client, metadata: dict[str, Any]) -> None:
    content = {"metadata": {"name": "a", "namespace": client.namespace, **metadata}}
    with pytest.raises(APIStatusError) as refused:
        await client.create(Settings(content))
    assert refused.value.code == 400
    with pytest.raises(APIStatusError) as refused:
        await client.apply(Settings(content))
    assert refused.value.code == 500
