"""Owner references: what is written, and which owners are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.generic_resource import create_namespaced_resource
from lightkube.models.meta_v1 import ObjectMeta, OwnerReference
from lightkube.resources.core_v1 import ConfigMap, Namespace, Secret

from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.client import (
    child_of,
    encode,
    has_controller_reference,
    has_owner_reference,
    remove_owner_reference,
    set_controller_reference,
    set_owner_reference,
)
from kaiwu_runtime.envtest import ControlPlane


@resource(group="owner.example.com", version="v1")
class Farm(CustomResource):
    pass


@resource(group="owner.example.com", version="v1beta1", scope="Cluster")
class Country(CustomResource):
    pass


def farm(name: str = "farm", uid: str | None = "farm-uid", namespace: str | None = "valley") -> Farm:
    return Farm(metadata=ObjectMeta(name=name, uid=uid, namespace=namespace))


def owned(namespace: str = "valley", *references: OwnerReference) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="owned", namespace=namespace, ownerReferences=list(references) or None))


def references(obj: Any) -> list[OwnerReference]:
    return list(obj.metadata.ownerReferences or [])


FARM = OwnerReference(apiVersion="owner.example.com/v1", kind="Farm", name="farm", uid="farm-uid")
FARM_CONTROLS = OwnerReference(
    apiVersion="owner.example.com/v1",
    kind="Farm",
    name="farm",
    uid="farm-uid",
    controller=True,
    blockOwnerDeletion=True,
)
OLD_FARM_CONTROLS = OwnerReference(
    apiVersion="owner.example.com/v1beta1", kind="Farm", name="farm", uid="old-farm-uid", controller=True
)
OTHER = OwnerReference(apiVersion="v1", kind="Secret", name="other", uid="other-uid")
OTHER_CONTROLS = OwnerReference(apiVersion="v1", kind="Secret", name="other", uid="other-uid", controller=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [FARM_CONTROLS], id="first"),
        pytest.param([OTHER], [OTHER, FARM_CONTROLS], id="beside another owner"),
        pytest.param([FARM, OTHER], [FARM_CONTROLS, OTHER], id="an owner becomes the controller"),
        pytest.param([FARM_CONTROLS], [FARM_CONTROLS], id="again"),
        pytest.param([OLD_FARM_CONTROLS, OTHER], [FARM_CONTROLS, OTHER], id="made anew under its name"),
    ],
)
def test_set_controller_reference(before: list[OwnerReference], after: list[OwnerReference]) -> None:
    controlled = owned("valley", *before)
    set_controller_reference(farm(), controlled)
    assert references(controlled) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param([], [FARM], id="first"),
        pytest.param([OTHER_CONTROLS], [OTHER_CONTROLS, FARM], id="beside a controller"),
        pytest.param([FARM], [FARM], id="again"),
        pytest.param([FARM, OTHER], [FARM, OTHER], id="again, before another"),
        pytest.param([OLD_FARM_CONTROLS, OTHER, FARM], [FARM, OTHER], id="made anew under its name"),
    ],
)
def test_set_owner_reference(before: list[OwnerReference], after: list[OwnerReference]) -> None:
    mine = owned("valley", *before)
    set_owner_reference(farm(), mine)
    assert references(mine) == after


@pytest.mark.parametrize("block", [True, False])
def test_blocking_the_deletion_of_the_owner(block: bool) -> None:
    controlled, mine = owned(), owned()
    set_controller_reference(farm(), controlled, block_owner_deletion=block)
    set_owner_reference(farm(), mine, block_owner_deletion=block)
    assert references(controlled)[0].blockOwnerDeletion == (block or None)
    assert references(mine)[0].blockOwnerDeletion == (block or None)


def test_a_project_s_kind_can_be_owned_and_the_reference_is_sent() -> None:
    child = Farm()
    child.metadata.name, child.metadata.namespace = "child", "valley"
    set_controller_reference(farm(), child)
    assert b'"ownerReferences":[{' in encode(child)


def test_an_object_without_metadata_gets_it() -> None:
    bare = ConfigMap()
    set_owner_reference(Country(metadata=ObjectMeta(name="country", uid="u")), bare)
    assert references(bare)[0].kind == "Country"


@pytest.mark.parametrize(
    ("owner", "child"),
    [
        pytest.param(farm(), owned("valley"), id="same namespace"),
        pytest.param(Country(metadata=ObjectMeta(name="c", uid="u")), owned("valley"), id="cluster owns namespaced"),
        pytest.param(
            Country(metadata=ObjectMeta(name="c", uid="u")),
            Namespace(metadata=ObjectMeta(name="n")),
            id="cluster owns cluster",
        ),
        pytest.param(
            Secret(metadata=ObjectMeta(name="s", namespace="valley", uid="u")), owned("valley"), id="lightkube kind"
        ),
    ],
)
def test_who_can_own_what(owner: Any, child: Any) -> None:
    set_owner_reference(owner, child)
    (reference,) = references(child)
    assert (reference.name, reference.uid) == (owner.metadata.name, owner.metadata.uid)


@pytest.mark.parametrize(
    ("owner", "child", "message"),
    [
        pytest.param(farm(uid=None), owned(), "^Farm valley/farm has no uid: .* read from the API server", id="no uid"),
        pytest.param(Farm(), owned(), r"^Farm \(no name\) has no uid", id="nothing"),
        pytest.param(
            farm(), owned("hill"), "^ConfigMap hill/owned must be in namespace 'valley' of its owner", id="namespace"
        ),
        pytest.param(farm(), ConfigMap(), "must be in namespace 'valley'", id="no namespace"),
        pytest.param(
            farm(),
            Namespace(metadata=ObjectMeta(name="n")),
            "^Namespace n is cluster-scoped and cannot be owned by Farm valley/farm$",
            id="namespaced owns cluster",
        ),
    ],
)
def test_owners_that_are_refused(owner: Any, child: Any, message: str) -> None:
    for write in (set_owner_reference, set_controller_reference):
        with pytest.raises(ValueError, match=message):
            write(owner, child)
        assert not child.metadata or not child.metadata.ownerReferences


def test_a_second_controller_is_refused() -> None:
    controlled = owned("valley", OTHER_CONTROLS)
    message = "^ConfigMap valley/owned is controlled by Secret other already; use set_owner_reference"
    with pytest.raises(ValueError, match=message):
        set_controller_reference(farm(), controlled)
    assert references(controlled) == [OTHER_CONTROLS]


@resource(group="owner.example.com", version="v1")
class Shared(CustomResource):
    """A kind whose objects come with an owner."""

    controlled: bool = False

    def model_post_init(self, _context: Any) -> None:
        self.metadata.ownerReferences = [
            OwnerReference(apiVersion="v1", kind="Node", name="a", uid="node", controller=self.controlled or None)
        ]


def test_a_child_keeps_the_owners_that_its_class_adds() -> None:
    found = child_of(farm(), Shared).metadata.ownerReferences or ()
    assert [(each.kind, each.controller) for each in found] == [("Node", None), ("Farm", True)]
    with pytest.raises(ValueError, match="is controlled by Node a already"):
        child_of(farm(), Shared, controlled=True)


def test_an_owner_that_is_no_resource() -> None:
    with pytest.raises(TypeError, match="is not a Kubernetes resource"):
        set_owner_reference(ObjectMeta(name="a", uid="u"), owned())


GenericFarm: Any = create_namespaced_resource("owner.example.com", "v1", "Farm", "farms")
OWNERS = [
    farm("a", "1"),
    farm("b", "2"),
    GenericFarm(metadata={"name": "c", "namespace": "valley", "uid": "3"}),
    Secret(metadata=ObjectMeta(name="a", namespace="valley", uid="4")),
    Country(metadata=ObjectMeta(name="a", uid="5")),
]
REFERENCES = st.builds(
    OwnerReference,
    apiVersion=st.sampled_from(["v1", "owner.example.com/v1", "owner.example.com/v1beta1", "apps/v1"]),
    kind=st.sampled_from(["Farm", "Secret", "Country"]),
    name=st.sampled_from("abc"),
    uid=st.sampled_from("123456789"),
    blockOwnerDeletion=st.sampled_from([None, True]),
)
CHILDREN = [
    lambda found: owned("valley", *found),
    lambda found: Farm(metadata=ObjectMeta(name="child", namespace="valley", ownerReferences=found or None)),
    lambda found: GenericFarm(
        metadata={"name": "child", "namespace": "valley", "ownerReferences": [one.to_dict() for one in found]}
    ),
    lambda found: GenericFarm(metadata=ObjectMeta(name="child", namespace="valley", ownerReferences=found or None)),
]


@given(
    st.lists(REFERENCES, max_size=4, unique_by=lambda one: one.uid),
    st.permutations(OWNERS),
    st.permutations(OWNERS),
    st.sampled_from(CHILDREN),
    st.booleans(),
)
def test_owners_that_are_set_come_to_rest_in_whatever_order(
    found: list[OwnerReference], first: list[Any], again: list[Any], make: Any, controlled: bool
) -> None:
    child, controller = make(found), OWNERS[0]

    def write(owners: list[Any]) -> None:
        for owner in owners:
            set_controller_reference(owner, child) if controlled and owner is controller else set_owner_reference(
                owner, child
            )

    write(first)
    rest = encode(child)
    write(again)
    assert encode(child) == rest
    assert {one.uid for one in references(child)} >= {owner.metadata.uid for owner in OWNERS}
    untouched = [one for one in found if one in references(child)]
    assert [one for one in references(child) if one in untouched] == untouched, "the order of the others is kept"


@given(st.sampled_from(CHILDREN), st.sampled_from(OWNERS), st.sampled_from(OWNERS))
def test_has_and_remove(make: Any, owner: Any, other: Any) -> None:
    child = make([])
    assert not remove_owner_reference(owner, child)
    set_owner_reference(owner, child)
    if other is not owner:
        assert not has_owner_reference(other, child)
        set_controller_reference(other, child)
        assert has_controller_reference(other, child)
    assert has_owner_reference(owner, child)
    assert has_controller_reference(owner, child) is False
    assert remove_owner_reference(owner, child)
    assert not has_owner_reference(owner, child)
    assert not remove_owner_reference(owner, child)
    assert [one.uid for one in references(child)] == ([] if other is owner else [other.metadata.uid])


def test_a_reference_to_an_earlier_object_of_the_name_is_removed_and_does_not_count() -> None:
    child = owned("valley", OLD_FARM_CONTROLS)
    assert not has_owner_reference(farm(), child)
    assert not has_controller_reference(farm(), child)
    assert has_controller_reference(farm(uid=None), child)
    assert remove_owner_reference(farm(), child)
    assert child.metadata is not None
    assert child.metadata.ownerReferences is None


@pytest.mark.envtest
def test_the_api_server_accepts_them(control_plane: ControlPlane, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = control_plane.rest.object("POST", path, {"metadata": {"name": "owner"}})["metadata"]["uid"]
    child = owned(namespace, OTHER)
    set_controller_reference(ConfigMap(metadata=ObjectMeta(name="owner", namespace=namespace, uid=uid)), child)
    code, answer = control_plane.rest.request("POST", path, child.to_dict())
    assert code == 201, answer
