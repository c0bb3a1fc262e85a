"""Makes CRDs, roles, JSON Schemas and an API reference from a project's types and decorators.

``python -m kaiwu_runtime.generator manifests`` and ``generate`` are its command line.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaiwu_runtime.generator.crd import CustomResourceDefinition, build_crds
    from kaiwu_runtime.generator.model_schema import resource_schema
    from kaiwu_runtime.generator.rbac import build_roles

__all__ = ["CustomResourceDefinition", "build_crds", "build_roles", "resource_schema"]

_MODULES = {
    "CustomResourceDefinition": "crd",
    "build_crds": "crd",
    "build_roles": "rbac",
    "resource_schema": "model_schema",
}


def __getattr__(name: str) -> object:
    """Import a name when it is first asked for, so that one module of the package does not load them all."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
