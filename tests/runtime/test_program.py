"""A signal ends each command line with one line, whenever it comes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

import kaiwu_runtime

PROGRAMS = ["envtest", "generator", "image", "testing.faults"]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

INTERRUPTING = """
import os, runpy, sys

class Interrupting:
    def __init__(self, program, left):
        self.main, self.left, self.started = program + ".__main__", left, False

    def find_spec(self, name, path=None, target=None):
        self.started = self.started or name == self.main
        self.left -= self.started
        if self.left < 0:
            self.left = 10**6
            os.kill(os.getpid(), number)

number = int(sys.argv.pop())
program, left, *sys.argv[1:] = sys.argv[1:]
sys.meta_path.insert(0, Interrupting(program, int(left)))
runpy.run_module(program, run_name="__main__", alter_sys=True)
"""


def run(folder: Path, program: str, left: int, number: int) -> subprocess.CompletedProcess[str]:
    """Run a program with `--help` that gets a signal at an import, counted from its ``__main__`` on."""
    command = [sys.executable, "-c", INTERRUPTING, f"kaiwu_runtime.{program}", str(left), "--help", str(number)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("left", [2, 5, 20, 60])
@pytest.mark.parametrize("program", PROGRAMS)
def test_an_interrupted_import(tmp_path: Path, program: str, left: int, number: signal.Signals) -> None:
    done = run(tmp_path, program, left, int(number))
    if left < 20 and number != signal.SIGINT and done.returncode == -number:
        return  # so soon that the program does not handle it yet
    if done.returncode == 0:
        assert left == 60  # it has fewer imports than that
        assert "usage:" in done.stdout
        return
    assert (done.returncode, done.stderr) == (128 + number, "error: interrupted\n")


TERMINATED = """
import os, runpy, sys

def hook(event, arguments):
    if event == "os.chmod" and ".role.yaml." in str(arguments[0]):
        os.kill(os.getpid(), number)

number = int(sys.argv.pop())
sys.addaudithook(hook)
runpy.run_module("kaiwu_runtime.generator", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_leaves_no_file_half_written(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "controllers").mkdir()
    command = [sys.executable, "-c", TERMINATED, "manifests", str(int(number))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + number
    assert done.stderr.splitlines()[1:] == ["error: interrupted"]  # after a hint that there are no types
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == []


AT_A_LINE = """
import os, runpy, sys

def trace(frame, event, argument):
    return in_lines if frame.f_code.co_name == "_replace" and "kaiwu_runtime" in frame.f_code.co_filename else None

def in_lines(frame, event, argument):
    global left
    left -= event == "line"
    if left == 0:
        left -= 1
        os.kill(os.getpid(), number)
    return in_lines

number, left = int(sys.argv.pop()), int(sys.argv.pop())
sys.settrace(trace)
runpy.run_module("kaiwu_runtime.generator", run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize("line", range(1, 9))
def test_a_signal_at_each_line_that_writes_a_file_leaves_no_other(tmp_path: Path, line: int) -> None:
    (tmp_path / "controllers").mkdir()
    command = [sys.executable, "-c", AT_A_LINE, "manifests", str(line), "15"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 128 + 15
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"role.yaml"}


STUBBORN = """
def stubborn():
    while True:
        try:
            yield
        except GeneratorExit:
            pass
running = stubborn()
next(running)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_a_project_is_imported_is_no_error_of_the_project(
    tmp_path: Path, number: signal.Signals
) -> None:
    (tmp_path / "api" / "v1").mkdir(parents=True)
    (tmp_path / "api" / "v1" / "otter_types.py").write_text(
        f"{STUBBORN}\nimport os\nos.kill(os.getpid(), {int(number)})\n"
    )
    command = [sys.executable, "-m", "kaiwu_runtime.generator", "manifests"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + number, "error: interrupted\n")
    assert [path.name for path in tmp_path.rglob("*.yaml")] == []


# A signal at an import, and one more when that is reported.
TWICE = """
import io, os, sys

class Errors(io.TextIOWrapper):
    def write(self, text):
        os.kill(os.getpid(), number)
        return super().write(text)

number = int(sys.argv[-1])
sys.stderr = Errors(sys.stderr.detach(), write_through=True)
"""
# The same, when the report begins.
TWICE_AT_ONCE = """
import os, sys

def trace(frame, event, argument):
    if frame.f_code.co_name == "_report":
        sys.settrace(None)
        os.kill(os.getpid(), number)

sys.settrace(trace)
"""
# A signal when everything is done.
AT_THE_END = """
import atexit, os, sys

last = int(sys.argv.pop())
atexit.register(lambda: os.kill(os.getpid(), last))
sys.argv[1:] = [*sys.argv[1:], "0"]
"""


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("second", [TWICE, TWICE_AT_ONCE], ids=["written", "begun"])
def test_a_second_signal_while_the_first_is_reported(
    tmp_path: Path, second: str, program: str, number: signal.Signals
) -> None:
    command = [
        sys.executable,
        "-c",
        second + INTERRUPTING,
        f"kaiwu_runtime.{program}",
        "30",
        "--help",
        str(int(number)),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (128 + number, "error: interrupted\n")


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_after_the_end(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-c", AT_THE_END + INTERRUPTING, "kaiwu_runtime.generator", "99999", "manifests"]
    done = subprocess.run([*command, str(int(number))], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == -number
    assert len(done.stderr.splitlines()) == 1
    assert "role.yaml" in done.stdout


# Without the site module, which may load anything.
PATH = f"import sys; sys.path[:0] = {sys.path!r}; "


def test_every_program_is_tried() -> None:
    root = Path(kaiwu_runtime.__file__).parent
    found = [".".join(file.relative_to(root).parts[:-1]) for file in root.rglob("__main__.py")]
    assert sorted(found) == PROGRAMS


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_starts_before_it_loads_much(program: str) -> None:
    """What is imported before `__main__`, the packages that it is in, cannot report Ctrl-C in one line."""
    code = f"import kaiwu_runtime.{program}, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-S", "-c", PATH + code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert sum(name.startswith("kaiwu_runtime") for name in loaded) <= 8
    assert not {"typing", "re", "enum", "signal"} & set(loaded)
