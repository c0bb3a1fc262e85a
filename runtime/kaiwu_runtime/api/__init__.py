"""The types of a Kubernetes API: resources, markers and metadata."""

from kaiwu_runtime.api.identity import ObjectKey, ResourceIdentity, identify

__all__ = ["ObjectKey", "ResourceIdentity", "identify"]
