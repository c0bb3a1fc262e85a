"""What `kaiwuctl create webhook` is asked for, checked as far as that needs no project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaiwuctl.errors import UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.external import EXTERNAL_KIND_RULES, EXTERNAL_VERSION_RULES
from kaiwuctl.names.rule import check, quoted

SELF_SIGNED: Final = "self-signed"
CERT_MANAGER: Final = "cert-manager"
CERTIFICATES: Final = (SELF_SIGNED, CERT_MANAGER, "none")
OPERATIONS: Final = ("create", "update", "delete")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """The flags of `kaiwuctl create webhook`; None where one was not given."""

    group: str
    version: str
    kind: str
    defaulting: bool = False
    validation: bool = False
    conversion: bool = False
    spokes: tuple[str, ...] | None = None
    certificates: str | None = None
    defaulting_path: str | None = None
    validation_path: str | None = None
    operations: tuple[str, ...] | None = None

    def check(self) -> None:
        """Reject values that no project accepts.

        Raises:
            UsageError: A name breaks a rule, or the request contradicts itself.
        """
        check(self.group, rules.GROUP_RULES, what="--group")
        check(self.version, EXTERNAL_VERSION_RULES, what="--version")
        check(self.kind, EXTERNAL_KIND_RULES, what="--kind")
        if not (self.defaulting or self.validation or self.conversion):
            raise UsageError(
                "--defaulting, --validation, --conversion: none is given; write at least one, for example --validation"
            )
        self._check_spokes()
        for flag, path, wanted, other in (
            ("--defaulting-path", self.defaulting_path, self.defaulting, "--defaulting"),
            ("--validation-path", self.validation_path, self.validation, "--validation"),
        ):
            if path is not None:
                check(path, rules.WEBHOOK_PATH_RULES, what=flag)
                if not wanted:
                    raise UsageError(f"{flag}: is for {other}, which is not given; add it, or leave the path out")
        if self.defaulting_path is not None and self.defaulting_path == self.validation_path:
            raise UsageError(f"--validation-path: {self.validation_path} is that of --defaulting too; choose another")
        if self.certificates is not None and self.certificates not in CERTIFICATES:
            raise UsageError(f"--certificates {quoted(self.certificates)}: use {', '.join(CERTIFICATES)}")
        self._check_operations()

    def _check_spokes(self) -> None:
        if self.spokes is None:
            return
        if not self.conversion:
            raise UsageError("--spoke: is for --conversion, which is not given; add it, or leave --spoke out")
        if not self.spokes:
            raise UsageError("--spoke: is empty; name the other versions, for example --spoke v1,v1beta1")
        for spoke in self.spokes:
            check(spoke, rules.VERSION_RULES, what="--spoke")
            if spoke == self.version:
                raise UsageError(
                    f"--spoke {spoke}: is the hub, which --version names and others are converted to; leave it out"
                )
            if self.spokes.count(spoke) > 1:
                raise UsageError(f"--spoke {spoke}: is named twice; leave one out")

    def _check_operations(self) -> None:
        if self.operations is None:
            return
        if not (self.defaulting or self.validation):
            raise UsageError("--operations: is for --defaulting and --validation; add one, or leave it out")
        for operation in self.operations or ("",):
            if operation not in OPERATIONS:
                raise UsageError(f"--operations {quoted(operation)}: use {', '.join(OPERATIONS)}, joined by commas")
            if self.operations.count(operation) > 1:
                raise UsageError(f"--operations {operation}: is named twice; leave one out")
        if self.defaulting and not self.validation and self.operations == ("delete",):
            raise UsageError("--operations delete: nothing is defaulted in a deletion; add create or update")
