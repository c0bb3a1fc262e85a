"""Runs a scenario against real API servers, several at a time, with one fault after another."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp

from kaiwu_runtime.envtest._webhooks import read_webhook_configurations
from kaiwu_runtime.errors import ConfigurationError, ControlPlaneError
from kaiwu_runtime.testing._fault_proxy._server import RefusedError
from kaiwu_runtime.testing.faults._campaign import Finding, Report, compared, finding_of, flaws, only, unsteady
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._plans import HANG, TIMEOUT, Plan, misplaced, plans_for, shuffled
from kaiwu_runtime.testing.faults._real._laboratory import Laboratory
from kaiwu_runtime.testing.faults._real._outcome import RealOutcome
from kaiwu_runtime.testing.faults._real._run import RealRun
from kaiwu_runtime.testing.faults._scenario import Scenario, steps_of
from kaiwu_runtime.testing.faults._secrets import hidden

PATTERNS = frozenset({"none", "kill-after", "stale", "refuse", "down"})
"""What can be done to a process through the requests that it sends."""

_ROOM_BYTES = 16 << 20
_CRDS = (Path("config/crd/bases"),)
_WEBHOOKS = Path("config/webhook")
_PERMISSIONS = Path("config/rbac")


def check_real(
    scenario: type[Scenario],
    *,
    plan: Plan | None = None,
    seed: int = 0,
    budget: float | None = None,
    jobs: int = 1,
    on_note: Callable[[str], None] | None = None,
    on_reference: Callable[[Outcome, int], None] | None = None,
    on_finding: Callable[[Finding], None] | None = None,
) -> Report:
    """Run a scenario without faults, and then with one fault after another, in the current folder's project.

    Args:
        scenario: The scenario's class; each run makes an instance.
        plan: Only this one, with the operator's log on standard error; None for all.
        seed: Of the sample.
        budget: Seconds after which no other plan begins; None for all plans.
        jobs: Number of plans that run at the same time, each with a control plane of its own.
        on_note: Called with what cannot be done for real, in one line each.
        on_reference: Called after the run without faults, with the number of plans.
        on_finding: Called with each finding.

    Raises:
        ConfigurationError: The scenario has no steps, or the project lacks a file.
        ControlPlaneError: No control plane can be started.
    """
    steps_of(scenario)
    program = scenario.real_command[0] if scenario.real_command else ""
    if program != "-m" and not Path(program).is_file():
        raise ConfigurationError(f"{program or 'real_command'}: no such file: FAULTS=real runs it with Python")
    if plan is not None and not _is_possible(plan):
        raise ConfigurationError(f"PLAN: '{plan}' is only possible in memory: leave out FAULTS=real")
    if on_note is not None:
        for note in notes_on(scenario):
            on_note(note)
    campaign = _Campaign(
        scenario,
        plan=plan,
        seed=seed,
        budget=budget,
        jobs=jobs,
        on_note=on_note,
        on_reference=on_reference,
        on_finding=on_finding,
    )
    try:
        return asyncio.run(campaign.run())
    except (aiohttp.ClientError, TimeoutError, RefusedError) as error:
        text = str(error) or "no answer in time"
        raise ControlPlaneError(f"the API server of the test has failed: {text}{_disk()}") from error


def notes_on(scenario: type[Scenario]) -> Iterator[str]:
    """Yield what of a scenario cannot be done for real, in one line each."""
    if _permissions() is None:
        yield f"{_PERMISSIONS}: no such directory: the operator has all permissions"
    if scenario.prepare is not Scenario.prepare:
        yield "prepare: commands in pods and logs are answered as it says; proxied requests are not"


def _manifests() -> tuple[list[Path], list[Path]]:
    """Return the folders with CRDs, and those with webhook configurations, of the project in the current folder."""
    crds = [path for path in _CRDS if any(path.glob("*.yaml"))]
    has_webhooks = _WEBHOOKS.is_dir() and bool(read_webhook_configurations([_WEBHOOKS]))
    return crds, [_WEBHOOKS] if has_webhooks else []


def _disk() -> str:
    """Return what to do where the control plane has no room for its data; empty if it has."""
    place = tempfile.gettempdir()
    return f"; {place} is full: free some space, or set TMPDIR" if shutil.disk_usage(place).free < _ROOM_BYTES else ""


def _permissions() -> Path | None:
    """Return the folder with the operator's service account and roles; None without one."""
    return _PERMISSIONS if _PERMISSIONS.is_dir() else None


