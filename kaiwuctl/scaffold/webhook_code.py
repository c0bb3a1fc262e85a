"""The names and lines of Python in the files of `kaiwuctl create webhook`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from kaiwuctl.scaffold.context import APIContext
from kaiwuctl.scaffold.import_lines import import_line
from kaiwuctl.scaffold.webhook_files import Spoke, WebhookContext

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Resource, Webhooks
    from kaiwuctl.scaffold.record import Answers, Record
    from kaiwuctl.scaffold.webhook_decision import WebhookDecision

_LONG = 40
"""Characters of a kind up to which its name is part of others."""

_IMPORTS = {
    "AdmissionRequest": "admission",
    "Defaulter": "defaulting",
    "Validator": "validation",
    "Warnings": "validation",
    "Webhook": "",
    "converting": "conversion",
    "mutating": "defaulting",
    "validating": "validation",
    "webhook_managed_by": "",
}


def webhook_code(
    root: Path, base: APIContext, decision: WebhookDecision, written: Record, *, force: bool
) -> WebhookContext:
    """Return the variables of the templates.

    Args:
        root: The project's folder.
        base: Those of every API.
        decision: What is scaffolded.
        written: The record of the project.
        force: Write again what PROJECT has.
    """
    new, previous = decision.new, None
    if force and not new:
        previous = _previous(decision, written)
    kinds = [
        name
        for name in ("defaulting", "validation", "conversion")
        if (previous[name] if previous is not None else getattr(new, name))
    ]
    path = str(previous["module"]) if previous is not None else _free_path(root, base, kinds)
    spokes = tuple(_spoke(base, spoke) for spoke in decision.spokes)
    imported = spokes if "conversion" in kinds else ()
    module = path.removesuffix(".py")
    stem = module.rpartition("/")[2]
    operations = [operation.upper() for operation in decision.operations]
    return WebhookContext(
        **{field.name: getattr(base, field.name) for field in fields(APIContext)},
        defaulting="defaulting" in kinds,
        validation="validation" in kinds,
        conversion="conversion" in kinds,
        has_classes=bool(kinds),
        has_sample=decision.entry.api,
        validates_deletion="DELETE" in operations,
        defaulting_arguments=_arguments(
            decision.entry.webhooks.defaulting_path, [each for each in operations if each != "DELETE"]
        ),
        validation_arguments=_arguments(decision.entry.webhooks.validation_path, operations),
        spokes=spokes,
        spoke_version="",
        spoke_package="",
        spoke_folder="",
        webhook_class=_class_name(base, stem),
        webhook_path=path,
        webhook_module=module.replace("/", "."),
        import_lines=_import_lines(base, kinds, imported),
        test_imports=_test_imports(base, module.replace("/", "."), kinds, imported),
        webhook_test=f"test_{base.role_prefix}{base.version}_{stem}",
        certificates=decision.certificates,
    )


def _previous(decision: WebhookDecision, written: Record) -> Answers | None:
    """Return the options with which what is asked for was written."""
    entry = decision.entry
    for options in written.webhooks:
        same = (options["group"], options["kind"], options["version"]) == (entry.group, entry.kind, entry.version)
        asked: Webhooks = decision.wanted
        if same and options["module"] and any(options[name] and getattr(asked, name) for name in _NAMES):
            return options
    return None


_NAMES = ("defaulting", "validation", "conversion")


def _free_path(root: Path, base: APIContext, kinds: list[str]) -> str:
    """Return the file for new classes: one that exists is the user's and stays."""
    label = "_".join(kinds)
    stems = [base.kind_lower, f"{base.kind_lower}_{label}", f"{base.kind_lower}_{base.version}_{label}"]
    paths = [f"{base.controller_folder}/{stem}_webhook.py" for stem in stems]
    return next((path for path in paths if not (root / path).exists()), paths[-1])


def _class_name(base: APIContext, stem: str) -> str:
    words = stem.removeprefix(base.kind_lower).removesuffix("_webhook").split("_")
    return f"{base.kind}{''.join(word.capitalize() for word in words)}Webhook"


def _spoke(base: APIContext, entry: Resource) -> Spoke:
    suffix = entry.version.capitalize()
    return Spoke(
        version=entry.version,
        package=entry.path.replace("/", "."),
        folder=entry.path,
        type=f"{base.kind}{suffix}" if len(base.kind) <= _LONG else f"Spoke{suffix}",
        module=f"{entry.version}_conversion",
    )


def _arguments(path: str, operations: list[str]) -> str:
    arguments = []
    if operations != ["CREATE", "UPDATE"]:
        words = ", ".join(f'"{operation}"' for operation in operations)
        arguments.append(f"operations=[{words}]")
    if path:
        arguments.append(f'path="{path}"')
    return ", ".join(arguments)


def _import_lines(base: APIContext, kinds: list[str], spokes: tuple[Spoke, ...]) -> tuple[str, ...]:
    """Return the imports of the classes: what comes from packages, and after an empty line what is the project's."""
    given = {"", *kinds, *({"admission"} if {"defaulting", "validation"} & set(kinds) else ())}
    names = "".join(f"    {name},\n" for name, needs in _IMPORTS.items() if needs in given)
    lines = ["from kaiwu_runtime import Manager", f"from kaiwu_runtime.webhook import (\n{names})"]
    if not base.api_folder:
        return tuple(_in_order([*lines, base.type_import]))
    return (*lines, "", *_type_imports(base, spokes))


def _test_imports(base: APIContext, module: str, kinds: list[str], spokes: tuple[Spoke, ...]) -> tuple[str, ...]:
    classes = [f"{base.kind}{name}" for name, of in _CLASSES if of in kinds]
    lines = list(_type_imports(base, spokes))
    if classes:
        lines.append(import_line(module, classes))
    return tuple(_in_order(lines))


_CLASSES = (("Defaults", "defaulting"), ("Rules", "validation"))


def _type_imports(base: APIContext, spokes: tuple[Spoke, ...]) -> list[str]:
    """Return the lines that import the type of the project, and its other versions with their conversions."""
    lines = [base.type_import]
    for spoke in spokes:
        lines.append(import_line(spoke.package, [f"{base.kind_lower}_conversion as {spoke.module}"]))
        lines.append(import_line(f"{spoke.package}.{base.kind_lower}_types", [f"{base.kind} as {spoke.type}"]))
    return _in_order(lines)


def _in_order(lines: list[str]) -> list[str]:
    """Return imports in the order of isort: by module."""
    return sorted(lines, key=lambda each: each.split()[1])
