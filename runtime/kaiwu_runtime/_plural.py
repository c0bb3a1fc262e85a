"""The plural of a kind.

The rule is not English grammar, but that of Kubernetes' REST mapper, so that the result is the plural that other
Kubernetes tools expect.
"""

from __future__ import annotations

# The only word that the REST mapper does not change.
_SAME_IN_PLURAL = "endpoints"


def pluralize(kind: str) -> str:
    """Return the lower-case plural of a kind: Policy gives policies, Ingress ingresses, Cluster clusters.

    Gateway gives gatewaies; use ``kaiwuctl create api --plural`` and ``resource(plural=...)`` in such a case.

    Args:
        kind: CamelCase kind.

    See https://pkg.go.dev/k8s.io/apimachinery/pkg/api/meta#UnsafeGuessKindToResource
    """
    singular = kind.lower()
    if singular.endswith(_SAME_IN_PLURAL):
        return singular
    if singular.endswith("s"):
        return f"{singular}es"
    if singular.endswith("y"):
        return f"{singular[:-1]}ies"
    return f"{singular}s"