class _Campaign:
    def __init__(
        self,
        scenario: type[Scenario],
        *,
        plan: Plan | None,
        seed: int,
        budget: float | None,
        jobs: int,
        on_note: Callable[[str], None] | None,
        on_reference: Callable[[Outcome, int], None] | None,
        on_finding: Callable[[Finding], None] | None,
    ) -> None:
        self._scenario = scenario
        self._plan = plan
        self._budget = budget
        self._jobs = max(1, jobs if plan is None else 1)
        self._on_note = on_note
        self._on_reference = on_reference
        self._on_finding = on_finding
        self._began = time.perf_counter()
        self._report = Report(seed)
        self._asking = asyncio.Lock()
        self._steady: bool | None = None

    async def run(self) -> Report:
        crds, webhooks = _manifests()
        permissions = _permissions()
        laboratory = partial(Laboratory, crds, webhooks, permissions=permissions, namespace=self._scenario.namespace)
        async with AsyncExitStack() as stack:
            first = await stack.enter_async_context(laboratory())
            # The others start while the first works.
            others = [asyncio.create_task(stack.enter_async_context(laboratory())) for _ in range(self._jobs - 1)]
            try:
                await self._run(first, others)
            finally:
                for other in others:
                    if not other.done():
                        await asyncio.wait({other})
        self._report.seconds = time.perf_counter() - self._began
        return self._report

    async def _run(self, first: Laboratory, others: Sequence[asyncio.Task[Laboratory]]) -> None:
        none = Plan("none")
        reference = await self._one(first, none, None, echo=self._plan == none)
        self._report.reference = reference
        wrong = reference.failure or reference.broken
        plans: list[Plan] = []
        if not wrong:
            steps = list(reference.states)
            every = [plan for plan in plans_for(reference.effects, (), steps) if _is_possible(plan)]
            self._report.plans = len(every)
            plans = shuffled(every, self._report.seed)
            if self._plan is not None:
                text = misplaced(self._plan, reference.effects, (), steps)
                self._report.misplaced = hidden(text, reference.secrets)
                plans = only(self._plan, plans) if not self._report.misplaced else []
        if self._on_reference is not None:
            self._on_reference(reference, self._report.plans)
        for text in [wrong] if wrong else flaws(reference):
            self._found(none, text)
        if not wrong and self._on_note is not None:
            for name in reference.unasked:
                self._on_note(
                    f"outside: {name}: the operator never called it: give it in {self._scenario.real_command[0]} "
                    f"with manager.provide({name}, ...), or the operator uses another one"
                )
        if self._plan == none and not wrong:
            await self._is_steady(first, reference)
        left = iter(plans)
        await asyncio.gather(
            self._work(first, left, reference), *(self._help(each, left, reference) for each in others)
        )

    async def _help(self, starting: asyncio.Task[Laboratory], left: Iterator[Plan], reference: RealOutcome) -> None:
        await self._work(await starting, left, reference)

    async def _work(self, laboratory: Laboratory, left: Iterator[Plan], reference: RealOutcome) -> None:
        while not self._report.unsteady and (
            self._budget is None or self._plan is not None or time.perf_counter() - self._began <= self._budget
        ):
            plan = next(left, None)
            if plan is None:
                return
            outcome = await self._one(laboratory, plan, reference, echo=self._plan is not None)
            self._report.ran += 1
            self._report.unreached += not outcome.reached
            text = compared(reference, outcome)
            if text and await self._is_steady(laboratory, reference):
                self._found(plan, text)

    async def _is_steady(self, laboratory: Laboratory, reference: RealOutcome) -> bool:
        """Return whether a second run without faults ends as the first; it is a finding if it does not."""
        async with self._asking:
            if self._steady is None:
                none = Plan("none")
                unlike = unsteady(reference, await self._one(laboratory, none, None, echo=False))
                self._steady = not unlike
                if unlike:
                    self._report.unsteady = True
                    self._found(none, unlike)
        return self._steady

    async def _one(
        self, laboratory: Laboratory, plan: Plan, reference: RealOutcome | None, *, echo: bool
    ) -> RealOutcome:
        outcome = await RealRun(laboratory, self._scenario, plan, reference, echo=echo).main()
        await laboratory.clean()
        return outcome

    def _found(self, plan: Plan, text: str) -> None:
        finding = finding_of(self._report.reference, plan, text)
        self._report.findings.append(finding)
        if self._on_finding is not None:
            self._on_finding(finding)


def _is_possible(plan: Plan) -> bool:
    """Return whether a plan makes sense in real time, too."""
    return plan.pattern in PATTERNS and plan.detail not in {TIMEOUT, HANG}
