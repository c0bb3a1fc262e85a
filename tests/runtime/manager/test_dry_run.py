"""What a dry run makes of answers that are not an API server's."""

from __future__ import annotations

import pytest

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
