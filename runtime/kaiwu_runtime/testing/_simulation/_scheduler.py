"""Which node a Pod fits on, and what the scheduler says of one that fits nowhere.

The filters are in the scheduler's order; of each node the first that rejects the Pod is reported.
See https://kubernetes.io/docs/concepts/scheduling-eviction/kube-scheduler/
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from kaiwu_runtime.api._quantity import parse_quantity
from kaiwu_runtime.testing._label_selectors import matches
from kaiwu_runtime.testing._simulation._nodes import SimulatedNode
from kaiwu_runtime.testing._simulation._objects import Object
from kaiwu_runtime.testing._simulation._pod_templates import is_ended

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_NOT_HELPFUL = "Preemption is not helpful for scheduling"
_NO_VICTIMS = "No preemption victims found for incoming pod"


@dataclass(slots=True)
class _Rejection:
    """Why a node does not take a Pod.

    Attributes:
        reasons: In the scheduler's words.
        final: Whether the Pod would not fit if other Pods went.
    """

    reasons: list[str]
    final: bool


class Scheduler:
    """Chooses nodes.

    Args:
        nodes: All nodes.
        lost: The names of those that are not there.
        placed: The Pods that are on a node, with the node's name; those that have ended take no room.
    """

    def __init__(
        self, nodes: Iterable[SimulatedNode], lost: Iterable[str], placed: Iterable[tuple[Object, str]]
    ) -> None:
        self._nodes = list(nodes)
        self._lost = set(lost)
        self._labels = {node.name: node.all_labels() for node in self._nodes}
        self._whole = {node.name: node.allocatable() for node in self._nodes}
        self._free = {name: dict(limits) for name, limits in self._whole.items()}
        self._placed: list[tuple[Object, str]] = []
        for pod, name in placed:
            self.take(pod, name)

    def take(self, pod: Object, name: str) -> None:
        """Take note of a Pod that is on a node."""
        if is_ended(pod):
            return
        self._placed.append((pod, name))
        free = self._free.get(name, {})
        wanted = requests(pod) if free else {}
        for resource in free.keys() & wanted.keys():
            free[resource] -= wanted[resource]

    def find(self, pod: Object) -> tuple[list[str], str]:
        """Return the names of the nodes that a Pod fits on, or else the scheduler's message."""
        if not self._nodes:
            return [], "no nodes available to schedule pods"
        fits, rejections, wanted = [], [], requests(pod)
        for node in self._nodes:
            rejection = self._rejection(pod, wanted, node)
            if rejection is None:
                fits.append(node.name)
            else:
                rejections.append(rejection)
        return fits, "" if fits else _message(rejections)

    def _rejection(self, pod: Object, wanted: Mapping[str, Decimal], node: SimulatedNode) -> _Rejection | None:
        spec = pod["spec"]
        tolerations = spec.get("tolerations") or ()
        if node.is_cordoned(tolerations):
            return _Rejection(["node(s) were unschedulable"], final=True)
        if node.name in self._lost or node.keeps_away(tolerations):
            return _Rejection(["node(s) had untolerated taint(s)"], final=True)
        if not _selects(spec, node.name, self._labels[node.name]):
            return _Rejection(["node(s) didn't match Pod's node affinity/selector"], final=True)
        free, whole = self._free[node.name], self._whole[node.name]
        lacking = [resource for resource, amount in wanted.items() if amount and amount > free.get(resource, amount)]
        if lacking:
            reasons = ["Too many pods" if resource == "pods" else f"Insufficient {resource}" for resource in lacking]
            return _Rejection(reasons, final=any(wanted[resource] > whole[resource] for resource in lacking))
        return self._affinity_rejection(pod, node.name)

    def _affinity_rejection(self, pod: Object, name: str) -> _Rejection | None:
        labels = self._labels[name]
        for other, place in self._placed:
            if any(self._together(term, labels, place) for term in _anti_affinity(pod) if _meant(term, pod, other)):
                return _Rejection(["node(s) didn't match pod anti-affinity rules"], final=False)
        for other, place in self._placed:
            if any(self._together(term, labels, place) for term in _anti_affinity(other) if _meant(term, other, pod)):
                return _Rejection(["node(s) didn't satisfy existing pods anti-affinity rules"], final=False)
        return None

    def _together(self, term: Mapping[str, Any], labels: Mapping[str, str], place: str) -> bool:
        value = labels.get(term["topologyKey"])
        return value is not None and self._labels.get(place, {}).get(term["topologyKey"]) == value


