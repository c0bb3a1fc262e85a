"""Minutes of random faults: ``python -m tests.runtime.faults.soak --seed N --minutes M --objects 2000``.

Every minute the faults and the changes pause until everything is reconciled, and every object is compared. At the end
the operator must use no more memory than in its second minute.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing._fault_proxy._http_proxy import HTTPFaultProxy
from kaiwu_runtime.testing._fault_proxy._server import Server

from .catalogue import FAULTS, Fault, Scene
from .clock import SteppedClock
from .convergence import settle
from .process import OperatorProcess, TokenFile
from .workload import Workload

PAUSE = 0.02
"""Between two changes."""

FAULT_SECONDS = (0.5, 4.0)
CALM_SECONDS = (0.0, 1.5)
FIRST_PACE = 0.4
"""The first deck is dealt fast: each fault has been met when the second minute's memory is taken."""

SETTLE_SECONDS = 180.0
PATIENCE = 8.0
"""Seconds after which the operator gives up silence: the runtime's own minutes would be most of the soak."""

MOST_BACKOFF = 5.0
"""Longest wait of a failed object. By default all objects together get ten retries a second, as in client-go: after a
minute of faults on hundreds of objects that is a pause of another minute."""

MOST_GROWTH = 0.05
MEMORY_MINUTES = 4
"""Shorter runs say nothing about memory."""


@dataclass
class Soak:
    """One run and what it found.

    Attributes:
        seed: Decides the faults, their order and length, and the changes; what meets what depends on the machine.
        minutes: How long; a fraction is one short minute.
        objects: How many Widgets.
        folder: For logs and files.
    """

    seed: int
    minutes: float
    objects: int
    folder: Path
    faults: int = 0
    different: int = 0
    memory: list[float] = field(default_factory=list)

    async def run(self) -> bool:
        """Run it and print what happens; tell whether all is well."""
        print(f"soak: seed {self.seed}", flush=True)
        # Each has dice of its own, or the timing of one would change what the others throw.
        fault_dice, request_dice, change_dice = (random.Random(f"{self.seed} {use}") for use in range(3))
        with ControlPlane() as plane:
            await asyncio.to_thread(plane.install_crds, Path(__file__).with_name("widget_crd.yaml"))
            namespace = await asyncio.to_thread(plane.create_namespace)
            token, clock = TokenFile(plane, self.folder), SteppedClock(self.folder)
            async with Server(plane.kubeconfig) as server, HTTPFaultProxy(server, request_dice) as proxy:
                workload = Workload(server, namespace, self.objects, change_dice)
                kubeconfig = token.kubeconfig(proxy)
                environment = {
                    **clock.environment,
                    "FAULTS_PATIENCE": str(PATIENCE),
                    "FAULTS_MOST_BACKOFF": str(MOST_BACKOFF),
                }
                operator = OperatorProcess(self.folder, kubeconfig, namespace, environment)
                try:
                    await operator.ready()
                    scene = Scene(plane, proxy, operator, token, clock, fault_dice, seconds=0)
                    await self._minutes(scene, server, workload)
                finally:
                    await asyncio.to_thread(operator.stop)
        return self._verdict(workload.changes)

    async def _minutes(self, scene: Scene, server: Server, workload: Workload) -> None:
        await workload.create()
        left = await settle(server, workload, scene.operator, seconds=SETTLE_SECONDS, poll=1.0)
        assert not left, f"not even without faults: {left[:5]}"
        workload.changes = 0
        length = min(60.0, self.minutes * 60)
        decks = _Decks([fault for fault in FAULTS if fault.name != "clock stepped" or not scene.clock.missing])
        if scene.clock.missing:
            print(f"soak: without clock steps: {scene.clock.missing}", flush=True)
        start = time.monotonic()
        for number in range(1, max(1, round(self.minutes)) + 1):
            samples: list[float] = []
            sampling = asyncio.create_task(_sample(scene.operator, samples))
            await self._faulty(scene, workload, decks, until=start + number * length)
            began = time.monotonic()
            left = await settle(server, workload, scene.operator, seconds=SETTLE_SECONDS, poll=1.0)
            took = time.monotonic() - began
            sampling.cancel()
            self.memory.append(statistics.median(samples))
            self.different += len(left)
            state = await scene.operator.state()
            print(
                f"minute {number}: {state['reconciled']:,} objects reconciled, {self.faults} faults, "
                f"{workload.changes:,} changes, RSS {self.memory[-1]:.1f} MiB, "
                f"settled in {took:.1f} s with {len(left)} differences",
                flush=True,
            )
            if left:
                print("\n".join(left[:20]), scene.operator.tail(), sep="\n", flush=True)

    async def _faulty(self, scene: Scene, workload: Workload, decks: _Decks, *, until: float) -> None:
        """Change objects, with one fault after the other, until a moment of the monotonic clock."""
        stop = asyncio.Event()
        changing = asyncio.create_task(workload.change(stop, PAUSE))
        try:
            while time.monotonic() < until:
                fault = decks.draw(scene.dice)
                pace = FIRST_PACE if decks.dealt == 1 else 1.0
                scene.seconds = scene.dice.uniform(*FAULT_SECONDS) * pace
                await fault.run(scene)
                self.faults += 1
                await asyncio.sleep(scene.dice.uniform(*CALM_SECONDS) * pace)
        finally:
            stop.set()
            await changing

    def _verdict(self, changes: int) -> bool:
        second, last = self.memory[min(1, len(self.memory) - 1)], self.memory[-1]
        growth = last / second - 1
        print(
            f"soak: seed {self.seed}, {self.minutes:g} minutes, {self.objects:,} objects, {self.faults} faults, "
            f"{changes:,} changes, {self.different} differences, "
            f"RSS minute 2 {second:.1f} MiB, last minute {last:.1f} MiB ({growth:+.1%})",
            flush=True,
        )
        return not self.different and not (self.minutes >= MEMORY_MINUTES and growth > MOST_GROWTH)


class _Decks:
    """Deals every fault once before any comes again.

    Attributes:
        dealt: How many decks were begun.
    """

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._all = list(faults)
        self._left: list[Fault] = []
        self.dealt = 0

    def draw(self, dice: random.Random) -> Fault:
        if not self._left:
            self.dealt += 1
            self._left = dice.sample(self._all, len(self._all))
        return self._left.pop()


async def _sample(operator: OperatorProcess, samples: list[float]) -> None:
    while True:
        samples.append(operator.rss_mib())
        await asyncio.sleep(1.0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the soak and return the exit status: 1 for any difference or for memory that grows."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=random.randrange(10**6), help="default: a random one")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--objects", type=int, default=2000)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="kaiwu-soak-") as folder:
        soak = Soak(given.seed, given.minutes, given.objects, Path(folder))
        return 0 if asyncio.run(soak.run()) else 1


if __name__ == "__main__":
    sys.exit(main())
