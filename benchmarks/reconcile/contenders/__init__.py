"""The contenders: a folder each, and a row each in `CONTENDERS`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent

PROBES = "--health-probe-bind-address=127.0.0.1:0"
"""A free port: the default of both scaffolds, :8081, may be in use."""

DEPLOYED = (PROBES, "--metrics-bind-address=127.0.0.1:0", "--leader-elect")
"""What the Deployments of both scaffolds set."""


class UnavailableError(RuntimeError):
    """A contender cannot run here; the message says why and what would help."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A contender that is ready to start.

    Attributes:
        command: Program and arguments; it gets KUBECONFIG, BENCH_WORKERS and BENCH_NAMESPACE in its environment.
        versions: Of what it is made of.
    """

    command: Sequence[str]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the comparison.

    Attributes:
        name: As in the tables.
        prepare: Builds or installs it below a folder that is kept between runs.
        by_default: Run it where none is named.
    """

    name: str
    prepare: Callable[[Path], Prepared]
    by_default: bool = True


def _kaiwu(*flags: str) -> Prepared:
    _compile(sys.executable)
    packages = ("httptools", "lightkube", "msgspec", "pydantic", "uvloop")
    versions = {"kaiwu-runtime": version("kaiwu-runtime"), "python": sys.version.split()[0]}
    command = [sys.executable, str(HERE / "kaiwu" / "bench_operator.py"), *flags]
    return Prepared(command, versions | {name: version(name) for name in packages})


def _controller_runtime(build: Path, main: str, *arguments: str) -> Prepared:
    go, source, program = _tool("go", "https://go.dev/dl/"), HERE / "controller_runtime", build / f"go-{main}"
    _run([go, "build", "-o", str(program), f"./cmd/{main}"], source)
    listed = _run([go, "list", "-m", "sigs.k8s.io/controller-runtime", "k8s.io/client-go"], source)
    modules = dict(line.split() for line in listed.splitlines())
    return Prepared([str(program), *arguments], {"go": _run([go, "env", "GOVERSION"], source).strip(), **modules})


def _kopf(build: Path) -> Prepared:
    requirements, place = HERE / "kopf" / "requirements.txt", build / "kopf"
    stamp = place / "installed.txt"
    python = place / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        venv.create(place, clear=True, with_pip=True)
        _run([str(python), "-m", "pip", "install", "--quiet", "--requirement", str(requirements)], build)
        shutil.copy(requirements, stamp)
    pinned = dict(line.split("==") for line in requirements.read_text().split())
    versions = {name: pinned[name] for name in ("kopf", "aiohttp", "uvloop")}
    operator = str(HERE / "kopf" / "bench_operator.py")
    command = [str(python), "-m", "kopf", "run", "--quiet", "--standalone", "--all-namespaces", operator]
    return Prepared(command, versions | {"python": sys.version.split()[0]})


def _kube_rs(build: Path) -> Prepared:
    cargo, source = _tool("cargo", "https://rustup.rs"), HERE / "kube_rs"
    _run([cargo, "build", "--quiet", "--release", "--target-dir", str(build / "kube-rs")], source)
    locked = tomllib.loads((source / "Cargo.lock").read_text())["package"]
    versions = {package["name"]: package["version"] for package in locked if package["name"] in {"kube", "tokio"}}
    rust = _run([cargo, "--version"], source).split()[1]
    return Prepared([str(build / "kube-rs" / "release" / "bench-operator")], {"rust": rust, **versions})


CONTENDERS = (
    Contender("kaiwu-runtime", lambda _: _kaiwu(PROBES)),
    Contender("kubebuilder", lambda build: _controller_runtime(build, "kubebuilder", PROBES)),
    Contender("controller-runtime", lambda build: _controller_runtime(build, "lean")),
    Contender("controller-runtime-update", lambda build: _controller_runtime(build, "lean", "update")),
    Contender("kopf", _kopf),
    Contender("kube-rs", _kube_rs),
    Contender("kaiwu-runtime-deployed", lambda _: _kaiwu(*DEPLOYED), by_default=False),
    Contender(
        "kubebuilder-deployed", lambda build: _controller_runtime(build, "kubebuilder", *DEPLOYED), by_default=False
    ),
)


def chosen(names: Sequence[str]) -> list[Contender]:
    """Return the contenders with these names, or those that run by default if there are none."""
    return [contender for contender in CONTENDERS if (contender.name in names if names else contender.by_default)]


def baseline(checkout: Path) -> Contender:
    """Return another version of kaiwu-runtime as a contender, to measure a change before and after in one run.

    Args:
        checkout: A checkout of this repository with the .venv that `make dev` or `make build` leaves there.
    """

    def prepare(_: Path) -> Prepared:
        python = checkout / ".venv" / "bin" / "python"
        operator = checkout / "benchmarks" / "reconcile" / "contenders" / "kaiwu" / "bench_operator.py"
        for path in (python, operator):
            if not path.exists():
                raise UnavailableError(f"{path} is missing; run `make dev` in {checkout}")
        _compile(str(python))
        commit = _run(["git", "rev-parse", "--short", "HEAD"], checkout).strip()
        return Prepared([str(python), str(operator), PROBES], {"commit": commit})

    return Contender("baseline", prepare)


def _compile(python: str) -> None:
    """Compile the runtime to bytecode, as pip and an image's build do; nothing does it for an editable installation."""
    code = "import compileall, kaiwu_runtime; compileall.compile_dir(*kaiwu_runtime.__path__, quiet=1)"
    _run([python, "-c", code], HERE)


def _tool(name: str, where: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise UnavailableError(f"no {name} on PATH; install it ({where}) to have this row")
    return found


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(list(command), cwd=folder, env=os.environ, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise UnavailableError(f"{' '.join(command[:3])} in {folder.name} failed: {' / '.join(lines[-3:])}")
    return done.stdout
