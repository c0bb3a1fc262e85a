"""One run of a scenario against a real API server and in real time, with at most one fault."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from functools import partial

from kaiwu_runtime._error_text import describe
from kaiwu_runtime.testing._simulator import Simulator
from kaiwu_runtime.testing.faults._blocked import Blocked
from kaiwu_runtime.testing.faults._changes import Changes
from kaiwu_runtime.testing.faults._declared import made, outside_of, prepare
from kaiwu_runtime.testing.faults._invariants import Invariants
from kaiwu_runtime.testing.faults._leftovers import Leftovers
from kaiwu_runtime.testing.faults._outcome import RunFailed
from kaiwu_runtime.testing.faults._overwritten import Overwritten
from kaiwu_runtime.testing.faults._plans import Plan
from kaiwu_runtime.testing.faults._real._command import command, module_of
from kaiwu_runtime.testing.faults._real._commands import Commands
from kaiwu_runtime.testing.faults._real._gate import Gate
from kaiwu_runtime.testing.faults._real._laboratory import Laboratory
from kaiwu_runtime.testing.faults._real._launcher import WEBHOOKS_ONLY
from kaiwu_runtime.testing.faults._real._operator import OperatorProcess
from kaiwu_runtime.testing.faults._real._outcome import RealOutcome
from kaiwu_runtime.testing.faults._real._outside_server import OutsideServer
from kaiwu_runtime.testing.faults._real._tally import Tally
from kaiwu_runtime.testing.faults._real._user import UserTransport, administrator
from kaiwu_runtime.testing.faults._real._watched_kinds import watched_kinds
from kaiwu_runtime.testing.faults._scenario import Cluster, Scenario, steps_of
from kaiwu_runtime.testing.faults._steps import awaited, check_player, take
from kaiwu_runtime.testing.faults._tally import SIMULATOR
from kaiwu_runtime.testing.faults._unsettled import false_value, is_behind

DOWN_SECONDS = 5.0
"""How long no operator runs in the plan `down` at most: a step may wait for it."""

_POLL_SECONDS = 0.1
_RESTARTS = 5
_STARTS = 1
_RESTART_SECONDS = 1.0
_LAST_EFFECTS = 3
_PATIENCE = 6
"""How many times as long it has to be quiet while a custom resource is being deleted, or its status is older than its
spec: on a busy machine the operator comes late."""
_MOST_CHANGES = 100
"""How often the operator may change one object in the same way before a step has settled."""


class RealRun:
    """A run.

    Args:
        laboratory: Where; nothing of an earlier run is left in it.
        kind: The scenario.
        plan: The fault; ``none`` for the run that others are compared with.
        reference: That run; None in itself.
        echo: Print the operator's log.
    """

    def __init__(
        self, laboratory: Laboratory, kind: type[Scenario], plan: Plan, reference: RealOutcome | None, *, echo: bool
    ) -> None:
        self._laboratory = laboratory
        self._scenario = made(kind)
        self._plan = plan
        self._echo = echo
        self._gate = Gate(
            laboratory.server,
            laboratory.resources,
            plan,
            reference.effects if reference is not None else (),
            watched=reference.watched if reference is not None else frozenset(),
            check=self._check,
            on_killed=self._kill,
        )
        self._operator: OperatorProcess | None = None
        self._player: asyncio.Task[None] | None = None
        self._transport = UserTransport(laboratory.plane.kubeconfig, laboratory.make_namespace)
        client = administrator(self._transport, "user", kind.namespace)
        world = outside_of(self._scenario)
        changes = Changes(world)
        self._cluster = Cluster(client, kind.namespace, world, set())
        if kind.prepare is not Scenario.prepare:
            prepare(self._scenario, self._cluster)
            self._gate.commands = Commands(self._cluster.server, changes, self._gate)
        self._outside = OutsideServer(
            changes,
            laboratory.plane.directory,
            main=module_of(self._scenario),
            calls=self._gate,
            failure=self._scenario.failure,
        )
        self._killed = False
        self._restarts = 0
        self.outcome = RealOutcome(effects=self._gate.effects)
        self._tally = Tally(laboratory.observer, self.outcome, self._scenario.ignored)
        self._leftovers = Leftovers(self._gate.managers)
        self._blocked = Blocked()
        self._overwritten = Overwritten(self._gate.managers, self._scenario.ignored, self.outcome)
        self._overwritten.written = self._gate.written
        self._listeners = [self._tally.note, self._leftovers.note]
        if reference is None:
            self._listeners.append(self._overwritten.note)
        self._invariants = Invariants(self._scenario, self._cluster, self.outcome)

    async def main(self) -> RealOutcome:
        """Run every step, and return what it came to."""
        began = time.perf_counter()
        laboratory = self._laboratory
        laboratory.observer.listeners += self._listeners
        try:
            self._cluster.kinds.update(watched_kinds(self._scenario))
            await laboratory.make_namespace(self._scenario.namespace)
            if self._scenario.simulate:
                client = administrator(self._transport, SIMULATOR, self._scenario.namespace)
                self._cluster.simulator = simulator = Simulator(client)
                self._player = asyncio.create_task(simulator.run(), name="simulator")
            with laboratory.proxy.rule(self._gate):
                async with self._outside:
                    await self._live()
        except RunFailed as failed:
            self.outcome.failure = str(failed)
        finally:
            await self._end()
            for listener in self._listeners:
                laboratory.observer.listeners.remove(listener)
            self._tally.count()
            if self._player is not None:
                self._player.cancel()
                await asyncio.gather(self._player, return_exceptions=True)
            await self._transport.close()
        self.outcome.reached = self._gate.reached
        self.outcome.watched = frozenset(self._gate.watched)
        used = self._outside.asked | (self._gate.commands.changed if self._gate.commands is not None else set())
        self.outcome.unasked = [kind.__name__ for kind in self._cluster.world if kind not in used]
        self.outcome.seconds = time.perf_counter() - began
        return self.outcome

    async def _live(self) -> None:
        await self._start()
        await self._settle("start")
        for number, step in enumerate(steps_of(self._scenario), start=1):
            name = getattr(step, "__name__", "step")
            down = self._plan.pattern == "down" and self._plan.number == number
            if down:
                self._gate.reached = True
                await self._end()
                await self._serve_webhooks()
            await take(
                partial(step, self._cluster),
                name,
                keep_alive=partial(self._tend, name),
                every=_POLL_SECONDS,
                limit=self._scenario.real_limit,
                resume=self._restart if down else None,
                down_seconds=DOWN_SECONDS,
            )
            await self._settle(name)
            self.outcome.states[name] = self._tally.state(self._cluster.world)
            self._overwritten.look(name)
        self.outcome.left = self._leftovers.found(self._laboratory.observer.present(), self._scenario.kept)

    async def _tend(self, name: str) -> None:
        """Keep the operator alive during a step, unless it can never do what the step may wait for."""
        if self._gate.forbidden:
            raise RunFailed(f"step {name}: {self._gate.forbidden}")
        if self._blocked.text and self._overwritten.note in self._listeners:
            raise RunFailed(self._blocked.text)
        await self._keep_alive()

    async def _restart(self) -> None:
        await self._end()
        await self._start()

    # The operator

    def _command(self, *, elected: bool = True) -> list[str]:
        launched = bool(self._outside.environment()) or not elected
        return command(self._scenario, self._laboratory.webhooks, elected=elected, launched=launched)

    async def _start(self) -> None:
        """Begin a life of the operator."""
        self._gate.begin_life()
        self._killed = False
        self._operator = OperatorProcess(
            self._command(),
            self._laboratory.kubeconfig,
            self._outside.environment(),
            blocked=self._blocked,
            echo=self._echo,
        )
        await self._operator.start()

    async def _serve_webhooks(self) -> None:
        """Start another replica that serves the webhooks only, as the API server calls them while nothing else runs.

        Raises:
            RunFailed: It does not serve them.
        """
        webhooks = self._laboratory.webhooks
        if webhooks is None:
            return
        environment = {**self._outside.environment(), WEBHOOKS_ONLY: "1"}
        arguments = self._command(elected=False)
        self._operator = OperatorProcess(arguments, self._laboratory.past_proxy, environment, echo=self._echo)
        await self._operator.start()
        deadline = time.monotonic() + self._scenario.real_limit
        while not await _is_served(webhooks.host, webhooks.port):
            if self._operator.ended or time.monotonic() > deadline:
                raise RunFailed(f"the replica for webhooks does not serve them: {self._operator.last_words()}")
            await asyncio.sleep(_POLL_SECONDS)

    def _kill(self) -> None:
        """Kill the operator in the middle of a request, which is not answered any more."""
        self._killed = True
        if self._operator is not None:
            self._operator.kill()
        self._laboratory.proxy.drop()
        self._outside.drop()

    async def _end(self) -> None:
        if self._operator is not None:
            self._operator.kill()
            await self._operator.wait()
        self._outside.drop()

    async def _keep_alive(self) -> None:
        """Start the operator anew when it was killed, or ended by itself."""
        check_player(self._player)
        operator = self._operator
        if operator is None or not (self._killed or operator.ended):
            return
        killed = self._killed
        await operator.wait()
        if not killed:
            self._restarts += 1
            most = _RESTARTS if self._gate.leading_since is not None else _STARTS
            if self._restarts > most:
                raise RunFailed(f"the operator ends by itself: {operator.last_words()}")
            await asyncio.sleep(_RESTART_SECONDS)  # as the kubelet does
        await self._start()

    # Settling

    async def _settle(self, name: str) -> None:
        """Wait until a step has settled."""
        scenario = self._scenario
        began = active_at = time.monotonic()
        seen, first = self._activity(), len(self._gate.effects)
        reason = ""
        while True:
            await asyncio.sleep(_POLL_SECONDS)
            await self._tend(name)
            now, activity = time.monotonic(), self._activity()
            if restless := self._restless(first):
                raise RunFailed(f"step {name}: it does not come to rest: {restless}; the last ones: {self._last()}")
            if activity != seen or self._is_busy(now):
                seen, active_at = activity, now
            behind = is_behind(self._laboratory.observer.present())
            if now - active_at >= scenario.real_quiet * (_PATIENCE if behind else 1):
                reason = await self._unsettled()
                if not reason:
                    break
            if now - began > scenario.real_limit:
                reason = reason or self._unfinished(now - active_at < scenario.real_quiet)
                raise RunFailed(f"step {name}: not settled after {scenario.real_limit:g} s: {reason}")
        await self._check()

    def _is_busy(self, now: float) -> bool:
        simulator = self._cluster.simulator
        # What the simulator is about to change counts: on a busy machine it comes late.
        if simulator is not None and simulator.is_busy(self._scenario.real_quiet):
            return True
        return self._gate.leading_since is None or self._gate.is_behind or now < self._gate.busy_until

    def _unfinished(self, restless: bool) -> str:
        if self._gate.leading_since is None:
            assert self._operator is not None  # noqa: S101 - for mypy
            return f"the operator does not take its Lease: {self._operator.last_words()}"
        return f"effects go on, the last ones: {self._last()}" if restless else "settled() is still false"

    def _restless(self, first: int) -> str:
        """Return which change was repeated too often since an effect, or an empty text."""
        counts = Counter(effect.text for effect in self._gate.effects[first:])
        text, count = max(counts.items(), key=lambda each: each[1], default=("", 0))
        return f"{text} changed something {count} times" if count > _MOST_CHANGES else ""

    def _last(self) -> str:
        return "; ".join(effect.text for effect in self._gate.effects[-_LAST_EFFECTS:])

    async def _unsettled(self) -> str:
        try:
            found = await awaited(self._scenario.settled, self._cluster)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's own check
            return f"settled: {describe(error)}"
        failing = self._operator.failing() if self._operator is not None else ""
        if not found and found is not None:
            return false_value(self._laboratory.observer.present(), [failing])
        return failing

    def _activity(self) -> tuple[int, ...]:
        return len(self._gate.effects), self._tally.changes, self._gate.watches

    async def _check(self) -> None:
        await self._invariants.check()


async def _is_served(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True
