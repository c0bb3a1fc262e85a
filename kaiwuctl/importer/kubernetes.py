"""Recognises the types of Kubernetes itself in a CRD, where their schema is exactly the generator's."""

from __future__ import annotations

import inspect
from functools import cache
from importlib import import_module
from typing import Any, Final

import msgspec

from kaiwu_runtime.errors import DefinitionError
from kaiwuctl.importer.expressions import Expression
from kaiwuctl.importer.types import Recognise

# In the order in which a model is taken where several have the same schema.
_MODULES: Final = (
    "core_v1",
    "meta_v1",
    "apps_v1",
    "batch_v1",
    "networking_v1",
    "policy_v1",
    "rbac_v1",
    "autoscaling_v2",
    "storage_v1",
)
# Of models with one schema, those that CRDs mean: a key of a Secret rather than of a ConfigMap.
_PREFERRED: Final = frozenset({"SecretKeySelector", "LabelSelector", "Toleration"})
_FEWEST_FIELDS: Final = 2


def recogniser() -> Recognise:
    """Return a function that returns the type of an object that Kubernetes defines, None for any other.

    A model is recognised by its whole schema, without its descriptions. One with a single field, which any object may
    have, is not. The schemas are those of the installed lightkube-models, so that the types of a project depend on its
    version.
    """
    known = _models()

    def recognise(schema: dict[str, Any]) -> Expression | None:
        if len(schema.get("properties") or ()) < _FEWEST_FIELDS:
            return None
        found = known.get(_form(schema, top=True))
        if found is None:
            return None
        module, name = found
        names = ((module, name), ("kaiwu_runtime.api", "Kube"))
        return Expression(f"Kube[{name}]", names=names)

    return recognise


@cache
def _models() -> dict[str, tuple[str, str]]:
    from kaiwu_runtime.generator._kubernetes import kube_schema  # noqa: PLC0415 - it imports every model of lightkube

    known: dict[str, tuple[str, str]] = {}
    for short in _MODULES:
        module = f"lightkube.models.{short}"
        found = inspect.getmembers(import_module(module), inspect.isclass)
        for name, model in sorted(found, key=lambda member: member[0] not in _PREFERRED):
            if not issubclass(model, msgspec.Struct) or model.__module__ != module:
                continue
            try:
                schema = kube_schema(model, name)
            except DefinitionError:
                continue  # it contains itself
            if len(schema.get("properties", ())) >= _FEWEST_FIELDS:
                known.setdefault(_form(schema, top=True), (module, name))
    return known


def _form(schema: Any, *, top: bool = False) -> str:  # noqa: ANN401 - JSON
    """Return a text that equal schemas share, whatever they are described by."""
    if not isinstance(schema, dict):
        return repr(schema)
    ignored = {"description", "default", "nullable", "example", "title"} if top else {"description"}
    parts = []
    for word in sorted(schema):
        value = schema[word]
        if word in ignored or value is None or value is False or value in ("", [], {}):
            continue
        if word == "properties":
            parts.append(f"properties{sorted((name, _form(child)) for name, child in value.items())}")
        elif word in {"items", "additionalProperties"}:
            parts.append(f"{word}{_form(value)}")
        elif word == "required":
            parts.append(f"required{sorted(value)}")
        else:
            parts.append(f"{word}{value!r}")
    return ";".join(parts)
