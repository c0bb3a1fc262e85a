"""What `kaiwuctl edit` is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from kaiwuctl.errors import UsageError
from kaiwuctl.names.project import OWNER_RULES
from kaiwuctl.names.rule import check
from kaiwuctl.scaffold.header import check_license


@dataclass(frozen=True, slots=True, kw_only=True)
class EditRequest:
    """The flags of `kaiwuctl edit`; None where one was not given."""

    multigroup: bool | None = None
    namespaced: bool | None = None
    owner: str | None = None
    license_name: str | None = None
    license_file: str | None = None
    runtime: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be changed."""
        layout = self.multigroup is not None or self.namespaced is not None
        return not (layout or self.changes_license or self.runtime)

    @property
    def changes_license(self) -> bool:
        """Whether the licence header is to be changed."""
        return any(flag is not None for flag in (self.owner, self.license_name, self.license_file))

    def check(self) -> None:
        """Refuse values that break a rule.

        Raises:
            UsageError: Names the flag and the rule.
        """
        if self.owner is not None:
            check(self.owner, OWNER_RULES, what="--owner")
        if self.license_name is not None:
            check_license(self.license_name)
            if self.license_file is not None:
                raise UsageError("--license: contradicts --license-file, which has the header; leave one of them out")
        if self.owner is not None and self.license_file is not None:
            raise UsageError("--owner: contradicts --license-file, which has the whole header; leave one of them out")
