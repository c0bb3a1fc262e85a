"""What `kaiwuctl create api` is asked for, checked as far as that needs no project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from kaiwuctl.errors import UsageError
from kaiwuctl.names import api as rules
from kaiwuctl.names.external import EXTERNAL_KIND_RULES, EXTERNAL_VERSION_RULES, ClassName, split_group
from kaiwuctl.names.image import (
    IMAGE_RULES,
    PORT_RULES,
    USER_RULES,
    DeployImage,
    parse_command,
    parse_number,
)
from kaiwuctl.names.rule import check

NOTHING_LEFT: Final = "--resource=false --controller=false: nothing is left to scaffold; leave one of them out"


@dataclass(frozen=True, slots=True, kw_only=True)
class APIRequest:
    """The flags of `kaiwuctl create api`; None where one was not given.

    Attributes:
        domain: The rest of the API group of another project's kind.
        source: ``MODULE:CLASS``, the type of another project's kind in an installed package.
        untyped: Another project's kind gets no type: its objects are dictionaries.
        imported: The type is made from a CRD, and `domain` is the rest of its group, whosever kind it is.
        image: What the pods of the kind run.
        container_port: The port that the container listens on.
        container_command: The words of its command, separated by commas, or as a JSON array.
        run_as_user: The number of the user that it runs as.
    """

    group: str
    version: str
    kind: str
    plural: str | None = None
    namespaced: bool | None = None
    resource: bool | None = None
    controller: bool | None = None
    controller_name: str | None = None
    domain: str | None = None
    source: str | None = None
    untyped: bool = False
    imported: bool = False
    image: str | None = None
    container_port: str | None = None
    container_command: str | None = None
    run_as_user: str | None = None

    @property
    def deploy_image(self) -> DeployImage | None:
        """What the pods of the kind run; None where the request does not say it."""
        if self.image is None:
            return None
        port, command, user = self.container_port, self.container_command, self.run_as_user
        return DeployImage(
            image=check(self.image, IMAGE_RULES, what="--image"),
            port=None if port is None else parse_number(port, PORT_RULES, what="--container-port"),
            command=() if command is None else parse_command(command, what="--container-command"),
            user=None if user is None else parse_number(user, USER_RULES, what="--run-as-user"),
        )

    @property
    def external(self) -> bool:
        """Whether the kind is another project's."""
        named = self.untyped or self.source is not None or self.domain is not None
        return named and not (self.imported and self.resource)

    @property
    def class_name(self) -> ClassName | None:
        """The type in an installed package; None where the request names none."""
        return None if self.source is None else ClassName.parse(self.source, what="--from")

    def check(self) -> None:
        """Refuse values that no project accepts.

        Raises:
            UsageError: A name breaks a rule, or the request contradicts itself.
        """
        check(self.group, rules.GROUP_RULES, what="--group")
        check(self.version, EXTERNAL_VERSION_RULES if self.external else rules.VERSION_RULES, what="--version")
        check(self.kind, EXTERNAL_KIND_RULES if self.external else rules.KIND_RULES, what="--kind")
        if self.external:
            self._check_external()
        self._check_image()
        if self.plural and (self.external or self.resource is not False):
            check(self.plural, rules.PLURAL_RULES, what="--plural")
        if self.controller_name is not None:
            check(self.controller_name, rules.CONTROLLER_NAME_RULES, what="--controller-name")
            if self.controller is False:
                raise UsageError("--controller-name: contradicts --controller=false; leave one of them out")
        if self.resource is False and self.controller is False and not self.external:
            raise UsageError(NOTHING_LEFT)

    def _check_image(self) -> None:
        flags = {
            "--container-port": self.container_port,
            "--container-command": self.container_command,
            "--run-as-user": self.run_as_user,
        }
        if self.deploy_image is None:
            for flag, value in flags.items():
                if value is not None:
                    raise UsageError(f"{flag}: says how --image runs; add --image or leave {flag} out")
            return
        if self.external or self.resource is False:
            raise UsageError("--image: needs a type of its own; leave --resource=false and flags for other kinds out")
        if self.namespaced is False:
            raise UsageError(
                "--image: the pods run in the namespace of their object, and with --namespaced=false it has none; "
                "leave one of them out"
            )

    def _check_external(self) -> None:
        split_group(self.group, self.domain)
        if self.source is not None and self.untyped:
            raise UsageError("--untyped: contradicts --from, which names a type; leave one of them out")
        if self.resource:
            flag = "--untyped" if self.untyped else "--from" if self.source is not None else "--domain"
            raise UsageError(
                f"{flag}: is for a kind of another project, whose type is not scaffolded; write --resource=false or "
                f"leave {flag} out"
            )
        if self.class_name is not None and self.plural is not None:
            raise UsageError("--plural: the class of --from says it; leave the flag out")
        if self.class_name is not None and self.namespaced is not None:
            raise UsageError("--namespaced: the class of --from says it; leave the flag out")
