"""Webhooks of a deployed operator: called through the Service, with a certificate of its own that is renewed."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kaiwu_runtime.certificates._authority import SERVER, Authority, certificate_pem, key_pem

from .conftest import Project, rolled_out, run

IMAGE = "localhost/kaiwu-e2e-webhooks:v1"
NAME = "webhook-e2e"
NAMESPACE = f"{NAME}-system"
SHOPS = "shops.{version}.web.webhook-e2e.example.com"
NAMES = "--group web --kind Shop --make=false"


def kubectl(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(["kubectl", *words], input=stdin, capture_output=True, text=True, check=False)


def shop(name: str, version: str = "v1", **spec: str) -> str:
    api_version = f"web.webhook-e2e.example.com/{version}"
    metadata = {"name": name, "namespace": "default"}
    return json.dumps({"apiVersion": api_version, "kind": "Shop", "metadata": metadata, "spec": spec})


def spec_of(name: str, version: str) -> dict[str, Any]:
    found = kubectl("get", SHOPS.format(version=version), name, "-o", "json")
    assert found.returncode == 0, found.stderr
    document: dict[str, Any] = json.loads(found.stdout)
    assert document["apiVersion"].endswith(f"/{version}")
    spec: dict[str, Any] = document["spec"]
    return spec


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """An operator with all three webhooks, with self-signed certificates, as its pod runs on the node."""
    folder: Path = tmp_path_factory.mktemp("e2e") / NAME
    folder.mkdir()
    run(f"kaiwuctl init --domain {NAME}.example.com --repo example.com/{NAME}", folder)
    run(f"kaiwuctl create api {NAMES} --version v1", folder)
    run(f"kaiwuctl create webhook {NAMES} --version v1 --defaulting --validation", folder)
    run(f"kaiwuctl create api {NAMES} --version v2", folder)
    run(f"kaiwuctl create webhook {NAMES} --version v2 --conversion", folder)
    file = folder / "controllers/shop_webhook.py"
    text = file.read_text(encoding="utf-8")
    before, todo, after = text.partition("        # TODO(user): fill in what is missing")
    text = f'{before}        obj.spec.foo = obj.spec.foo or "bar"\n{todo}{after}'
    reject = '        if obj.spec.foo == "bad":\n            raise AdmissionDenied("foo must not be bad")\n'
    text = text.replace("        return None\n", f"{reject}        return None\n", 1)
    file.write_text(text.replace("    AdmissionRequest,\n", "    AdmissionDenied,\n    AdmissionRequest,\n", 1))
    project = Project(folder)
    project.make(f"docker-build IMG={IMAGE}")
    load = os.environ.get("E2E_LOAD")
    run(f"{load} {IMAGE}") if load else project.make(f"docker-push IMG={IMAGE}")
    try:
        project.make(f"deploy IMG={IMAGE}")
        rolled_out(NAMESPACE, f"{NAME}-controller-manager")
        # A pod that is ready is in the Service a moment later.
        deadline = time.monotonic() + 60
        while (tried := kubectl("create", "--dry-run=server", "-f", "-", stdin=shop("first"))).returncode:
            assert time.monotonic() < deadline, tried.stderr
            time.sleep(0.5)
        yield project
    finally:
        kubectl("delete", SHOPS.format(version="v1"), "--all")
        project.make("undeploy ignore-not-found=true")


@pytest.mark.usefixtures("deployed")
def test_the_service_reaches_all_three() -> None:
    created = kubectl("apply", "-f", "-", stdin=shop("good"))
    assert created.returncode == 0, created.stderr
    refused = kubectl("apply", "-f", "-", stdin=shop("bad", foo="bad"))
    assert refused.returncode == 1
    assert "foo must not be bad" in refused.stderr
    assert spec_of("good", "v1") == spec_of("good", "v2") == {"foo": "bar"}
    assert kubectl("apply", "-f", "-", stdin=shop("good", "v2", foo="two")).returncode == 0
    assert spec_of("good", "v1") == {"foo": "two"}


@pytest.mark.usefixtures("deployed")
def test_no_request_fails_while_the_certificate_is_renewed() -> None:
    assert kubectl("apply", "-f", "-", stdin=shop("good")).returncode == 0
    old = secret()
    nearly_over = _nearly_over(old)
    stop, failures, count = threading.Event(), [], 0

    def write() -> None:
        nonlocal count
        while not stop.is_set():
            for command, stdin in (
                (("create", "--dry-run=server", "-f", "-"), shop("other")),
                (("get", SHOPS.format(version="v2"), "good"), ""),
            ):
                done = kubectl(*command, stdin=stdin)
                count += 1
                if done.returncode:
                    failures.append(done.stderr)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        patch = json.dumps({"data": {name: base64.b64encode(value).decode() for name, value in nearly_over.items()}})
        assert kubectl("-n", NAMESPACE, "patch", "secret", "webhook-server-cert", "-p", patch).returncode == 0
        deadline = time.monotonic() + 120
        while secret()["tls.crt"] in {old["tls.crt"], nearly_over["tls.crt"]}:
            assert time.monotonic() < deadline, "the certificate was not renewed"
            time.sleep(1)
        time.sleep(5)
    finally:
        stop.set()
        writer.join()
    assert failures == []
    assert count > 10
    assert secret()["ca.crt"] == old["ca.crt"]


def test_nothing_is_left_after_undeploy(deployed: Project) -> None:
    kubectl("delete", SHOPS.format(version="v1"), "--all")
    deployed.make("undeploy")
    kinds = "mutatingwebhookconfigurations,validatingwebhookconfigurations,crds,clusterroles,clusterrolebindings,ns"
    assert NAME not in run(f"kubectl get {kinds} -o name")


def secret() -> dict[str, bytes]:
    found = run(f"kubectl -n {NAMESPACE} get secret webhook-server-cert -o json")
    return {name: base64.b64decode(text) for name, text in json.loads(found)["data"].items()}


def _nearly_over(found: dict[str, bytes]) -> dict[str, bytes]:
    """Return a serving certificate of the same authority that has five minutes of an hour left."""
    key = serialization.load_pem_private_key(found["ca.key"], password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    authority = Authority(x509.load_pem_x509_certificates(found["ca.crt"])[0], key)
    present = x509.load_pem_x509_certificate(found["tls.crt"])
    names = present.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    begin = datetime.now(UTC) - timedelta(minutes=60)
    certificate, own = authority.sign(
        subject, timedelta(minutes=65), usages=[SERVER], names=[str(each.value) for each in names], now=begin
    )
    return {"tls.crt": certificate_pem(certificate), "tls.key": key_pem(own)}
