"""Options of a write: field manager, dry run, field validation, type of a patch, preconditions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

FieldValidation = Literal["", "Strict", "Warn", "Ignore"]
"""How the API server handles unknown and duplicate fields: reject the request, send a warning, or drop them silently.
Empty uses the server's default, which is a warning.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

PropagationPolicy = Literal["Background", "Foreground", "Orphan"]
"""What happens to the objects that a deleted one owns."""

Patch = Mapping[str, Any] | Sequence[Mapping[str, Any]]
"""A merge patch, or the operations of a JSON patch."""

_VALIDATIONS = ("", "Strict", "Warn", "Ignore")


class PatchType(enum.Enum):
    """The kinds of patch an API server takes, by media type.

    See https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/
    """

    MERGE = "application/merge-patch+json"
    JSON = "application/json-patch+json"
    STRATEGIC = "application/strategic-merge-patch+json"
    APPLY = "application/apply-patch+yaml"


def write_params(*, field_manager: str, field_validation: FieldValidation, dry_run: bool) -> dict[str, str]:
    """Return the query of a write.

    Raises:
        ValueError: The field validation is not valid.
    """
    if field_validation not in _VALIDATIONS:
        raise ValueError(f"invalid field validation {field_validation!r}: use Strict, Warn or Ignore")
    params = {"fieldManager": field_manager}
    if field_validation:
        params["fieldValidation"] = field_validation
    if dry_run:
        params["dryRun"] = "All"
    return params


@lru_cache(maxsize=64)
def apply_params(
    *, field_manager: str, field_validation: FieldValidation, dry_run: bool, force: bool
) -> Mapping[str, str]:
    """Return the query of a server-side apply: the same object for the same arguments, not to be changed.

    Unknown fields are rejected whatever the validation: for an apply it is about keys that come twice, for which the
    server would parse the body once more. A tenth of its work for a write, and an encoder writes no key twice.

    Raises:
        ValueError: The field validation is not valid.
    """
    params = write_params(field_manager=field_manager, field_validation=field_validation, dry_run=dry_run)
    return {"fieldValidation": "Ignore", **params, "force": "true" if force else "false"}


def delete_options(
    *,
    propagation: PropagationPolicy,
    uid: str,
    resource_version: str,
    grace_period_seconds: int | None,
    dry_run: bool,
) -> dict[str, Any]:
    """Return the body of a deletion.

    See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/delete-options/
    """
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
    preconditions = {"uid": uid, "resourceVersion": resource_version}
    if uid or resource_version:
        options["preconditions"] = {name: value for name, value in preconditions.items() if value}
    if grace_period_seconds is not None:
        options["gracePeriodSeconds"] = grace_period_seconds
    if dry_run:
        options["dryRun"] = ["All"]
    return options
