"""What a Go project has in its role and in the names of its files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from kaiwuctl.errors import CRDError
from kaiwuctl.importer.go_project import read_go_project
from kaiwuctl.importer.rbac_markers import read_role
from kaiwuctl.scaffold.import_remainder import Remainder, listing

ODD: list[Any] = [None, 5, True, 1.5, "", "text", [], {}, {"a": None}, [None], [[]]]
RULE = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get"]}


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("word", ["rules", *RULE, "resourceNames", "nonResourceURLs"])
def test_a_role_of_another_form(word: str, value: Any) -> None:
    role = {"rules": value} if word == "rules" else {"rules": [{**RULE, word: value}, value]}
    for permission in read_role(role)[0]:
        compile(f"{permission.decorator()}\nclass A: ...", "module", "exec")


@pytest.mark.parametrize("name", ["a\nb.go", "a\udcff.go", "\x1b[31m.go", "a\u202eb.go", "a\u2028b.go", "a\rb.yaml"])
def test_a_file_name_is_one_printable_line(name: str) -> None:
    remainder = Remainder()
    remainder.add(name)
    assert remainder.lines[0].isprintable()
    remainder.lines[0].encode()


@pytest.mark.parametrize("name", ["a\n\n# b", "<script>", "[a](https://example.com)", "a\rb"])
def test_a_name_is_text_in_the_list(tmp_path: Path, name: str) -> None:
    (tmp_path / "PROJECT").write_text(json.dumps({"version": "3", "projectName": name, "resources": []}))
    remainder = Remainder()
    remainder.add(f"{name}: was not carried over")
    text = listing(read_go_project(tmp_path), remainder)
    heading, _, _, _, line = text.splitlines()
    assert heading.startswith("# Imported from ")
    assert line.startswith("- [ ] ")
    assert not re.search(r"(?<!\\)<|\]\(", text)


@pytest.mark.parametrize("value", ODD, ids=repr)
@pytest.mark.parametrize("place", ["versions", "version", "name", "schema", "group"])
def test_a_crd_of_another_form_is_named_by_its_file(tmp_path: Path, place: str, value: Any) -> None:
    version: dict[str, Any] = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {}}}
    names = {"kind": "Shop", "plural": "shops"}
    spec: dict[str, Any] = {"group": "web.example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    if place in {"versions", "group"}:
        spec[place] = value
    elif place == "version":
        spec["versions"] = [value]
    else:
        version[place] = value
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "spec": spec}
    (tmp_path / "PROJECT").write_text('version: "3"\ndomain: example.com\nprojectName: shop\nresources: []\n')
    bases = tmp_path / "config" / "crd" / "bases"
    bases.mkdir(parents=True)
    (bases / "shops.yaml").write_text(json.dumps(crd))
    message = ""
    try:
        read_go_project(tmp_path)
    except CRDError as error:
        message = error.message
    assert "\n" not in message
    assert "shops.yaml: " in message or isinstance(spec["versions"], list)
