"""The parts of FAULTS=real that need no API server: what a write is called, where a fault belongs, what a log tells."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.testing import eventually
from kaiwu_runtime.testing.faults import Cluster, Scenario, step
from kaiwu_runtime.testing.faults._blocked import Blocked
from kaiwu_runtime.testing.faults._plans import Effect
from kaiwu_runtime.testing.faults._real._campaign import notes_on
from kaiwu_runtime.testing.faults._real._gate import _has_changed, place_of
from kaiwu_runtime.testing.faults._real._operator import OperatorProcess
from kaiwu_runtime.testing.faults._real._resources import Resources

from .test_cli import GOOD, faults, write

RESOURCES = Resources(
    [
        ResourceIdentity("", "v1", "ConfigMap", "configmaps", namespaced=True),
        ResourceIdentity("apps", "v1", "Deployment", "deployments", namespaced=True),
    ]
)
MAPS = "/api/v1/namespaces/x/configmaps"
APPLY, MERGE, JSON = "application/apply-patch+yaml", "application/merge-patch+json", "application/json"


@pytest.mark.parametrize(
    ("method", "path", "content_type", "body", "text"),
    [
        ("POST", MAPS, JSON, b'{"metadata": {"name": "a"}}', "create ConfigMap x/a"),
        ("POST", MAPS, JSON, b'{"metadata": {"generateName": "a-"}}', "create ConfigMap x"),
        ("POST", MAPS, JSON, b"[1]", "create ConfigMap x"),
        ("POST", MAPS, JSON, b"\xff", "create ConfigMap x"),
        ("PATCH", f"{MAPS}/a", APPLY, b"", "apply ConfigMap x/a"),
        ("PATCH", f"{MAPS}/a", MERGE, b"", "patch ConfigMap x/a"),
        ("PUT", f"{MAPS}/a", JSON, b"", "update ConfigMap x/a"),
        ("DELETE", f"{MAPS}/a", JSON, b"", "delete ConfigMap x/a"),
        ("DELETE", MAPS, JSON, b"", "delete ConfigMap x"),
        ("PATCH", "/apis/apps/v1/namespaces/x/deployments/a/status", MERGE, b"", "patch Deployment/status x/a"),
        ("PATCH", "/apis/apps/v2/namespaces/x/deployments/a", MERGE, b"", "patch Deployment x/a"),
        ("PATCH", "/apis/example.com/v1/things/a", MERGE, b"", "patch things a"),
    ],
)
def test_a_write_is_called_as_in_memory(method: str, path: str, content_type: str, body: bytes, text: str) -> None:
    found = RESOURCES.write(method, path, content_type)
    assert found is not None
    assert found.text(body) == text


def test_what_is_no_write() -> None:
    assert RESOURCES.write("GET", MAPS, "") is None
    assert RESOURCES.write("POST", "/version", JSON) is None


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=12))
def test_a_place_is_found_again_whatever_came_between(texts: list[str]) -> None:
    effects = [Effect(text, number) for number, text in enumerate(texts, start=1)]
    places = [place_of(effects, number) for number in range(1, len(effects) + 1)]
    assert len(set(places)) == len(places), "each effect has a place of its own"
    assert all(place is not None and place.text == text for place, text in zip(places, texts, strict=True))
    assert place_of(effects, 0) is None
    assert place_of(effects, len(effects) + 1) is None


def answer(status: int, body: Any) -> web.Response:
    return web.Response(status=status, body=json.dumps(body).encode())


@pytest.mark.parametrize(
    ("method", "path", "response", "before", "changed"),
    [
        ("POST", MAPS, answer(201, {}), "", True),
        ("POST", MAPS, answer(409, {}), "", False),
        ("POST", "/api/v1/namespaces/x/pods/a/eviction", answer(201, {}), "", True),
        ("POST", "/api/v1/namespaces/x/serviceaccounts/a/token", answer(201, {}), "", False),
        ("PATCH", f"{MAPS}/a", answer(200, {"metadata": {"resourceVersion": "7"}}), "7", False),
        ("PATCH", f"{MAPS}/a", answer(200, {"metadata": {"resourceVersion": "8"}}), "7", True),
        ("PATCH", f"{MAPS}/a", answer(201, {"metadata": {"resourceVersion": "8"}}), "", True),
        (
            "PATCH",
            f"{MAPS}/a",
            answer(200, {"metadata": {"resourceVersion": "7", "deletionTimestamp": "2026-01-01T00:00:00Z"}}),
            "7",
            True,  # without its last finalizer it is gone
        ),
        ("DELETE", f"{MAPS}/a", answer(200, {"kind": "Status"}), "7", True),
        ("DELETE", f"{MAPS}/a", answer(404, {"kind": "Status"}), "", False),
        ("DELETE", f"{MAPS}/a", answer(200, {"kind": "A", "metadata": {"resourceVersion": "7"}}), "7", False),
        ("DELETE", MAPS, answer(200, {"kind": "ConfigMapList", "items": []}), "", False),
        ("DELETE", MAPS, answer(200, {"kind": "ConfigMapList", "items": [{}]}), "", True),
    ],
)
def test_whether_a_write_has_changed_something(
    method: str, path: str, response: web.Response, before: str, changed: bool
) -> None:
    found = RESOURCES.write(method, path, MERGE if method == "PATCH" else JSON)
    assert found is not None
    assert _has_changed(found, response, before) is changed


async def ran(tmp_path: Path, text: str) -> OperatorProcess:
    (tmp_path / "main.py").write_text(text, encoding="utf-8")
    process = OperatorProcess([str(tmp_path / "main.py")], tmp_path / "kubeconfig", {"ASKED": "yes"})
    await process.start()
    await process.wait()
    return process


async def test_the_last_words_of_an_operator(tmp_path: Path) -> None:
    process = await ran(tmp_path, "import sys; print('began'); sys.exit('error: --kubeconfig: no such file\\n\\n')")
    assert (process.ended, process.last_words()) == (True, "error: --kubeconfig: no such file (exit status 1)")
    assert (await ran(tmp_path, "")).last_words() == "without a word (exit status 0)"
    told = await ran(tmp_path, 'print(\'{"msg": "Cannot listen", "error": "port 80"}\')')
    assert told.last_words() == "Cannot listen port 80 (exit status 0)"
    long = await ran(tmp_path, "import os; print(os.environ['ASKED'] * 30_000_000)")
    assert long.last_words() == "yes" * 52 + "y... (exit status 0)"
    assert sum(map(len, long.lines)) == 10_000, "of 100 MB little is kept"
    many = await ran(tmp_path, "for number in range(100_000): print('x' * 100, number)")
    assert (len(many.lines), many.lines[-1][-6:]) == (50, " 99999")
    unfinished = await ran(tmp_path, "import os, sys; sys.stderr.write('no newline'); sys.stderr.flush(); os.abort()")
    assert unfinished.last_words() == "no newline (signal 6)"
    deaf = await ran(tmp_path, "import sys; sys.exit('error: unrecognized arguments: --leader-elect=true')")
    assert deaf.last_words() == (
        "its program does not read the flags of the manager: use ManagerOptions.from_args (exit status 1)"
    )
    assert (
        await ran(tmp_path, "import sys; sys.stdout.buffer.write(b'\\xff\\n')")
    ).last_words() == "\ufffd (exit status 0)"


@pytest.mark.skipif(not Path("/proc").exists(), reason="the child's state is read from /proc")
async def test_a_killed_operator_has_ended_with_what_it_started(tmp_path: Path) -> None:
    text = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    (tmp_path / "main.py").write_text(text, encoding="utf-8")
    process = OperatorProcess([str(tmp_path / "main.py")], tmp_path / "kubeconfig", {})
    await process.start()
    await eventually(lambda: len(process.lines), timeout=20)
    child = int(process.lines[0])
    process.kill()
    await process.wait()
    process.kill()  # a second time does nothing
    assert process.ended
    await eventually(lambda: is_gone(child), timeout=20)


def is_gone(pid: int) -> bool:
    """Return whether a process has ended, even if its parent was not told yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def test_a_reconcile_that_fails_counts_until_its_next_attempt_would_have_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = OperatorProcess([], tmp_path, {})
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    line = json.dumps({"msg": "Reconciler error", "controller": "site", "namespace": "x", "name": "a", "error": "no"})
    assert process.failing() == ""
    for count in range(1, 11):  # every time twice as long, as the rate limiter has it
        process._take(line)
        assert process.failing() == "reconcile of site x/a fails: no", count
        now += 0.005 * 2**count
    now += 1.0
    assert process.failing() == "", "the attempt after ten failures has succeeded"
    process._take(line.replace("Reconciler error", "Reconciler error: not retried until the object changes"))
    process._take('not JSON, with "Reconciler error" in it')
    assert "site" not in process.failing()


