"""Pages that are run as they stand there: files written, commands typed, output compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import ControlPlane

from ..templates.generation import environment
from ..terminal import Terminal
from .page import Page
from .parts import with_part

SLOW_OPERATOR_SECONDS = 2.0

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("tutorial")]


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """One of its own, in place of the one that the page starts."""
    with ControlPlane() as plane:
        yield plane


class Reader:
    """A reader who follows the page."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables
        self.printed = ""
        self.running: Terminal | None = None

    def type(self, script: str) -> None:
        """Run lines of the shell, and remember what they printed and the folder they end in.

        The operator in the other terminal is slow: a page says what to wait for.
        """
        with self.running.stopped_for(SLOW_OPERATOR_SECONDS) if self.running else nullcontext():
            finished = subprocess.run(
                ["sh", "-ec", f"{script}\nprintf '\\n%s' \"$PWD\""],
                cwd=self.folder,
                env=self.variables,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=600,
            )
        assert finished.returncode == 0, f"{script}\n{finished.stdout}"
        self.printed, _, folder = finished.stdout.rpartition("\n")
        self.folder = Path(folder)

    def start(self, script: str, log: Path) -> None:
        """Run what stays in the foreground of another terminal."""
        self.stop()
        self.running = Terminal(["sh", "-ec", script], self.folder, self.variables, log)
        self.running.shows("Starting workers")

    def stop(self) -> None:
        if self.running is not None:
            self.running.interrupt()
            self.running = None


def appears(expected: str, printed: str) -> bool:
    """Whether the lines are there, in their order; blanks count as one, and ``...`` stands for anything."""
    lines = [re.escape(" ".join(line.split())).replace(re.escape("..."), ".*") for line in expected.splitlines()]
    normal = "\n".join(" ".join(line.split()) for line in printed.splitlines())
    return re.search(r"[^\n]*\n(?:.*\n)*?[^\n]*".join(lines), normal) is not None


@pytest.mark.parametrize(
    "page",
    [
        "tutorial-memcached.md",
        "controllers.md",
        "getting-started.md",
        "existing-kinds.md",
        "importing.md",
        "changing-a-project.md",
        "deploy-image.md",
    ],
)
def test_the_page_works_as_typed(
    repository: Path, tmp_path: Path, control_plane: ControlPlane, mypy_cache: Path, page: str
) -> None:
    variables = environment(
        KUBECONFIG=str(control_plane.kubeconfig),
        MYPY_CACHE_DIR=str(mypy_cache),
        # With uv, which is beside this interpreter; tests/templates/test_environment.py makes environments with pip.
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    reader = Reader(tmp_path, variables)
    try:
        for step in Page(repository / "docs" / page).blocks:
            if step.note.startswith("file: "):
                path = reader.folder / step.note.removeprefix("file: ")
                assert path.exists(), f"{path}: the page replaces a file that was not scaffolded"
                path.write_text(step.body, encoding="utf-8")
            elif step.note.startswith("part of: "):
                path = reader.folder / step.note.removeprefix("part of: ")
                path.write_text(with_part(path.read_text(encoding="utf-8"), step.body), encoding="utf-8")
            elif step.note == "prints":
                assert appears(step.body.rstrip("\n"), reader.printed), reader.printed
            elif step.language == "console":
                # Builds and pushes an image; `make test-e2e` does that where there is a cluster.
                assert step.body.startswith("make docker-build docker-push "), step
            else:
                assert step.language == "sh", step
                # The control plane runs already: one of the page's own would outlive a test that fails.
                script = re.sub(r".*kaiwuctl envtest (up|down).*", "", step.body)
                before, running, _ = script.partition("make run\n")
                if before.strip():
                    reader.type(before)
                if running:
                    reader.start(running, tmp_path / "run.log")
        reader.type("make fmt lint" if page == "getting-started.md" else "make lint")
    finally:
        reader.stop()
