"""One run: one contender against a fresh set of objects."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .api import API, APIFailure
from .contenders import Prepared
from .figures import percentile
from .observer import Expectation, Observer
from .process import OperatorProcess
from .quiet import machine_cpu_seconds, until_quiet
from .verification import problems
from .workload import Workload

MOST_CHANGED = 10_000
"""Specs that change at once: more say nothing else, and take ten minutes with a hundred thousand objects."""

FEWEST_CHANGED = 1_000
"""Changes of specs at least: with few objects all change several times, because a phase of half a second shows no more
than whether the API server collected garbage meanwhile."""

PAUSE = 0.02
"""Seconds between two single changes: the operator is idle again before each."""

QUIET_MACHINE_SHARE = 0.15
"""A machine that uses less of one core than this has nothing left to do; the kernel counts 10 ms at a time."""

_WRITES = re.compile(
    r'^apiserver_request_total\{[^}]*resource="(?:benches|configmaps|events)"[^}]*'
    r'verb="(?:APPLY|PATCH|PUT|POST|DELETE|CREATE|UPDATE)"[^}]*\} (\S+)$',
    re.MULTILINE,
)


class ContenderFailure(RuntimeError):  # noqa: N818 - a result of the benchmark
    """A contender did not do its work; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run is made of.

    Attributes:
        objects: Number of Benches.
        workers: Reconciles at once.
        idle_changes: Single changes.
        kubeconfig: The driver's.
        operator_kubeconfig: The operator's.
        log: Where the operator's output goes.
    """

    objects: int
    workers: int
    idle_changes: int
    kubeconfig: Path
    operator_kubeconfig: Path
    log: Path

    @property
    def timeout(self) -> float:
        """Seconds that one phase may take: ten times what the slowest contender needs."""
        return 60 + 0.1 * self.objects


async def run(prepared: Prepared, namespace: str, settings: Settings) -> dict[str, float]:
    """Run all phases and return the figures.

    Raises:
        ContenderFailure: Something was not reconciled, or the operator ended.
        WatchEndedError: The driver cannot tell.
    """
    async with API(settings.kubeconfig) as api:
        workload = Workload(api, namespace, settings.objects)
        await workload.create()
        try:
            # An API server that still works off their creation slows what competes for its cores.
            await until_quiet(machine_cpu_seconds, QUIET_MACHINE_SHARE, 5.0)
            async with Observer(api, workload.benches) as observer:
                expectation = observer.expect(workload.generations)
                operator = OperatorProcess(prepared.command, _environment(settings, namespace), settings.log)
                try:
                    phases = _Phases(api, workload, observer, operator, settings)
                    figures = await phases.start(expectation)
                    figures |= await phases.change()
                    figures |= await phases.idle()
                    await phases.restore()
                    figures["rss_peak_mib"], figures["rss_mib"] = operator.memory_mib()
                finally:
                    status, seconds = operator.stop()
            if status:
                raise ContenderFailure(f"it ended with status {status} after SIGTERM\n{operator.tail()}")
            return figures | {"stop_s": seconds}
        finally:
            await workload.delete()


def _environment(settings: Settings, namespace: str) -> Mapping[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "KUBECONFIG": str(settings.operator_kubeconfig),
        "BENCH_WORKERS": str(settings.workers),
        "BENCH_NAMESPACE": namespace,
    }


class _Phases:
    def __init__(
        self, api: API, workload: Workload, observer: Observer, operator: OperatorProcess, settings: Settings
    ) -> None:
        self._api = api
        self._workload = workload
        self._observer = observer
        self._operator = operator
        self._settings = settings

    async def start(self, expectation: Expectation) -> dict[str, float]:
        """From the start of the process until every object is reconciled."""
        await self._until(expectation, "after the start")
        first, last = min(expectation.seen.values()), max(expectation.seen.values())
        await self._operator.quiet()
        await self._verify("after the start")
        objects = self._settings.objects
        return {
            "first_s": first - self._operator.started,
            "synced_s": last - self._operator.started,
            "throughput_start": objects / (last - first) if last > first else float(objects),
            "cpu_start_ms": 1000 * self._operator.cpu_seconds() / objects,
        }

    async def change(self) -> dict[str, float]:
        """Every spec changes at once, or as many as tell enough; few do so again and again."""
        names = self._workload.names[:MOST_CHANGED]
        passes = -(-FEWEST_CHANGED // len(names))
        writes, cpu = await self._writes(), self._operator.cpu_seconds()
        seconds, latencies = 0.0, list[float]()
        with _Uncollected():
            for _ in range(passes):
                sent = dict[str, float]()
                expectation = self._observer.expect({name: self._workload.generations[name] + 1 for name in names})
                await self._workload.change(names, partial(_note, sent))
                await self._until(expectation, "after every spec changed")
                seconds += max(expectation.seen.values()) - min(sent.values())
                latencies += [1000 * (expectation.seen[name] - sent[name]) for name in names]
        await self._operator.quiet()
        cpu = self._operator.cpu_seconds() - cpu
        await self._verify("after every spec changed")
        changes = passes * len(names)
        return {
            "throughput_change": changes / seconds,
            "cpu_ms": 1000 * cpu / changes,
            "loaded_p50_ms": percentile(latencies, 0.5),
            "loaded_p99_ms": percentile(latencies, 0.99),
            "writes": (await self._writes() - writes) / changes - 1,  # less the driver's own
        }

    async def idle(self) -> dict[str, float]:
        """One change at a time, each waited for."""
        names = self._workload.names
        latencies = []
        await self._operator.quiet()
        cpu = self._operator.cpu_seconds()
        with _Uncollected():
            for number in range(self._settings.idle_changes):
                name = names[number % len(names)]
                latencies.append(await self._single_change(name))
                await asyncio.sleep(PAUSE)
        await self._operator.quiet()
        cpu = self._operator.cpu_seconds() - cpu
        await self._verify("after single changes")
        return {
            "latency_p50_ms": percentile(latencies, 0.5),
            "latency_p99_ms": percentile(latencies, 0.99),
            "cpu_idle_ms": 1000 * cpu / len(latencies),
        }

    async def _single_change(self, name: str) -> float:
        sent = dict[str, float]()
        expectation = self._observer.expect({name: self._workload.generations[name] + 1})
        await self._workload.change([name], lambda name: sent.__setitem__(name, time.monotonic()))
        await self._until(expectation, f"after a single change of {name}")
        return 1000 * (expectation.seen[name] - sent[name])

    async def restore(self) -> None:
        """A ConfigMap that is deleted comes back: the proof that the contender does watch what it owns."""
        name = self._workload.names[0]
        await self._api.request("DELETE", f"{self._workload.config_maps}/{name}")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                await self._api.request("GET", f"{self._workload.config_maps}/{name}")
            except APIFailure:
                await asyncio.sleep(0.02)
            else:
                return await self._verify("after a ConfigMap was deleted")
        raise ContenderFailure(f"{name}: its deleted ConfigMap did not come back within 10 s")

    async def _until(self, expectation: Expectation, when: str) -> None:
        deadline = time.monotonic() + self._settings.timeout
        while not await self._observer.until(expectation, 1.0):
            if self._operator.exit_status is not None:
                status = self._operator.exit_status
                raise ContenderFailure(f"it ended with status {status} {when}\n{self._operator.tail()}")
            if time.monotonic() > deadline:
                left = sorted(expectation.pending)
                raise ContenderFailure(
                    f"{len(left)} objects were not reconciled within {self._settings.timeout:.0f} s {when}, "
                    f"{left[0]} among them\n{self._operator.tail()}"
                )

    async def _verify(self, when: str) -> None:
        workload = self._workload
        benches, config_maps = await workload.list(workload.benches), await workload.list(workload.config_maps)
        found = problems(benches, config_maps, workload.generations)
        if found:
            raise ContenderFailure(f"{len(found)} objects are wrong {when}: {'; '.join(found[:3])}")

    async def _writes(self) -> float:
        text = (await self._api.request("GET", "/metrics")).decode()
        return sum(float(count) for count in _WRITES.findall(text))


def _note(sent: dict[str, float], name: str) -> None:
    sent[name] = time.monotonic()


class _Uncollected:
    """No garbage collection of the driver inside a latency."""

    def __enter__(self) -> None:
        gc.collect()
        gc.disable()

    def __exit__(self, *_: object) -> None:
        gc.enable()
