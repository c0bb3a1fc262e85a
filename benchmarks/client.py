"""Measures the client and the cache against a plain aiohttp + json loop: `python -m benchmarks.client [OBJECTS]`.

On one real API server, each figure in a process of its own, the two sides in turn, medians over the rounds:

    apply   CPU milliseconds of one server-side apply of a ConfigMap, answer decoded
    cache   CPU seconds and peak resident memory of a process that lists OBJECTS ConfigMaps and keeps them
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import uvloop
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap

from benchmarks.reconcile.api import API
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane

NAMESPACE = "default"
COLLECTION = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
WARM_UP = 50
PAGE = 500


def manifest(name: str, value: str) -> dict[str, Any]:
    """Return a ConfigMap of about one KiB."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": {"app.kubernetes.io/name": "bench"}},
        "data": {"value": value, "filler": "x" * 700},
    }


async def apply_raw(kubeconfig: Path, count: int) -> float:
    """Apply with aiohttp and json; return CPU milliseconds per request."""
    async with API(kubeconfig) as api:
        started = 0.0
        for number in range(count + WARM_UP):
            if number == WARM_UP:
                started = time.process_time()
            path = f"{COLLECTION}/raw?fieldManager=raw&force=true"
            body = manifest("raw", str(number))
            json.loads(await api.request("PATCH", path, body, content_type="application/apply-patch+yaml"))
        return (time.process_time() - started) / count * 1000


async def apply_kaiwu(kubeconfig: Path, count: int) -> float:
    """Apply with the client; return CPU milliseconds per request."""
    async with Client.connect(kubeconfig) as client:
        started = 0.0
        for number in range(count + WARM_UP):
            if number == WARM_UP:
                started = time.process_time()
            labels = {"app.kubernetes.io/name": "bench"}
            metadata = ObjectMeta(name="kaiwu", namespace=NAMESPACE, labels=labels)
            await client.apply(ConfigMap(metadata=metadata, data={"value": str(number), "filler": "x" * 700}))
        return (time.process_time() - started) / count * 1000


async def cache_raw(kubeconfig: Path, count: int) -> float:
    """List into dictionaries, page by page; return CPU seconds."""
    async with API(kubeconfig) as api:
        started = time.process_time()
        kept: dict[str, Any] = {}
        path = f"{COLLECTION}?limit={PAGE}"
        token = ""
        while True:
            page = json.loads(await api.request("GET", path + (f"&continue={token}" if token else "")))
            kept.update((item["metadata"]["name"], item) for item in page["items"])
            token = page["metadata"].get("continue", "")
            if not token:
                break
        check(len(kept), count)
        return time.process_time() - started


async def cache_kaiwu(kubeconfig: Path, count: int) -> float:
    """Sync an informer; return CPU seconds."""
    async with Client.connect(kubeconfig) as client:
        started = time.process_time()
        cache = Cache(client.transport, namespaces=[NAMESPACE])
        informer = cache.informer(ConfigMap)
        running = asyncio.create_task(cache.run())
        await cache.wait_for_sync(120)
        spent = time.process_time() - started
        check(len(informer.store), count)
        running.cancel()
        return spent


def check(found: int, count: int) -> None:
    """Fail when a side kept fewer objects than there are."""
    if found < count:
        sys.exit(f"{found} objects kept, {count} exist")


SIDES = {f.__name__: f for f in (apply_raw, apply_kaiwu, cache_raw, cache_kaiwu)}


def measure(side: str, kubeconfig: Path, count: int) -> tuple[float, float]:
    """Run one side in a process of its own; return its figure and its peak memory in MiB."""
    command = [sys.executable, "-m", "benchmarks.client", str(count), "--side", side, "--kubeconfig", str(kubeconfig)]
    figure, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(figure), float(memory)


async def fill(kubeconfig: Path, count: int) -> None:
    """Create the objects that are cached."""
    async with API(kubeconfig) as api:
        for first in range(0, count, 50):
            names = [f"object-{number:06}" for number in range(first, min(first + 50, count))]
            await asyncio.gather(*(api.request("POST", COLLECTION, manifest(name, name)) for name in names))


def run(objects: int, requests: int, rounds: int) -> None:
    """Measure every side on one API server and print the table."""
    figures: dict[str, list[tuple[float, float]]] = {side: [] for side in SIDES}
    with ControlPlane() as plane:
        asyncio.run(fill(plane.kubeconfig, objects))
        for number in range(rounds):
            for side in list(SIDES) if number % 2 == 0 else list(reversed(SIDES)):
                count = requests if side.startswith("apply") else objects
                figures[side].append(measure(side, plane.kubeconfig, count))
    median = {side: [statistics.median(column) for column in zip(*rows, strict=True)] for side, rows in figures.items()}
    print(f"{'':<42}{'aiohttp+json':>14}{'kaiwu':>10}{'ratio':>8}")
    for title, name, column in (
        (f"apply: CPU ms per request, {requests} requests", "apply", 0),
        (f"cache: CPU s, {objects} objects", "cache", 0),
        (f"cache: peak RSS MiB, {objects} objects", "cache", 1),
    ):
        raw, kaiwu = median[f"{name}_raw"][column], median[f"{name}_kaiwu"][column]
        print(f"{title:<42}{raw:>14.2f}{kaiwu:>10.2f}{kaiwu / raw:>8.2f}")


def main() -> None:
    """Measure everything, or with --side (internal) one side in this process."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.client", description=__doc__)
    parser.add_argument("objects", nargs="?", type=int, default=10_000, help="objects to cache (default 10000)")
    parser.add_argument("--requests", type=int, default=1000, help="apply requests per round (default 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    parser.add_argument("--kubeconfig", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        figure = uvloop.run(SIDES[options.side](options.kubeconfig, options.objects))
        unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
        print(figure, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
        return
    run(options.objects, options.requests, options.rounds)


if __name__ == "__main__":
    main()
