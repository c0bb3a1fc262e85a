"""The faults: each a coroutine that begins one, keeps it up for a while and ends it. A new fault is a new row here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.testing._fault_proxy._answers import Action, Delay, DoLater, GoneEvent, Lose, Refuse, Traffic
from kaiwu_runtime.testing._fault_proxy._http_proxy import HTTPFaultProxy

from .clock import SteppedClock
from .process import OperatorProcess, TokenFile

HOUR = 3600
LISTED_AGAIN = "Listing again: the watched version is gone"


@dataclass
class Scene:
    """What faults are made with.

    Attributes:
        plane: A control plane of its own: it is killed.
        proxy: Between the operator and the API server.
        operator: The process under test.
        token: The file its token is in.
        clock: Its wall clock.
        dice: For what is random about a fault.
        seconds: How long a fault lasts.
    """

    plane: ControlPlane
    proxy: HTTPFaultProxy
    operator: OperatorProcess
    token: TokenFile
    clock: SteppedClock
    dice: random.Random
    seconds: float


@dataclass(frozen=True)
class Fault:
    """A row of the table.

    Attributes:
        name: For the test's id and the soak's log.
        run: Begins, keeps up and ends it; returns how often the operator met it.
        direct: In the table, let the operator talk TLS with the API server itself.
        patience: In the table, seconds after which the operator gives up silence; 0 leaves the runtime's own.
        logged: What the operator's log has to say of it.
    """

    name: str
    run: Callable[[Scene], Awaitable[int]]
    direct: bool = False
    patience: float = 0.0
    logged: str = ""


class Hits:
    """Counts how often clients of the proxy meet a fault from now on."""

    def __init__(self, proxy: HTTPFaultProxy) -> None:
        self._proxy = proxy
        self._before = proxy.hits

    @property
    def count(self) -> int:
        """How often so far."""
        return self._proxy.hits - self._before


def answering(
    action: Action, *traffic: Traffic, share: float = 1.0, count: int | None = None
) -> Callable[[Scene], Awaitable[int]]:
    """Return a fault that answers requests itself; watches are broken first, so that new ones meet it."""

    async def run(scene: Scene) -> int:
        scene.proxy.drop()
        hits = Hits(scene.proxy)
        with scene.proxy.rule(action, *traffic, share=share, count=count):
            await asyncio.sleep(scene.seconds)
        return hits.count

    return run


def repeated(step: Callable[[HTTPFaultProxy], None], times: int = 4) -> Callable[[Scene], Awaitable[int]]:
    """Return a fault that happens in an instant, several times."""

    async def run(scene: Scene) -> int:
        hits = Hits(scene.proxy)
        for _ in range(times):
            await asyncio.sleep(scene.seconds / times * scene.dice.uniform(0.5, 1.5))
            step(scene.proxy)
        await asyncio.sleep(0.2)
        return hits.count

    return run


async def gone(scene: Scene) -> int:
    """Most lists and watches are answered with 410, and one watch in any case: a share alone can miss them all."""
    with scene.proxy.rule(Refuse(410), "watch", count=1):
        return await answering(Refuse(410), "watch", "read", share=0.6)(scene)


async def unreachable(scene: Scene) -> int:
    """The port is closed for a while."""
    hits = Hits(scene.proxy)
    await scene.proxy.refuse()
    await asyncio.sleep(scene.seconds)
    await scene.proxy.listen()
    return hits.count


async def silent(scene: Scene) -> int:
    """Connections stay open and nothing comes any more: not even after the fault on those that saw it."""
    hits = Hits(scene.proxy)
    scene.proxy.silence()
    await asyncio.sleep(scene.seconds)
    scene.proxy.speak()
    return hits.count


async def killed(scene: Scene) -> int:
    """The API server dies by SIGKILL and comes back with the same etcd."""
    await asyncio.to_thread(scene.plane.kill_apiserver)
    await asyncio.sleep(scene.seconds / 2)
    await asyncio.to_thread(scene.plane.start_apiserver)
    return 1


async def compacted(scene: Scene) -> int:
    """While the operator is cut off, etcd forgets the version to resume from, and so does a new watch cache."""
    hits = Hits(scene.proxy)
    await scene.proxy.refuse()
    await asyncio.sleep(scene.seconds / 2)
    await asyncio.to_thread(scene.plane.compact_etcd)
    await asyncio.to_thread(scene.plane.kill_apiserver)
    await asyncio.to_thread(scene.plane.start_apiserver)
    await scene.proxy.listen()
    return hits.count


async def rotated(scene: Scene) -> int:
    """The token file gets another token; the old one is refused, at once and with the watches it had begun."""
    hits = Hits(scene.proxy)
    # The API server itself accepts a revoked token for ten more seconds, so the proxy refuses it.
    scene.proxy.refused_tokens.add(await asyncio.to_thread(scene.token.rotate))
    await asyncio.sleep(scene.seconds / 2)
    scene.proxy.drop()
    await asyncio.sleep(scene.seconds / 2)
    return hits.count


async def stepped(scene: Scene) -> int:
    """The wall clock jumps five hours ahead, then three behind, then to the truth."""
    times = []
    for offset in (5 * HOUR, -3 * HOUR, 0):
        scene.clock.step(offset)
        times.append((await scene.operator.state())["time"])
        await asyncio.sleep(scene.seconds / 3)
    ahead, behind, true = times
    return int(ahead - true > 4 * HOUR) + int(true - behind > 2 * HOUR)


FAULTS: Sequence[Fault] = (
    Fault("connections dropped", repeated(lambda proxy: proxy.drop())),
    Fault("the port is closed", unreachable),
    Fault("delayed", answering(Delay(0.4), share=0.7)),
    Fault("watches cut in a line", repeated(lambda proxy: proxy.cut_watches())),
    Fault("watches end in a line", repeated(lambda proxy: proxy.cut_watches(complete=True))),
    Fault("410 on watches", answering(Refuse(410), "watch"), logged=LISTED_AGAIN),
    Fault("410 on lists and watches", gone, logged=LISTED_AGAIN),
    Fault("410 as an event", answering(GoneEvent(), "watch"), logged=LISTED_AGAIN),
    Fault("429", answering(Refuse(429, retry_after=1), share=0.5)),
    Fault("429 to watches", answering(Refuse(429, retry_after=1), "watch")),
    Fault("500", answering(Refuse(500), share=0.5)),
    Fault("500 to the next 40 requests", answering(Refuse(500), count=40)),
    Fault("503", answering(Refuse(503, retry_after=1), share=0.5)),
    Fault("503 without Retry-After", answering(Refuse(503), share=0.8)),
    Fault("504 after the write", answering(Refuse(504, late=True), "write", share=0.5)),
    Fault("409", answering(Refuse(409), "write", share=0.6)),
    Fault("answers lost", answering(Lose(), "read", "write", share=0.4)),
    Fault("writes done late", answering(DoLater(0.5), "write", share=0.4)),
    Fault("silent", silent, patience=1.5),
    Fault("API server killed", killed, direct=True),
    Fault("etcd compacted", compacted, logged=LISTED_AGAIN),
    Fault("token rotated", rotated),
    Fault("clock stepped", stepped),
)
