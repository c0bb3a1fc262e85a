"""The ReplicaSets of a Deployment: which is the new one, their sizes, and their annotations.

See https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment
"""

from __future__ import annotations

from kaiwu_runtime._unsigned import unsigned
from kaiwu_runtime.testing._simulation._objects import REPLICA_SETS, Object, Objects, digest, owned_by
from kaiwu_runtime.testing._simulation._pod_templates import reported, wanted_replicas

HASH = "pod-template-hash"

_REVISION = "deployment.kubernetes.io/revision"
_DESIRED = "deployment.kubernetes.io/desired-replicas"
_MAXIMUM = "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        "deprecated.deployment.rollback.to",
        "deployment.kubernetes.io/revision-history",
        _REVISION,
        _DESIRED,
        _MAXIMUM,
    }
)
_DEFAULT_SHARE = "25%"


class ReplicaSets:
    """The ReplicaSets of one Deployment, as they are after what was written.

    Args:
        objects: Reads and writes.
        owner: The Deployment.
        sets: Its ReplicaSets.

    Attributes:
        objects: Reads and writes.
        owner: The Deployment.
        new: The one of the present template.
        old: The others, oldest first.
    """

    def __init__(self, objects: Objects, owner: Object, sets: list[Object]) -> None:
        self.objects = objects
        self.owner = owner
        self._hash = digest(owner["spec"]["template"])
        self._name = f"{owner['metadata']['name']}-{self._hash}"
        self.new = next((each for each in sets if each["metadata"]["name"] == self._name), None)
        others = [each for each in sets if each is not self.new]
        self.old = sorted(others, key=lambda each: (str(each["metadata"].get("creationTimestamp")), revision_of(each)))

    @property
    def all(self) -> list[Object]:
        """All of them."""
        return self.old if self.new is None else [*self.old, self.new]

    @property
    def active(self) -> list[Object]:
        """Those that are to have Pods."""
        return [each for each in self.all if wanted_replicas(each["spec"])]

    def total(self) -> int:
        """Return how many Pods they are to have together."""
        return sum(wanted_replicas(each["spec"]) for each in self.all)

    def is_complete(self) -> bool:
        """Return whether the new one has all Pods, and all are available."""
        wanted = wanted_replicas(self.owner["spec"])
        have = sum(reported(each, "replicas") for each in self.all)
        available = sum(reported(each, "availableReplicas") for each in self.all)
        return self.new is not None and reported(self.new, "replicas") == have == available == wanted

    async def create(self, replicas: int) -> None:
        """Create the new one."""
        spec, metadata = self.owner["spec"], self.owner["metadata"]
        template = spec["template"]
        labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH: self._hash}
        match = {**(spec["selector"].get("matchLabels") or {}), HASH: self._hash}
        body: Object = {
            "metadata": {
                "name": self._name,
                "namespace": metadata["namespace"],
                "labels": labels,
                "annotations": {**self._copied(), **self._sizes(), _REVISION: str(self._next_revision())},
                "ownerReferences": owned_by(self.owner),
            },
            "spec": {
                "replicas": replicas,
                "selector": {**spec["selector"], "matchLabels": match},
                "template": {**template, "metadata": {**(template.get("metadata") or {}), "labels": labels}},
            },
        }
        if spec.get("minReadySeconds"):
            body["spec"]["minReadySeconds"] = spec["minReadySeconds"]
        await self.objects.create(REPLICA_SETS, body)
        self.new = body

    async def renew(self) -> None:
        """Bring the annotations and the times of the new one up to date: after a rollback it is the latest again."""
        if self.new is None:
            return
        metadata, seconds = self.new["metadata"], self.owner["spec"].get("minReadySeconds") or 0
        wanted = self._copied()
        if revision_of(self.new) < self._next_revision():
            wanted[_REVISION] = str(self._next_revision())
        present = metadata.get("annotations") or {}
        patch: Object = {}
        if wanted.items() - present.items():
            patch["metadata"] = {"annotations": wanted}
            metadata["annotations"] = {**present, **wanted}
        if seconds != (self.new["spec"].get("minReadySeconds") or 0):
            patch["spec"] = {"minReadySeconds": seconds}
        if patch:
            await self.objects.patch(REPLICA_SETS, self.new, patch)

    async def scale(self, replica_set: Object, replicas: int) -> None:
        """Change how many Pods one of them is to have."""
        present = replica_set["metadata"].get("annotations") or {}
        if wanted_replicas(replica_set["spec"]) == replicas and not self._sizes().items() - present.items():
            return
        patch = {"metadata": {"annotations": self._sizes()}, "spec": {"replicas": replicas}}
        await self.objects.patch(REPLICA_SETS, replica_set, patch)
        replica_set["spec"]["replicas"] = replicas
        replica_set["metadata"]["annotations"] = {**present, **self._sizes()}

    async def resize(self) -> None:
        """Change their sizes after that of the Deployment, in the proportion they have."""
        wanted, active = wanted_replicas(self.owner["spec"]), self.active
        if len(active) <= 1:
            latest = active[0] if active else max(self.all, key=revision_of, default=None)
            if latest is not None:
                await self.scale(latest, wanted)
            return
        if self.new is not None and reported(self.new, "availableReplicas") == wanted == desired_annotation(self.new):
            for each in self.old:
                await self.scale(each, 0)
            return
        most = wanted + max_surge(self.owner) if wanted else 0
        adding = most - self.total()
        newest = sorted(active, key=revision_of, reverse=adding > 0)
        order = sorted(newest, key=lambda each: wanted_replicas(each["spec"]), reverse=True)
        sizes, left = [], adding
        for each in order:
            share = _share(self.owner, each, most) if adding else 0
            share = min(share, left) if adding > 0 else max(share, left)
            sizes.append(wanted_replicas(each["spec"]) + share)
            left -= share
        sizes[0] = max(0, sizes[0] + left)
        for each, size in zip(order, sizes, strict=True):
            await self.scale(each, size)

    def _copied(self) -> dict[str, str]:
        given: dict[str, str] = self.owner["metadata"].get("annotations") or {}
        return {name: value for name, value in given.items() if name not in _NOT_COPIED}

    def _sizes(self) -> dict[str, str]:
        wanted = wanted_replicas(self.owner["spec"])
        return {_DESIRED: str(wanted), _MAXIMUM: str(wanted + max_surge(self.owner))}

    def _next_revision(self) -> int:
        return max(map(revision_of, self.old), default=0) + 1


