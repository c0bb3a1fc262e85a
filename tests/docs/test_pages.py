"""Pages that are run as they stand there: files written, commands typed, output compared."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kaiwu_runtime.envtest import ControlPlane

from ..templates.generation import environment

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("tutorial")]

BLOCK = re.compile(
    r"^(?:<!-- (?P<note>[^\n]+) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL
)
START_SECONDS = 60.0


class Step(NamedTuple):
    """A block of the page."""

    note: str
    language: str
    body: str


def steps(page: Path) -> list[Step]:
    text = page.read_text(encoding="utf-8")
    return [Step(match["note"] or "", match["language"], match["body"]) for match in BLOCK.finditer(text)]


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """One of its own, in place of the one that the page starts."""
    with ControlPlane() as plane:
        yield plane


class Reader:
    """Somebody who follows the page."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        self.variables = variables
        self.printed = ""
        self.running: subprocess.Popen[bytes] | None = None

    def type(self, script: str) -> None:
        """Run lines of the shell, and remember what they printed and the folder they end in."""
        finished = subprocess.run(
            ["sh", "-ec", f"{script}\nprintf '\\n%s' \"$PWD\""],
            cwd=self.folder,
            env=self.variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, f"{script}\n{finished.stdout}"
        self.printed, _, folder = finished.stdout.rpartition("\n")
        self.folder = Path(folder)

    def start(self, script: str, log: Path) -> None:
        """Run what stays in the foreground of another terminal."""
        with log.open("wb") as output:
            self.running = subprocess.Popen(
                ["sh", "-ec", script],
                cwd=self.folder,
                env=self.variables,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while "Starting workers" not in log.read_text(encoding="utf-8"):
            assert self.running.poll() is None, log.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
            time.sleep(0.1)

    def stop(self) -> None:
        if self.running is not None and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGTERM)
            self.running.wait(timeout=60)


def appears(expected: str, printed: str) -> bool:
    """Whether the lines are there, in their order; blanks count as one, and ``...`` stands for anything."""
    lines = [re.escape(" ".join(line.split())).replace(re.escape("..."), ".*") for line in expected.splitlines()]
    normal = "\n".join(" ".join(line.split()) for line in printed.splitlines())
    return re.search(r"[^\n]*\n(?:.*\n)*?[^\n]*".join(lines), normal) is not None


@pytest.mark.parametrize("page", ["tutorial-memcached.md", "controllers.md"])
def test_the_page_works_as_typed(repository: Path, tmp_path: Path, control_plane: ControlPlane, page: str) -> None:
    variables = environment(
        KUBECONFIG=str(control_plane.kubeconfig),
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    reader = Reader(tmp_path, variables)
    compared = 0
    try:
        for step in steps(repository / "docs" / page):
            if step.note.startswith("file: "):
                path = reader.folder / step.note.removeprefix("file: ")
                assert path.exists(), f"{path}: the page replaces a file that was not scaffolded"
                path.write_text(step.body, encoding="utf-8")
            elif step.note == "runs until it is stopped":
                reader.start(step.body, tmp_path / "run.log")
            elif step.note == "prints":
                compared += 1
                assert appears(step.body.rstrip("\n"), reader.printed), reader.printed
            else:
                assert step.language == "sh", step
                # The control plane runs already: one of the page's own would outlive a test that fails.
                reader.type(re.sub(r".*kaiwuctl envtest (up|down).*", "", step.body))
        assert compared
        reader.type("make lint")
    finally:
        reader.stop()
