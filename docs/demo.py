"""Shows the whole way, from nothing to a reconciled KaiwuCluster: `make demo`.

Everything happens in a temporary folder and on loopback; the control plane is a real etcd and kube-apiserver.
Each step prints the command it runs, exactly as a person would type it, and how long it took.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.errors import KaiwuError

SCAFFOLD = (
    "kaiwuctl init --domain inspur.com --repo github.com/inspur/kaiwu-operator",
    "kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster --resource=true --controller=true",
)
INSTALL = ("make generate", "make manifests", "make install")
SHOW = (
    "kubectl get crd",
    "kubectl apply -k config/samples",
    "kubectl wait --for=condition=Ready --timeout=60s kaiwuclusters --all",
    "kubectl get kaiwuclusters -o wide",
)
OPERATOR_START_SECONDS = 60.0

console = Console(highlight=False, soft_wrap=True)


class DemoError(Exception):
    """A step failed; the message says which and what it printed."""


def run(command: str, *, folder: Path, environment: Mapping[str, str]) -> None:
    """Run one command, show what it prints, and stop the demo when it fails."""
    console.print(f"[bold cyan]$ {command}[/]")
    started = time.monotonic()
    finished = subprocess.run(
        shlex.split(command),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.stdout.strip():
        console.print(finished.stdout.rstrip(), markup=False)
    console.print(f"[dim]  {time.monotonic() - started:.1f} s[/]")
    if finished.returncode:
        raise DemoError(f"`{command}` ended with status {finished.returncode}")


@contextmanager
def operator(folder: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Keep `make run` going while the block runs; then end it as a cluster would and show its log."""
    console.print("[bold cyan]$ make run &[/]")
    log = folder / "operator.log"
    with log.open("wb") as output:
        # A group of its own, so that SIGTERM reaches the operator below make and below nothing else.
        process = subprocess.Popen(
            ["make", "run"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_for_start(process, log)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=60)
        console.print("[bold cyan]The operator's log[/]")
        console.print(log.read_text(encoding="utf-8", errors="replace").rstrip(), markup=False)


def wait_for_start(process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the operator says that its workers run."""
    deadline = time.monotonic() + OPERATOR_START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise DemoError("`make run` ended before its workers started")
        if "Starting workers" in log.read_text(encoding="utf-8", errors="replace"):
            return
        time.sleep(0.1)
    raise DemoError(f"`make run` did not start its workers within {OPERATOR_START_SECONDS:.0f} s")


def check_tools() -> None:
    """Name every program that is missing, all at once."""
    missing = [tool for tool in ("git", "make", "kubectl") if shutil.which(tool) is None]
    if missing:
        raise DemoError(f"not found on PATH: {', '.join(missing)}; install them and run `make demo` again")


def demo() -> None:
    """Run every step in a temporary folder that is removed at the end."""
    check_tools()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    # make passes its own variables down; the project's make is another one and must not see them.
    for variable in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "VIRTUAL_ENV"):
        environment.pop(variable, None)
    with tempfile.TemporaryDirectory(prefix="kaiwu-demo-") as temporary:
        folder = Path(temporary) / "kaiwu-operator"
        folder.mkdir()
        console.print(f"[dim]working in {folder}[/]")
        for command in SCAFFOLD:
            run(command, folder=folder, environment=environment)
        console.print("[bold cyan]Starting etcd and kube-apiserver[/]")
        started = time.monotonic()
        with ControlPlane() as control_plane:
            console.print(f"[dim]  {control_plane.url}, {time.monotonic() - started:.1f} s[/]")
            environment["KUBECONFIG"] = str(control_plane.kubeconfig)
            for command in INSTALL:
                run(command, folder=folder, environment=environment)
            with operator(folder, environment):
                for command in SHOW:
                    run(command, folder=folder, environment=environment)


def main() -> int:
    """Run the demo; 0 when the KaiwuCluster became Ready, 1 with one clear line otherwise."""
    try:
        demo()
    except (DemoError, KaiwuError) as error:
        Console(stderr=True).print(f"[bold red]error:[/] {error}", highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print("[bold green]The KaiwuCluster is Ready; everything the demo started has been stopped.[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
