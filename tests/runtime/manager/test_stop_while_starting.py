"""A manager that is stopped while its servers start does not wait for their certificates."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from lightkube.resources.core_v1 import ConfigMap

from kaiwu_runtime import Client, Manager, ManagerOptions
from kaiwu_runtime.serving import WebhookCertificateOptions
from kaiwu_runtime.testing import FakeTransport
from kaiwu_runtime.webhook import AdmissionRequest, Defaulter, webhook_managed_by

from .in_memory import until

ENDLESS = """
import os, time
open(os.environ["KAIWU_TEST_STARTED"], "w").close()
time.sleep(600)
"""


class Silent(FakeTransport):
    """An API server that answers no request."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = False

    async def request(self, *_: Any, **__: Any) -> bytes:
        self.asked = True
        await asyncio.Event().wait()
        raise AssertionError("not reached")


async def stopped_after(manager: Manager, moment: Any) -> None:
    task = asyncio.create_task(manager.start())
    await until(moment)
    manager.stop()
    await asyncio.wait_for(task, 20)


async def test_making_the_certificate_of_the_metrics_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a child process, which is ended."""
    started = tmp_path / "started"
    (tmp_path / "sitecustomize.py").write_text(ENDLESS)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("KAIWU_TEST_STARTED", str(started))
    options = ManagerOptions(metrics_bind_address="127.0.0.1:0", health_probe_bind_address="0")
    await stopped_after(Manager(options, client=Client(FakeTransport())), started.exists)


async def test_asking_the_api_server_for_the_certificate_of_the_webhooks() -> None:
    transport = Silent()
    options = ManagerOptions(
        webhook_self_signed=WebhookCertificateOptions(service_name="webhooks", namespace="x"),
        health_probe_bind_address="0",
        webhook_port=0,
    )
    manager = Manager(options, client=Client(transport))

    class Nothing(Defaulter[ConfigMap]):
        async def default(self, obj: ConfigMap, request: AdmissionRequest) -> None: ...

    webhook_managed_by(manager).for_(ConfigMap).with_defaulter(Nothing()).complete()
    await stopped_after(manager, lambda: transport.asked)
