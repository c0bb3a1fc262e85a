"""The benchmark's operator on kopf: its own handlers, and aiohttp for what kopf has no call for."""

# kopf is installed in a virtual environment of its own, where no type checker looks.
# mypy: disable-error-code="import-not-found, untyped-decorator"

from __future__ import annotations

import base64
import datetime as dt
import os
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp
import kopf
import yaml

GROUP, VERSION, PLURAL = "bench.inspur.com", "v1", "benches"
APPLY = {"Content-Type": "application/apply-patch+yaml"}


@kopf.on.startup()
async def configure(settings: Any, memo: Any, **_: object) -> None:  # noqa: ANN401 - kopf's own types
    """Tune kopf for speed, and open the session that ConfigMaps are applied with."""
    settings.posting.enabled = False  # no Event per handler
    settings.queueing.worker_limit = int(os.environ["BENCH_WORKERS"])
    settings.queueing.idle_timeout = 0.01  # a worker keeps its slot this long after its object; 5 s by default
    memo.session = connect(os.environ["KUBECONFIG"])


@kopf.on.cleanup()
async def close(memo: Any, **_: object) -> None:  # noqa: ANN401 - kopf's own type
    """Close the session."""
    await memo.session.close()


@kopf.on.create(GROUP, VERSION, PLURAL)
@kopf.on.resume(GROUP, VERSION, PLURAL)
@kopf.on.update(GROUP, VERSION, PLURAL, field="spec")
async def reconcile(body: Mapping[str, Any], memo: Any, patch: Any, **_: object) -> None:  # noqa: ANN401 - kopf's own types
    """Apply the ConfigMap, then let kopf write the status."""
    await apply_config_map(memo.session, body["metadata"], body["spec"])
    generation = body["metadata"]["generation"]
    before = next((entry for entry in body.get("status", {}).get("conditions", ()) if entry["type"] == "Ready"), None)
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    patch.status["observedGeneration"] = generation
    patch.status["conditions"] = [
        {
            "type": "Ready",
            "status": "True",
            "reason": "Applied",
            "message": "the ConfigMap is as the spec asks",
            "observedGeneration": generation,
            "lastTransitionTime": before["lastTransitionTime"] if before else now,
        }
    ]


@kopf.on.event("", "v1", "configmaps")
async def restore(type: str | None, name: str, namespace: str, memo: Any, **_: object) -> None:  # noqa: A002, ANN401 - kopf's names and types
    """Apply a ConfigMap again that was deleted."""
    # The Bench is read from the server: with a worker limit, kopf's index never gets ready.
    if type == "DELETED":
        path = f"/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{PLURAL}/{name}"
        async with memo.session.get(path) as response:
            if response.status == 200:
                bench = await response.json()
                await apply_config_map(memo.session, bench["metadata"], bench["spec"])


async def apply_config_map(session: aiohttp.ClientSession, owner: Mapping[str, Any], spec: Mapping[str, Any]) -> None:
    """Server-side-apply the ConfigMap of a Bench."""
    name, namespace = owner["name"], owner["namespace"]
    reference = {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "Bench",
        "name": name,
        "uid": owner["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    config_map = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": namespace, "ownerReferences": [reference]},
        "data": {**spec.get("settings", {}), "message": spec["message"]},
    }
    path = f"/api/v1/namespaces/{namespace}/configmaps/{name}"
    parameters = {"fieldManager": "bench", "force": "true"}
    async with session.patch(path, params=parameters, json=config_map, headers=APPLY) as response:
        response.raise_for_status()
        await response.json()


def connect(kubeconfig: str) -> aiohttp.ClientSession:
    """Open a session with the token of a kubeconfig."""
    with open(kubeconfig, encoding="utf-8") as stream:  # noqa: PTH123
        config = yaml.safe_load(stream)
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    return aiohttp.ClientSession(
        cluster["server"],
        connector=aiohttp.TCPConnector(ssl=context, limit=0),
        headers={"Authorization": f"Bearer {user['token']}"},
    )
