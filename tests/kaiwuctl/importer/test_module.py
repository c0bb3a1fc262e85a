"""The text of imported modules: it passes ruff and mypy --strict, and lists nothing twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from kaiwu_runtime._manifests import read_manifests
from kaiwuctl.importer.crd import import_crd

from .round_trip import crd_of
from .structural_schemas import SCHEMAS

ROOT = Path(__file__).parents[3]
WELL_KNOWN = sorted((ROOT.parent / "shared/crds").glob("*.yaml"))
SCRIPTS = Path(sys.executable).parent

TEXTS = (
    "\n  first\nsecond ",
    "first\n\t\x0b\nsecond",
    'a \\" quote behind a backslash',
    "'a' \\ \"b\"",
    *('"' * count for count in range(1, 10)),
    *(
        f"{'a' * before}{chr(34) * count}\n{'b' * before}{chr(34) * count}"
        for before in (0, 1)
        for count in range(2, 6)
    ),
    *("\u7530" * width for width in range(30, 50)),
    *("e\u0301" * width for width in range(70, 100)),
)
"""Descriptions and titles whose layout depends on more than their length."""
BOUNDS = [sign * (2**power + more) for sign in (1, -1) for power in (31, 32, 53, 63, 64) for more in (-1, 0, 1)]
"""Numbers at which a type checker, JSON or Kubernetes may change its mind."""


def spec_of(**properties: Any) -> str:
    """Return the module of a kind whose value has these fields."""
    (version,) = import_crd(crd_of({"type": "object", "properties": properties})).versions
    return version.module


def random_crds(count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    @settings(max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(SCHEMAS)
    def collect(schema: dict[str, Any]) -> None:
        found.append(crd_of(schema))

    collect()
    return found


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Modules of the CRDs of well-known projects and of random ones, with the settings of a generated project."""
    folder = tmp_path_factory.mktemp("modules")
    crds = [crd for file in WELL_KNOWN for crd in read_manifests(file.read_bytes())] + random_crds(40)
    texts = {f"field{number}": {"type": "string", "title": text} for number, text in enumerate(TEXTS)}
    documented = {f"field{number}": {"type": "string", "description": text} for number, text in enumerate(TEXTS)}
    numbers = {f"field{number}": {"type": "integer", "enum": [bound, 0]} for number, bound in enumerate(BOUNDS)}
    crds += [crd_of({"type": "object", "properties": properties}) for properties in (texts, documented, numbers)]
    for number, crd in enumerate(crds):
        for version in import_crd(crd, check=False).versions:
            (folder / f"imported_{number}_{version.name}.py").write_text(version.module, encoding="utf-8")
    settings_file = (ROOT / "generated-example/pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(settings_file, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "command",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy", "--strict")],
    ids=lambda command: command[0] + command[1],
)
def test_a_module_passes(modules: Path, command: tuple[str, ...]) -> None:
    program, *arguments = command
    files = [file.name for file in sorted(modules.glob("*.py"))]
    found = subprocess.run(
        [SCRIPTS / program, *arguments, *files], cwd=modules, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-2000:]


def test_equal_objects_share_a_class() -> None:
    part = {"type": "object", "properties": {"name": {"type": "string"}}, "description": "One."}
    module = spec_of(first=part, second={**part, "description": "Another."}, third={"type": "array", "items": part})
    assert module.count("name: str | None = None") == 1
    assert "first: WidgetSpecValueFirst | None = None" in module
    assert 'second: WidgetSpecValueFirst | None = None\n    """Another."""' in module
    assert "third: list[WidgetSpecValueFirst] = []" in module


@pytest.mark.parametrize(
    ("keys", "attributes"),
    [
        (["fooBar", "foo_bar", "foo-bar"], ["foo_bar", "foo_bar_2", "foo_bar_3"]),
        (["from", "class", "int", "copy", "l"], ["from_", "class_", "int_", "copy_", "l_"]),
        (["podIP", "HTTPRoute", "s3Bucket"], ["pod_ip", "http_route", "s3_bucket"]),
        (["register", "mro", "api_version"], ["register_", "mro_", "api_version"]),
        (["1st", "$ref", "_x", "a.b/c", "\u00b2", "..."], ["field_1st", "ref", "x", "a_b_c", "field_2", "field"]),
        (["gr\u00f6\u00dfe", "\u540d"], ["gr\u00f6\u00dfe", "\u540d"]),
    ],
)
def test_names_of_fields(keys: list[str], attributes: list[str]) -> None:
    module = spec_of(**{key: {"type": "boolean"} for key in keys})
    for attribute in attributes:
        assert f"    {attribute}: " in module, module


def test_a_class_does_not_take_the_name_of_an_import() -> None:
    crd = crd_of({"type": "string"})
    crd["spec"]["names"] |= {"kind": "Int"}
    root = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    root["properties"] = {"or_string": {"type": "object", "properties": {"a": {"x-kubernetes-int-or-string": True}}}}
    (version,) = import_crd(crd).versions
    assert "class IntOrString2(APIModel):" in version.module
