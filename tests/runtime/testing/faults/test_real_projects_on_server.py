"""Generated projects against a real API server: with the permissions of config/rbac, and with their webhooks."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.templates.cases import CASES
from tests.templates.generation import environment, generate

pytestmark = pytest.mark.envtest

UNMARKED = """
        await self.client.apply(child_of(obj, ConfigMap, data={"a": "b"}))
"""


def project(name: str, folder: Path) -> Path:
    case = next(case for case in CASES if case.name == name)
    return generate(case, folder)[0]


def faults(folder: Path, plan: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "kaiwu_runtime.testing.faults"],
        cwd=folder,
        env=environment(PYTHONHASHSEED="0", FAULTS="real", PLAN=plan, SEED="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_a_forgotten_marker_is_one_line(tmp_path: Path) -> None:
    folder = project("plain", tmp_path)
    controller = next(folder.glob("controllers/*_controller.py"))
    text = controller.read_text(encoding="utf-8")
    assert text.count("import ObjectReconciler") + text.count("ObjectReconciler, Result") == 1
    text = text.replace("ObjectReconciler, Result", "ObjectReconciler, Result, child_of")
    text = text.replace(
        "        obj.status.conditions.set(", f"{UNMARKED.lstrip(chr(10))}        obj.status.conditions.set(", 1
    )
    imported = "from lightkube.resources.core_v1 import ConfigMap\n\nfrom api."
    controller.write_text(text.replace("from api.", imported, 1), encoding="utf-8")
    status, output = faults(folder, "none")
    failed = [line for line in output.splitlines() if line.startswith("FAILED")]
    assert (status, len(failed)) == (1, 1), output
    assert failed[0].startswith("FAILED none: step create: apply ConfigMap default/"), output
    assert (
        ' is forbidden: missing RBAC rule: add @rbac(groups="", resources="configmaps", verbs=["patch"]) '
        "to the reconciler (or the webhook) and run `make manifests`"
    ) in failed[0]


def test_a_step_while_the_operator_is_down_meets_its_webhooks(tmp_path: Path) -> None:
    status, output = faults(project("webhooks", tmp_path), "down:1")
    assert status == 0, output
    assert "1 plans run, 0 failed; " in output, output


@pytest.mark.skipif(not Path("/proc").exists(), reason="processes are read from /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_leaves_no_process_and_no_file(number: signal.Signals, tmp_path: Path) -> None:
    folder = project("plain", tmp_path)
    before = files(folder)
    (tmp_path / "tmp").mkdir()
    running = subprocess.Popen(
        [sys.executable, "-m", "kaiwu_runtime.testing.faults"],
        cwd=folder,
        env=environment(FAULTS="real", JOBS="1", TMPDIR=str(tmp_path / "tmp")),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    assert "without faults" in running.stdout.readline()
    deadline = time.monotonic() + 30
    while not any("main.py" in line for line in descendants(running.pid).values()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = descendants(running.pid)
    assert any("kube-apiserver" in line for line in started.values())
    running.send_signal(number)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == (-number if number == signal.SIGKILL else 128 + number)
    assert errors == ("" if number == signal.SIGKILL else "error: interrupted\n")
    while left := {pid: line for pid, line in started.items() if command_line(pid) == line}:
        assert time.monotonic() < deadline + 30, left
        time.sleep(0.1)
    while left_files := list((tmp_path / "tmp").iterdir()):
        assert time.monotonic() < deadline + 30, left_files
        time.sleep(0.1)
    assert files(folder) == before


def files(folder: Path) -> dict[Path, int]:
    """Return all paths, and when each file was changed; a folder changes when Python puts its bytecode into it."""
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.parts]
    return {path: path.stat().st_mtime_ns if path.is_file() else 0 for path in paths}


def descendants(pid: int) -> dict[int, str]:
    """Return the command lines of the processes that a process has started, by their pids."""
    found: dict[int, str] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            child = int(folder.name)
            found |= {child: command_line(child)} | descendants(child)
    return found


def command_line(pid: int) -> str:
    """Return the command line of a process; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
