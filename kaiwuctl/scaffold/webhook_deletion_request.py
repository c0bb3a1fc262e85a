"""What `kaiwuctl delete webhook` is asked for, checked as far as that needs no project."""

from __future__ import annotations

from dataclasses import dataclass

from kaiwuctl.names import api as rules
from kaiwuctl.names.external import EXTERNAL_KIND_RULES, EXTERNAL_VERSION_RULES
from kaiwuctl.names.rule import check


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDeletionRequest:
    """The flags of `kaiwuctl delete webhook`; all webhooks of the kind where none of the three is true."""

    group: str
    version: str
    kind: str
    defaulting: bool = False
    validation: bool = False
    conversion: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """Which webhooks are to go."""
        asked = {"defaulting": self.defaulting, "validation": self.validation, "conversion": self.conversion}
        return tuple(name for name, value in asked.items() if value or not any(asked.values()))

    def check(self) -> None:
        """Reject values that no project accepts.

        Raises:
            UsageError: A name breaks a rule.
        """
        check(self.group, rules.GROUP_RULES, what="--group")
        check(self.version, EXTERNAL_VERSION_RULES, what="--version")
        check(self.kind, EXTERNAL_KIND_RULES, what="--kind")
