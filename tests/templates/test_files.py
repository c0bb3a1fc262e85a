"""What holds for every file of every generated project."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from .cases import EXAMPLE
from .generation import kaiwuctl
from .shell import POSIX_SHELL

# Documentation, the licence, and where Kubernetes' projects live. A package index is never named: the user who runs a
# project says which one to use.
HOSTS = {"www.apache.org", "github.com", "json-schema.org"}

# What a project's name would be claimed under, and tools that a project must do without.
FORBIDDEN = re.compile(
    r"\bpypi\b|pythonhosted|simple/|\bbash\b|\bcurl\b|\bwget\b|\bkaiwuctl\b.*\binstall\b", re.IGNORECASE
)


def files(project: Path) -> list[Path]:
    """Return the files of a project."""
    return [path for path in sorted(project.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]


def test_text_is_text(golden: Path) -> None:
    for path in files(golden):
        content = path.read_bytes()
        assert b"\r" not in content, f"{path}: CRLF"
        assert b"\0" not in content, f"{path}: binary"
        assert not content or content.endswith(b"\n"), f"{path}: no newline at the end"
        assert not content.endswith(b"\n\n"), f"{path}: empty lines at the end"
        assert not re.search(rb"[ \t]+$", content, re.MULTILINE), f"{path}: blanks at the end of a line"
        assert not content.startswith(b"\n"), f"{path}: an empty line at the start"
        content.decode("utf-8")


def test_only_scripts_are_executable(golden: Path) -> None:
    for path in files(golden):
        is_script = path.read_bytes().startswith(b"#!")
        mode = path.stat().st_mode & 0o777
        assert bool(mode & 0o111) == is_script, f"{path}: {mode:o}"


def test_nothing_is_left_of_the_template_language(golden: Path) -> None:
    for path in files(golden):
        text = path.read_text(encoding="utf-8").replace("${{ matrix.python }}", "")
        # Templates have a space before the closing braces; nested dictionaries of Python have none.
        assert not re.search(r"\{\{|\s\}\}|\{%|%\}", text), path
        assert not path.name.endswith(".jinja"), path


def test_no_host_but_known_ones(golden: Path) -> None:
    for path in files(golden):
        text = path.read_text(encoding="utf-8")
        hosts = set(re.findall(r"https?://([a-z0-9.-]+\.[a-z]{2,})", text))
        assert hosts <= HOSTS, f"{path}: {hosts - HOSTS}"
        found = FORBIDDEN.search(text)
        assert found is None, f"{path}: {found and found[0]}"


def test_scripts_are_posix_shell(golden: Path) -> None:
    scripts = [path for path in files(golden) if path.read_bytes().startswith(b"#!")]
    assert scripts
    for script in scripts:
        assert script.read_text(encoding="utf-8").splitlines()[0] == "#!/bin/sh"
        result = subprocess.run([POSIX_SHELL, "-n", str(script)], capture_output=True, text=True, check=False)
        assert (result.returncode, result.stderr) == (0, ""), script


@pytest.mark.parametrize(("folder", "has_header"), [("plain", True), ("license-file", True), ("license-none", False)])
def test_licence_header_is_on_every_python_file(folder: str, has_header: bool, golden_trees: dict[str, Path]) -> None:
    project = golden_trees[folder]
    header = (project / "hack" / "boilerplate.py.txt").read_text(encoding="utf-8") if has_header else "# Copyright"
    sources = [path for path in files(project) if path.suffix == ".py"]
    assert len(sources) > 5
    for path in sources:
        assert path.read_text(encoding="utf-8").startswith(header) == has_header, path


def test_written_with_modes_that_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    project = tmp_path / "kaiwu-operator"
    project.mkdir()
    umask = os.umask(0o077)
    try:
        kaiwuctl(project, "init", *EXAMPLE.init)
        kaiwuctl(project, "create", "api", *EXAMPLE.apis[0], "--make=false")
    finally:
        os.umask(umask)
    modes = {path.relative_to(project).as_posix(): path.stat().st_mode & 0o777 for path in files(project)}
    for script in (".devcontainer/post-create.sh", "hack/install.sh", "hack/lock.sh"):
        assert modes.pop(script) == 0o755
    assert set(modes.values()) == {0o644}, modes