def requests(pod: Object) -> dict[str, Decimal]:
    """Return what a Pod requests: of its containers together, or of one that runs before them if that is more."""
    spec = pod["spec"]
    beside: dict[str, Decimal] = {}
    before: dict[str, Decimal] = {}
    for each in spec.get("initContainers") or ():
        running = _sum([beside, _requested(each)])
        before = {name: max(running.get(name, Decimal(0)), before.get(name, Decimal(0))) for name in running | before}
        if each.get("restartPolicy") == "Always":
            beside = running
    total = _sum([beside, *map(_requested, spec.get("containers") or ())])
    total = {name: max(total.get(name, Decimal(0)), before.get(name, Decimal(0))) for name in total | before}
    total.update(_requested(spec))
    overhead = {name: parse_quantity(each) for name, each in (spec.get("overhead") or {}).items()}
    return {**_sum([total, overhead]), "pods": Decimal(1)}


def _requested(part: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = part.get("resources") or {}
    given = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: parse_quantity(quantity) for name, quantity in given.items()}


def _sum(parts: Iterable[Mapping[str, Decimal]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for part in parts:
        for name, amount in part.items():
            found[name] = found.get(name, Decimal(0)) + amount
    return found


def _selects(spec: Object, name: str, labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return False
    required = ((spec.get("affinity") or {}).get("nodeAffinity") or {}).get(_REQUIRED)
    if not required:
        return True
    return any(
        (term.get("matchExpressions") or term.get("matchFields"))
        and all(_meets(each, labels) for each in term.get("matchExpressions") or ())
        and all(_meets(each, {"metadata.name": name}) for each in term.get("matchFields") or ())
        for term in required["nodeSelectorTerms"]
    )


def _meets(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    operator, value = expression["operator"], labels.get(expression["key"])
    if operator in {"Gt", "Lt"}:
        try:
            number, limit = int(value or ""), int(expression["values"][0])
        except ValueError:
            return False
        return number > limit if operator == "Gt" else number < limit
    return matches({"matchExpressions": [expression]}, labels)


def _anti_affinity(pod: Object) -> list[Any]:
    found: list[Any] = ((pod["spec"].get("affinity") or {}).get("podAntiAffinity") or {}).get(_REQUIRED) or []
    return found


def _meant(term: Mapping[str, Any], pod: Object, other: Object) -> bool:
    """Return whether a term of one Pod is about another."""
    namespace = other["metadata"]["namespace"]
    if namespace in (term.get("namespaces") or ()):
        chosen = True
    elif term.get("namespaceSelector") is not None:
        chosen = not term["namespaceSelector"]  # the labels of namespaces are not looked at
    else:
        chosen = not term.get("namespaces") and namespace == pod["metadata"]["namespace"]
    return chosen and matches(term.get("labelSelector"), other["metadata"].get("labels") or {})


def _message(rejections: list[_Rejection]) -> str:
    number = len(rejections)
    reasons = Counter(reason for each in rejections for reason in each.reasons)
    preemption = Counter(_NOT_HELPFUL if each.final else _NO_VICTIMS for each in rejections)
    about = f"0/{number} nodes are available:"
    return f"{about} {_counted(reasons)}. preemption: {about} {_counted(preemption)}."


def _counted(reasons: Counter[str]) -> str:
    return ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
