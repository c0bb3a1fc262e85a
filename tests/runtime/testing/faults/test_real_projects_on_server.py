"""Generated projects against a real API server: with the permissions of config/rbac, and with their webhooks."""

from __future__ import annotations

import subprocess
import sys
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
