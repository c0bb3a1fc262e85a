"""Whatever goes wrong between an operator and its API server, afterwards everything is reconciled, and the cache true.

One row per fault, in the catalogue beside this file; each compares object by object. None is excused by a log without
errors, and none is failed by one with.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing._fault_proxy._http_proxy import HTTPFaultProxy
from kaiwu_runtime.testing._fault_proxy._server import Server

from .catalogue import FAULTS, Fault, Scene
from .clock import SteppedClock
from .convergence import settle
from .process import OperatorProcess, TokenFile
from .workload import Workload

pytestmark = pytest.mark.envtest

OBJECTS = 60
SECONDS = 1.5
SETTLE_SECONDS = 45.0
PAUSE = 0.02
"""Between two changes: some hundred happen during a fault."""


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """One that may be killed."""
    with ControlPlane() as own:
        own.install_crds(Path(__file__).with_name("widget_crd.yaml"))
        yield own


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
async def test_everything_converges_after(fault: Fault, plane: ControlPlane, tmp_path: Path) -> None:
    dice = random.Random(fault.name)
    namespace = await asyncio.to_thread(plane.create_namespace)
    clock = SteppedClock(tmp_path)
    if fault.name == "clock stepped" and clock.missing:
        pytest.skip(clock.missing)
    environment = clock.environment if fault.name == "clock stepped" else {}
    async with Server(plane.kubeconfig) as server, HTTPFaultProxy(server, dice) as proxy:
        workload = Workload(server, namespace, OBJECTS, dice)
        await workload.create()
        token = TokenFile(plane, tmp_path)
        kubeconfig = token.kubeconfig(None if fault.direct else proxy)
        environment = {**environment, "FAULTS_PATIENCE": str(fault.patience)}
        operator = OperatorProcess(tmp_path, kubeconfig, namespace, environment)
        try:
            await operator.ready()
            scene = Scene(plane, proxy, operator, token, clock, dice, SECONDS)
            stop = asyncio.Event()
            changing = asyncio.create_task(workload.change(stop, PAUSE))
            try:
                before = workload.changes
                assert await fault.run(scene), "the operator never met the fault"
                assert workload.changes > before
            finally:
                stop.set()
                await changing
            left = await settle(server, workload, operator, seconds=SETTLE_SECONDS)
            assert fault.logged in operator.log.read_text(encoding="utf-8"), operator.tail()
            assert not left, "\n".join([f"{len(left)} differences", *left[:10], operator.tail()])
        finally:
            await asyncio.to_thread(operator.stop)
        assert operator.exit_status == 0, operator.tail()
