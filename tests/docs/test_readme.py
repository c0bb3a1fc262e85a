"""The README's commands are run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import ControlPlane

from ..templates.generation import environment
from ..terminal import Terminal

BLOCK = re.compile(r"^(?P<comment><!--[^\n]*-->\n)?```sh\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<target>[^)#:]+)(?:#[^)]*)?\)")


def blocks(repository: Path) -> dict[str, str]:
    """Return the README's shell blocks by what they are: commands, install, first and second terminal."""
    found = [match["body"] for match in BLOCK.finditer((repository / "README.md").read_text(encoding="utf-8"))]
    return dict(zip(("commands", "install", "first", "second"), found, strict=True))


def test_the_two_commands_are_the_ones_ci_runs(repository: Path) -> None:
    ci = (repository / ".ci/run").read_text(encoding="utf-8")
    commands = blocks(repository)["commands"].split("\n")[:-1]
    assert commands == ["make demo", "make test"]
    for command in commands:
        assert re.search(rf"^step {command}\b", ci, re.MULTILINE)


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        *sorted(f"docs/{p.name}" for p in (Path(__file__).resolve().parents[2] / "docs").glob("*.md")),
    ],
)
def test_links_lead_somewhere(repository: Path, document: str) -> None:
    path = repository / document
    targets = [match["target"] for match in LINK.finditer(path.read_text(encoding="utf-8"))]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.envtest
def test_the_install_block_gives_a_working_command(repository: Path, tmp_path: Path) -> None:
    """Both wheels go into an empty virtual environment, and kaiwuctl works from outside the repository."""
    lines = blocks(repository)["install"].splitlines()
    assert lines[0] == "make build"  # `make test` has just done that: dist/ holds its result
    dist = repository / "dist"
    if {file.name.partition("-")[0] for file in dist.glob("*.whl")} < {"kaiwuctl", "kaiwu_runtime"}:
        # Not `make build`, which would make the virtual environment anew that these tests run in.
        build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(dist)]
        for folder in (repository / "runtime", repository):
            subprocess.run(build, cwd=folder, check=True, capture_output=True)
    script = (
        "set -eu\n" + "\n".join(lines[1:]) + '\ncd "$HOME"\nkaiwuctl init --domain inspur.com --project-name outside\n'
    )
    script += "kaiwuctl create api --group kaiwu --version v1 --kind KaiwuCluster --make=false\n"
    python = Path(sys.executable).resolve().parent
    shell_environment = environment(
        HOME=str(tmp_path),
        PATH=f"{python}{os.pathsep}{os.environ['PATH']}",
        PIP_CACHE_DIR=str(Path.home() / ".cache/pip"),
    )
    finished = subprocess.run(
        ["sh", "-c", script],
        cwd=repository,
        env=shell_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert (tmp_path / "api/v1/kaiwucluster_types.py").is_file()


@pytest.fixture
def control_plane() -> Iterator[ControlPlane]:
    """One of its own: the walk-through shows every CRD and works in the default namespace."""
    with ControlPlane() as plane:
        yield plane


@pytest.mark.envtest
@pytest.mark.xdist_group("tutorial")  # `make run` listens on the ports that the pages' operators listen on
def test_the_walk_through_works_as_typed(repository: Path, tmp_path: Path, control_plane: ControlPlane) -> None:
    """Both terminals, line by line; `make run` stays in the foreground of the first."""
    scripts = blocks(repository)
    shell_environment = environment(
        KUBECONFIG=str(control_plane.kubeconfig),
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    )
    project = tmp_path / "kaiwu-operator"
    log = tmp_path / "first.log"
    with Terminal(["sh", "-ec", scripts["first"]], tmp_path, shell_environment, log) as first:
        first.shows("Starting workers")

        def shell(script: str) -> str:
            finished = subprocess.run(
                ["sh", "-ec", script],
                cwd=project,
                env=shell_environment,
                capture_output=True,
                text=True,
                check=False,
            )
            assert finished.returncode == 0, finished.stdout + finished.stderr
            return finished.stdout

        printed = shell(scripts["second"])
        assert "kaiwuclusters.kaiwu.inspur.com" in printed
        assert "kaiwucluster-sample" in printed
        shell("kubectl wait --for=condition=Ready --timeout=60s kaiwuclusters/kaiwucluster-sample")
        header, row = shell("kubectl get kaiwuclusters -o wide").splitlines()
        assert row.split()[header.split().index("READY")] == "True"
