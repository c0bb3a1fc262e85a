"""The rotator's loop: it goes on whatever happens, and says so once."""

from __future__ import annotations

import asyncio
import logging

import pytest

from kaiwu_runtime.client import Client
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError
from kaiwu_runtime.webhook import WebhookCertificateOptions
from kaiwu_runtime.webhook import _rotator as rotator
from kaiwu_runtime.webhook._rotator import CertificateRotator


def connect() -> Client:
    raise AssertionError("a request was sent")


def make() -> CertificateRotator:
    options = WebhookCertificateOptions(service_name="hooks", namespace="team", interval=0.001)
    return CertificateRotator(options, connect, lambda certificate, key: None)


class Outcomes:
    """What each look comes to; after the last one nothing more happens."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes = list(outcomes)
        self.over = asyncio.Event()
        self.looks = 0

    async def rotate(self) -> None:
        self.looks += 1
        if not self._outcomes:
            self.over.set()
            await asyncio.Event().wait()
        outcome = self._outcomes.pop(0)
        if outcome is not None:
            raise outcome


async def test_a_failure_is_logged_once_and_the_next_look_comes(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    down, other = APIConnectionError("connection refused"), APIConnectionError("timed out")
    outcomes = Outcomes(None, down, down, other, ValueError("a mistake of ours"), other, None, other)
    looking = make()
    monkeypatch.setattr(looking, "rotate", outcomes.rotate)
    task = asyncio.create_task(looking.run())
    await asyncio.wait_for(outcomes.over.wait(), 10)
    task.cancel()
    assert outcomes.looks == 9
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.WARNING, "Webhook certificates: connection refused"),
        (logging.WARNING, "Webhook certificates: timed out"),
        (logging.ERROR, "Cannot check the webhook certificates"),
        (logging.WARNING, "Webhook certificates: timed out"),
    ]


async def test_a_start_waits_a_moment_for_the_api_server(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = Outcomes(APIConnectionError("not yet"), None)
    starting = make()
    monkeypatch.setattr(starting, "rotate", outcomes.rotate)
    await asyncio.wait_for(starting.prepare(), 10)
    assert outcomes.looks == 2


@pytest.mark.parametrize("error", [APIConnectionError("connection refused"), ConfigurationError("not ours")])
async def test_a_start_that_cannot_succeed_ends(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    outcomes = Outcomes(error, error)
    starting = make()
    monkeypatch.setattr(starting, "rotate", outcomes.rotate)
    monkeypatch.setattr(rotator, "UNREACHABLE_SECONDS", 0.1)
    with pytest.raises(type(error), match=str(error)):
        await asyncio.wait_for(starting.prepare(), 10)
