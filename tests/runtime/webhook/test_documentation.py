"""The code of docs/webhooks.md runs as it stands there."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kaiwu_runtime import Manager, ManagerOptions
from kaiwu_runtime.client import Client
from kaiwu_runtime.serving._certificate_options import WebhookCertificateOptions
from kaiwu_runtime.webhook import AdmissionDenied, AdmissionRequest
from kaiwu_runtime.webhook._server import WebhookServer

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def names(repository: Path) -> dict[str, Any]:
    """Everything that the document's blocks define, run one after the other."""
    text = (repository / "docs/webhooks.md").read_text(encoding="utf-8")
    found: dict[str, Any] = {"__name__": "docs_webhooks"}
    for block in BLOCK.findall(text):
        exec(compile(block, "<docs/webhooks.md>", "exec", dont_inherit=True), found)
    return found


def test_the_classes_do_what_the_text_says(names: dict[str, Any]) -> None:
    made = names["Database"]()
    names["DatabaseDefaults"]().default(made, AdmissionRequest())
    assert made.spec.replicas == 3
    rules = names["DatabaseRules"]()
    assert rules.validate_create(made, AdmissionRequest()) is None
    made.spec.replicas = 1
    assert rules.validate_create(made, AdmissionRequest()) == ["one replica is not highly available"]
    made.spec.replicas = 2
    with pytest.raises(AdmissionDenied) as denied:
        rules.validate_create(made, AdmissionRequest())
    assert (denied.value.code, denied.value.causes[0].field) == (422, "spec.replicas")


def test_the_webhooks_are_built_with_the_paths_that_are_named(names: dict[str, Any], repository: Path) -> None:
    manager = Manager(ManagerOptions(health_probe_bind_address="0"))
    client: Any = object.__new__(Client)
    names["DatabaseWebhook"](client).setup_with_manager(manager)
    assert isinstance(manager.webhooks, WebhookServer)
    text = (repository / "docs/webhooks.md").read_text(encoding="utf-8")
    for path in manager.webhooks._handlers:
        assert f"`{path}`" in text
    group = "kaiwu.inspur.com"
    old = {"apiVersion": f"{group}/v1", "kind": "Database", "metadata": {"name": "a"}, "spec": {"type": "mysql"}}
    new = json.loads(manager.webhooks.conversions.convert(json.dumps(old).encode(), f"{group}/v2"))
    assert (new["apiVersion"], new["spec"]) == (f"{group}/v2", {"engine": "mysql"})


def test_the_conversion_loses_nothing(names: dict[str, Any]) -> None:
    names["test_nothing_is_lost"]()


def test_the_defaults_are_those_of_the_code(names: dict[str, Any], repository: Path) -> None:
    found = names["options"].webhook_self_signed
    assert isinstance(found, WebhookCertificateOptions)
    text = (repository / "docs/webhooks.md").read_text(encoding="utf-8")
    assert f"| {ManagerOptions().webhook_port} |" in text
    assert f"`{ManagerOptions().webhook_cert_path}`" in text
    assert f"`{found.secret_name}`" in text
    assert f"within {found.interval:g} seconds" in text
