"""What `kaiwuctl init` is asked for."""

from __future__ import annotations

from dataclasses import dataclass

from kaiwuctl.names.project import DOMAIN_RULES, OWNER_RULES, PROJECT_NAME_RULES, REPO_RULES
from kaiwuctl.names.rule import check
from kaiwuctl.scaffold.header import check_license


@dataclass(frozen=True, slots=True, kw_only=True)
class InitRequest:
    """The flags of `kaiwuctl init`; None where one was not given."""

    domain: str | None = None
    project_name: str | None = None
    repo: str | None = None
    owner: str | None = None
    license_name: str | None = None
    license_file: str | None = None
    multigroup: bool | None = None
    namespaced: bool | None = None

    def check(self) -> None:
        """Reject values that break a rule.

        Raises:
            UsageError: Names the flag and the rule.
        """
        for flag, value, rules in (
            ("--project-name", self.project_name, PROJECT_NAME_RULES),
            ("--domain", self.domain, DOMAIN_RULES),
            ("--repo", self.repo, REPO_RULES),
            ("--owner", self.owner, OWNER_RULES),
        ):
            if value is not None:
                check(value, rules, what=flag)
        if self.license_name is not None and self.license_file is None:
            check_license(self.license_name)
