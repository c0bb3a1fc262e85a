"""A scenario: what happens to an operator's objects, what lives outside Kubernetes, and what always has to hold."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, TypeVar, cast

from kaiwu_runtime._manifests import ManifestError, read_manifests
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._codec import decode
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.generator._versions import version_priority
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.rest._paths import object_names
from kaiwu_runtime.testing._simulator import Simulator
from kaiwu_runtime.testing._transport import FakeTransport

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Awaitable[object]])

_ROLE = "__kaiwu_fault_role__"
_KINDS = "the scenario's `kinds`"


@dataclass(slots=True)
class Cluster:
    """What a scenario's methods act on.

    Attributes:
        client: A client of the user's, past the operator and its faults.
        namespace: Where the objects are.
        world: What lives outside Kubernetes, by type.
        kinds: The types of the objects that `load` reads: those that the operator watches, and those of the scenario.
        simulator: Plays the cluster, and lets Pods crash and nodes go; None where the scenario wants none.
        server: The API server in memory: ``server.on_exec`` sets what commands in Pods do.
    """

    client: Client
    namespace: str
    world: Mapping[type[Any], object] = field(default_factory=dict)
    kinds: set[type[Any]] = field(default_factory=set)
    simulator: Simulator | None = None
    server: FakeTransport = field(default_factory=FakeTransport)

    def load(self, *paths: Path) -> list[Any]:
        """Return the objects of manifests, in this namespace where they name none.

        An object that is there in several versions is one object: its storage version is returned.

        Args:
            paths: Files, or folders whose ``*.yaml`` files are read, kustomizations excepted; one that is missing is
                empty.

        Raises:
            ConfigurationError: A file is not a manifest, or has an object of a kind that is not known.
        """
        found: dict[tuple[str, str, str, str], Any] = {}
        for path in _files(paths):
            for content in _documents(path):
                obj = self._object(path, content)
                identity = identify(type(obj))
                key = (identity.group, identity.kind, *object_names(obj))
                if key not in found or _rank(type(obj)) > _rank(type(found[key])):
                    found[key] = obj
        return list(found.values())

    async def change(self, obj: object, patch: Mapping[str, Any]) -> None:
        """Change an object by a merge patch.

        Args:
            obj: Says which; as `load` returns it.
            patch: The members to merge.

        Raises:
            APIError: The server rejected the request.
        """
        namespace, name = object_names(obj)
        await self.client.patch(type(obj), name, patch, namespace=namespace)

    async def delete(self, obj: object) -> None:
        """Delete an object.

        Args:
            obj: Says which; as `load` returns it.

        Raises:
            APIError: The server rejected the request.
        """
        namespace, name = object_names(obj)
        await self.client.delete(type(obj), name, namespace=namespace)

    def _object(self, path: Path, content: Mapping[str, Any]) -> Any:  # noqa: ANN401 - of one of the kinds
        api_version, word = content.get("apiVersion"), content.get("kind")
        for kind in self.kinds:
            identity = identify(kind)
            if (identity.api_version, identity.kind) == (api_version, word):
                break
        else:
            raise ConfigurationError(f"{path}: {word} of {api_version}: name its type in {_KINDS}")
        metadata = dict(content.get("metadata") or {})
        if identity.namespaced:
            metadata.setdefault("namespace", self.namespace)
        return decode(kind, json.dumps({**content, "metadata": metadata}).encode())

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
        kinds: Types that the operator uses without watching them; those that it watches are known.
        namespace: Where the objects are.
        quiet: Seconds of virtual time without any effect after which a step has settled.
        limit: Seconds of virtual time that a step may take to settle.
        real_quiet: The same as `quiet` in real seconds, against a real API server.
        real_limit: The same as `limit` in real seconds.
        real_command: Arguments with which Python runs the operator against a real API server. The flags of
            :class:`~kaiwu_runtime.ManagerOptions` for leader election, probes, webhooks and the log follow them.
        ignored: Fields whose values may differ from run to run: ``Secret.data.password``, ``status.startedAt``, or of a
            type of `outside` ``DNS.records.*.serial``. A path goes through lists; ``*`` stands for any name.
        kept: Kinds of objects that the operator leaves on purpose when the objects that it was made for are gone:
            ``["PersistentVolumeClaim"]``. Others need an owner, or are deleted by the operator.
        simulate: Play the cluster: StatefulSets, Deployments and Jobs get Pods, which become ready; see `Simulator`.
    """

    kinds: ClassVar[Sequence[type[Any]]] = ()
    namespace: ClassVar[str] = "default"
    quiet: ClassVar[float] = 60.0
    limit: ClassVar[float] = 3600.0
    real_quiet: ClassVar[float] = 1.5
    real_limit: ClassVar[float] = 60.0
    real_command: ClassVar[Sequence[str]] = ("main.py",)
    ignored: ClassVar[Sequence[str]] = ()
    kept: ClassVar[Sequence[str]] = ()
    simulate: ClassVar[bool] = True

    def operator(self, manager: Manager) -> None:
        """Set up the operator as ``main.py`` does; called for each of its lives.

        Args:
            manager: Has its options already, and the values of `outside`.
        """
        raise NotImplementedError(f"define {type(self).__name__}.operator(self, manager)")

    def outside(self) -> Mapping[type[Any], object]:
        """Return what the operator uses outside Kubernetes, by the type that its constructors name; once per run.

        The operator gets each through ``manager.provide``, with every call counted: after each the operator is killed
        in one of the plans, and in others it fails. Public attributes are part of the end state, compared by their
        content. Use stand-ins that remember what was done.
        """
        return {}

    def failure(self, kind: type[Any], call: str, lost: bool) -> Exception:  # noqa: ARG002 - for those that override it
        """Return the error that the operator gets when a plan lets one of its calls to the outside fail.

        It is what the client library raises when the external system cannot be reached, or does not answer. Commands
        in Pods fail as the client lets them.

        Args:
            kind: The type under which `outside` has the object.
            call: For people: ``DNS.set('home', '192.0.2.1')``.
            lost: Whether the call has taken effect, as after a timeout; otherwise there was no connection.
        """
        return ConnectionError(f"the fault kit lets {call} fail")

    def prepare(self, cluster: Cluster) -> None:
        """Set what commands in Pods, logs and Services answer; called once per run, before the operator starts.

        A command that changes something of `outside` is an effect, after which the operator is killed in one of the
        plans, and which fails in others: ``cluster.server.on_exec(cluster.outside(Database).run)``.

        Args:
            cluster: Has the API server in memory, and what `outside` returned.
        """

    async def settled(self, cluster: Cluster) -> object:  # noqa: ARG002 - for those that override it
        """Return whether a step has settled, besides that nothing happens any longer; an AssertionError means no.

        Args:
            cluster: What to look at.
        """
        return True


