"""Copier is imported without the packages that ask questions, and renders what it renders with them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

QUESTIONS = ("questionary", "prompt_toolkit", "pygments")
RENDER = """
import hashlib, pathlib, sys
from kaiwuctl.scaffold.render import render_tree
{before}
files = render_tree(pathlib.Path({template!r}), {{"name": "a", "agreed": True}})
print(hashlib.sha256(repr(files).encode()).hexdigest())
{after}
"""
LOADED = f"print(sorted(name for name in sys.modules if name.partition('.')[0] in {QUESTIONS}))"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    root = tmp_path / "template"
    root.mkdir()
    (root / "copier.yml").write_text(
        "_templates_suffix: .jinja\n"
        "name: {type: str, help: The name}\n"
        "agreed: {type: bool, default: false}\n"
        "mode: {type: str, choices: [one, two], default: two}\n"
    )
    (root / "{{ name }}.txt.jinja").write_text("{{ name }} {{ agreed }} {{ mode }}\n")
    return root


def render(template: Path, *, before: str = "", after: str = "") -> list[str]:
    program = RENDER.format(template=str(template), before=before, after=after)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_a_template_with_questions_is_rendered_as_without_stand_ins(template: Path) -> None:
    assert render(template) == render(template, before="import questionary, prompt_toolkit, pygments")


def test_the_packages_that_ask_are_not_loaded_by_init(tmp_path: Path) -> None:
    command = ["init", "--domain", "example.com", "--project-name", "shop"]
    program = f"import sys; from kaiwuctl.cli import main; assert main({command}) == 0; {LOADED}"
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout.splitlines()[-1:] == ["[]"], ran.stderr


def test_the_stand_ins_do_not_stay(template: Path) -> None:
    lines = render(template, after="import questionary; print(questionary.Choice('a').title)")
    assert lines[1:] == ["a"]


def test_a_stand_in_calls_the_real_package(template: Path) -> None:
    lines = render(template, after="import copier._main as main; print(main.confirm('Sure?').__class__.__module__)")
    assert lines[1:] == ["questionary.question"]


@pytest.mark.parametrize(
    "use",
    [
        pytest.param("class Mine(questionary.Choice, metaclass=type): pass", id="a base class"),
        pytest.param("assert questionary.__version__", id="a version"),
    ],
)
def test_a_copier_that_needs_them_at_once_gets_them(tmp_path: Path, use: str) -> None:
    (tmp_path / "copier").mkdir()
    (tmp_path / "copier" / "__init__.py").write_text(f"import questionary\n{use}\nreal = questionary.__file__\n")
    program = "from kaiwuctl.scaffold.copier_import import import_copier; print(import_copier().real)"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "questionary" in ran.stdout


def test_the_environment_is_put_back(template: Path) -> None:
    lines = render(template, after="import os; print(os.environ.get('PYDANTIC_DISABLE_PLUGINS'))")
    assert lines[1:] == ["None"]
    set_before = "import os; os.environ['PYDANTIC_DISABLE_PLUGINS'] = 'mine'"
    lines = render(template, before=set_before, after="print(os.environ['PYDANTIC_DISABLE_PLUGINS'])")
    assert lines[1:] == ["mine"]
