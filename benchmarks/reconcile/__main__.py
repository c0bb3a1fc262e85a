"""Runs the benchmark: `python -m benchmarks.reconcile`, from the root of the checkout."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import KaiwuError

from . import chart, identity, machine, profiling, report, results
from .contenders import CONTENDERS, Prepared, UnavailableError, baseline, chosen
from .figures import Sample, medians
from .observer import WatchEndedError
from .run import ContenderFailure, Settings, run
from .schedule import configurations, order
from .targets import SUBJECT

HERE = Path(__file__).parent
console = Console(highlight=False)


class Benchmark:
    """All configurations against one API server.

    Args:
        prepared: The contenders that can run here.
        settings: Of every run, but for objects, workers and the operator's identity.
        identity: Returns a kubeconfig for an operator; called for each, since tokens expire.
    """

    def __init__(self, prepared: Mapping[str, Prepared], settings: Settings, identity: Callable[[], Path]) -> None:
        self.failures: list[tuple[str, str]] = []
        self._prepared = prepared
        self._settings = settings
        self._identity = identity
        self._namespaces: Iterator[str] = (f"bench-{number}" for number in itertools.count(1))

    def measure(self, objects: int, workers: int, rounds: int) -> dict[str, list[Sample]]:
        """Run every contender in every round and return what was measured; failures are kept aside."""
        samples: dict[str, list[Sample]] = {name: [] for name in self._prepared}
        for number in range(rounds):
            for name in order(list(self._prepared), number):
                sample = self._one(name, replace(self._settings, objects=objects, workers=workers))
                if sample is not None:
                    samples[name].append(sample)
                    self._progress(f"{objects:,} objects, {workers} workers, round {number + 1}", name, sample)
        # A contender that failed once has no figures here: what it skipped would make it fast.
        failed = {name for name, _ in self.failures}
        return {name: runs for name, runs in samples.items() if name not in failed}

    def warm_up(self) -> None:
        """Let one contender run unmeasured: the first requests of an API server are slow."""
        name = next(iter(self._prepared))
        self._one(name, replace(self._settings, objects=100, idle_changes=10))

    def _one(self, name: str, settings: Settings) -> Sample | None:
        settings = replace(settings, operator_kubeconfig=self._identity())
        try:
            return asyncio.run(run(self._prepared[name], next(self._namespaces), settings))
        except ContenderFailure as failure:
            self.failures.append((name, str(failure)))
            console.print(f"  {name}: failed")
            return None

    def _progress(self, where: str, name: str, sample: Sample) -> None:
        console.print(
            f"[dim]{where}[/]  {name:20} CPU {sample['cpu_ms']:.2f} ms, "
            f"{sample['throughput_start']:.0f}/s and {sample['throughput_change']:.0f}/s, "
            f"p50 {sample['latency_p50_ms']:.1f} ms, p99 {sample['latency_p99_ms']:.1f} ms, "
            f"{sample['rss_peak_mib']:.0f} MiB"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; exit status 1 when a contender failed, 2 when nothing could be measured."""
    arguments = _arguments(argv)
    build = HERE / ".build"
    build.mkdir(exist_ok=True)
    prepared = _prepare(arguments.contenders, arguments.baseline, build)
    if not prepared:
        return 2
    if arguments.profile:
        prepared = {SUBJECT: profiling.profiled(prepared[SUBJECT], build / "kaiwu.prof")}
    try:
        with ControlPlane() as control_plane, tempfile.TemporaryDirectory() as logs:
            control_plane.install_crds(HERE / "crd.yaml")
            identity.grant(control_plane)
            kubeconfig = control_plane.kubeconfig
            settings = Settings(0, arguments.workers[0], arguments.idle, kubeconfig, kubeconfig, Path(logs, "log"))
            benchmark = Benchmark(prepared, settings, lambda: identity.kubeconfig(control_plane))
            if arguments.profile:
                return _profile(benchmark, arguments, build / "kaiwu.prof")
            benchmark.warm_up()
            _all(benchmark, arguments, prepared)
    except (KaiwuError, WatchEndedError) as error:
        console.print(f"error: {error}", markup=False)
        return 2
    if benchmark.failures:
        console.print(report.failures_table(benchmark.failures))
    return 1 if benchmark.failures else 0


