"""`make manifests` names controllers of the same name, as far as they are known without running them."""

from __future__ import annotations

import importlib
from contextlib import nullcontext
from pathlib import Path

import pytest

from kaiwu_runtime import Client, Manager
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.generator._discovery import find_name_clashes
from kaiwu_runtime.manager._discovery import find
from kaiwu_runtime.testing import FakeTransport

CONTROLLER = """
from kaiwu_runtime import ObjectReconciler
from lightkube.resources.core_v1 import ConfigMap, Secret


class {name}(ObjectReconciler[{kind}]):
    region = "eu"

    {method}

    async def reconcile(self, obj): ...
"""
BUILD = "def build(self, controller): return controller{}"
SETUP = "def setup_with_manager(self, manager): pass"


@pytest.mark.parametrize(
    ("kinds", "methods", "name"),
    [
        (("ConfigMap", "ConfigMap"), ("", ""), "configmap"),
        (("ConfigMap", "Secret"), ("", ""), ""),
        (("ConfigMap", "Secret"), ("", BUILD.format(".named('configmap')")), "configmap"),
        (("ConfigMap", "ConfigMap"), ("", BUILD.format(".owns(Secret).named('copy')")), ""),
        (("ConfigMap", "ConfigMap"), ("", BUILD.format(".named('c' + self.region)")), ""),
        (("ConfigMap", "ConfigMap"), ("", SETUP), ""),
    ],
    ids=["default", "other kinds", "named", "named otherwise", "named by an attribute", "set up by itself"],
)
def test_what_is_named_is_what_a_manager_refuses(
    kinds: tuple[str, str], methods: tuple[str, str], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"controllers_{abs(hash(tmp_path))}"
    (tmp_path / folder).mkdir()
    (tmp_path / folder / "__init__.py").touch()
    for number, (kind, method) in enumerate(zip(kinds, methods, strict=True), start=1):
        text = CONTROLLER.format(name=f"R{number}", kind=kind, method=method)
        (tmp_path / folder / f"r{number}_controller.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = find_name_clashes(tmp_path / folder, tmp_path)
    first, second = (f"R{number} of {folder}/r{number}_controller.py" for number in (1, 2))
    message = (
        f"{first} and {second} are controllers of the name {name!r}, and a manager takes only one: "
        "give one another name with named() in its build"
    )
    assert found == ([message] if name else [])

    client = Client(FakeTransport())
    manager = Manager(client=client)
    refused = pytest.raises(ConfigurationError, match=f"two controllers are named {name!r}") if name else nullcontext()
    with refused:
        for each in find(importlib.import_module(folder)):
            each(client).setup_with_manager(manager)  # type: ignore[call-arg]


@pytest.mark.parametrize("name", ["self.unknown", "f'{self.unknown}-copy'", "str(self.unknown.name)"])
def test_a_name_that_only_the_constructor_knows_is_left_out(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = f"unknown_{abs(hash(tmp_path))}"
    (tmp_path / folder).mkdir()
    for number in (1, 2):
        text = CONTROLLER.format(name="R", kind="ConfigMap", method=BUILD.format(f".named({name})"))
        (tmp_path / folder / f"r{number}_controller.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_name_clashes(tmp_path / folder, tmp_path) == []
