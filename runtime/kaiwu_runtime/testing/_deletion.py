"""The deletion of an object: its preconditions, the finalizers that it leaves, and the answer.

See https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.testing._kinds import FakeKind
from kaiwu_runtime.testing._refusals import conflict
from kaiwu_runtime.testing._rules import Object

_FINALIZERS = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}


def check_preconditions(kind: FakeKind, obj: Object, sent: Mapping[str, Any]) -> None:
    """Reject a deletion whose preconditions do not hold.

    Args:
        kind: The resource.
        obj: The object there is.
        sent: DeleteOptions.

    Raises:
        ConflictError: The object has another uid or resourceVersion.
    """
    metadata = obj["metadata"]
    for name, field in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
        wanted = (sent.get("preconditions") or {}).get(name)
        if wanted and wanted != metadata[name]:
            text = f"{field} in precondition: {wanted}, {field} in object meta: {metadata[name]}"
            raise conflict(kind, metadata["name"], f"Precondition failed: {text}")


def finalizers_after(present: Sequence[str], policy: str | None) -> list[str]:
    """Return the finalizers of an object after its deletion was requested.

    Args:
        present: Those it has.
        policy: propagationPolicy of the request; None or empty if it has none.
    """
    finalizers = [entry for entry in present if entry not in _FINALIZERS.values()]
    # Without a policy the finalizers that are there decide.
    finalizers += [name for word, name in _FINALIZERS.items() if (word == policy if policy else name in present)]
    return list(present) if {*finalizers} == {*present} else finalizers


def deleted_status(kind: FakeKind, key: ObjectKey, uid: str) -> Object:
    """Return the Status that answers the deletion of an object that is gone."""
    identity = kind.identity
    details = {"name": key.name, "kind": identity.plural, "uid": uid}
    details |= {"group": identity.group} if identity.group else {}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
