"""What `kaiwuctl create api` is asked for, checked as far as that needs no project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaiwuctl.errors import UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.rule import check

NOTHING_LEFT: Final = "--resource=false --controller=false: nothing is left to scaffold; leave one of them out"


@dataclass(frozen=True, slots=True, kw_only=True)
class APIRequest:
    """The flags of `kaiwuctl create api`; None where one was not given."""

    group: str
    version: str
    kind: str
    plural: str | None = None
    namespaced: bool | None = None
    resource: bool | None = None
    controller: bool | None = None
    controller_name: str | None = None

    def check(self) -> None:
        """Refuse values that no project accepts.

        Raises:
            UsageError: A name breaks a rule, or the request contradicts itself.
        """
        check(self.group, rules.GROUP_RULES, what="--group")
        check(self.version, rules.VERSION_RULES, what="--version")
        check(self.kind, rules.KIND_RULES, what="--kind")
        if self.plural and self.resource is not False:
            check(self.plural, rules.PLURAL_RULES, what="--plural")
        if self.controller_name is not None:
            check(self.controller_name, rules.CONTROLLER_NAME_RULES, what="--controller-name")
            if self.controller is False:
                raise UsageError("--controller-name: contradicts --controller=false; leave one of them out")
        if self.resource is False and self.controller is False:
            raise UsageError(NOTHING_LEFT)
