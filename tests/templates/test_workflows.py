"""The GitHub workflows may do as little as they need, and run actions that cannot be exchanged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

NAMES = ("lint.yml", "test.yml", "test-e2e.yml")


def load(project: Path, name: str) -> dict[str, Any]:
    """Return a workflow."""
    workflow: dict[str, Any] = YAML(typ="safe").load(project / ".github" / "workflows" / name)
    return workflow


def test_the_three_of_operator_sdk(golden: Path) -> None:
    assert sorted(path.name for path in (golden / ".github" / "workflows").iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_no_permissions_but_what_a_job_asks_for(golden: Path, name: str) -> None:
    workflow = load(golden, name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}


@pytest.mark.parametrize("name", NAMES)
def test_actions_are_pinned(golden: Path, name: str) -> None:
    text = (golden / ".github" / "workflows" / name).read_text(encoding="utf-8")
    used = re.findall(r"uses: (.+)", text)
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("name", NAMES)
def test_checkout_keeps_no_credentials_and_commands_are_make_targets(golden: Path, name: str) -> None:
    makefile = (golden / "Makefile").read_text(encoding="utf-8")
    for job in load(golden, name)["jobs"].values():
        checkout = job["steps"][0]
        assert checkout["uses"].startswith("actions/checkout@")
        assert checkout["with"] == {"persist-credentials": False}
        commands = [step["run"] for step in job["steps"] if "run" in step]
        assert commands
        for target in re.findall(r"make ([a-z0-9 -]+)", " ; ".join(commands)):
            for word in target.split():
                assert f"\n.PHONY: {word}\n" in makefile, word
