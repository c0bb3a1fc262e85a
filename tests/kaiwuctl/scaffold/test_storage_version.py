"""The stored version is read from the types, without running them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from kaiwu_runtime.api import CustomResource, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwuctl.project.model import Resource
from kaiwuctl.scaffold.storage_version import storage_version

if TYPE_CHECKING:
    from pathlib import Path

STORED = '@resource(group="web")\nclass Shop: ...\n'
SAID = '@resource(group="web", storage=True)\nclass Shop: ...\n'
NOT_STORED = '@resource(group="web", storage=False)\nclass Shop: ...\n'

CASES = [
    pytest.param((STORED, NOT_STORED), "v1", id="first"),
    pytest.param((NOT_STORED, STORED), "v2", id="second"),
    pytest.param((SAID, NOT_STORED), "v1", id="said"),
    pytest.param((NOT_STORED, f"class Other: ...\n{STORED}"), "v2", id="another-class"),
    pytest.param((STORED, STORED), "v2", id="neither-says"),
    pytest.param((SAID, STORED), "v1", id="said-in-the-older-one"),
    pytest.param((STORED, SAID), "v2", id="said-in-the-newer-one"),
    pytest.param((STORED, STORED, NOT_STORED), "v2", id="newest-that-does-not-say"),
    pytest.param(("storage = True\n" + STORED, STORED), "v2", id="elsewhere"),
    pytest.param((SAID.replace("Shop", "Other"), STORED), "v2", id="said-of-another-class"),
    pytest.param(
        (SAID.replace("storage", 'kind="Shop", storage').replace("Shop:", "ShopKind:"), STORED),
        "v1",
        id="class-with-another-name",
    ),
    pytest.param((NOT_STORED, NOT_STORED), "v1", id="none"),
    pytest.param((STORED, "def"), "v1", id="newer-is-broken"),
    pytest.param(("def", STORED), "v2", id="broken"),
    pytest.param((None, STORED), "v2", id="absent"),
    pytest.param((None, None), "v1", id="nothing"),
    pytest.param(("\0", "("), "v1", id="no-python"),
]


@pytest.mark.parametrize(("sources", "expected"), CASES)
def test_storage_version(tmp_path: Path, sources: tuple[str | None, ...], expected: str) -> None:
    versions = []
    for number, source in enumerate(sources, start=1):
        folder = tmp_path / f"api/v{number}"
        folder.mkdir(parents=True)
        if source is not None:
            (folder / "shop_types.py").write_text(source)
        path = f"api/v{number}"
        versions.append(Resource("web", "example.com", f"v{number}", "Shop", "shops", path, api=True, namespaced=True))
    assert storage_version(tmp_path, versions) == expected


@pytest.mark.parametrize("marks", list(itertools.product([None, True, False], repeat=3)))
def test_the_generator_stores_the_same(tmp_path: Path, marks: tuple[bool | None, ...]) -> None:
    names = ["v1", "v1beta1", "v2"]
    models: list[type[CustomResource]] = []
    versions: list[Resource] = []
    for name, mark in zip(names, marks, strict=True):
        keywords: dict[str, Any] = {} if mark is None else {"storage": mark}
        model = type("Shop", (CustomResource,), {"__module__": __name__})
        models.append(resource(group="web.example.com", version=name, **keywords)(model))
        folder = tmp_path / f"api/{name}"
        folder.mkdir(parents=True)
        said = "" if mark is None else f", storage={mark}"
        (folder / "shop_types.py").write_text(f'@resource(group="web"{said})\nclass Shop: ...\n')
        versions.append(Resource("web", "example.com", name, "Shop", "shops", f"api/{name}", api=True, namespaced=True))
    try:
        (crd,) = build_crds(models)
    except DefinitionError:
        return
    (stored,) = [version["name"] for version in crd.manifest["spec"]["versions"] if version["storage"]]
    assert storage_version(tmp_path, versions) == stored
