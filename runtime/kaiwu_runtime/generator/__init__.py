"""Generate CRDs, roles, JSON Schemas and an API reference from a project's types and decorators.

``python -m kaiwu_runtime.generator manifests`` and ``generate`` are its command line.
"""

from __future__ import annotations

from kaiwu_runtime._lazy_names import lazy_names

# Not typing's, whose import takes most of the time until a command line can report Ctrl-C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from kaiwu_runtime.generator._crd import CustomResourceDefinition, build_crds
    from kaiwu_runtime.generator._rbac import build_roles
    from kaiwu_runtime.generator._resource_schema import resource_schema

__all__ = ["CustomResourceDefinition", "build_crds", "build_roles", "resource_schema"]

__getattr__ = lazy_names(
    __name__,
    {
        "CustomResourceDefinition": "_crd",
        "build_crds": "_crd",
        "build_roles": "_rbac",
        "resource_schema": "_resource_schema",
    },
)
