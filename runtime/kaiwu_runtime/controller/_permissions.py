"""The permissions that an ObjectReconciler needs for what the runtime does on its behalf, and its controller's name.

They are found without a manager: `build` is called with a builder that records, on an instance whose constructor was
not run.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, Self, cast

from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.api._rbac import READ, RBACRule
from kaiwu_runtime.api._resource import resource_definition
from kaiwu_runtime.controller._builder import ControllerBuilder, default_name
from kaiwu_runtime.errors import ConfigurationError, DefinitionError

_HOW = (
    "build is called without the constructor, to find the permissions of what it watches: let it name kinds and only "
    "call methods of the builder"
)
_UNKNOWN = "\0"
"""Stands in texts for what only a constructor or a manager can provide."""


class Buildable(Protocol):
    """What the rules of a reconciler are found from; an ObjectReconciler has it."""

    kind: ClassVar[type[Any]]
    finalizer: ClassVar[str]

    def build(self, controller: ControllerBuilder) -> ControllerBuilder:
        """Name what the controller watches beside its kind."""


class _Anything:
    """A stand-in for values that only a constructor or a manager can provide."""

    def __getattr__(self, name: str) -> _Anything:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *_: object, **__: object) -> _Anything:
        return self

    def __str__(self) -> str:
        return _UNKNOWN


class _Recorder(ControllerBuilder):
    """Records kinds only: the options of a controller may come from what is not there."""

    def with_options(self, **_: Any) -> Self:  # noqa: ANN401
        return self

    def name_or(self, default: str) -> str:
        """Return the name that `named` gave, or a default without one; empty if it is not known here."""
        name: object = self._name or default
        return name if isinstance(name, str) and _UNKNOWN not in name else ""

    def _check_kind(self, method: str, kind: type[Any]) -> None:
        if isinstance(kind, _Anything):
            raise ConfigurationError(f"{method}(...): the kind comes from the constructor or the manager; {_HOW}")
        super()._check_kind(method, kind)


def required_rules(reconciler: type[Buildable]) -> tuple[RBACRule, ...]:
    """Return the rules for a reconciler's own kind, its status, finalizers and events, and for what it watches.

    Args:
        reconciler: The class.

    Raises:
        DefinitionError: `build` failed; the message names the class.
    """
    name, kind = reconciler.__qualname__, reconciler.kind
    identity, definition = identify(kind), resource_definition(kind)
    builder = _recorded(reconciler)
    owned, watched = builder.owned_kinds, builder.watched_kinds

    def rule(group: str, resource: str, *verbs: str) -> RBACRule:
        return RBACRule(groups=(group,), resources=(resource,), verbs=verbs, declared_on=name)

    rules = [rule(identity.group, identity.plural, *READ, *(("patch",) if reconciler.finalizer else ()))]
    if definition is not None and definition.reports_status:
        rules.append(rule(identity.group, f"{identity.plural}/status", "patch"))
    if owned:
        # Where OwnerReferencesPermissionEnforcement is on, as on OpenShift, an owner reference that blocks the
        # deletion of its owner needs this.
        rules.append(rule(identity.group, f"{identity.plural}/finalizers", "update"))
    others = [each for each in map(identify, dict.fromkeys((*owned, *watched))) if each != identity]
    rules += [rule(each.group, each.plural, "list", "watch") for each in others]
    rules.append(rule("events.k8s.io", "events", "create", "patch"))
    return tuple(rules)


def controller_name(reconciler: type[Buildable]) -> str:
    """Return the name of a reconciler's controller; empty if it comes from the constructor or the manager.

    Args:
        reconciler: The class.

    Raises:
        DefinitionError: `build` failed; the message names the class.
    """
    return _recorded(reconciler).name_or(default_name(reconciler.kind))


def _recorded(reconciler: type[Buildable]) -> _Recorder:
    """Return what `build` of a reconciler has recorded."""
    stand_in = type(reconciler.__name__, (reconciler,), {"__getattr__": lambda _, name: getattr(_Anything(), name)})
    builder = _Recorder(cast("Any", _Anything()))
    try:
        object.__new__(stand_in).build(builder)
    except ConfigurationError as error:
        raise DefinitionError(f"{reconciler.__qualname__}.build: {error}") from error
    except Exception as error:
        raise DefinitionError(f"{reconciler.__qualname__}.build: {type(error).__name__}: {error}; {_HOW}") from error
    return builder
