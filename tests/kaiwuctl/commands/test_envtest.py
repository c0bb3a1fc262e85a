"""`kaiwuctl envtest` is the runtime's program with the errors of kaiwuctl."""

from __future__ import annotations

import importlib
import inspect
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from kaiwu_runtime.envtest._cli import main
from kaiwuctl.commands import COMMANDS

from .command_line import CommandLine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("there", [True, False], ids=["programs", "no-programs"])
def test_path_is_the_path_of_the_runtime(tmp_path: Path, there: bool) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("etcd", "kube-apiserver") if there else ():
        (programs / name).write_text("#!/bin/sh\necho Kubernetes v1.37.2\n")
        (programs / name).chmod(0o755)
    variables = {"KUBEBUILDER_ASSETS": str(programs), "XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/nowhere"}
    found = CommandLine(tmp_path, variables).run("envtest", "path")
    command = [sys.executable, "-m", "kaiwu_runtime.envtest", "path"]
    environment = {**os.environ, **variables}
    expected = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout, found.stderr) == (expected.returncode, expected.stdout, expected.stderr)
    assert found.returncode == (0 if there else 1)
    assert found.stdout == (f"{programs}\n" if there else "")


def test_down_without_a_control_plane(tmp_path: Path) -> None:
    variables = {"XDG_CACHE_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)}
    result = CommandLine(tmp_path, variables).run("envtest", "down")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "no control plane runs\n")


def test_a_kubeconfig_is_handed_on(tmp_path: Path) -> None:
    """The command itself starts nothing here: there are no programs, and none may be fetched."""
    variables = {"KUBEBUILDER_ASSETS": "", "XDG_CACHE_HOME": str(tmp_path), "PATH": "/nowhere"}
    arguments = ("envtest", "up", "--no-download", "--no-build", "--kubeconfig", str(tmp_path / "config"))
    result = CommandLine(tmp_path, variables).run(*arguments)
    assert result.returncode == 1
    assert result.stderr.startswith("error: no etcd and kube-apiserver")
    assert not (tmp_path / "config").exists()


def test_the_commands_and_flags_are_described_alike(capsys: pytest.CaptureFixture[str]) -> None:
    def words(text: str) -> str:
        return " ".join(text.replace("[default:", "(default:").replace("]", ")").lower().split())

    for row in (row for row in COMMANDS if row.path[0] == "envtest"):
        with pytest.raises(SystemExit):
            main([row.path[1], "--help"])
        flags = words(capsys.readouterr().out)
        with pytest.raises(SystemExit):
            main(["--help"])
        assert row.summary.lower() in words(capsys.readouterr().out)
        shown = inspect.signature(getattr(importlib.import_module(row.module), row.function), eval_str=True)
        for parameter in shown.parameters.values():
            if parameter.name == "verbose":
                continue
            (option,) = parameter.annotation.__metadata__
            assert words(option.help).replace(".", "") in flags.replace(".", "")