def test_a_reconciler_that_blocks_the_event_loop_again_is_noted(tmp_path: Path) -> None:
    blocked = Blocked()
    process = OperatorProcess([], tmp_path, {}, blocked=blocked)
    msg = "The reconciler blocked the event loop; await what takes time, or call it with asyncio.to_thread"
    lines = [
        {"msg": msg, "controller": "site", "namespace": "x", "name": "a", "seconds": seconds}
        for seconds in (0.7, 0.9, 1.2, "?", 0.7, 2.25)
    ]
    for line in lines:
        assert blocked.text == ""
        process._take(json.dumps(line))
    process._take(f'not JSON, with "{msg}" in it')
    assert blocked.text.startswith("reconcile of site x/a blocks the event loop, for 2.2 s: await what takes time")


class Plain(Scenario):
    @step
    async def nothing(self, cluster: Cluster) -> None:
        """Do nothing."""


class Outside(Plain):
    def outside(self) -> Mapping[type[Any], object]:
        return {dict: {}}

    def prepare(self, cluster: Cluster) -> None:
        """Set nothing."""


def test_what_cannot_be_done_for_real_is_said_in_one_line_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(notes_on(Plain)) == ["config/rbac: no such directory: the operator has all permissions"]
    (tmp_path / "config/rbac").mkdir(parents=True)
    assert list(notes_on(Plain)) == []
    (prepare,) = notes_on(Outside)
    assert prepare.startswith("prepare: commands in pods and logs are answered")


