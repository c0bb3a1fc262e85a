"""What a Go project has in its role and in the names of its files."""

from __future__ import annotations

from typing import Any

import pytest

from kaiwuctl.importer.rbac_markers import read_role
from kaiwuctl.scaffold.import_remainder import Remainder

ODD: list[Any] = [None, 5, True, 1.5, "", "text", [], {}, {"a": None}, [None], [[]]]
RULE = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("word", ["rules", *RULE, "resourceNames", "nonResourceURLs"])
def test_a_role_of_another_form(word: str, value: Any) -> None:
    role = {"rules": value} if word == "rules" else {"rules": [{**RULE, word: value}, value]}
    for permission in read_role(role):
        compile(f"{permission.decorator()}\nclass A: ...", "module", "exec")


@pytest.mark.parametrize("name", ["a\nb.go", "a\udcff.go", "\x1b[31m.go", "a\u202eb.go", "a\u2028b.go", "a\rb.yaml"])
def test_a_file_name_is_one_printable_line(name: str) -> None:
    remainder = Remainder()
    remainder.add(name)
    assert remainder.lines[0].isprintable()
    remainder.lines[0].encode()
