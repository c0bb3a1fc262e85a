"""The command line of the fault kit; its options are environment variables, as those of a Makefile's target."""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from kaiwu_runtime import _log as log
from kaiwu_runtime._error_text import describe
from kaiwu_runtime._interruption import Interruption
from kaiwu_runtime._project_modules import blamed
from kaiwu_runtime.errors import ConfigurationError, KaiwuError
from kaiwu_runtime.testing.faults._campaign import BUDGET_SECONDS, Finding, Report, check
from kaiwu_runtime.testing.faults._outcome import Outcome
from kaiwu_runtime.testing.faults._plans import Plan
from kaiwu_runtime.testing.faults._real._outside_messages import SCENARIOS
from kaiwu_runtime.testing.faults._scenario import Scenario

_MOST_JOBS = 4

_EPILOG = """environment:
  PLAN     run this plan only, with the operator's log: kill-after:10
  FAULTS   all: every plan, however long it takes; real: against a real API server, with `python main.py`
  BUDGET   seconds after which no other plan begins (default: 120)
  JOBS     number of plans at the same time with FAULTS=real (default: twice the processors, 4 at most)
  SEED     seed of the operator's random numbers and of the sample (default: a random one, which is printed)
"""


def main(arguments: Sequence[str] | None = None, environment: Mapping[str, str] = os.environ) -> int:
    """Run every scenario of a file and return 0, or 1 after findings, 2 for wrong usage.

    Raises:
        Interruption: A signal came; nothing is left behind.
    """
    parser = argparse.ArgumentParser(
        prog="make test-faults",
        description="Run the operator with one fault after another, and compare where it ends.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scenario", nargs="?", default="tests/faults/scenario.py", help="file with the scenarios")
    path = Path(parser.parse_args(arguments).scenario)
    ended_by = _end_on_signals()
    try:
        return _run(path, environment)
    except ConfigurationError as error:
        _fail(str(error))
        return 2
    except KaiwuError as error:
        _fail(describe(error))
        return 2
    except OSError as error:
        _fail(describe(error))
        return 1
    except Interruption:
        raise
    except KeyboardInterrupt:
        # asyncio raises one of its own for the signal that it received.
        raise Interruption(ended_by[0] if ended_by else signal.SIGINT) from None


def _run(path: Path, environment: Mapping[str, str]) -> int:
    """Run every scenario of a file and return the exit status."""
    options = _Options(environment)
    scenarios = load(path)
    if options.plan is None:
        logging.disable(logging.CRITICAL)
    else:
        log.configure(level=options.log_level, format="console")
    status, misplaced = 0, []
    for scenario in scenarios:
        report = _checked(scenario, options)
        if report.misplaced:
            misplaced.append(f"{scenario.__name__}: {report.misplaced}")
            if len(misplaced) == len(scenarios):
                raise ConfigurationError(f"PLAN: {options.plan}: {'; '.join(misplaced)}")
        _end(report, options)
        status = status or int(bool(report.findings))
    return status


def _end_on_signals() -> list[int]:
    """End on SIGTERM and SIGHUP as on Ctrl-C, with nothing left behind; return a list that gets the signal's number."""
    received: list[int] = []

    def end(number: int, _: object) -> None:
        if signal.getsignal(signal.SIGINT) in {signal.SIG_IGN, signal.default_int_handler}:
            # A KeyboardInterrupt itself is not enough: Python ends by SIGINT after one that left `exec`, caught or not.
            raise Interruption(number)
        received.append(number)
        signal.raise_signal(signal.SIGINT)  # asyncio's handler cancels what runs

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, end)
    return received


def _checked(scenario: type[Scenario], options: _Options) -> Report:
    begin = partial(_begin, scenario, options)
    if not options.real:
        return check(
            scenario,
            plan=options.plan,
            seed=options.seed,
            budget=options.budget,
            on_reference=begin,
            on_finding=partial(_tell, options),
        )
    try:
        import aiohttp  # noqa: F401, PLC0415 - not a dependency: for tests only
    except ImportError:
        raise ConfigurationError(
            "FAULTS=real needs aiohttp: add aiohttp to requirements-dev.txt, then run make test-faults FAULTS=real"
        ) from None
    from kaiwu_runtime.testing.faults._real._campaign import check_real  # noqa: PLC0415 - loads an HTTP server

    return check_real(
        scenario,
        plan=options.plan,
        seed=options.seed,
        budget=options.budget,
        jobs=options.jobs,
        on_note=_say,
        on_reference=begin,
        on_finding=partial(_tell, options),
    )


