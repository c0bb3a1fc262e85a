"""Generate CRDs, roles, JSON Schemas and an API reference from a project's types and decorators.

``python -m kaiwu_runtime.generator manifests`` and ``generate`` are its command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kaiwu_runtime.lazy_names import lazy_names

if TYPE_CHECKING:
    from kaiwu_runtime.generator.crd import CustomResourceDefinition, build_crds
    from kaiwu_runtime.generator.model_schema import resource_schema
    from kaiwu_runtime.generator.rbac import build_roles

__all__ = ["CustomResourceDefinition", "build_crds", "build_roles", "resource_schema"]

__getattr__ = lazy_names(
    __name__,
    {
        "CustomResourceDefinition": "crd",
        "build_crds": "crd",
        "build_roles": "rbac",
        "resource_schema": "model_schema",
    },
)