@pytest.mark.parametrize(
    ("text", "environment", "message"),
    [
        (GOOD, {}, "main.py: no such file: FAULTS=real runs it with Python"),
        (GOOD, {"JOBS": "two"}, "JOBS: 'two' is not a number: use digits only"),
        (GOOD.replace("    @step\n", ""), {}, "CopierScenario: no steps: decorate its methods with @step"),
    ],
)
def test_what_a_user_can_get_wrong(tmp_path: Path, text: str, environment: dict[str, str], message: str) -> None:
    (tmp_path / "tests/faults").mkdir(parents=True)
    write(tmp_path, text)
    done = faults(tmp_path, FAULTS="real", **environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_plan_that_is_only_possible_in_memory(tmp_path: Path) -> None:
    (tmp_path / "tests/faults").mkdir(parents=True)
    write(tmp_path, GOOD)
    (tmp_path / "main.py").write_text("")
    done = faults(tmp_path, FAULTS="real", PLAN="unobserved:1", HOME=os.environ.get("HOME", ""))
    assert done.returncode == 2
    assert done.stderr == "error: PLAN: 'unobserved:1' is only possible in memory: leave out FAULTS=real\n"


def test_a_place_is_found_again_under_another_generated_name() -> None:
    def effects(end: str) -> list[Effect]:
        return [Effect(f"apply ConfigMap x/site-{end}{more}", 1) for more in ("", "-config", "")]

    places = [place_of(effects("bbbbb"), number) for number in (1, 2, 3)]
    assert places == [place_of(effects("x7k2p"), number) for number in (1, 2, 3)]
    assert len(set(places)) == 3
