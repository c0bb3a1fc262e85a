"""What a dry run shows of which writes, and what it makes of answers that are not an API server's."""

from __future__ import annotations

import json

import pytest

from kaiwu_runtime.errors import NotFoundError
from kaiwu_runtime.manager._dry_run import DryRunTransport

from ..client.test_odd_answers import BODIES
from ..stand_in_transport import Sent, StandInTransport


class Fixed(StandInTransport):
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def answer(self, sent: Sent) -> bytes:
        return self.body


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("name", BODIES)
async def test_an_odd_answer_is_passed_on(name: str, method: str) -> None:
    path = "/api/v1/namespaces/a/secrets/b"
    dry = DryRunTransport(Fixed(BODIES[name]), lambda _: None)
    assert await dry.request(method, path, body=b"{}") == BODIES[name]


class Cluster(StandInTransport):
    """Stores one object, which a write would change."""

    def __init__(self, path: str) -> None:
        self.path = path

    async def answer(self, sent: Sent) -> bytes:
        if sent.method == "GET" and sent.path != self.path:
            raise NotFoundError(sent.path, code=404)
        name, namespace = self.path.rpartition("/")[2], "a"
        data = {"x": "before" if sent.method == "GET" else "after"}
        return json.dumps({"kind": "K", "metadata": {"name": name, "namespace": namespace}, "data": data}).encode()


@pytest.mark.parametrize(
    ("path", "suffix", "is_shown"),
    [
        *[(f"/api/v1/namespaces/a/configmaps/{name}", "", True) for name in ("b", "token", "status", "events")],
        ("/apis/example.com/v1/namespaces/a/things/b", "/status", True),
        ("/apis/example.com/v1/namespaces/a/things/status", "/status", True),
        ("/apis/example.com/v1/namespaces/a/events/b", "", True),
        ("/apis/example.com/v1/tokenreviews/b", "", True),
        ("/api/v1/namespaces/a", "/status", True),
        ("/api/v1/namespaces/a/events/b", "", False),
        ("/apis/events.k8s.io/v1/namespaces/a/events/b", "", False),
        ("/api/v1/namespaces/a/serviceaccounts/b", "/token", False),
        ("/apis/authentication.k8s.io/v1/tokenreviews", "", False),
        ("/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews", "", False),
    ],
)
async def test_object_is_shown_whatever_its_name(path: str, suffix: str, is_shown: bool) -> None:
    shown: list[str] = []
    dry = DryRunTransport(Cluster(path), shown.append)
    await dry.request("PATCH", f"{path}{suffix}", body=b"{}")
    title = f"K a/{path.rpartition('/')[2]}{suffix.replace('/', ' ')}"
    diff = f"--- {title} (live)\n+++ {title} (dry run)\n@@ -1,5 +1,5 @@\n data:\n-  x: before\n+  x: after\n kind: K\n"
    assert [text.partition(" metadata:")[0] for text in shown] == ([diff] if is_shown else [])
