"""Puts the kaiwu-runtime wheel into the kaiwuctl wheel.

`kaiwuctl init` copies that file into a project's vendor/ folder. It has to be the file itself:
kaiwu-runtime is not on a package index, and an unregistered name there could be claimed by an attacker.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.builders.wheel import WheelBuilder


class EmbedRuntimeWheel(BuildHookInterface[Any]):
    """Builds runtime/ and adds the result as package data."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the runtime's wheel; an editable install finds runtime/ by itself and needs none."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="kaiwu-runtime-wheel-")
        runtime = Path(self.root) / "runtime"
        for wheel in WheelBuilder(str(runtime)).build(directory=self._folder.name, versions=["standard"]):
            build_data["force_include"][wheel] = f"kaiwuctl/_vendor/{Path(wheel).name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove the temporary wheel."""
        if version != "editable":
            self._folder.cleanup()
