"""What PROJECT says, as values.

The fields are kubebuilder's, so that its documentation applies and its users can read the file:
https://book.kubebuilder.io/reference/project-config
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from kaiwuctl.names.python import controller_module, group_module

if TYPE_CHECKING:
    from kaiwuctl.names.image import DeployImage

LAYOUT = "python.kaiwuctl.io/v1"
VERSION = "3"


@dataclass(frozen=True, slots=True)
class Webhooks:
    """The webhooks of one group, version and kind.

    Attributes:
        defaulting: Whether a defaulter is scaffolded.
        validation: Whether a validator is scaffolded.
        conversion: Whether this version is the hub of a conversion.
        spokes: The versions that are converted to and from it.
        defaulting_path: Where the defaulter is served; empty for controller-runtime's path.
        validation_path: Where the validator is served; empty for controller-runtime's path.
    """

    defaulting: bool = False
    validation: bool = False
    conversion: bool = False
    spokes: tuple[str, ...] = ()
    defaulting_path: str = ""
    validation_path: str = ""

    def __bool__(self) -> bool:
        return self.defaulting or self.validation or self.conversion


@dataclass(frozen=True, slots=True)
class Resource:
    """One group, version and kind.

    Attributes:
        group: Without the domain; may be empty.
        domain: May be empty. The domain of a kind of Kubernetes itself, or of another project, is the rest of its
            group.
        version: ``v1``.
        kind: ``KaiwuCluster``.
        plural: ``kaiwuclusters``.
        path: Folder of the API type, ``api/v1``; for a kind of Kubernetes, or of another project, the module it is
            imported from, with the class where that has another name: ``acme.types:CacheV1``.
        api: Whether the type is scaffolded here.
        namespaced: Scope of the type.
        controllers: Names of the controllers that reconcile it.
        core: A kind that Kubernetes itself defines.
        external: A kind that another project defines.
        webhooks: Its webhooks; false where it has none.
        image: What its pods run; None for a kind whose controller is written by hand.
    """

    group: str
    domain: str
    version: str
    kind: str
    plural: str
    path: str
    api: bool
    namespaced: bool
    controllers: tuple[str, ...] = ()
    core: bool = False
    external: bool = False
    webhooks: Webhooks = Webhooks()
    image: DeployImage | None = None

    @property
    def foreign(self) -> bool:
        """Whether the kind is not the project's own: neither a CRD nor roles are written for it."""
        return self.core or self.external

    @property
    def qualified_group(self) -> str:
        """The group as the API server knows it."""
        return ".".join(part for part in (self.group, self.domain) if part)


@dataclass(frozen=True, slots=True)
class Project:
    """The whole of PROJECT that kaiwuctl acts on; other keys stay in the file untouched."""

    name: str
    domain: str
    repo: str
    multigroup: bool = False
    namespaced: bool = False
    cli_version: str = ""
    layout: tuple[str, ...] = (LAYOUT,)
    resources: tuple[Resource, ...] = field(default=())

    def find(self, group: str, version: str, kind: str) -> Resource | None:
        """Return the entry of one group, version and kind."""
        for resource in self.resources:
            if (resource.group, resource.version, resource.kind) == (group, version, kind):
                return resource
        return None

    def find_external(self, qualified_group: str, version: str, kind: str) -> Resource | None:
        """Return the entry of a kind of another project, however its group is split into group and domain."""
        for resource in self.resources:
            identity = (resource.qualified_group, resource.version, resource.kind)
            if resource.external and identity == (qualified_group, version, kind):
                return resource
        return None

    def versions_of(self, group: str, kind: str) -> list[Resource]:
        """Return the entries of all versions of a kind whose type is scaffolded here."""
        return [entry for entry in self.resources if (entry.group, entry.kind) == (group, kind) and entry.api]

    @property
    def has_webhooks(self) -> bool:
        """Whether any kind has webhooks."""
        return any(entry.webhooks for entry in self.resources)

    def hub_of(self, group: str, kind: str) -> Resource | None:
        """Return the entry of the version that all others of a kind are converted to and from."""
        return next((entry for entry in self.versions_of(group, kind) if entry.webhooks.conversion), None)

    def default_controller_name(self, group: str, kind: str) -> str:
        """Return the name a kind's only controller has: the kind, with the group in a multigroup project."""
        if not self.multigroup or not group:
            return kind.lower()
        name = f"{group.replace('.', '-')}-{kind.lower()}"
        return f"group-{name}" if name[0].isdigit() else name

    def is_own_controller(self, group: str, kind: str, name: str) -> bool:
        """Whether a controller has the name of a kind's only controller, in this layout or in the other."""
        return name in {replace(self, multigroup=each).default_controller_name(group, kind) for each in (False, True)}

    def api_folder(self, group: str, version: str) -> str:
        """Return the folder of a version's types: ``api/v1``, in a multigroup project ``api/kaiwu/v1``."""
        return f"api/{group_module(group)}/{version}" if self.multigroup and group else f"api/{version}"

    def controller_folder(self, group: str) -> str:
        """Return the folder of a group's controllers: ``controllers``, or ``controllers/kaiwu``."""
        return f"controllers/{group_module(group)}" if self.multigroup and group else "controllers"

    def role_prefix(self, group: str) -> str:
        """Return the prefix of a group's files beside those of other groups: empty, or ``kaiwu_``."""
        return f"{group_module(group)}_" if self.multigroup and group else ""

    def controller_module(self, group: str, kind: str, name: str) -> str:
        """Return the module name of a controller: ``kaiwucluster_controller``."""
        is_default = name == self.default_controller_name(group, kind)
        return controller_module(kind.lower() if is_default else name)
