"""Ctrl-C ends each command line with one line, at whatever import it comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kaiwu_runtime

PROGRAMS = ["envtest", "generator", "image", "testing.faults"]

INTERRUPTING = """
import runpy, sys

class Interrupting:
    def __init__(self, program, left):
        self.main, self.left, self.started = program + ".__main__", left, False

    def find_spec(self, name, path=None, target=None):
        self.started = self.started or name == self.main
        self.left -= self.started
        if self.left < 0:
            self.left = 10**6
            raise KeyboardInterrupt

program, left, *sys.argv[1:] = sys.argv[1:]
sys.meta_path.insert(0, Interrupting(program, int(left)))
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


def run(folder: Path, program: str, left: int) -> subprocess.CompletedProcess[str]:
    """Run a program with `--help` that is interrupted at an import, counted from its ``__main__`` on."""
    command = [sys.executable, "-c", INTERRUPTING, f"kaiwu_runtime.{program}", str(left), "--help"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("left", [2, 5, 20, 60])
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_interrupted_import(tmp_path: Path, program: str, left: int) -> None:
    done = run(tmp_path, program, left)
    if done.returncode == 0:
        assert left == 60  # it has fewer imports than that
        assert "usage:" in done.stdout
        return
    assert (done.returncode, done.stderr) == (130, "error: interrupted\n")


TERMINATED = """
import os, runpy, sys

def hook(event, arguments):
    if event == "os.chmod" and ".role.yaml." in str(arguments[0]):
        os.kill(os.getpid(), number)

number = int(sys.argv.pop())
sys.addaudithook(hook)
runpy.run_module("kaiwu_runtime.generator", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(("number", "error"), [(2, "error: interrupted\n"), (15, "")])
def test_a_signal_leaves_no_file_half_written(tmp_path: Path, number: int, error: str) -> None:
    (tmp_path / "controllers").mkdir()
    command = [sys.executable, "-c", TERMINATED, "manifests", str(number)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + number
    assert done.stderr.endswith(error)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


def test_every_program_is_tried() -> None:
    root = Path(kaiwu_runtime.__file__).parent
    found = [".".join(file.relative_to(root).parts[:-1]) for file in root.rglob("__main__.py")]
    assert sorted(found) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_starts_before_it_loads_much(program: str) -> None:
    """What is imported before `__main__`, the packages that it is in, cannot report Ctrl-C in one line."""
    code = f"import kaiwu_runtime.{program}, sys; print(sum(name.startswith('kaiwu_runtime') for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 8
