"""What a person still has to do after `kaiwuctl import project`, as the new project lists it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kaiwuctl.importer.go_project import GoProject

LIST_FILE: Final = "IMPORTED.md"
_LISTED: Final = 100


@dataclass(slots=True)
class Remainder:
    """What a person still has to do.

    Attributes:
        permissions: Permissions that the operator lacks: they are the first of the lines.
        others: The other lines.
    """

    permissions: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """All lines."""
        return [*self.permissions, *self.others]

    def add(self, line: str) -> None:
        """Add a line; what a file name has that is not text of one line is escaped."""
        self.others.append(_printable(line))

    def add_permission(self, line: str) -> None:
        """Add a line about a permission that was not carried over."""
        self.permissions.append(_printable(line))


def _printable(line: str) -> str:
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)


def _in_markdown(line: str) -> str:
    """Return a line in which a name of the other project is neither a tag of HTML nor a link."""
    return line.replace("<", "\\<").replace("](", "]\\(")


def list_the_rest(go: GoProject, remainder: Remainder) -> None:
    """Add what no step of the import carries over."""
    for file in go.go_files[:_LISTED]:
        name = Path(file).name
        if name.endswith("_controller.go"):
            remainder.add(f"{file}: write its Reconcile in Python")
        elif name.endswith("_webhook.go"):
            remainder.add(f"{file}: write what it checks and fills in in Python")
        elif name.endswith("_conversion.go"):
            remainder.add(f"{file}: write the conversion in Python")
        elif name.endswith("_test.go"):
            remainder.add(f"{file}: write the test in Python")
        else:
            remainder.add(f"{file}: was not carried over")
    if len(go.go_files) > _LISTED:
        remainder.add(f"{len(go.go_files) - _LISTED} more Go files were not carried over")
    for file in go.configuration[:_LISTED]:
        remainder.add(f"{file}: was not carried over; add what it changes to the same directory here")
    api_versions = {f"{entry.qualified_group}/{entry.version}" for entry in go.resources if entry.api}
    for api_version, kind in go.samples:
        if api_version not in api_versions:
            remainder.add(f"config/samples: {kind} of {api_version} was not carried over")


def listing(go: GoProject, remainder: Remainder) -> str:
    """Return the content of the list's file."""
    lines = "\n".join(f"- [ ] {_in_markdown(line)}" for line in remainder.lines)
    return f"""# Imported from {_in_markdown(_printable(go.name))}

The types, the samples, the permissions and the entries in PROJECT were taken over. A person still has to look at:

{lines or "- nothing"}
"""
