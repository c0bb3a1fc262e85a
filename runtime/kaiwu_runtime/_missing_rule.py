"""Find the missing RBAC rule from an error of the API server.

See https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from __future__ import annotations

from kaiwu_runtime._lazy_pattern import lazy_pattern

_DENIED = lazy_pattern(
    r'User "[^"]*" cannot (?P<verb>[a-z]+) '
    r'(?:resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"|path "(?P<path>[^"]+)")'
)
_CURE = "to the reconciler (or the webhook) and run `make manifests`"
_READ = ("get", "list", "watch")
_STREAMED = frozenset({"pods/exec", "pods/attach", "pods/portforward"})


def missing_rule(message: str) -> str:
    """Return the missing ``@rbac`` decorator in one line; empty if the message has another cause.

    Args:
        message: The message of a 403 response.
    """
    if "cannot set blockOwnerDeletion" in message:
        return (
            'missing RBAC rule: add @rbac(groups=..., resources="OWNERS/finalizers", verbs=["update"]) for the '
            f"owner's resource {_CURE}, or set the owner with block_owner_deletion=False"
        )
    denied = _DENIED().search(message)
    if denied is None:
        return ""
    verb = denied["verb"]
    words: tuple[str, ...] = (verb,)
    if denied["resource"] in _STREAMED:
        words = ("create", "get")  # the one or the other, by the version of Kubernetes
    elif verb in _READ and denied["resource"] and "/" not in denied["resource"]:
        words = _READ
    verbs = ", ".join(f'"{word}"' for word in words)
    about = (
        f'groups="{denied["group"]}", resources="{denied["resource"]}"'
        if denied["resource"]
        else f'urls="{denied["path"]}"'
    )
    return f"missing RBAC rule: add @rbac({about}, verbs=[{verbs}]) {_CURE}"
