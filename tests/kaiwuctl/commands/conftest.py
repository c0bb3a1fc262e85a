"""The file of a CRD to import."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from .imported_crds import two_versions


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "widgets.yaml"
    file.write_text(yaml.safe_dump(two_versions()))
    return file
