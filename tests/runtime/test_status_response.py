"""The errors of rejected requests: what they are called, and what they say."""

from __future__ import annotations

import pytest

from kaiwu_runtime import errors
from kaiwu_runtime.errors import APIError, APIStatusError, ForbiddenError, InvalidError, NotFoundError, ServerError

_DENIED = 'sites.web.example.com is forbidden: User "x" cannot list resource "sites" in API group "web.example.com"'


@pytest.mark.parametrize("name", errors.__all__)
def test_tracebacks_name_the_public_module(name: str) -> None:
    error = getattr(errors, name)
    assert (error.__module__, error.__qualname__) == ("kaiwu_runtime.errors", name)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        pytest.param(NotFoundError("gone", code=404), "gone", id="message"),
        pytest.param(
            InvalidError("bad", code=422, warnings=["old", "odd"]),
            "bad; the API server warns: old; the API server warns: odd",
            id="warnings",
        ),
        pytest.param(NotFoundError("", code=404, warnings=["old"]), "the API server warns: old", id="no message"),
        pytest.param(APIStatusError(_DENIED, code=404), _DENIED, id="a rule is missing only after 403"),
    ],
)
def test_text(error: APIStatusError, text: str) -> None:
    assert str(error) == text
    assert error.args == (error.message,)


def test_403_names_the_missing_rule() -> None:
    text = str(ForbiddenError(_DENIED, code=403, warnings=["old"]))
    assert text.startswith(f"{_DENIED}; missing RBAC rule: add @rbac(")
    assert text.endswith("; the API server warns: old")


UNKNOWN = "failed to create typed patch object (team/a; %s, Kind=%s): .status.note: field not declared in schema"


@pytest.mark.parametrize(
    ("group_version", "kind", "hint"),
    [
        (
            "web.example.com/v1",
            "Site",
            "; the CRD of Site v1 in the cluster has no such field: run `make install`",
        ),
        ("apps/v1", "Deployment", ""),
        ("networking.k8s.io/v1", "Ingress", ""),
    ],
)
def test_a_field_that_a_crd_lacks(group_version: str, kind: str, hint: str) -> None:
    message = UNKNOWN % (group_version, kind)
    assert str(ServerError(message, code=500)) == message + hint


def test_fields_and_their_defaults() -> None:
    error = NotFoundError("gone", code=404)
    assert isinstance(error, APIError)
    assert (error.reason, error.details, error.retry_after, error.warnings) == ("", {}, None, ())
    causes = {"causes": [{"reason": "NamespaceTerminating"}, {}]}
    assert APIStatusError("x", code=403, details=causes).has_cause("NamespaceTerminating")
    assert not APIStatusError("x", code=403, details=causes).has_cause("Other")
    assert not APIStatusError("x", code=403, details={"causes": None}).has_cause("Other")


def test_the_status_code_is_required() -> None:
    with pytest.raises(TypeError, match="code"):
        APIStatusError("x")  # type: ignore[call-arg]
