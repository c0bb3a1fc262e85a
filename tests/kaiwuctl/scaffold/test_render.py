"""A template tree becomes files in memory; nothing of the machine gets into them."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path

import pytest

from kaiwuctl.scaffold.context import APIContext, InitContext
from kaiwuctl.scaffold.render import RenderedFile, render


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
    files = render(template, {"folder": "a", "name": "b", "yes": True, "no": False})
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
    render(template, {"folder": "a", "name": "b", "yes": True, "no": False})
    assert list(scratch.iterdir()) == []
    assert (Path.cwd(), dict(os.environ)) == before


def test_a_value_is_not_rendered_again(template: Path) -> None:
    files = render(template, {"folder": "a", "name": "{{ folder }}", "yes": True, "no": False})
    assert files[0].content == b"{{ folder }}\n"


def test_every_variable_is_described() -> None:
    for context in (InitContext, APIContext):
        described = f"{InitContext.__doc__}{APIContext.__doc__}"
        for field in dataclasses.fields(context):
            # Python 3.13 takes the indentation off.
            assert re.search(rf"^ +{field.name}: ", described, re.MULTILINE), field.name