def _all(benchmark: Benchmark, arguments: argparse.Namespace, prepared: Mapping[str, Prepared]) -> None:
    context: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d"),
        "rounds": arguments.rounds,
        "machine": machine.describe(),
        "versions": {name: dict(contender.versions) for name, contender in prepared.items()},
    }
    for objects, workers in configurations(arguments.objects, arguments.workers):
        samples = benchmark.measure(objects, workers, arguments.rounds)
        summary = {name: medians(runs) for name, runs in samples.items() if runs}
        title = f"{objects:,} objects, {workers} workers, median of {arguments.rounds} rounds"
        console.print()
        console.print(report.figures_table(title, summary))
        # After each configuration: an interrupted run keeps what it has.
        if arguments.baseline is not None:
            continue
        console.print(report.targets_table(summary))
        results.merge(arguments.output / "reconcile.json", [results.entry(objects, workers, samples, context)])
        name = "reconcile.svg" if (objects, workers) == (1000, 10) else f"reconcile-{objects}-{workers}.svg"
        note = f"{title}; {context['machine']['cores']} cores, {context['machine']['processor']}"
        text = chart.draw("One operator, written for each runtime", note, summary, SUBJECT)
        (arguments.output / name).write_text(text, encoding="utf-8")


def _profile(benchmark: Benchmark, arguments: argparse.Namespace, output: Path) -> int:
    benchmark.measure(arguments.objects[0], arguments.workers[0], 1)
    if benchmark.failures:
        console.print(report.failures_table(benchmark.failures))
        return 1
    console.print(profiling.top(output), markup=False)
    return 0


def _prepare(names: Sequence[str], checkout: Path | None, build: Path) -> dict[str, Prepared]:
    prepared = {}
    contenders = chosen(names)
    if checkout is not None:
        contenders.append(baseline(checkout.resolve()))
    for contender in contenders:
        console.print(f"preparing {contender.name}", style="dim")
        try:
            prepared[contender.name] = contender.prepare(build)
        except UnavailableError as error:
            console.print(f"skipped {contender.name}: {error}", markup=False)
    return prepared


def _numbers(text: str) -> list[int]:
    values = [int(part) for part in text.replace("_", "").split(",")]
    if min(values) < 1:
        raise ValueError
    return values


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reconcile", description=__doc__, allow_abbrev=False)
    parser.add_argument("--objects", type=_numbers, default=[1000], metavar="N,...", help="default 1000")
    parser.add_argument("--workers", type=_numbers, default=[10], metavar="N,...", help="default 10")
    parser.add_argument("--full", action="store_true", help="--objects 1000,100,10000 --workers 10,1,50")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--idle", type=int, default=200, metavar="N", help="single changes per run (default 200)")
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument("--contenders", nargs="+", choices=names, default=[], help="default all but -deployed")
    parser.add_argument(
        "--baseline",
        type=Path,
        metavar="CHECKOUT",
        help="measure the kaiwu-runtime of another checkout, with its .venv, in the same rounds; writes no results",
    )
    parser.add_argument("--output", type=Path, default=HERE.parent / "results", help="folder of JSON and SVG")
    parser.add_argument("--profile", action="store_true", help="profile kaiwu-runtime instead; writes no results")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1 or arguments.idle < 1:
        parser.error("--rounds and --idle need a number above 0")
    if arguments.full:
        arguments.objects, arguments.workers = [1000, 100, 10000], [10, 1, 50]
    if arguments.profile:
        arguments.contenders = [SUBJECT]
    arguments.output.mkdir(parents=True, exist_ok=True)
    return arguments


if __name__ == "__main__":
    sys.exit(main())
