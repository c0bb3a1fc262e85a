"""The error responses of an API server, with its wording.

See https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from kaiwu_runtime._status import REASONS, error_from_status
from kaiwu_runtime.errors import APIStatusError
from kaiwu_runtime.testing._kinds import FakeKind


def refusal(
    code: int,
    message: str = "",
    *,
    reason: str | None = None,
    kind: FakeKind | None = None,
    name: str = "",
    causes: list[dict[str, str]] | None = None,
) -> APIStatusError:
    """Return the typed error of a rejection.

    Args:
        code: HTTP status code.
        message: Default is the code's own phrase.
        reason: Default is the usual one of the code.
        kind: For the details.
        name: The object's name, for the details.
        causes: Fields and what is wrong with them.
    """
    details: dict[str, Any] = {}
    if kind is not None:
        known = {"name": name, "group": kind.identity.group, "kind": kind.identity.plural}
        details = {field: value for field, value in known.items() if value}
    if causes:
        details["causes"] = causes
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message or HTTPStatus(code).phrase,
        "reason": REASONS.get(code, "") if reason is None else reason,
        "details": details,
        "code": code,
    }
    return error_from_status(status, code=code)


def not_served(what: str, reason: str = "") -> APIStatusError:
    """Return the error for a resource or subresource that the server does not know.

    Args:
        what: The path or the subresource.
        reason: A server says nothing of a resource, and NotFound of a subresource.
    """
    return refusal(404, f"the server could not find the requested resource {what}", reason=reason)


def not_found(kind: FakeKind, name: str) -> APIStatusError:
    """Return the error for an object that does not exist."""
    return refusal(404, f'{kind.resource} "{name}" not found', kind=kind, name=name)


def already_exists(kind: FakeKind, name: str) -> APIStatusError:
    """Return the error for a name that is taken."""
    return refusal(409, f'{kind.resource} "{name}" already exists', reason="AlreadyExists", kind=kind, name=name)


def conflict(kind: FakeKind, name: str, message: str) -> APIStatusError:
    """Return the error for a write that comes too late."""
    text = f'Operation cannot be fulfilled on {kind.resource} "{name}": {message}'
    return refusal(409, text, kind=kind, name=name)


def modified(kind: FakeKind, name: str) -> APIStatusError:
    """Return the error for a resourceVersion that is not the newest."""
    text = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(kind, name, text)


def invalid(kind: FakeKind, name: str, field: str, problem: str) -> APIStatusError:
    """Return the error for a field with a value it may not have."""
    return invalid_fields(kind, name, [(field, problem)])


def invalid_fields(kind: FakeKind, name: str, problems: Sequence[tuple[str, str]]) -> APIStatusError:
    """Return the error for fields with values they may not have, as pairs of field and problem."""
    identity = kind.identity
    full = f"{identity.kind}.{identity.group}" if identity.group else identity.kind
    return refusal(
        422, f'{full} "{name}" is invalid: {_listed(problems)}', kind=kind, name=name, causes=_causes(problems)
    )


def invalid_options(options: str, problems: Sequence[tuple[str, str]]) -> APIStatusError:
    """Return the error for options of a request, for example ``PatchOptions``, as pairs of option and problem."""
    text = f'{options}.meta.k8s.io "" is invalid: {_listed(problems)}'
    return refusal(422, text, causes=_causes(problems))


def _listed(problems: Sequence[tuple[str, str]]) -> str:
    lines = [f"{field}: {problem}" for field, problem in problems]
    return lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"


def _causes(problems: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"reason": "FieldValueInvalid", "message": problem, "field": field} for field, problem in problems]
