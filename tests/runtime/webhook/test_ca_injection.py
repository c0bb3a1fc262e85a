"""The authorities of configurations that a server does not answer with."""

from __future__ import annotations

import pytest

from kaiwu_runtime import Client
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions
from kaiwu_runtime.webhook._ca_injection import Injector

from ..stand_in_transport import Sent, StandInTransport


class Fixed(StandInTransport):
    def __init__(self, body: bytes) -> None:
        self.body = body

    async def answer(self, sent: Sent) -> bytes:
        return self.body


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"\xff":1}', b"[]", b'{"a":' * 20_000])
async def test_an_answer_of_another_program_can_be_retried(body: bytes) -> None:
    options = WebhookCertificateOptions(service_name="s", validating=("v",))
    injector = Injector(Client(Fixed(body)), options, "ns")
    with pytest.raises(APIConnectionError, match=r"^ValidatingWebhookConfiguration v: the answer is not an API"):
        await injector.inject(injector.targets[0], b"")
