"""Which informers expect a write, by what was answered to it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lightkube.resources.apps_v1 import Deployment, DeploymentScale

from kaiwu_runtime.api import ObjectKey
from kaiwu_runtime.cache import CachedObject, Informer, ListScope
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.cache._writes_to_informers import WritesToInformers
from kaiwu_runtime.testing import FakeTransport

KEY = ObjectKey("x", "a")
METADATA = {"name": "a", "namespace": "x", "uid": "u"}


def answer(version: str, **parts: Any) -> bytes:
    return json.dumps({"metadata": {**METADATA, "resourceVersion": version}, **parts}).encode()


@pytest.mark.parametrize("kind", [Deployment, DeploymentScale])
@pytest.mark.parametrize("selector", ["", "app=a", "!other"])
@pytest.mark.parametrize("present", [True, False])
async def test_a_scale_is_waited_for_where_the_object_is(kind: type[Any], selector: str, present: bool) -> None:
    """It has no labels, so that a selector says nothing of it."""
    informer = Informer[Any](FakeTransport(), Deployment, [ListScope(label_selector=selector)])
    informer.replace([CachedObject.parse(answer("5"))] if present else [], "", "5")
    known = KindInformers()
    known.add(Deployment, informer)
    WritesToInformers(known).stored(kind, KEY, answer("7", apiVersion="autoscaling/v1", kind="Scale"))
    assert bool(informer.own_writes.pending) is (present or not selector)


@pytest.mark.parametrize("body", [b"", b"OK", b"\xff", b'{"metadata":{"resourceVersion":"7', b'{"a":' * 20_000])
@pytest.mark.parametrize("selector", ["", "app=a"])
async def test_an_answer_of_another_program_is_not_waited_for(body: bytes, selector: str) -> None:
    informer = Informer[Any](FakeTransport(), Deployment, [ListScope(label_selector=selector)])
    known = KindInformers()
    known.add(Deployment, informer)
    WritesToInformers(known).stored(Deployment, KEY, body)
    assert not informer.own_writes.pending
