"""Where admission webhooks are served: controller-runtime's paths, so that webhook configurations carry over."""

from __future__ import annotations

from kaiwu_runtime.api._identity import ResourceIdentity


def mutate_path(identity: ResourceIdentity) -> str:
    """Return the path of a kind's mutating webhook: ``/mutate-kaiwu-inspur-com-v1-kaiwucluster``."""
    return _path("mutate", identity)


def validate_path(identity: ResourceIdentity) -> str:
    """Return the path of a kind's validating webhook: ``/validate-kaiwu-inspur-com-v1-kaiwucluster``."""
    return _path("validate", identity)


def _path(verb: str, identity: ResourceIdentity) -> str:
    return f"/{verb}-{identity.group.replace('.', '-')}-{identity.version}-{identity.kind.lower()}"
