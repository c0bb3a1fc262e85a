"""CRDs to import, and what a project makes of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from kaiwu_runtime._manifests import read_manifests

from ..importer.round_trip import crd_of

NO_MAKE = "--make=false"
NOTHING = "Nothing to do: everything is there already.\n"


def two_versions(group: str = "shop.inspur.com") -> dict[str, Any]:
    """Return the CRD of a kind with two versions, of which the older one is stored."""
    crd = crd_of({"type": "string", "minLength": 1, "description": "What it is worth."}, subresources={"status": {}})
    crd["metadata"]["name"] = f"widgets.{group}"
    crd["spec"]["group"] = group
    (old,) = crd["spec"]["versions"]
    crd["spec"]["versions"] = [old, {**json.loads(json.dumps(old)), "name": "v2", "storage": False}]
    return crd


def entries(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load((folder / "PROJECT").read_text()).get("resources", []))


def generate(folder: Path) -> dict[str, Any]:
    """Run the generator of the project and return the CRD that it writes."""
    command = [sys.executable, "-m", "kaiwu_runtime.generator", "manifests"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = (folder / "config/crd/bases").glob("*.yaml")
    (crd,) = read_manifests(file.read_bytes())
    return crd
