"""A template tree becomes files in memory; nothing of the machine gets into them."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
from pathlib import Path

import jinja2
import pytest

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.scaffold import locate
from kaiwuctl.scaffold.context import APIContext, InitContext
from kaiwuctl.scaffold.render import RenderedFile, render_file, render_tree


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A template with everything ours have."""
    root = tmp_path / "template"
    (root / "{{ folder }}" / "{% if yes %}there{% endif %}").mkdir(parents=True)
    (root / "{% if no %}absent{% endif %}").mkdir()
    (root / "copier.yml").write_text("_templates_suffix: .jinja\n_envops: {keep_trailing_newline: true}\n")
    (root / "{{ folder }}" / "{% if yes %}there{% endif %}" / "{{ name }}.txt.jinja").write_text("{{ name }}\n")
    (root / "{% if no %}absent{% endif %}" / "file").write_text("absent\n")
    (root / "raw").write_text("{{ not rendered }}\n")
    (root / "binary").write_bytes(b"\xff\x00\r\n")
    (root / "run.sh").write_text("#!/bin/sh\n")
    (root / "run.sh").chmod(0o755)
    return root


def test_render(template: Path) -> None:
    files = render_tree(template, {"folder": "a", "name": "b", "yes": True, "no": False})
    assert files == [
        RenderedFile("a/there/b.txt", b"b\n"),
        RenderedFile("binary", b"\xff\x00\r\n"),
        RenderedFile("raw", b"{{ not rendered }}\n"),
        RenderedFile("run.sh", b"#!/bin/sh\n", executable=True),
    ]


def test_nothing_is_left_behind(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = Path.cwd(), dict(os.environ)
    render_tree(template, {"folder": "a", "name": "b", "yes": True, "no": False})
    assert list(scratch.iterdir()) == []
    assert (Path.cwd(), dict(os.environ)) == before


def test_a_value_is_not_rendered_again(template: Path) -> None:
    files = render_tree(template, {"folder": "a", "name": "{{ folder }}", "yes": True, "no": False})
    assert files[0].content == b"{{ folder }}\n"


@pytest.mark.parametrize(
    "text",
    ["{{ name }}\n", "no newline", "{% if yes %}\n  {% if name %}\nx\n  {% endif %}\n{% endif %}\n\n", "ü\n"],
)
def test_a_file_is_rendered_as_in_a_tree(template: Path, text: str) -> None:
    shutil.copy(locate.template_folder("init") / "copier.yml", template)
    (template / "single.py.jinja").write_text(text, encoding="utf-8")
    data: dict[str, str | bool] = {"folder": "a", "name": "{{ folder }}", "yes": True, "no": False}
    in_tree = {file.path: file for file in render_tree(template, data)}
    assert render_file(template / "single.py.jinja", "single.py", data) == in_tree["single.py"]
    assert render_file(template / "run.sh", "run.sh", data) == in_tree["run.sh"]


def test_an_unknown_variable_is_an_error(template: Path) -> None:
    (template / "file.jinja").write_text("{{ unknown }}")
    with pytest.raises(jinja2.UndefinedError, match="unknown"):
        render_file(template / "file.jinja", "file", {})


def test_a_template_that_is_missing_is_one_line(template: Path) -> None:
    with pytest.raises(KaiwuctlError, match=r"^the template .*absent.jinja is missing; install kaiwuctl again$"):
        render_file(template / "absent.jinja", "absent", {})


def test_every_variable_is_described() -> None:
    for context in (InitContext, APIContext):
        described = f"{InitContext.__doc__}{APIContext.__doc__}"
        for field in dataclasses.fields(context):
            # Python 3.13 takes the indentation off.
            assert re.search(rf"^ +{field.name}: ", described, re.MULTILINE), field.name
