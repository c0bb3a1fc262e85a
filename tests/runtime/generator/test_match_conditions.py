"""Match conditions: what is reported before the API server compiles them, and that it agrees."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwu_runtime.generator._match_conditions import condition_error

from .conftest import Server

GOOD = [
    "true",
    "!('system:nodes' in request.userInfo.groups)",
    "request.resource.group != 'rbac.authorization.k8s.io'",
    "object.metadata.name != 'x' && (oldObject == null || oldObject.metadata.name == 'x')",
    "has(object.spec) && object.spec.replicas > 5",
    "object.metadata.?labels.orValue({}).exists(key, key == 'a')",
    "authorizer.group('').resource('pods').check('get').allowed()",
    "sets.contains([1], [1])",
    "int('1') == 1 && type(1) == int",
    "request.dryRun || request.operation == 'DELETE'",
    "[1, 2].all(i, v, i < v)",
    "object.spec.items.map(each, each.name).size() > 0",
]
BAD = [
    ("object.", "does not parse"),
    ("", "does not parse"),
    ("(true", "does not parse"),
    ("self.spec.size > 1", "names 'self': match conditions have authorizer, object, oldObject, request"),
    ("requst.name == 'a'", "names 'requst'"),
    ("request.user == 'a'", "names 'request.user', which does not exist"),
    ("1", "is not true or false"),
    ("'true'", "is not true or false"),
    ("[true]", "is not true or false"),
    ("[1].exists(x, y == 1)", "names 'y'"),
]


@pytest.mark.parametrize("expression", GOOD)
def test_nothing_is_said_about_a_valid_one(expression: str) -> None:
    assert condition_error(expression) == ""


@pytest.mark.parametrize(("expression", "message"), BAD)
def test_a_mistake_is_named(expression: str, message: str) -> None:
    assert message in condition_error(expression)


def _configuration(expression: str) -> dict[str, Any]:
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["configmaps"]}
    webhook = {
        "name": "a.b.c",
        "admissionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:1/a"},
        "sideEffects": "None",
        "rules": [rule],
        "matchConditions": [{"name": "a", "expression": expression}],
    }
    kind = "ValidatingWebhookConfiguration"
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "a"},
        "webhooks": [webhook],
    }


@pytest.mark.envtest
def test_the_api_server_agrees(server: Server) -> None:
    path = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All"
    for expression in GOOD:
        code, answer = server.send("POST", path, _configuration(expression))
        assert code == 201, (expression, answer)
    for expression, _ in BAD:
        code, answer = server.send("POST", path, _configuration(expression))
        assert code == 422, (expression, answer)
