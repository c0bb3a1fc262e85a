"""Find the CRD that is older than the type that is applied, from an error of the API server.

See https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from kaiwu_runtime._lazy_pattern import lazy_pattern

_END = ": field not declared in schema"
_UNKNOWN = lazy_pattern(r"; (?P<group>[a-z0-9.-]+)/(?P<version>[a-z0-9]+), Kind=(?P<kind>[A-Za-z0-9]+)\): .")
_OF_KUBERNETES = (".k8s.io", ".internal")


def missing_field(message: str) -> str:
    """Return what to do about a field that a CRD lacks, in one line; empty if the message has another cause.

    Args:
        message: The message of a response.
    """
    if _END not in message:
        return ""
    found = _UNKNOWN().search(message)
    if found is None or "." not in found["group"] or found["group"].endswith(_OF_KUBERNETES):
        return ""  # of Kubernetes itself, which may be older
    return f"the CRD of {found['kind']} {found['version']} in the cluster has no such field: run `make install`"
