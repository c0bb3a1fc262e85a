"""The table of files: every template has a row, and every row stands for a file that can be rendered."""

from __future__ import annotations

import dataclasses
import string
from pathlib import Path

from kaiwuctl.scaffold.api_files import API_FILES
from kaiwuctl.scaffold.context import APIContext
from kaiwuctl.scaffold.files import Policy
from kaiwuctl.scaffold.locate import template_folder


def test_every_template_has_a_row_and_no_row_comes_twice() -> None:
    templates = {row.template for row in API_FILES if row.template}
    assert templates == {path.name for path in template_folder("api").iterdir() if path.is_file()}
    rows = [(row.target, row.template, row.when) for row in API_FILES]
    assert len(set(rows)) == len(rows)


def test_rows_use_variables_of_the_context() -> None:
    known = {field.name for field in dataclasses.fields(APIContext)}
    for row in API_FILES:
        for text in (row.target, *row.entries):
            used = {name for _, name, _, _ in string.Formatter().parse(text) if name}
            assert used <= known, row.target


def test_only_kustomizations_are_merged() -> None:
    for row in API_FILES:
        merged = Path(row.target).name == "kustomization.yaml"
        assert (row.policy is Policy.MERGE) == merged == bool(row.entries), row.target
        made_of_versions = row.policy is Policy.VERSIONS  # by the generator, one version after the other
        assert row.template or merged or made_of_versions, row.target
