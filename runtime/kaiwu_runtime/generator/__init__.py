"""Makes CRDs, roles, JSON Schemas and an API reference from a project's types and decorators.

``python -m kaiwu_runtime.generator manifests`` and ``generate`` are its command line.
"""

from kaiwu_runtime.generator.crd import CustomResourceDefinition, build_crds
from kaiwu_runtime.generator.rbac import build_roles
from kaiwu_runtime.generator.structure import resource_schema

__all__ = ["CustomResourceDefinition", "build_crds", "build_roles", "resource_schema"]
