"""`make test-faults`: what is printed, and the exit status."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kaiwu_runtime.testing.faults import Outcome, Scenario
from kaiwu_runtime.testing.faults._cli import _begin, _Options
from kaiwu_runtime.testing.faults._plans import Effect

SCENARIO = """
from kaiwu_runtime import Manager, Reconciler, Result, controller_managed_by
from kaiwu_runtime.testing.faults import Scenario, invariant, step
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ConfigMap, Secret


class Copier(Reconciler):
    def setup_with_manager(self, manager):
        controller_managed_by(manager).for_(ConfigMap).complete(self)

    async def reconcile(self, request):
        found = await self.client.find(ConfigMap, request.name, namespace=request.namespace)
        if found is not None:
            meta = ObjectMeta({name}, namespace=request.namespace)
            await self.client.{verb}(Secret(metadata=meta, stringData=found.data))
        return Result()


class CopierScenario(Scenario):
    def operator(self, manager: Manager) -> None:
        manager.setup(Copier)

    @step
    async def create(self, cluster):
        await cluster.client.create(ConfigMap(metadata=ObjectMeta(name="a", namespace="x"), data={{"a": "b"}}))
"""
GOOD = SCENARIO.format(verb="apply", name="name=request.name")
OUTSIDE = f"{GOOD}\n    def outside(self):\n        return {{dict: {{}}}}\n"
BAD = SCENARIO.format(verb="create", name='generateName="a-"')


def faults(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kaiwu_runtime.testing.faults", *arguments],
        cwd=folder,
        env={"PYTHONHASHSEED": "0", "PATH": "", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tests/faults").mkdir(parents=True)
    return tmp_path


def write(folder: Path, text: str) -> None:
    (folder / "tests/faults/scenario.py").write_text(text, encoding="utf-8")


def test_a_correct_operator(folder: Path) -> None:
    write(folder, GOOD)
    done = faults(folder, SEED="7")
    assert (done.returncode, done.stderr) == (0, "")
    first, last = done.stdout.splitlines()
    assert first.startswith("CopierScenario: 1 writes, 0 calls to the outside and 1 events without faults, in ")
    assert first.endswith("plans, seed 7")
    assert ", 0 failed; " in last


def test_findings_name_the_plan_that_repeats_them(folder: Path) -> None:
    write(folder, BAD)
    done = faults(folder, SEED="7", FAULTS="all")
    assert (done.returncode, done.stderr) == (1, "")
    assert (
        "FAILED kill-after:1 (create Secret x): after step create: Secret x/a-* (2) should not be there" in done.stdout
    )
    assert "       again: make test-faults PLAN=kill-after:1 SEED=7\n" in done.stdout
    again = faults(folder, PLAN="kill-after:1", SEED="7")
    assert again.returncode == 1
    assert again.stdout.count("FAILED") == 1
    log = again.stderr + again.stdout
    assert log.count("Step of the scenario") == 2, "of one run: the start, and one step"
    assert log.count("Fault of the plan") == 1
    assert 'plan=kill-after:1 at="create Secret x"' in log
    assert log.count("Starting Controller") == 2, "the operator's log is shown, of both lives"
    passing = faults(folder, PLAN="none", SEED="7")
    assert (passing.returncode, passing.stdout.count("FAILED")) == (0, 0)
    assert (passing.stderr + passing.stdout).count("Starting Controller") == 1


def test_a_budget_leaves_plans_out_and_says_so(folder: Path) -> None:
    write(folder, GOOD)
    done = faults(folder, BUDGET="0")
    assert done.returncode == 0
    assert "0 plans run, 0 failed, " in done.stdout
    assert "left out after 0 s (FAULTS=all runs them)" in done.stdout


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (GOOD, {"PLAN": "kill:1"}, "PLAN: 'kill:1' is not a plan: use kill-after:N"),
        (GOOD, {"FAULTS": "some"}, "FAULTS: 'some' is not known: use all or real"),
        (GOOD, {"SEED": "x"}, "SEED: 'x' is not a number: use digits only"),
        (GOOD, {"SEED": "٣"}, "SEED: '٣' is not a number: use digits only"),
        (
            GOOD,
            {"PLAN": "none", "LOG_LEVEL": "loud"},
            "LOG_LEVEL: 'loud' is not a level: use debug, info, warning, error",
        ),
        (GOOD, {"BUDGET": "-1"}, "BUDGET: '-1' is not a number"),
        (None, {}, "tests/faults/scenario.py: no such file: write a scenario"),
        ("import missing_module\n", {}, "tests/faults/scenario.py:1: ModuleNotFoundError: No module named"),
        ("x = (\n", {}, "tests/faults/scenario.py:1: SyntaxError: "),
        ("import sys; sys.exit(3)\n", {}, "tests/faults/scenario.py:1: SystemExit: 3"),
        ("", {}, "tests/faults/scenario.py: no scenario: define a subclass"),
        (
            f"{GOOD}\n    def outside(self):\n        return missing\n",
            {},
            "CopierScenario.outside: NameError: name 'missing'",
        ),
        (
            f"{GOOD}\n    def prepare(self):\n        pass\n",
            {},
            "CopierScenario.prepare: TypeError: CopierScenario.prepare()",
        ),
        (
            f"{OUTSIDE}\n    def failure(self, kind):\n        pass\n",
            {},
            "CopierScenario.failure: TypeError: CopierScenario.f",
        ),
        (
            f"{OUTSIDE}\n    def failure(self, *_):\n        pass\n",
            {},
            "CopierScenario.failure: None is not an exception: return one",
        ),
        (GOOD.replace("    @step\n", ""), {}, "CopierScenario: no steps: decorate its methods with @step"),
    ],
)
def test_what_a_user_can_get_wrong(folder: Path, text: str | None, environment: dict[str, str], message: str) -> None:
    if text is not None:
        write(folder, text)
    done = faults(folder, **environment)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


def test_a_mistake_in_a_module_of_the_project_names_its_line(folder: Path) -> None:
    write(folder, "import broken\n")
    (folder / "broken.py").write_text("\n\nraise ValueError('no')\n")
    done = faults(folder)
    assert done.returncode == 2
    assert done.stderr == "error: broken.py:3: ValueError: no (imported by tests/faults/scenario.py)\n"
    (folder / "broken.py").write_text("\nx = (\n")
    assert faults(folder).stderr.startswith("error: broken.py:2: SyntaxError: ")


TWO = f"{GOOD}\n\nclass Other(CopierScenario):\n    @step\n    async def rest(self, cluster):\n        pass\n"

NONE_OF_TWO = "CopierScenario: steps in the run without faults: 1; Other: steps in the run without faults: 2"


@pytest.mark.parametrize(
    ("text", "plan", "error"),
    [
        (GOOD, "down:2", "error: PLAN: down:2: CopierScenario: steps in the run without faults: 1\n"),
        (TWO, "down:2", ""),
        (TWO, "down:3", f"error: PLAN: down:3: {NONE_OF_TWO}\n"),
    ],
)
def test_a_plan_without_a_place_is_wrong_usage(folder: Path, text: str, plan: str, error: str) -> None:
    write(folder, text)
    done = faults(folder, PLAN=plan, LOG_LEVEL="error")
    assert (done.returncode, done.stderr) == (2 if error else 0, error)


def test_ctrl_c_shows_no_traceback(folder: Path) -> None:
    wait = """        import asyncio, time
        print("began", flush=True)
        for _ in range(600):
            time.sleep(0.1)
            await asyncio.sleep(0)