def _share(owner: Object, replica_set: Object, most: int) -> int:
    count = wanted_replicas(replica_set["spec"])
    if not most:
        return -count
    annotations = replica_set["metadata"].get("annotations") or {}
    before = int(annotations.get(_MAXIMUM) or 0) or reported(owner, "replicas")
    return (2 * count * most + before) // (2 * before) - count if before else 0


def revision_of(obj: Object) -> int:
    """Return the revision of a ReplicaSet or a Deployment; 0 for none."""
    text = (obj["metadata"].get("annotations") or {}).get(_REVISION) or "0"
    return unsigned(text) or 0


def desired_annotation(replica_set: Object) -> int | None:
    """Return the size of the Deployment when a ReplicaSet was scaled last."""
    text = (replica_set["metadata"].get("annotations") or {}).get(_DESIRED)
    return unsigned(text) if text else None


def max_surge(owner: Object) -> int:
    """Return how many Pods a Deployment may have more than it is to have."""
    return _limits(owner)[0]


def max_unavailable(owner: Object) -> int:
    """Return how many Pods of a Deployment may be unavailable."""
    return min(_limits(owner)[1], wanted_replicas(owner["spec"]))


def _limits(owner: Object) -> tuple[int, int]:
    strategy = owner["spec"].get("strategy") or {}
    if strategy.get("type") == "Recreate":
        return 0, 0
    rolling, wanted = strategy.get("rollingUpdate") or {}, wanted_replicas(owner["spec"])
    surge = _part(rolling.get("maxSurge", _DEFAULT_SHARE), wanted, up=True)
    unavailable = _part(rolling.get("maxUnavailable", _DEFAULT_SHARE), wanted, up=False)
    return surge, unavailable or int(not surge)


def _part(given: int | str, of: int, *, up: bool) -> int:
    if isinstance(given, int):
        return given
    hundredths = int(given.removesuffix("%")) * of
    return -(-hundredths // 100) if up else hundredths // 100
