"""Names that are fine alone are refused beside those that PROJECT has."""

from __future__ import annotations

import pytest

from kaiwuctl.errors import UsageError
from kaiwuctl.project.model import Project, Resource
from kaiwuctl.scaffold.api_request import APIRequest
from kaiwuctl.scaffold.decision import decide


def resource(group: str = "kaiwu", kind: str = "KaiwuCluster", version: str = "v1", **others: object) -> Resource:
    values: dict[str, object] = {
        "group": group,
        "domain": "inspur.com",
        "version": version,
        "kind": kind,
        "plural": f"{kind.lower()}s",
        "path": f"api/{version}",
        "api": True,
        "namespaced": True,
        "controllers": (kind.lower(),),
    }
    return Resource(**(values | others))  # type: ignore[arg-type]


def project(*resources: Resource, multigroup: bool = False) -> Project:
    return Project("kaiwu", "inspur.com", "github.com/inspur/kaiwu", multigroup=multigroup, resources=resources)


def request(group: str = "kaiwu", kind: str = "Other", version: str = "v1", **others: object) -> APIRequest:
    return APIRequest(group=group, version=version, kind=kind, **others)  # type: ignore[arg-type]


REFUSED = [
    ("second-group", request(group="other"), [], False, "is for one group; several need"),
    ("package", request(group="sea-x"), [resource(group="sea.x")], True, "share the Python package sea_x"),
    (
        "plural",
        request(plural="kaiwuclusters"),
        [],
        False,
        "the name 'kaiwuclusters' belongs to KaiwuCluster",
    ),
    ("case", request(kind="Kaiwucluster"), [], False, "the name 'kaiwucluster' belongs to KaiwuCluster"),
    (
        "plural-is-singular",
        request(kind="KaiwuClusters", plural="kcs"),
        [],
        False,
        "'kaiwuclusters' belongs to",
    ),
    (
        "singular-is-plural",
        request(kind="Foo", plural="kaiwucluster"),
        [],
        False,
        "'kaiwucluster' belongs to",
    ),
    ("list", request(kind="KaiwuClusterList"), [], False, "would be called like the other"),
    ("other-plural", request(kind="KaiwuCluster", version="v2", plural="kcs"), [], False, "has the plural"),
    (
        "other-scope",
        request(kind="KaiwuCluster", version="v2", namespaced=False),
        [],
        False,
        "has --namespaced=true in PROJECT",
    ),
    ("controller-taken", request(controller_name="kaiwucluster"), [], False, "is taken, which reconciles"),
    ("controller-hyphens", request(controller_name="kaiwu-cluster"), [], False, "differs .* only in hyphens"),
    (
        "controller-of-other-version",
        request(kind="KaiwuCluster", version="v2", controller=True),
        [],
        False,
        "one controller serves all versions",
    ),
    (
        "named-controllers",
        request(kind="Ship"),
        [resource(kind="Ship", controllers=("captain",))],
        False,
        "has the controller captain; choose it",
    ),
    (
        "name-without-controller",
        request(controller=False, controller_name="x"),
        [],
        False,
        "contradicts --controller=false",
    ),
    ("nothing", request(resource=False, controller=False), [], False, "nothing is left to scaffold"),
    ("foreign", request(resource=False), [], False, "PROJECT has no Other of kaiwu/v1"),
    (
        "kubernetes-kind",
        request(group="apps", kind="Deployment", resource=True),
        [resource(group="apps", domain="", kind="Deployment", api=False, core=True)],
        True,
        "as a kind of Kubernetes itself",
    ),
    (
        "controller-too-long",
        request(group="g" * 40, kind="K" * 40),
        [],
        True,
        "--controller-name .* must have at most 63",
    ),
]


@pytest.mark.parametrize(
    ("asked", "others", "multigroup", "message"),
    [row[1:] for row in REFUSED],
    ids=[row[0] for row in REFUSED],
)
def test_refused(asked: APIRequest, others: list[Resource], multigroup: bool, message: str) -> None:
    name = "kaiwu-kaiwucluster" if multigroup else "kaiwucluster"
    present = project(resource(controllers=(name,)), *others, multigroup=multigroup)
    with pytest.raises(UsageError, match=message) as caught:
        decide(asked, present)
    assert caught.value.message.startswith("--")


def test_first_api_gets_type_and_controller() -> None:
    decision = decide(request(kind="KaiwuCluster"), project())
    assert decision.entry == resource()
    assert (decision.resource, decision.controller, decision.storage) == (True, True, True)
    assert (decision.controller_name, decision.reconciler) == ("kaiwucluster", "KaiwuClusterReconciler")


def test_the_same_again_decides_the_same() -> None:
    present = project(resource())
    assert decide(request(kind="KaiwuCluster"), present).entry == resource()


def test_a_second_version_gets_no_second_controller_and_is_not_stored() -> None:
    decision = decide(request(kind="KaiwuCluster", version="v2"), project(resource()))
    assert (decision.controller, decision.storage, decision.other_versions) == (False, False, ("v1",))
    assert decision.entry.controllers == ()


def test_the_first_version_stays_the_stored_one() -> None:
    second = resource(version="v2", controllers=())
    assert decide(request(kind="KaiwuCluster"), project(resource(), second)).storage
    assert not decide(request(kind="KaiwuCluster", version="v2"), project(resource(), second)).storage


def test_a_second_version_takes_over_plural_and_scope() -> None:
    first = resource(plural="kcs", namespaced=False)
    entry = decide(request(kind="KaiwuCluster", version="v2"), project(first)).entry
    assert (entry.plural, entry.namespaced) == ("kcs", False)


def test_a_second_controller_is_added_to_the_first() -> None:
    decision = decide(request(kind="KaiwuCluster", controller_name="backup"), project(resource()))
    assert decision.entry.controllers == ("kaiwucluster", "backup")
    assert decision.reconciler == "BackupReconciler"


def test_a_kind_of_kubernetes_needs_no_type() -> None:
    decision = decide(request(group="networking", kind="Ingress", resource=False), project(resource()))
    assert decision.entry.core
    assert decision.entry.qualified_group == "networking.k8s.io"
    assert decision.entry.path == "lightkube.resources.networking_v1"
    again = decide(request(group="networking", kind="Ingress"), project(resource(), decision.entry))
    assert again.entry == decision.entry
    assert not again.resource


def test_the_controller_of_a_group_that_starts_with_a_digit() -> None:
    decision = decide(request(group="4th", kind="Otter"), project(multigroup=True))
    assert (decision.controller_name, decision.entry.path) == ("group-4th-otter", "api/group_4th/v1")


def test_the_same_kind_in_two_groups() -> None:
    present = project(resource(group="first", controllers=("first-kaiwucluster",)), multigroup=True)
    decision = decide(request(group="second", kind="KaiwuCluster"), present)
    assert decision.controller_name == "second-kaiwucluster"
    assert decision.entry.path == "api/second/v1"
