"""Find verbs in rules that the API server never asks for: such a rule is valid, and grants nothing.

See https://kubernetes.io/docs/reference/access-authn-authz/authorization/#determine-the-request-verb
"""

from __future__ import annotations

from collections.abc import Iterable

from kaiwu_runtime.api._rbac import READ, WRITE, RBACRule

_OF_RESOURCES = frozenset(
    {"*", "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "proxy"}
    # Of certain resources: roles, identities, certificate signers, policies.
    | {"bind", "escalate", "impersonate", "approve", "sign", "attest", "use", "request-serviceaccounts-token-audience"}
)
_OF_PATHS = frozenset({"*", "get", "head", "post", "put", "patch", "delete", "options"})
_CONSTANTS = {"read": ("READ", READ), "write": ("WRITE", WRITE)}


def verb_warnings(rules: Iterable[RBACRule]) -> list[str]:
    """Return a line for each verb that is none of Kubernetes' own; an API server of one's own may have more."""
    found: dict[str, None] = {}
    for rule in rules:
        known = _OF_PATHS if rule.urls else _OF_RESOURCES
        for verb in rule.verbs:
            # Verbs of several parts are extensions of one, as impersonate:user-info is.
            if verb not in known and ":" not in verb:
                found[f"{rule.declared_on}: @rbac verb {verb!r} is not a standard verb{_hint(verb)}"] = None
    return list(found)


def _hint(verb: str) -> str:
    if verb not in _CONSTANTS:
        return ""
    name, verbs = _CONSTANTS[verb]
    return f": use verbs={name}, which is {list(verbs)}"
