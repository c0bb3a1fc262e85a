"""Construct the classes of a project: each parameter of a constructor gets the value of its type."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, Union, get_args, get_origin

from kaiwu_runtime._clock import Clock
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.cache._cache import Cache
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.client._reader import Reader
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.recorder import EventRecorder

T = TypeVar("T")

_MISSING = object()


Values = dict[type[Any], Callable[[type[Any]], object]]
"""For each type, what returns its value for a class that is made."""


class Provider(Protocol):
    """What a manager has for the constructors of a project's classes."""

    @property
    def client(self) -> Client:
        """Reads from the cache, writes to the API server."""

    @property
    def api_reader(self) -> Client:
        """Reads from and writes to the API server, past the cache."""

    @property
    def cache(self) -> Cache:
        """The informers of every kind that is watched or read."""

    def event_recorder(self, name: str) -> EventRecorder:
        """Return a recorder of events that names a controller as their source."""


def own_values(manager: Provider) -> Values:
    """Return what a manager has for constructors by itself."""
    return {
        Client: lambda _: manager.client,
        Reader: lambda _: manager.api_reader,
        Cache: lambda _: manager.cache,
        EventRecorder: lambda cls: manager.event_recorder(_controller_name(cls)),
        Clock: lambda _: Clock(),
        type(manager): lambda _: manager,
    }


def _controller_name(cls: type[Any]) -> str:
    kind = getattr(cls, "kind", None)
    name = identify(kind).kind if kind is not None else cls.__name__.removesuffix("Reconciler") or cls.__name__
    return f"{name.lower()[:50]}-controller"


def construct(cls: type[T], values: Mapping[type[Any], Callable[[type[Any]], object]]) -> T:
    """Return an instance of a class, its parameters filled in by their annotations.

    A parameter with a default keeps it where there is no value of its type. A parameter ``client`` without an
    annotation is a Client.

    Args:
        cls: The class.
        values: For each type, what returns its value; it is given the class.

    Raises:
        ConfigurationError: There is no value for a parameter; the message names it.
    """
    arguments: dict[str, object] = {}
    positional: list[object] = []
    for parameter in _parameters(cls):
        found = _find(cls, parameter, values)
        value = _MISSING if found is None else values[found](cls)
        if value is _MISSING:
            if parameter.default is not parameter.empty:
                continue
            raise ConfigurationError(_explain(cls, parameter))
        if parameter.kind is parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            arguments[parameter.name] = value
    return cls(*positional, **arguments)


def _parameters(cls: type[Any]) -> list[inspect.Parameter]:
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    return [each for each in inspect.signature(cls).parameters.values() if each.kind not in variadic]


def _find(cls: type[Any], parameter: inspect.Parameter, values: Mapping[type[Any], object]) -> type[Any] | None:
    """Return the type whose value a parameter gets; None when there is none."""
    annotation = parameter.annotation
    if annotation is parameter.empty:
        named = parameter.name.capitalize()
        return next((each for each in values if each.__name__ == named == "Client"), None)
    if isinstance(annotation, str):
        annotation = _resolve(cls, annotation)
    if isinstance(annotation, str):
        # A name that is imported for type checkers only.
        names = {part.strip().rpartition(".")[2] for part in annotation.split("|")}
        return next((each for each in values if each.__name__ in names), None)
    candidates = get_args(annotation) if get_origin(annotation) in {Union, types.UnionType} else (annotation,)
    return next((each for each in candidates if isinstance(each, type) and each in values), None)


def _resolve(cls: type[Any], annotation: str) -> object:
    """Return what an annotation stands for; the annotation itself where its names are not there at run time."""
    for base in cls.__mro__:
        if "__init__" in vars(base):
            module = sys.modules.get(base.__module__)
            try:
                return eval(annotation, dict(vars(module)) if module else {})  # noqa: S307 - the project's own source
            except Exception:  # noqa: BLE001 - whatever it is, it is not there
                return annotation
    return annotation


def _explain(cls: type[Any], parameter: inspect.Parameter) -> str:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return f"{cls.__name__}: parameter {parameter.name!r} has no annotation: write its type"
    name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return (
        f"{cls.__name__}: no value for parameter {parameter.name!r} of type {name}: call "
        f"manager.provide({name}, ...) before manager.discover(...)"
    )
