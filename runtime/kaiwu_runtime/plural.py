"""The plural of a kind.

Kubernetes has a rule of its own, not English at large: what its REST mapper guesses when it knows nothing else.
Tools that guess the same way agree about ``kubectl get <plural>``; a dictionary would not.
"""

from __future__ import annotations

# The one word the REST mapper leaves alone.
_SAME_IN_PLURAL = "endpoints"


def pluralize(kind: str) -> str:
    """Return the lower-case plural of a kind: Policy gives policies, Ingress ingresses, Cluster clusters.

    Gateway gives gatewaies, which is what ``kaiwuctl create api --plural`` and ``resource(plural=...)`` are for.

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
