"""A fake API server that has objects at its start."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from lightkube.models.core_v1 import NodeStatus, PodStatus
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Node, Pod

from kaiwu_runtime import Client
from kaiwu_runtime.errors import AlreadyExistsError, APIStatusError, InvalidError
from kaiwu_runtime.testing import FakeKind, FakeTransport

from .api import Gadget, Gizmo

WHEN = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_objects_are_there_as_they_were_given() -> None:
    gadget = Gadget.model_validate(
        {"metadata": {"name": "g", "namespace": "n", "generation": 7}, "spec": {"size": 1}, "status": {"phase": "Up"}}
    )
    objects = [
        gadget,
        Gizmo.model_validate({"metadata": {"name": "z"}, "status": {"phase": "Up"}}),
        Pod(
            metadata=ObjectMeta(name="p", namespace="n", uid="u-1", labels={"a": "b"}),
            status=PodStatus(phase="Running"),
        ),
        Node(metadata=ObjectMeta(name="node", creationTimestamp=WHEN), status=NodeStatus(phase="Ready")),
        ConfigMap(metadata=ObjectMeta(name="d", namespace="n", finalizers=["f.com/a"], deletionTimestamp=WHEN)),
    ]
    fake = FakeTransport(objects=objects)
    client = Client(fake)
    assert fake.requests == []
    found = await client.get(Gadget, "g", namespace="n")
    assert (found.metadata.generation, found.status) == (7, gadget.status)
    assert found.metadata.uid
    assert found.metadata.resourceVersion
    assert (await client.get(Gizmo, "z")).status is not None
    (pod,) = await client.list(Pod, namespace="n", label_selector="a=b")
    assert pod.metadata is not None
    assert pod.status is not None
    assert (pod.metadata.uid, pod.status.phase) == ("u-1", "Running")
    node = await client.get(Node, "node")
    assert node.metadata is not None
    assert node.metadata.creationTimestamp == WHEN
    # The last finalizer goes, and with it an object that was being deleted at the start.
    await client.patch(ConfigMap, "d", {"metadata": {"finalizers": None}}, namespace="n")
    assert await client.list(ConfigMap, namespace="n") == []


async def test_a_kind_that_was_named_is_served_as_it_was_named() -> None:
    plain = FakeKind.of(Gadget, status=False)
    gadget = Gadget.model_validate({"metadata": {"name": "g", "namespace": "n"}, "status": {"phase": "Up"}})
    client = Client(FakeTransport(plain, objects=[gadget]))
    await client.patch(Gadget, "g", {"status": {"phase": "Down"}}, namespace="n")
    found = await client.get(Gadget, "g", namespace="n")
    assert found.status is not None
    assert found.status.phase == "Down"


@pytest.mark.parametrize(
    ("objects", "error", "text"),
    [
        ([ConfigMap(metadata=ObjectMeta(name="a"))], InvalidError, "metadata.namespace: Required value"),
        ([ConfigMap(metadata=ObjectMeta(namespace="n"))], InvalidError, "metadata.name: Required value"),
        ([ConfigMap(metadata=ObjectMeta(name="A", namespace="n"))], InvalidError, 'Invalid value: "A"'),
        (
            [ConfigMap(metadata=ObjectMeta(name="a", namespace="n", deletionTimestamp=WHEN))],
            InvalidError,
            "metadata.finalizers: Required value",
        ),
        ([ConfigMap(metadata=ObjectMeta(name="a", namespace="n"))] * 2, AlreadyExistsError, '"a" already exists'),
        (["text"], TypeError, "str"),
    ],
)
def test_what_no_server_has_is_refused(objects: list[object], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text) as raised:
        FakeTransport(objects=objects)
    assert not isinstance(raised.value, APIStatusError) or raised.value.code in {409, 422}
