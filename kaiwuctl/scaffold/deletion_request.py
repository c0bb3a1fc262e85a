"""What `kaiwuctl delete api` is asked for, checked as far as that needs no project."""

from __future__ import annotations

from dataclasses import dataclass

from kaiwuctl.errors import UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.external import EXTERNAL_KIND_RULES, EXTERNAL_VERSION_RULES
from kaiwuctl.names.rule import check


@dataclass(frozen=True, slots=True, kw_only=True)
class APIDeletionRequest:
    """The flags of `kaiwuctl delete api`; None where one was not given."""

    group: str
    version: str
    kind: str
    controller_only: bool = False
    controller_name: str | None = None
    with_webhooks: bool = False

    def check(self) -> None:
        """Reject values that no project accepts.

        Raises:
            UsageError: A name breaks a rule, or the request contradicts itself.
        """
        check(self.group, rules.GROUP_RULES, what="--group")
        # Those of another project's kind are wider.
        check(self.version, EXTERNAL_VERSION_RULES, what="--version")
        check(self.kind, EXTERNAL_KIND_RULES, what="--kind")
        if self.controller_name is not None:
            check(self.controller_name, rules.CONTROLLER_NAME_RULES, what="--controller-name")
            if self.controller_only:
                raise UsageError(
                    "--controller-name: contradicts --controller-only, which deletes all controllers of the version; "
                    "leave one of them out"
                )
        if self.with_webhooks and (self.controller_only or self.controller_name is not None):
            flag = "--controller-only" if self.controller_only else "--controller-name"
            raise UsageError(
                f"--with-webhooks: contradicts {flag}, which keeps the API type and its webhooks; leave one of them out"
            )
