"""A project as an older kaiwuctl leaves it: with the wheel of an older kaiwu-runtime."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

VERSION = "0.0.9"
WHEEL = f"kaiwu_runtime-{VERSION}-py3-none-any.whl"
_CONTENT = b"the wheel of an older version"
_NAMED_IN = ("Makefile", "requirements.txt", "requirements-runtime.txt")


def make_older(folder: Path, version: str = VERSION) -> None:
    """Give a project that was just scaffolded an older wheel, and the record of it.

    Args:
        folder: The project.
        version: Of the wheel.
    """
    older = WHEEL.replace(VERSION, version)
    record_file = folder / ".kaiwuctl/scaffold.json"
    record = json.loads(record_file.read_text())
    (wheel,) = (folder / "vendor").glob("*.whl")
    present = wheel.name.split("-")[1]
    new, old = (hashlib.sha256(content).hexdigest() for content in (wheel.read_bytes(), _CONTENT))
    record["files"][f"vendor/{older}"] = record["files"].pop(f"vendor/{wheel.name}")
    for name in _NAMED_IN:
        text = (folder / name).read_text().replace(wheel.name, older).replace(new, old)
        (folder / name).write_text(text.replace(f"kaiwu-runtime {present},", f"kaiwu-runtime {version},"))
    wheel.unlink()
    (folder / "vendor" / older).write_bytes(_CONTENT)
    for name in (*_NAMED_IN, f"vendor/{older}"):
        record["files"][name] = {
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
            "version": version,
        }
    record_file.write_text(json.dumps(record, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
