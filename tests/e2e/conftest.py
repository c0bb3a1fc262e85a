"""End-to-end tests need a container tool and a cluster: `make test-e2e` runs them, `make test` leaves them out."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

collect_ignore_glob = [] if os.environ.get("KAIWU_E2E") == "1" else ["test_*.py"]

TOOL = os.environ.get("CONTAINER_TOOL", "docker")
BUILD_ARGS = os.environ.get("BUILD_ARGS", "")


def run(command: str, cwd: Path | None = None, **environment: str) -> str:
    """Run a shell command, print it with its time and output, insist on success, and return the output."""
    began = time.monotonic()
    finished = subprocess.run(
        command,
        shell=True,
        cwd=cwd,
        env={**os.environ, **environment},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    print(f"$ {command}   ({time.monotonic() - began:.1f} s)\n{finished.stdout}")
    assert finished.returncode == 0, f"{command}: status {finished.returncode}\n{finished.stdout[-4000:]}"
    return finished.stdout


def rolled_out(namespace: str, deployment: str, seconds: int = 300) -> None:
    """Wait until a Deployment is available; where it does not become so, fail with what its pods say."""
    try:
        run(f"kubectl -n {namespace} rollout status deployment/{deployment} --timeout={seconds}s")
    except AssertionError as timed_out:
        said = (
            f"kubectl -n {namespace} {words} 2>&1 || true"
            for words in (
                "describe pods",
                f"logs deployment/{deployment} --all-containers --tail=100",
                f"logs deployment/{deployment} --all-containers --tail=100 --previous",
            )
        )
        raise AssertionError("\n".join([str(timed_out), *map(run, said)])) from None


@dataclass(frozen=True)
class Project:
    """A project that kaiwuctl has just scaffolded."""

    folder: Path

    def make(self, words: str, build_args: str = BUILD_ARGS, **environment: str) -> str:
        """Run a target of the project's Makefile."""
        command = f"make {words} CONTAINER_TOOL={TOOL} BUILD_ARGS='{build_args}'"
        return run(command, self.folder, **environment)


@pytest.fixture(scope="session")
def scaffold(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Project]:
    """A function that scaffolds a project of a name, with the KaiwuCluster API."""

    def make(name: str) -> Project:
        folder = tmp_path_factory.mktemp("e2e") / name
        folder.mkdir()
        run("kaiwuctl init --domain inspur.com --repo github.com/inspur/kaiwu-operator", folder)
        run("kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster --resource --controller", folder)
        return Project(folder)

    return make


@pytest.fixture(scope="session")
def project(scaffold: Callable[[str], Project]) -> Project:
    """One project that the tests share."""
    return scaffold("kaiwu-operator")
