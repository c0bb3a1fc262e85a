"""A write that no role grants names the decorator to add, whatever it is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.apps_v1 import Deployment
from lightkube.resources.core_v1 import ConfigMap, Pod, PodEviction, Service, ServiceAccount

from kaiwu_runtime import Client, MetadataClient, add_finalizer, create_or_update, get_scale, set_scale
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import ForbiddenError

from .engines import config_map

pytestmark = pytest.mark.envtest


@pytest.fixture
async def stranger(control_plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Client]:
    """A client of a user that may do nothing."""
    content = yaml.safe_load(control_plane.kubeconfig.read_text())
    content["users"][0]["user"]["as"] = "stranger"
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(content))
    async with Client.connect(file) as client:
        yield client


def finalized(namespace: str) -> ConfigMap:
    return ConfigMap(metadata=ObjectMeta(name="a", namespace=namespace, resourceVersion="1"))


CALLS: dict[str, tuple[Callable[[Client, str], Awaitable[Any]], str, str, str]] = {
    "create": (lambda c, n: c.create(config_map("a", n)), "", "configmaps", "create"),
    "apply": (lambda c, n: c.apply(config_map("a", n)), "", "configmaps", "patch"),
    "patch": (lambda c, n: c.patch(ConfigMap, "a", {}, namespace=n), "", "configmaps", "patch"),
    "delete": (lambda c, n: c.delete(ConfigMap, "a", namespace=n), "", "configmaps", "delete"),
    "status": (lambda c, n: c.patch_status(Pod, "a", {}, namespace=n), "", "pods/status", "patch"),
    "eviction": (
        lambda c, n: c.create(PodEviction(metadata=ObjectMeta(name="a", namespace=n))),
        "",
        "pods/eviction",
        "create",
    ),
    "scale": (lambda c, n: set_scale(c, Deployment, "a", 1, namespace=n), "apps", "deployments/scale", "patch"),
    "get scale": (lambda c, n: get_scale(c, Deployment, "a", namespace=n), "apps", "deployments/scale", "get"),
    "finalizer": (lambda c, n: add_finalizer(c, finalized(n), "example.com/a"), "", "configmaps", "patch"),
    "update": (lambda c, n: create_or_update(c, config_map("a", n), lambda _: None), "", "configmaps", "get"),
    "exec": (lambda c, n: c.exec(Pod, "a", ["ls"], namespace=n), "", "pods/exec", "create"),
    "logs": (lambda c, n: c.logs(Pod, "a", namespace=n), "", "pods/log", "get"),
    "evict": (lambda c, n: c.evict(Pod, "a", namespace=n), "", "pods/eviction", "create"),
    "proxy": (lambda c, n: c.proxy(Service, "a", namespace=n, port=80), "", "services/proxy", "get"),
    "token": (
        lambda c, n: c.create_token(ServiceAccount, "a", namespace=n),
        "",
        "serviceaccounts/token",
        "create",
    ),
    "delete all": (lambda c, n: c.delete_all_of(ConfigMap, namespace=n), "", "configmaps", "deletecollection"),
    "metadata": (lambda c, n: MetadataClient(c).get(ConfigMap, "a", namespace=n), "", "configmaps", "get"),
}


@pytest.mark.parametrize("what", CALLS)
async def test_the_decorator_is_named(stranger: Client, namespace: str, what: str) -> None:
    call, group, resource, verb = CALLS[what]
    with pytest.raises(ForbiddenError) as caught:
        await call(stranger, namespace)
    text = str(caught.value)
    assert f'missing RBAC rule: add @rbac(groups="{group}", resources="{resource}", verbs=[' in text
    assert f'"{verb}"' in text.partition("verbs=")[2]
    assert "\n" not in text