class _Options:
    def __init__(self, environment: Mapping[str, str]) -> None:
        plan = environment.get("PLAN", "")
        self.plan = Plan.parse(plan) if plan else None
        faults = environment.get("FAULTS", "")
        if faults not in {"", "all", "real"}:
            raise ConfigurationError(f"FAULTS: {faults!r} is not known: use all or real, or leave it out")
        self.real = faults == "real"
        self.log_level = environment.get("LOG_LEVEL") or "info"
        if self.plan is not None and self.log_level not in log.LEVELS:  # nothing is logged without
            raise ConfigurationError(f"LOG_LEVEL: {self.log_level!r} is not a level: use {', '.join(log.LEVELS)}")
        self.jobs = int(_number(environment, "JOBS", min(_MOST_JOBS, 2 * (os.cpu_count() or 1))))
        self.seed = int(_number(environment, "SEED", random.randrange(10**6)))  # noqa: S311 - printed, no secret
        self.budget = None if faults == "all" else _number(environment, "BUDGET", BUDGET_SECONDS)


def _number(environment: Mapping[str, str], name: str, default: float) -> float:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdecimal() or len(text) > 18:
        raise ConfigurationError(f"{name}: {text!r} is not a number: use digits only")
    return float(text)


def load(path: Path) -> list[type[Scenario]]:
    """Return the scenarios that a file defines.

    Raises:
        ConfigurationError: It cannot be imported, or has none.
    """
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file: write a scenario, or name another file")
    sys.path[:0] = [str(Path.cwd()), str(path.parent.resolve())]
    spec = importlib.util.spec_from_file_location(SCENARIOS, path)
    if spec is None or spec.loader is None:
        raise ConfigurationError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(blamed(error, describe(error), path, Path.cwd())) from error
    found = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Scenario) and value.__module__ == spec.name
    ]
    if not found:
        raise ConfigurationError(f"{path}: no scenario: define a subclass of kaiwu_runtime.testing.faults.Scenario")
    return found


def _begin(scenario: type[Scenario], options: _Options, outcome: Outcome, plans: int) -> None:
    writes = sum(bool(effect.request) for effect in outcome.effects)
    calls = len(outcome.effects) - writes
    what = f"{writes} writes, {calls} calls to the outside and {len(outcome.events)} events"
    if options.real:
        what = f"against a real API server: {writes} writes{f' and {calls} calls to the outside' if calls else ''}"
    _say(f"{scenario.__name__}: {what} without faults, in {outcome.seconds:.2f} s; {plans} plans, seed {options.seed}")


def _tell(options: _Options, finding: Finding) -> None:
    # In memory the operator's random numbers decide which write is the one with that number.
    again = f"FAULTS=real PLAN={finding.plan}" if options.real else f"PLAN={finding.plan} SEED={options.seed}"
    _say(f"FAILED {finding}\n       again: make test-faults {again}")


def _end(report: Report, options: _Options) -> None:
    ended = bool(report.reference.failure) or report.unsteady
    skipped = report.plans - report.ran if options.plan is None and not ended else 0
    more = "a greater BUDGET" if options.real else "FAULTS=all"
    parts = [
        f"{report.ran} plans run",
        f"{len(report.findings)} failed",
        *([f"{report.unreached} did not reach their fault"] if report.unreached else []),
        *([f"{skipped} left out after {options.budget:g} s ({more} runs them)"] if skipped else []),
    ]
    _say(f"{', '.join(parts)}; {report.seconds:.1f} s, seed {report.seed}")


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command line


def _fail(message: str) -> None:
    print(f"error: {message}", file=sys.stderr)  # noqa: T201
