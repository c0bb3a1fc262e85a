"""Field selectors are evaluated as the API server does: each selector is asked of a real one, too."""

from __future__ import annotations

import random
from typing import Any

import pytest
from lightkube.resources.batch_v1 import Job
from lightkube.resources.core_v1 import ConfigMap, Event, Namespace, Node, Pod, Secret
from lightkube.resources.events_v1 import Event as NewEvent

from kaiwu_runtime.api import APIModel, CustomResource, ObjectKey, identify, resource
from kaiwu_runtime.cache._field_matcher import field_matcher, may_select
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.rest._paths import collection_path

from ..crds import install

ROUNDS = 25
"""Selectors of each kind that are asked of the server."""


class EngineSpec(APIModel):
    name: str | None = None
    size: int | None = None
    fast: bool | None = None


class EngineStatus(APIModel):
    phase: str | None = None


@resource(
    group="fields.example.com",
    version="v1",
    selectable_fields=[".spec.name", ".spec.size", ".spec.fast", ".status.phase"],
)
class Engine(CustomResource):
    spec: EngineSpec = EngineSpec()
    status: EngineStatus | None = None


CONTAINERS = {"containers": [{"name": "a", "image": "a"}]}
POD: dict[str, list[dict[str, Any]]] = {
    "spec": [
        CONTAINERS,
        {**CONTAINERS, "nodeName": "n1"},
        {**CONTAINERS, "nodeName": "n2", "restartPolicy": "Never"},
        {**CONTAINERS, "serviceAccountName": "robot", "schedulerName": "mine"},
        {**CONTAINERS, "hostNetwork": True},
    ],
    "status": [
        {},
        {"phase": "Running", "podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.1"}]},
        {"phase": "Failed", "nominatedNodeName": "n1"},
    ],
}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {**CONTAINERS, "restartPolicy": "Never"}}
KINDS: dict[str, tuple[type[Any], dict[str, list[dict[str, Any]]], dict[str, list[str]]]] = {
    "Pod": (
        Pod,
        POD,
        {
            "spec.nodeName": ["n1", "n2", ""],
            "spec.restartPolicy": ["Never", "Always"],
            "spec.serviceAccountName": ["robot", "default", ""],
            "spec.schedulerName": ["mine", "default-scheduler"],
            "spec.hostNetwork": ["true", "false", ""],
            "status.phase": ["Running", "Pending", "Failed", ""],
            "status.podIP": ["10.0.0.1", ""],
            "status.nominatedNodeName": ["n1", ""],
        },
    ),
    "Secret": (
        Secret,
        {"type": ["Opaque", "example.com/a", "a=b,c"]},  # type: ignore[list-item]
        {"type": ["Opaque", "example.com/a", r"a\=b\,c", ""]},
    ),
    "Event": (
        Event,
        {
            "involvedObject": [
                {"kind": "Pod", "name": "a", "uid": "1"},
                {"kind": "Job", "name": "b", "apiVersion": "batch/v1", "fieldPath": "spec{a}", "resourceVersion": "7"},
            ],
            "source": [{}, {"component": "kubelet"}],
            "type": ["Normal", "Warning"],  # type: ignore[list-item]
            "reason": ["Started", "Killed"],  # type: ignore[list-item]
            "reportingComponent": ["", "example.com/x"],  # type: ignore[list-item]
        },
        {
            "involvedObject.kind": ["Pod", "Job"],
            "involvedObject.name": ["a", "b"],
            "involvedObject.uid": ["1", ""],
            "involvedObject.apiVersion": ["batch/v1", ""],
            "involvedObject.fieldPath": ["spec{a}", ""],
            "involvedObject.resourceVersion": ["7", ""],
            "source": ["kubelet", "example.com/x", ""],
            "type": ["Normal", "Warning"],
            "reason": ["Started", "Killed"],
            "reportingComponent": ["", "example.com/x"],
        },
    ),
    "Node": (
        Node,
        {"spec": [{}, {"unschedulable": True}, {"unschedulable": False}]},
        {"spec.unschedulable": ["true", "false", ""]},
    ),
    "Namespace": (Namespace, {}, {"status.phase": ["Active", "Terminating", ""]}),
    "Job": (
        Job,
        {"spec": [{"template": TEMPLATE}], "status": [{}, {"succeeded": 1}]},
        {"status.successful": ["0", "1", ""]},
    ),
    "Engine": (
        Engine,
        {
            "spec": [{}, {"name": "a,b=c"}, {"size": 0}, {"size": 12, "fast": True}, {"fast": False, "name": ""}],
            "status": [{}, {"phase": "Up"}],
        },
        {
            "spec.name": [r"a\,b\=c", ""],
            "spec.size": ["0", "12", ""],
            "spec.fast": ["true", "false", ""],
            "status.phase": ["Up", ""],
        },
    ),
}


