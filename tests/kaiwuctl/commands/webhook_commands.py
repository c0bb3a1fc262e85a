"""Commands that create webhooks, and what PROJECT says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from .command_line import CommandLine

HOOK = ("create", "webhook", "--group", "kaiwu", "--version", "v1", "--kind", "KaiwuCluster", "--make=false")
SECOND = ("create", "api", "--group", "kaiwu", "--version", "v2", "--kind", "KaiwuCluster", "--make=false")
CONVERT = (
    "create",
    "webhook",
    "--group",
    "kaiwu",
    "--version",
    "v2",
    "--kind",
    "KaiwuCluster",
    "--conversion",
    "--make=false",
)


def entry(project: CommandLine, version: str = "v1") -> dict[str, Any]:
    """Return the entry of a version in PROJECT."""
    resources = yaml.safe_load((project.folder / "PROJECT").read_text())["resources"]
    found: dict[str, Any] = next(each for each in resources if each["version"] == version)
    return found
