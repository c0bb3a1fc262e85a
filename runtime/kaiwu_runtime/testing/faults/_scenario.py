"""A scenario: what happens to an operator's objects, what lives outside Kubernetes, and what always has to hold."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar, cast

from kaiwu_runtime.client._client import Client
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.manager._manager import Manager

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Awaitable[object]])

_ROLE = "__kaiwu_fault_role__"


@dataclass(slots=True)
class Cluster:
    """What a scenario's methods act on.

    Attributes:
        client: A client of the user's, past the operator and its faults.
        namespace: Where the objects are.
        world: What lives outside Kubernetes, by type.
    """

    client: Client
    namespace: str
    world: Mapping[type[Any], object] = field(default_factory=dict)

    def outside(self, kind: type[T]) -> T:
        """Return what lives outside Kubernetes, as `Scenario.outside` made it for this run.

        Args:
            kind: The type under which it was declared.
        """
        return cast("T", self.world[kind])


class Scenario:
    """Describe an operator to the fault kit; subclass it in ``tests/faults/scenario.py``.

    Each run gets an instance of its own. Steps and invariants are methods with the decorators `step` and `invariant`.

    Attributes:
        kinds: The project's types, which the API server in memory serves.
        namespace: Where the objects are.
        quiet: Seconds of virtual time without any effect after which a step has settled.
        limit: Seconds of virtual time that a step may take to settle.
        ignored: Fields whose values may differ from run to run: ``Secret.data.password``, ``status.startedAt``.
    """

    kinds: ClassVar[Sequence[type[Any]]] = ()
    namespace: ClassVar[str] = "default"
    quiet: ClassVar[float] = 60.0
    limit: ClassVar[float] = 3600.0
    ignored: ClassVar[Sequence[str]] = ()

    def operator(self, manager: Manager) -> None:
        """Set up the operator as ``main.py`` does; called for each of its lives.

        Args:
            manager: Has its options already, and the values of `outside`.
        """
        raise NotImplementedError

    def outside(self) -> Mapping[type[Any], object]:
        """Return what the operator uses outside Kubernetes, by the type that its constructors name; once per run.

        The operator gets each through ``manager.provide``, with every call counted: after each the operator is killed
        in one of the plans. Public attributes are part of the end state. Use stand-ins that remember what was done.
        """
        return {}

    async def settled(self, cluster: Cluster) -> object:  # noqa: ARG002 - for those that override it
        """Return whether a step has settled, besides that nothing happens any longer; an AssertionError means no.

        Args:
            cluster: What to look at.
        """
        return True


def step(method: Method) -> Method:
    """Mark a method of a scenario as a step: something that a user does; steps run in the order of their definition."""
    setattr(method, _ROLE, "step")
    return method


def invariant(method: Method) -> Method:
    """Mark a method that asserts what always has to hold; called after each effect of the operator."""
    setattr(method, _ROLE, "invariant")
    return method


def steps_of(scenario: Scenario | type[Scenario]) -> list[Callable[[Cluster], Awaitable[object]]]:
    """Return the steps of a scenario in their order.

    Raises:
        ConfigurationError: There is none.
    """
    found = list(_methods(scenario, "step"))
    if not found:
        kind = scenario if isinstance(scenario, type) else type(scenario)
        raise ConfigurationError(f"{kind.__name__}: no steps: decorate its methods with @step")
    return found


def invariants_of(scenario: Scenario) -> list[Callable[[Cluster], Awaitable[object]]]:
    """Return what has to hold always."""
    return list(_methods(scenario, "invariant"))


def _methods(scenario: Scenario | type[Scenario], role: str) -> Iterator[Callable[[Cluster], Awaitable[object]]]:
    kind = scenario if isinstance(scenario, type) else type(scenario)
    names = dict.fromkeys(name for base in reversed(kind.__mro__) for name in vars(base))
    for name in names:
        method = getattr(scenario, name, None)
        if getattr(method, _ROLE, "") == role:
            yield cast("Callable[[Cluster], Awaitable[object]]", method)
