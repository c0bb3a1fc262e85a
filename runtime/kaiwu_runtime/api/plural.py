"""The plural of a kind, by the rule Kubernetes itself uses to guess one."""

from __future__ import annotations


def pluralize(kind: str) -> str:
    """Return the lower-case plural of a kind: Policy gives policies, Ingress ingresses, Cluster clusters.

    The rule of Kubernetes' own REST mapper, not of English at large; ``resource(plural=...)`` overrides it.
    """
    singular = kind.lower()
    if singular.endswith("endpoints"):
        return singular
    if singular.endswith("s"):
        return f"{singular}es"
    if singular.endswith("y"):
        return f"{singular[:-1]}ies"
    return f"{singular}s"
