"""What is counted against a real API server, whose watches of different kinds have no order between them."""

from __future__ import annotations

from typing import Any, cast

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._real._observer import Observer
from kaiwu_runtime.testing.faults._real._tally import Tally

OWNERS = ResourceIdentity("example.com", "v1", "Site", "sites", namespaced=True)
MAPS = ResourceIdentity("", "v1", "ConfigMap", "configmaps", namespaced=True)


class Followed:
    """An Observer without a server, and a tally of what it is told."""

    def __init__(self) -> None:
        self.observer = Observer(cast("Any", None), [])
        self.outcome = Outcome()
        self.tally = Tally(self.observer, self.outcome, ())
        self.observer.listeners.append(self.tally.note)

    def tell(self, resource: ResourceIdentity, version: int, *, owner: str = "", **metadata: Any) -> None:
        """Tell that an object was created, or of a change of it."""
        owners = [{"kind": "Site", "name": "s", "uid": owner}] if owner else None
        uid = f"{resource.kind} {version}"
        metadata = {"name": "a", "uid": uid, "resourceVersion": str(version), "ownerReferences": owners} | metadata
        self.observer.change(resource, uid, {"metadata": metadata})

    def tell_gone(self, resource: ResourceIdentity, created: int, version: int) -> None:
        """Tell that an object is gone."""
        self.observer.change(resource, f"{resource.kind} {created}", None, str(version))

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        self.tally.count()
        return dict(self.outcome.created), dict(self.outcome.deleted)


def test_an_object_that_is_seen_before_its_owner_counts() -> None:
    followed = Followed()
    followed.tell(MAPS, 8, owner="Site 7")
    followed.tell(OWNERS, 7)
    assert followed.counts() == ({"Site": 1, "ConfigMap": 1}, {})


def test_an_object_whose_owner_is_seen_to_go_first_counts() -> None:
    followed = Followed()
    followed.tell(OWNERS, 7)
    followed.tell_gone(OWNERS, 7, 9)
    followed.tell(MAPS, 8, owner="Site 7")
    followed.tell_gone(MAPS, 8, 10)
    assert followed.counts() == ({"Site": 1, "ConfigMap": 1}, {"Site": 1, "ConfigMap": 1})


def test_an_object_that_was_created_when_its_owner_was_gone_does_not() -> None:
    followed = Followed()
    followed.tell(OWNERS, 7)
    followed.tell(MAPS, 9, owner="Site 7")  # seen before the end of its owner
    followed.tell_gone(OWNERS, 7, 8)
    followed.tell_gone(MAPS, 9, 10)
    followed.tell(MAPS, 11, owner="never there")
    followed.tell(MAPS, 12)
    assert followed.counts() == ({"Site": 1, "ConfigMap": 1}, {"Site": 1})


def test_what_plays_the_cluster_does_not_count() -> None:
    followed = Followed()
    followed.tell(MAPS, 7, managedFields=[{"manager": "kube-controller-manager", "operation": "Update"}])
    assert followed.counts() == ({}, {})
