"""Measures what a write costs the control plane: `python -m benchmarks.writes [OBJECTS]`.

CPU milliseconds of kube-apiserver and etcd together per write, by the kind of write, with ten in flight, while the
caches of an operator watch both kinds; the client's own CPU is not counted. Kinds of write take turns, each is the
median over the rounds. The sum of what a change of `benchmarks.reconcile` and its reconcile write says how many of them
the machine's cores can do in a second, whatever the runtime.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from lightkube.generic_resource import create_namespaced_resource
from lightkube.resources.core_v1 import ConfigMap

from benchmarks.reconcile import identity
from benchmarks.reconcile.workload import RESOURCE, SETTINGS, each
from kaiwu_runtime.cache import Cache
from kaiwu_runtime.client import Client
from kaiwu_runtime.envtest import ControlPlane

BENCH = create_namespaced_resource("bench.inspur.com", "v1", "Bench", "benches")
CRD = Path(__file__).parent / "reconcile" / "crd.yaml"
NAMESPACE = "default"
CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
BENCHES = f"{RESOURCE}/namespaces/{NAMESPACE}/benches"
APPLY, MERGE = "application/apply-patch+yaml", "application/merge-patch+json"
IN_FLIGHT = 10
PER_CHANGE = ("merge-patch a spec", "apply a ConfigMap", "apply a status")
"""What a change of the benchmark is: the driver's own write, and the two of the reconcile that follows."""

_TICK = os.sysconf("SC_CLK_TCK")
_encode = msgspec.json.Encoder().encode

Write = Callable[[Client, str, int], Awaitable[object]]


def config_map(name: str, number: int) -> dict[str, Any]:
    """Return a ConfigMap as an operator writes it."""
    data = {**SETTINGS, "message": f"change {number}"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": NAMESPACE}, "data": data}


def status(number: int) -> dict[str, Any]:
    """Return the status of a Bench."""
    condition = {
        "type": "Ready",
        "status": "True",
        "reason": "Applied",
        "message": "the ConfigMap is as the spec asks",
        "observedGeneration": number,
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    return {"observedGeneration": number, "conditions": [condition]}


def bench(name: str, **members: object) -> dict[str, Any]:
    """Return a Bench with its spec or its status."""
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": "bench.inspur.com/v1", "kind": "Bench", "metadata": metadata, **members}


async def _apply(client: Client, path: str, body: object, manager: str) -> None:
    params = {"fieldManager": manager, "force": "true", "fieldValidation": "Ignore"}
    await client.transport.request("PATCH", path, params=params, body=_encode(body), content_type=APPLY)


async def _merge(client: Client, path: str, body: object) -> None:
    await client.transport.request("PATCH", path, body=_encode(body), content_type=MERGE)


async def _change(client: Client, name: str, number: int) -> None:
    await _merge(client, f"{BENCHES}/{name}", {"spec": {"message": f"change {number}"}})


WRITES: dict[str, Write] = {
    "apply a ConfigMap": lambda client, name, number: _apply(
        client, f"{CONFIG_MAPS}/{name}", config_map(name, number), "operator"
    ),
    "merge-patch a ConfigMap": lambda client, name, number: _merge(
        client, f"{CONFIG_MAPS}/{name}", {"data": {"message": f"change {number}"}}
    ),
    "apply a status": lambda client, name, number: _apply(
        client, f"{BENCHES}/{name}/status", bench(name, status=status(number)), "operator-status"
    ),
    "merge-patch a status": lambda client, name, number: _merge(
        client, f"{BENCHES}/{name}/status", {"status": status(number)}
    ),
    "merge-patch a spec": _change,
}


def cpu_seconds(directory: Path) -> float:
    """Return the CPU time of the processes that run in a control plane's folder."""
    total = 0
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(directory) in command.read_text(errors="replace"):
                fields = command.with_name("stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        except OSError:
            continue  # it has ended
    return total / _TICK


async def measure(client: Client, write: Write, names: Sequence[str], first: int, directory: Path) -> float:
    """Write each object once; return CPU milliseconds of the control plane per write."""
    numbers = {name: number for number, name in enumerate(names, first)}
    before = cpu_seconds(directory)
    await each(names, lambda name: write(client, name, numbers[name]), IN_FLIGHT)
    await asyncio.sleep(0.3)  # what trails behind belongs to it: watches, the log of etcd
    return (cpu_seconds(directory) - before) / len(names) * 1000


async def run(plane: ControlPlane, objects: int, rounds: int) -> dict[str, list[float]]:
    """Make the objects, then measure every kind of write in every round."""
    names = [f"bench-{number:05d}" for number in range(objects)]
    figures: dict[str, list[float]] = {name: [] for name in WRITES}
    async with Client.connect(identity.kubeconfig(plane)) as client:
        for name in names:
            body = bench(name, spec={"message": "at first", "settings": SETTINGS})
            await client.transport.request("POST", BENCHES, body=_encode(body))
        with watching(Cache(client.transport, namespaces=[NAMESPACE])):
            # The first of each creates fields, and managers of them.
            for title in ("apply a ConfigMap", "apply a status"):
                await measure(client, WRITES[title], names, 1, plane.directory)
            number = 2
            for turn in range(rounds):
                for title in list(WRITES) if turn % 2 == 0 else list(reversed(WRITES)):
                    figures[title].append(await measure(client, WRITES[title], names, number, plane.directory))
                    number += objects
    return figures


@contextmanager
def watching(cache: Cache) -> Iterator[None]:
    """Keep what an operator keeps."""
    cache.informer(ConfigMap)
    cache.informer(BENCH)
    task = asyncio.ensure_future(cache.run())
    try:
        yield
    finally:
        task.cancel()


def report(figures: dict[str, list[float]], cores: int) -> str:
    """Return the table, and what it means for a reconcile."""
    median = {title: statistics.median(values) for title, values in figures.items()}
    base = median["apply a ConfigMap"]
    lines = [f"{'CPU ms of kube-apiserver and etcd per write':<46}{'median':>8}{'ratio':>8}"]
    lines += [f"{title:<46}{value:>8.2f}{value / base:>8.2f}" for title, value in median.items()]
    total = sum(median[title] for title in PER_CHANGE)
    lines.append(
        f"a change and its reconcile ({', '.join(PER_CHANGE)}): {total:.2f} ms, "
        f"so {cores} cores do at most {cores * 1000 / total:.0f} a second, whatever the runtime"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.writes", description=__doc__)
    parser.add_argument("objects", nargs="?", type=int, default=500, help="objects, each written once (default 500)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default 5)")
    options = parser.parse_args()
    started = time.monotonic()
    with ControlPlane() as plane:
        plane.install_crds(CRD)
        identity.grant(plane)
        figures = asyncio.run(run(plane, options.objects, options.rounds))
    print(report(figures, os.cpu_count() or 1))
    print(f"{options.objects} objects, median of {options.rounds} rounds, {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
