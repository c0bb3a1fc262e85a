"""The nodes that the simulator plays: what they have room for, and what keeps Pods away from them.

See https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from kaiwu_runtime._names import is_dns_subdomain
from kaiwu_runtime.api._quantity import parse_quantity

HOSTNAME = "kubernetes.io/hostname"

_TAINT = re.compile(r"(?P<key>[^=:\s]+)(?:=(?P<value>[^=:\s]*))?:(?P<effect>NoSchedule|PreferNoSchedule|NoExecute)")
_CORDONED = "node.kubernetes.io/unschedulable"
_KEEPS_AWAY = ("NoSchedule", "NoExecute")


@dataclass(frozen=True, slots=True)
class SimulatedNode:
    """A node of a :class:`Simulator`, with limits.

    Attributes:
        name: Its name, which is also its label ``kubernetes.io/hostname``.
        capacity: What its Pods may request together: quantities by resource, for example
            ``{"cpu": "4", "memory": "8Gi", "pods": 110}``. A resource that is not named is not limited.
        labels: Further labels, for node selectors, node affinity and topology keys.
        taints: As kubectl writes them: ``dedicated=db:NoSchedule``. ``NoExecute`` keeps new Pods away and does not
            evict those that run; ``PreferNoSchedule`` has no effect.
        unschedulable: Whether the node is cordoned.

    Raises:
        ValueError: A name, a quantity or a taint is malformed.
    """

    name: str
    capacity: Mapping[str, str | int] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[str] = ()
    unschedulable: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not is_dns_subdomain(self.name):
            raise ValueError(f"node {self.name!r} is not a valid node name: use node-1")
        for resource, quantity in self.capacity.items():
            try:
                negative = parse_quantity(quantity) < 0
            except ValueError as error:
                raise ValueError(f"node {self.name}: capacity[{resource!r}]: {error}") from None
            if negative:
                raise ValueError(f"node {self.name}: capacity[{resource!r}]: {quantity!r} is negative: use 0 or more")
        if isinstance(self.taints, str):
            raise ValueError(f"node {self.name}: taints={self.taints!r}: use a list, [{self.taints!r}]")
        for taint in self.taints:
            if not _TAINT.fullmatch(taint):
                raise ValueError(
                    f"node {self.name}: invalid taint {taint!r}: use key=value:NoSchedule, with the effect "
                    "NoSchedule, PreferNoSchedule or NoExecute"
                )

    def allocatable(self) -> dict[str, Decimal]:
        """Return the limits as numbers."""
        return {resource: parse_quantity(quantity) for resource, quantity in self.capacity.items()}

    def all_labels(self) -> dict[str, str]:
        """Return the labels with the one that every node has."""
        return {HOSTNAME: self.name, **self.labels}

    def is_cordoned(self, tolerations: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether it takes no Pods, and a Pod does not tolerate that."""
        return self.unschedulable and not any(_tolerates(each, _CORDONED, "", "NoSchedule") for each in tolerations)

    def keeps_away(self, tolerations: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether it has a taint that a Pod does not tolerate."""
        for text in self.taints:
            taint = _TAINT.fullmatch(text)
            if taint is None or taint["effect"] not in _KEEPS_AWAY:
                continue
            if not any(_tolerates(each, taint["key"], taint["value"] or "", taint["effect"]) for each in tolerations):
                return True
        return False


def _tolerates(toleration: Mapping[str, Any], key: str, value: str, effect: str) -> bool:
    if toleration.get("effect") not in {None, "", effect}:
        return False
    if toleration.get("key") and toleration["key"] != key:
        return False
    if toleration.get("operator") == "Exists":
        return True
    return bool(toleration.get("key")) and (toleration.get("value") or "") == value
