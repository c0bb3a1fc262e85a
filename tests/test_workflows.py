"""The project's own GitHub workflows: no permissions that a job does not need, and no action that can be exchanged."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

FOLDER = Path(__file__).resolve().parents[1] / ".github"
WORKFLOWS = sorted((FOLDER / "workflows").glob("*.yml"))
GRANTED = {
    ("release.yml", "publish"): {"attestations": "write", "id-token": "write"},
}


def load(path: Path) -> dict[Any, Any]:
    loaded: dict[Any, Any] = YAML(typ="safe").load(path)
    return loaded


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_permissions_are_those_of_the_job(path: Path) -> None:
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        assert job["permissions"] == GRANTED.get((path.name, name), {"contents": "read"})
        assert job["timeout-minutes"] <= 60


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_checkouts_keep_no_credentials(path: Path) -> None:
    for line in re.findall(r"uses: (.+)", path.read_text(encoding="utf-8")):
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    steps = [step for job in load(path)["jobs"].values() for step in job["steps"]]
    checkouts = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_text_of_strangers_becomes_a_shell_command(path: Path) -> None:
    """An expression inside `run` is pasted into the script: a branch's name could hold a command."""
    commands = [step["run"] for job in load(path)["jobs"].values() for step in job["steps"] if "run" in step]
    assert all("${{" not in command for command in commands)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_make_targets_exist(path: Path, repository: Path) -> None:
    makefile = (repository / "Makefile").read_text(encoding="utf-8")
    for line in re.findall(r"make ([a-z0-9 -]+)", path.read_text(encoding="utf-8")):
        for target in line.split():
            assert f"\n.PHONY: {target}\n" in makefile, target


def test_tests_run_on_every_supported_python(repository: Path) -> None:
    supported = re.findall(r"Python :: (3\.\d+)", (repository / "pyproject.toml").read_text(encoding="utf-8"))
    assert load(FOLDER / "workflows" / "test.yml")["jobs"]["linux"]["strategy"]["matrix"]["python"] == supported
    versioning = (repository / "VERSIONING.md").read_text(encoding="utf-8")
    assert f"| Python | {', '.join(supported)}:" in versioning


@pytest.mark.parametrize("name", ["AGENTS.md", "templates/init/AGENTS.md.jinja"])
def test_agents_file_is_short(name: str, repository: Path) -> None:
    assert len((repository / name).read_text(encoding="utf-8").splitlines()) <= 60


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yml")), ids=lambda path: path.name)
def test_every_file_is_yaml(path: Path) -> None:
    assert load(path)
