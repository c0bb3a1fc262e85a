"""Times whole runs of kaiwuctl as a user has them: `python benchmarks/cli.py [--runs N]`.

Prints the median of each command, also as a ratio to a bare `python -c pass` measured between the runs, which makes
figures of different machines comparable. The limits are ratios; exit status 1 when one is exceeded.
"""

from __future__ import annotations

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import kaiwuctl

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

KAIWUCTL = str(Path(sys.executable).with_name("kaiwuctl"))
INIT = [KAIWUCTL, "init", "--domain", "inspur.com", "--repo", "github.com/inspur/kaiwu-operator"]
CREATE_API = [
    KAIWUCTL,
    "create",
    "api",
    "--group",
    "kaiwu",
    "--version",
    "v1",
    "--kind",
    "KaiwuCluster",
    "--make=false",
]


@dataclass(frozen=True)
class Case:
    """One command to time.

    Attributes:
        name: For the table.
        command: Program and arguments.
        limit: Highest ratio of the median to that of `python -c pass`.
        prepare: Called before every run, not timed; returns the folder to run in.
        environment: Added to the process's.
        status: The exit status it must end with.
    """

    name: str
    command: list[str]
    limit: float
    prepare: Callable[[Path], Path]
    environment: Mapping[str, str]
    status: int = 0


def nothing(folder: Path) -> Path:
    """Run where it is."""
    return folder


def empty(folder: Path) -> Path:
    """Run in a new folder."""
    target = folder / "kaiwu-operator"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    return target


def initialised(folder: Path) -> Path:
    """Run in a new project without an API."""
    target, pristine = folder / "with-init", folder / "pristine"
    if not pristine.exists():
        pristine.mkdir()
        subprocess.run(INIT, cwd=pristine, check=True, capture_output=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(pristine, target)
    return target


def completion(*words: str) -> Mapping[str, str]:
    """Return the environment in which bash asks for completion after `words`."""
    return {
        "_KAIWUCTL_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }


REFUSED_KIND = [*CREATE_API[:-2], "kaiwu-cluster", "--make=false"]
CASES = [
    Case("kaiwuctl --help", [KAIWUCTL, "--help"], 6, nothing, {}),
    Case("completion of a command", [KAIWUCTL], 6, nothing, completion("kaiwuctl", "cre")),
    Case("completion of a flag", [KAIWUCTL], 6, nothing, completion("kaiwuctl", "create", "api", "--re")),
    Case("kaiwuctl completion bash", [KAIWUCTL, "completion", "bash"], 6, nothing, {}),
    Case("an unknown flag", [*CREATE_API, "--unknown"], 8, initialised, {}, 2),
    Case("a refused value of init", [*INIT, "--project-name", "Kaiwu"], 8, empty, {}, 2),
    Case("a refused value of create api", REFUSED_KIND, 8, initialised, {}, 2),
    Case("kaiwuctl create api --make=false", CREATE_API, 20, initialised, {}),
    Case("kaiwuctl init", INIT, 45, empty, {}),
]


def seconds(command: list[str], folder: Path, environment: Mapping[str, str], status: int = 0) -> float:
    """Run a command that ends with `status` and return how long it took."""
    begin = time.perf_counter()
    result = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    elapsed = time.perf_counter() - begin
    if result.returncode != status:
        sys.exit(f"error: {' '.join(command)}: exit status {result.returncode}: {result.stderr.strip()}")
    return elapsed


def main() -> int:
    """Time everything, print the table and return the exit status."""
    parser = argparse.ArgumentParser(description="Time whole runs of kaiwuctl.")
    parser.add_argument("--runs", type=int, default=15, metavar="N", help="runs of each command (default: 15)")
    runs = parser.parse_args().runs
    # As after an installation with pip, which compiles; otherwise the first user of every module pays for it.
    for installed in (sysconfig.get_path("purelib"), str(Path(kaiwuctl.__file__).parent)):
        compileall.compile_dir(installed, quiet=2)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    bare: list[float] = []
    timings: dict[str, list[float]] = {case.name: [] for case in CASES}
    with tempfile.TemporaryDirectory(prefix="kaiwuctl-benchmark-") as scratch:
        for number in range(runs + 1):
            for case in CASES:
                folder = case.prepare(Path(scratch))
                python = seconds([sys.executable, "-c", "pass"], folder, environment)
                elapsed = seconds(case.command, folder, {**environment, **case.environment}, case.status)
                # The first round fills the page cache.
                if number:
                    bare.append(python)
                    timings[case.name].append(elapsed)
    base = statistics.median(bare)
    print(f"{'command':<34}{'seconds':>9}{'x python':>10}{'limit':>8}   medians of {runs} runs")
    print(f"{'python -c pass':<34}{base:>9.3f}{1:>9.1f}x")
    exceeded = 0
    for case in CASES:
        median = statistics.median(timings[case.name])
        too_slow = median / base > case.limit
        exceeded += too_slow
        verdict = "  too slow" if too_slow else ""
        print(f"{case.name:<34}{median:>9.3f}{median / base:>9.1f}x{case.limit:>7.0f}x{verdict}")
    return 1 if exceeded else 0


if __name__ == "__main__":
    sys.exit(main())