@pytest.fixture(scope="module")
def plane(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    install(control_plane, [Engine], tmp_path_factory.mktemp("crds"))
    return control_plane


def made(plane: ControlPlane, name: str, namespace: str, chance: random.Random) -> list[dict[str, Any]]:
    """Create objects of a kind with random fields, and return them as the server has them."""
    kind, choices, _ = KINDS[name]
    identity = identify(kind)
    path = collection_path(identity, namespace if identity.namespaced else "")
    for number in range(8):
        body: dict[str, Any] = {member: chance.choice(values) for member, values in choices.items()}
        place = {"generateName": f"{namespace}-"} if not identity.namespaced else {"name": f"o{number}"}
        body |= {"apiVersion": identity.api_version, "kind": identity.kind, "metadata": place}
        if name == "Event":
            body["involvedObject"] = {**body["involvedObject"], "namespace": namespace}
        status = body.pop("status", None)
        created = plane.rest.object("POST", path, body)
        if status:
            created["status"] = {**created.get("status", {}), **status}
            plane.rest.object("PUT", f"{path}/{created['metadata']['name']}/status", created)
    items: list[dict[str, Any]] = plane.rest.object("GET", path)["items"]
    return items


@pytest.mark.envtest
@pytest.mark.parametrize("name", KINDS)
def test_the_server_selects_the_same(plane: ControlPlane, namespace: str, name: str) -> None:
    kind, _, fields = KINDS[name]
    chance = random.Random(name)
    identity = identify(kind)
    path = collection_path(identity, namespace if identity.namespaced else "")
    found = made(plane, name, namespace, chance)
    fields = {**fields, "metadata.name": ["o1", "o2", ""]}
    if identity.namespaced:
        fields["metadata.namespace"] = [namespace, "default"]
    sizes = set()
    for _ in range(ROUNDS):
        chosen = chance.sample(sorted(fields), chance.choice([1, 1, 2]))
        terms = [f"{field}{chance.choice(['=', '==', '!='])}{chance.choice(fields[field])}" for field in chosen]
        selector = ",".join(terms)
        matches = field_matcher(kind, selector)
        assert matches is not None, selector
        quoted = selector.replace("\\", "%5C").replace("=", "%3D").replace(",", "%2C")
        quoted = quoted.replace("{", "%7B").replace("}", "%7D")
        answer = plane.rest.object("GET", f"{path}?fieldSelector={quoted}")
        theirs = {each["metadata"]["name"] for each in answer["items"]}
        assert {each["metadata"]["name"] for each in found if matches(each)} == theirs, selector
        sizes.add(len(theirs))
    for each in found if not identity.namespaced else ():
        if each["metadata"]["name"].startswith(f"{namespace}-"):
            plane.rest.object("DELETE", f"{path}/{each['metadata']['name']}")
    assert len(sizes) > 1, "the selectors tell objects apart"


@pytest.mark.parametrize(
    ("kind", "selector"),
    [
        (Pod, "status.podIPs=1"),
        (Pod, "spec.host=a"),
        (Namespace, "name=a"),
        (Pod, "status.phase=Running,spec.other=a"),
        (ConfigMap, "data.a=b"),
        (NewEvent, "regarding.name=a"),
        (Engine, "spec.other=a"),
        (Pod, "status.phase"),
        (Pod, "status.phase=a=b"),
        (Pod, " status.phase=a"),
        (Pod, "status.phase=a\\"),
        (Pod, "status.phase=a\\b"),
    ],
)
def test_what_only_the_server_can_tell(kind: type[Any], selector: str) -> None:
    assert field_matcher(kind, selector) is None


def test_an_empty_selector_selects_all() -> None:
    matches = field_matcher(Pod, "")
    assert matches is not None
    assert matches({})


@pytest.mark.parametrize(
    ("selector", "may"),
    [
        ("", True),
        ("metadata.name=a", True),
        ("metadata.name==a", True),
        ("metadata.name=b", False),
        ("metadata.name!=a", False),
        ("metadata.name!=b", True),
        ("metadata.namespace=x,metadata.name=a", True),
        ("metadata.namespace=y,metadata.name=a", False),
        ("metadata.namespace!=x", False),
        ("status.phase=Running", True),
        ("status.phase=Running,metadata.name=b", False),
    ],
)
def test_what_a_key_tells_of_a_selector(selector: str, may: bool) -> None:
    assert may_select(selector, ObjectKey("x", "a")) is may


def test_a_name_that_a_selector_must_escape() -> None:
    assert may_select("metadata.name=a\\,b", ObjectKey("", "a,b"))
