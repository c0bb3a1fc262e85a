"""Which files `kaiwuctl create webhook` writes: a row for each, as in `files`."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from kaiwuctl.scaffold.context import APIContext
from kaiwuctl.scaffold.files import Owner, Policy
from kaiwuctl.scaffold.webhook_request import CERT_MANAGER, SELF_SIGNED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoke:
    """A version that is converted.

    Attributes:
        version: ``v1``.
        package: Package of its type, ``api.v1``.
        folder: The same as a folder.
        type: What the webhook's module calls the type, ``KaiwuClusterV1``.
        module: What the webhook's module calls the module with the conversion, ``kaiwucluster_v1``.
    """

    version: str
    package: str
    folder: str
    type: str
    module: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookContext(APIContext):
    """What `kaiwuctl create webhook` knows.

    Attributes:
        defaulting: Whether a defaulter is written.
        validation: Whether a validator is written.
        conversion: Whether the versions are converted.
        has_classes: Whether any of the three is new.
        has_sample: Whether the type is the project's; what an object of another kind has to contain is not known here.
        validates_deletion: Whether the validator has a method for deletions.
        defaulting_arguments: Of ``@mutating``, as Python.
        validation_arguments: Of ``@validating``, as Python.
        spokes: The versions that are converted.
        spoke_version: The version of the file that is rendered.
        spoke_package: Its package.
        spoke_folder: Its folder.
        webhook_class: ``KaiwuClusterWebhook``.
        webhook_path: The file of the classes.
        webhook_module: Its module, ``controllers.kaiwucluster_webhook``.
        import_lines: The lines with which it imports what it needs; an empty one between the blocks.
        test_imports: The lines with which the test imports the project's modules.
        webhook_test: Name of the test's file without suffix.
        certificates: ``self-signed``, ``cert-manager`` or ``none``.
    """

    defaulting: bool
    validation: bool
    conversion: bool
    has_classes: bool
    has_sample: bool
    validates_deletion: bool
    defaulting_arguments: str
    validation_arguments: str
    spokes: tuple[Spoke, ...]
    spoke_version: str
    spoke_package: str
    spoke_folder: str
    webhook_class: str
    webhook_path: str
    webhook_module: str
    import_lines: tuple[str, ...]
    test_imports: tuple[str, ...]
    webhook_test: str
    certificates: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFileRow:
    """One file of `kaiwuctl create webhook`.

    Attributes:
        target: Path in the project, with the variables of WebhookContext in braces.
        template: File below templates/webhook; empty where a file is only merged into.
        when: Whether the file is written.
        owner: What it belongs to.
        policy: What happens to a file that exists.
        entries: What a kustomization lists because of this webhook.
        key: In which of its lists.
    """

    target: str
    template: str = ""
    when: Callable[[WebhookContext], bool] = lambda _: True
    owner: Owner = Owner.PROJECT
    policy: Policy = Policy.CREATE
    entries: tuple[str, ...] = ()
    key: str = "components"


def _self_signed(context: WebhookContext) -> bool:
    return context.certificates == SELF_SIGNED


def _cert_manager(context: WebhookContext) -> bool:
    return context.certificates == CERT_MANAGER


def _classes(context: WebhookContext) -> bool:
    return context.has_classes


def _tested(context: WebhookContext) -> bool:
    return context.has_classes and context.has_sample


_CERTMANAGER: Final = "config/certmanager"

WEBHOOK_FILES: Final = (
    WebhookFileRow(
        target="{controller_folder}/__init__.py",
        template="../api/controller_package.py.jinja",
        when=_classes,
        owner=Owner.GROUP,
        policy=Policy.ONCE,
    ),
    WebhookFileRow(target="{webhook_path}", template="webhook.py.jinja", when=_classes, owner=Owner.WEBHOOK),
    WebhookFileRow(
        target="tests/{webhook_test}.py", template="test_webhook.py.jinja", when=_tested, owner=Owner.WEBHOOK
    ),
    WebhookFileRow(target="config/webhook/kustomization.yaml", template="kustomization.yaml.jinja"),
    WebhookFileRow(target="config/webhook/kustomizeconfig.yaml", template="kustomizeconfig.yaml"),
    WebhookFileRow(target="config/webhook/service.yaml", template="service.yaml.jinja"),
    # Their contents are the generator's; an empty one lets kustomize build before it has run.
    WebhookFileRow(target="config/webhook/manifests.yaml", template="generated.yaml", policy=Policy.ONCE),
    WebhookFileRow(target="config/webhook/role.yaml", template="generated.yaml", when=_self_signed, policy=Policy.ONCE),
    *(
        WebhookFileRow(target=f"{_CERTMANAGER}/{name}", template=f"certmanager/{template}", when=_cert_manager)
        for name, template in (
            ("certificate.yaml", "certificate.yaml"),
            ("issuer.yaml", "issuer.yaml"),
            ("kustomization.yaml", "kustomization.yaml"),
            ("kustomizeconfig.yaml", "kustomizeconfig.yaml"),
            ("names/kustomization.yaml", "names_kustomization.yaml"),
            ("names/replacements.yaml", "replacements.yaml"),
        )
    ),
    WebhookFileRow(target="config/default/kustomization.yaml", policy=Policy.MERGE, entries=("../webhook",)),
    WebhookFileRow(
        target="config/default/kustomization.yaml",
        when=_cert_manager,
        policy=Policy.MERGE,
        entries=("../certmanager",),
    ),
    WebhookFileRow(
        target="config/default/kustomization.yaml",
        when=_cert_manager,
        policy=Policy.MERGE,
        entries=("../certmanager/names",),
        key="transformers",
    ),
)

SPOKE_FILE: Final = WebhookFileRow(
    target="{spoke_folder}/{kind_lower}_conversion.py", template="conversion.py.jinja", owner=Owner.WEBHOOK
)
"""Written for each version that is converted."""


@dataclass(frozen=True, slots=True)
class WebhookFile:
    """A row of the table for one webhook.

    Attributes:
        path: Relative to the project, with slashes.
        row: The row.
    """

    path: str
    row: WebhookFileRow


def webhook_files(context: WebhookContext) -> Iterator[WebhookFile]:
    """Return the files of a webhook, in the order of the table, without those of the spokes."""
    variables = asdict(context)
    for row in WEBHOOK_FILES:
        if row.when(context):
            yield WebhookFile(row.target.format_map(variables), row)
