"""The stored version is read from the types, without running them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kaiwuctl.project.model import Resource
from kaiwuctl.scaffold.storage_version import storage_version

if TYPE_CHECKING:
    from pathlib import Path

STORED = '@resource(group="web")\nclass Shop: ...\n'
NOT_STORED = '@resource(group="web", storage=False)\nclass Shop: ...\n'

CASES = [
    pytest.param((STORED, NOT_STORED), "v1", id="first"),
    pytest.param((NOT_STORED, STORED), "v2", id="second"),
    pytest.param(("@resource(storage=True)\nclass Shop: ...\n", NOT_STORED), "v1", id="said"),
    pytest.param((NOT_STORED, f"class Other: ...\n{STORED}"), "v2", id="another-class"),
    pytest.param((STORED, STORED), "v1", id="both"),
    pytest.param((NOT_STORED, NOT_STORED), "v1", id="none"),
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
