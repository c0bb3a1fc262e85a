"""Deleted namespaces are emptied in the control plane that `up` starts, as `kubectl delete` waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kaiwu_runtime.envtest import Binaries, down, up
from kaiwu_runtime.envtest._rest import RestClient
from kaiwu_runtime.errors import NotFoundError

from .conftest import processes_below, wait_for

pytestmark = pytest.mark.envtest

COLLECTIONS = {
    "configmaps": "/api/v1/namespaces/{}/configmaps",
    "pods": "/api/v1/namespaces/{}/pods",
    "leases": "/apis/coordination.k8s.io/v1/namespaces/{}/leases",
    "gadgets": "/apis/example.com/v1/namespaces/{}/gadgets",
}
SPECS = {"pods": {"containers": [{"name": "a", "image": "a"}], "nodeName": "node"}}
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "gadgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {"kind": "Gadget", "plural": "gadgets"},
        "versions": [
            {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
        ],
    },
}


@pytest.fixture
def rest(cache: Path, real_binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> Iterator[RestClient]:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(real_binaries.directory))
    port = urlsplit(up().url).port
    assert port is not None
    pki = cache / "up/run/pki"
    yield RestClient(port, ca_bundle=pki / "ca.crt", certificate=pki / "admin.pem")
    down()
    wait_for(lambda: not processes_below(cache), "every process ends")


def create(rest: RestClient, plural: str, namespace: str, finalizers: tuple[str, ...] = ()) -> str:
    """Create an object and return its path; a kind that is new is not served at once."""
    collection = COLLECTIONS[plural].format(namespace)
    group, kind = collection.partition("/namespaces/")[0], plural.removesuffix("s").title().replace("map", "Map")
    body = {
        "apiVersion": group.removeprefix("/apis/").removeprefix("/api/"),
        "kind": kind,
        "metadata": {"name": "a", "finalizers": list(finalizers)},
        "spec": SPECS.get(plural),
    }
    wait_for(lambda: rest.request("POST", collection, body)[0] == 201, f"{plural} are served")
    return f"{collection}/a"


def is_there(rest: RestClient, path: str) -> bool:
    try:
        rest.object("GET", path)
    except NotFoundError:
        return False
    return True


def test_a_deleted_namespace_is_emptied_and_goes(rest: RestClient) -> None:
    rest.object("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", CRD)
    for name in ("shop", "other"):
        rest.object("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    paths = [create(rest, plural, "shop") for plural in COLLECTIONS]
    kept = [create(rest, plural, "other") for plural in COLLECTIONS]
    rest.object("DELETE", "/api/v1/namespaces/shop")
    wait_for(lambda: not is_there(rest, "/api/v1/namespaces/shop"), "the namespace goes", seconds=20)
    rest.object("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    assert [path for path in paths if is_there(rest, path)] == []
    assert [path for path in kept if not is_there(rest, path)] == []

    # An object with a finalizer keeps the namespace, as in a cluster, and not the other one.
    held = create(rest, "configmaps", "shop", ("example.com/cleanup",))
    rest.object("DELETE", "/api/v1/namespaces/shop")
    rest.object("DELETE", "/api/v1/namespaces/other")
    wait_for(lambda: not is_there(rest, "/api/v1/namespaces/other"), "the other one goes", seconds=20)
    assert is_there(rest, held)
    patch = {"metadata": {"finalizers": None}}
    rest.object("PATCH", held, patch, content_type="application/merge-patch+json")
    wait_for(lambda: not is_there(rest, "/api/v1/namespaces/shop"), "the namespace goes", seconds=20)


def test_a_webhook_that_is_gone_keeps_its_own_namespace_only(rest: RestClient) -> None:
    for name in ("aa", "zz"):
        rest.object("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    refused = create(rest, "configmaps", "aa")
    others = [create(rest, plural, "aa") for plural in ("leases", "pods")]
    webhook = {
        "name": "gone.example.com",
        "clientConfig": {"url": "https://127.0.0.1:1/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["DELETE"], "resources": ["configmaps"]}],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "aa"}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
    }
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    rest.object("POST", hooks, {"metadata": {"name": "gone"}, "webhooks": [webhook]})
    wait_for(lambda: rest.request("DELETE", f"{refused}?dryRun=All")[0] >= 400, "the webhook is called")
    for name in ("aa", "zz"):
        rest.object("DELETE", f"/api/v1/namespaces/{name}")
    wait_for(lambda: not is_there(rest, "/api/v1/namespaces/zz"), "the other namespace goes", seconds=20)
    wait_for(lambda: not any(is_there(rest, path) for path in others), "the other objects go", seconds=20)
    assert is_there(rest, refused)
    rest.object("DELETE", f"{hooks}/gone")
    wait_for(lambda: not is_there(rest, "/api/v1/namespaces/aa"), "the namespace goes", seconds=20)