def kinds_of(*packages: ModuleType) -> tuple[type[Any], ...]:
    """Return the types that are defined in packages, for `Scenario.kinds`.

    Args:
        packages: For example ``api``, imported; packages below are searched too.
    """
    names = {package.__name__ for package in packages}
    for package in packages:
        for info in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{package.__name__}."):
            importlib.import_module(info.name)
            names.add(info.name)
    return tuple(
        kind
        for name in sorted(names)
        for kind in vars(sys.modules[name]).values()
        if isinstance(kind, type) and kind.__module__ == name and "__kaiwu_resource__" in vars(kind)
    )


def _rank(kind: type[Any]) -> tuple[bool, tuple[int, ...]]:
    """Return what is greatest for the version that is stored: the one that says so, or the newest."""
    definition = resource_definition(kind)
    return bool(definition and definition.storage), version_priority(identify(kind).version)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.glob("*.yaml")) if file.name != "kustomization.yaml")
        elif path.exists():
            yield path


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        return read_manifests(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except ManifestError as error:
        raise ConfigurationError(f"{path} {error}") from error


def step(method: Method) -> Method:
    """Mark a method of a scenario as a step: something that a user does; steps run in the order of their definition."""
    setattr(method, _ROLE, "step")
    return method


def invariant(method: Method) -> Method:
    """Mark a method that asserts what always has to hold; called after each write and when a step has settled."""
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