"""
    slow = GOOD.replace("        await cluster", wait + "        await cluster")
    write(folder, slow)
    running = subprocess.Popen(
        [sys.executable, "-m", "kaiwu_runtime.testing.faults"],
        cwd=folder,
        env={"PYTHONHASHSEED": "0", "PATH": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "began\n"
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (130, "error: interrupted\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_scenario_is_loaded(folder: Path, number: signal.Signals) -> None:
    """Python notes a KeyboardInterrupt that leaves `exec`, which dataclasses use, and ends by SIGINT after it."""
    write(folder, f"exec('import os; os.kill(os.getpid(), {int(number)})')\n{GOOD}")
    done = faults(folder)
    assert (done.returncode, done.stderr) == (128 + number, "error: interrupted\n")


def test_for_real_without_aiohttp(folder: Path) -> None:
    """It is not installed with kaiwu-runtime: only this needs it."""
    write(folder, GOOD)
    program = (
        "import sys\n"
        "sys.modules['aiohttp'] = None\n"
        "from kaiwu_runtime.testing.faults._cli import main\n"
        "sys.exit(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env={"FAULTS": "real", "PATH": ""},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "error: FAULTS=real needs aiohttp: add aiohttp to requirements-dev.txt, then run make test-faults FAULTS=real\n"
    )


@pytest.mark.parametrize(
    ("environment", "effects", "what"),
    [
        ({}, [Effect("a", 1), Effect("b", 0, 1)], "1 writes, 1 calls to the outside and 0 events"),
        ({"FAULTS": "real"}, [Effect("a", 1)], "against a real API server: 1 writes"),
        (
            {"FAULTS": "real"},
            [Effect("a", 1), Effect("b", 0)],
            "against a real API server: 1 writes and 1 calls to the outside",
        ),
    ],
)
def test_what_happened_without_faults_is_said(
    capsys: pytest.CaptureFixture[str], environment: dict[str, str], effects: list[Effect], what: str
) -> None:
    _begin(Scenario, _Options({**environment, "SEED": "7"}), Outcome(effects=effects), 9)
    assert capsys.readouterr().out == f"Scenario: {what} without faults, in 0.00 s; 9 plans, seed 7\n"
