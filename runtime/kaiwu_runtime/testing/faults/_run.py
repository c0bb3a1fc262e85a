"""One run of a scenario, in memory and in virtual time, with at most one fault."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.client._client import Client
from kaiwu_runtime.controller._controller import Controller
from kaiwu_runtime.manager._manager import Manager
from kaiwu_runtime.manager._options import ManagerOptions
from kaiwu_runtime.manager._runnable import ManagedRunnable
from kaiwu_runtime.testing._admission import ADMINISTRATOR
from kaiwu_runtime.testing._simulation._objects import simulating
from kaiwu_runtime.testing._simulator import Simulator
from kaiwu_runtime.testing._storage import Change
from kaiwu_runtime.testing._transport import FakeTransport
from kaiwu_runtime.testing._virtual_time import VirtualTime, virtual_time
from kaiwu_runtime.testing.faults._blocked import Blocked
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._counted import counted
from kaiwu_runtime.testing.faults._declared import made, outside_of, prepare, set_up
from kaiwu_runtime.testing.faults._errors import note_errors
from kaiwu_runtime.testing.faults._history import History
from kaiwu_runtime.testing.faults._invariants import Invariants
from kaiwu_runtime.testing.faults._leftovers import Leftovers
from kaiwu_runtime.testing.faults._life import OperatorLife, current, tracked
from kaiwu_runtime.testing.faults._outcome import Outcome, RunFailed
from kaiwu_runtime.testing.faults._outside import Killed
from kaiwu_runtime.testing.faults._overwritten import Overwritten
from kaiwu_runtime.testing.faults._plans import Plan
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario, steps_of
from kaiwu_runtime.testing.faults._steps import awaited, check_player, take
from kaiwu_runtime.testing.faults._tally import SIMULATOR, Tally
from kaiwu_runtime.testing.faults._unsettled import false_value
from kaiwu_runtime.testing.faults._unstable import note_unstable
from kaiwu_runtime.webhook._admission import UserInfo

logger = logging.getLogger("kaiwu_runtime.testing.faults")

DOWN_SECONDS = 10.0
"""How long no operator runs in the plan `down` at most: a step may wait for it."""

_POLL_SECONDS = 5.0
_STEP_POLL_SECONDS = 1.0
_RESTART_SECONDS = 10.0
_RESTARTS = 5
_LAST_EFFECTS = 3


def run(kind: type[Scenario], plan: Plan, reference: Outcome | None, seed: int) -> Outcome:
    """Run a scenario from its first step to its last.

    Args:
        kind: The scenario.
        plan: The fault; ``none`` for the run that others are compared with.
        reference: That run; None in itself.
        seed: Of the random numbers that the operator draws.
    """
    state, began = random.getstate(), time.perf_counter()
    random.seed(seed)
    try:
        with virtual_time() as clock:
            one = _Run(made(kind), plan, reference, clock)
            clock.run(one.main())
    finally:
        random.setstate(state)
    one.outcome.seconds = time.perf_counter() - began
    return one.outcome


class _Run:
    def __init__(self, scenario: Scenario, plan: Plan, reference: Outcome | None, clock: VirtualTime) -> None:
        self._scenario = scenario
        self._clock = clock
        self._server = FakeTransport(*scenario.kinds, collect_garbage=True)

        world = outside_of(scenario)
        client = Client(self._server, field_manager="user")
        self._cluster = Cluster(client, scenario.namespace, world, set(scenario.kinds), server=self._server)
        self._changes = Changes(world)
        prepare(scenario, self._cluster)
        self._history = History(plan, reference, self._check)
        if scenario.simulate:
            self._cluster.simulator = Simulator(Client(self._server, field_manager=SIMULATOR))
        self._life: OperatorLife | None = None
        self._manager: asyncio.Task[None] | None = None
        self._replica: asyncio.Task[None] | None = None
        self._player: asyncio.Task[None] | None = None
        self._killed = False
        self._restarts = 0
        self._errors: dict[str, str] = {}
        self._meant: dict[str, str] = {}
        self._active_at = 0.0
        self.outcome = Outcome(
            effects=self._history.effects,
            events=self._history.events,
            queries=self._history.queries,
            calls=self._history.calls,
        )
        self._tally = Tally(self.outcome, scenario.ignored)
        self._server.listen(self._tally.note)
        self._leftovers = Leftovers(self._history.managers)
        self._server.listen(lambda change: self._leftovers.note(change.before, change.after))
        self._blocked = Blocked()
        self._overwritten = Overwritten(self._history.managers, scenario.ignored, self.outcome)
        self._is_reference = reference is None
        if self._is_reference:
            self._server.listen(self._note_writer)
        self._invariants = Invariants(scenario, self._cluster, self.outcome)

    async def main(self) -> None:
        """Run every step."""
        loop = asyncio.get_running_loop()
        loop.set_task_factory(tracked)  # type: ignore[arg-type]  # a task factory in every supported version
        playing = self._cluster.simulator
        self._player = asyncio.create_task(playing.run(), name="simulator") if playing is not None else None
        try:
            self._start()
            assert self._life is not None  # noqa: S101 - for mypy
            await self._take(partial(asyncio.sleep, 0), "start")
            for number, step in enumerate(steps_of(self._scenario), start=1):
                name = getattr(step, "__name__", "step")
                down = self._history.is_down(number)
                if down:
                    await self._life.kill()
                await self._take(partial(step, self._cluster), name, down=down)
                self.outcome.states[name] = self._tally.state(self._server.stored(), self._cluster.world)
                self._overwritten.look(name)
            self.outcome.left = self._leftovers.found(self._server.stored(), self._scenario.kept)
        except RunFailed as failed:
            self.outcome.failure = str(failed)
        finally:
            self.outcome.reached = self._history.reached
            self.outcome.blocked = self._blocked.first
            if self._life is not None:
                await self._life.kill()
            helpers = [task for task in (self._player, self._replica) if task is not None]
            for task in helpers:
                task.cancel()
            await asyncio.gather(*helpers, return_exceptions=True)

    def _start(self) -> None:
        """Begin a life of the operator."""
        seen_at, self._history.behind = self._history.behind, 0
        self._life = life = OperatorLife(
            self._server,
            self._history,
            self._on_killed,
            seen_at=seen_at,
            changes=self._changes,
            failure=self._scenario.failure,
        )
        self._errors = {}
        self._meant = {}
        has_webhooks, had_fault = False, self._history.reached
        token = current.set(life)
        try:
            client = Client(life, namespace=self._scenario.namespace)
            manager = Manager(ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0"), client=client)
            for kind in self._cluster.world:
                manager.provide(kind, counted(self._cluster.world[kind], kind.__name__, kind, self._changes, life))
            self._serve(manager)
            set_up(self._scenario, manager)
            has_webhooks, manager.webhooks = manager.webhooks is not None, None
            self._manager = asyncio.create_task(manager.start(), name="operator")
        except Killed:
            self._manager = asyncio.create_task(_end_with(None))
        except Exception as error:
            if self._history.reached and not had_fault:  # the process ends, and the kubelet starts it again
                self._manager = asyncio.create_task(_end_with(error))
                return
            raise RunFailed(f"the operator cannot be set up: {describe(error)}") from error
        finally:
            current.reset(token)
        if has_webhooks and self._replica is None:
            self._call_webhooks()

    def _call_webhooks(self) -> None:
        """Begin another replica, which is not killed, and whose webhooks the API server in memory calls."""
        try:
            client = Client(self._server, namespace=self._scenario.namespace)
            manager = Manager(ManagerOptions(health_probe_bind_address="0", metrics_bind_address="0"), client=client)
            for kind, inner in self._cluster.world.items():
                manager.provide(kind, inner)
            manager.add_controller = _left_out  # type: ignore[method-assign]
            set_up(self._scenario, manager)
            on_unstable = note_unstable(self.outcome, self._scenario.ignored)
            self._server.call_webhooks(manager, self._user, on_unstable=on_unstable)
            manager.webhooks = None
        except Exception as error:
            raise RunFailed(f"the webhooks cannot be set up: {describe(error)}") from error
        self._replica = asyncio.create_task(manager.start(), name="webhooks")

    def _user(self) -> UserInfo:
        """Return who sends the present request."""
        if current.get() is not None:
            name = f"system:serviceaccount:{self._scenario.namespace}:controller-manager"
            return UserInfo(username=name, groups=("system:serviceaccounts", "system:authenticated"))
        return UserInfo(username=f"system:{SIMULATOR}") if simulating.get() else ADMINISTRATOR

    def _serve(self, manager: Manager) -> None:
        """Serve what the operator watches, from when it says so."""
        add = manager.add_controller

        def add_controller(controller: ManagedRunnable) -> None:
            add(controller)
            if isinstance(controller, Controller):
                note_errors(controller, self._errors, self._meant, self._blocked)
            for source in getattr(controller, "sources", ()):
                self._server.serve(source.kind)
                self._cluster.kinds.add(source.kind)

        manager.add_controller = add_controller  # type: ignore[method-assign]

    def _on_killed(self) -> None:
        self._killed = True

    async def _take(self, step: Callable[[], Awaitable[object]], name: str, *, down: bool = False) -> None:
        logger.info("Step of the scenario", extra={"step": name, "virtual_time": f"{self._clock.elapsed:.1f}s"})
        await take(
            step,
            name,
            keep_alive=self._keep_alive,
            every=_STEP_POLL_SECONDS,
            limit=self._scenario.limit,
            resume=self._resume if down else None,
            down_seconds=DOWN_SECONDS,
        )
        await self._settle(name)

    async def _resume(self) -> None:
        self._start()

    async def _settle(self, name: str) -> None:
        """Wait until a step has settled."""
        self._active_at = self._clock.elapsed
        deadline = self._clock.elapsed + self._scenario.limit
        seen = self._activity()
        reason = ""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await self._keep_alive()
            now, active = self._clock.elapsed, self._activity()
            if active != seen or self._history.hanging:
                seen, self._active_at = active, now
            if now - self._active_at >= self._scenario.quiet:
                reason = await self._unsettled()
                if not reason:
                    break
            if now > deadline:
                what = reason or f"effects go on, the last ones: {self._last()}"
                raise RunFailed(f"step {name}: not settled after {self._scenario.limit:g} s: {what}")
        await self._check()

    def _last(self) -> str:
        return "; ".join(effect.text for effect in self._history.effects[-_LAST_EFFECTS:])

    async def _unsettled(self) -> str:
        try:
            found = await awaited(self._scenario.settled, self._cluster)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own check
            return f"settled: {describe(error)}"
        failing = next((f"reconcile of {key} fails: {error}" for key, error in self._errors.items()), "")
        if not found and found is not None:
            meant = (f"reconcile of {key}: {error}" for key, error in self._meant.items())
            return false_value(self._server.stored(), [failing, *meant])
        return failing

    async def _keep_alive(self) -> None:
        """Start the operator anew when it was killed, or ended by itself."""
        check_player(self._player)
        task = self._manager
        if self._blocked.text and self._is_reference:
            raise RunFailed(self._blocked.text)
        if self._history.restless:
            raise RunFailed(f"it does not come to rest: {self._history.restless}, the last ones: {self._last()}")
        if self._life is None or task is None:
            return
        if self._killed:
            await self._life.kill()
            self._killed = False
            self._start()
        elif task.done():
            error = None if task.cancelled() else task.exception()
            self._restarts += 1
            if self._restarts > _RESTARTS:
                raise RunFailed(
                    f"the operator ends again and again: {describe(error) if error else 'without an error'}"
                )
            await self._life.kill()
            await asyncio.sleep(_RESTART_SECONDS)  # as the kubelet does
            self._start()

    def _note_writer(self, change: Change) -> None:
        if change.after is not None and current.get() is not None:
            self._overwritten.written.add(str(change.after["metadata"]["resourceVersion"]))
        self._overwritten.note(change.before, change.after)

    def _activity(self) -> tuple[int, int]:
        return len(self._history.effects), self._tally.changes

    async def _check(self) -> None:
        token = current.set(None)  # the requests of a check do not belong to a life
        try:
            await self._invariants.check()
        finally:
            current.reset(token)


async def _end_with(error: Exception | None) -> None:
    """End as a process does whose set-up failed."""
    if error is not None:
        raise error


def _left_out(controller: ManagedRunnable) -> None:
    """Add no controller: this manager has webhooks only."""
