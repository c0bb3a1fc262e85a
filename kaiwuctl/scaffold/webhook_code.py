"""The names and lines of Python in the files of `kaiwuctl create webhook`."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from kaiwuctl.scaffold.context import APIContext
from kaiwuctl.scaffold.webhook_files import Spoke, WebhookContext

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Resource, Webhooks
    from kaiwuctl.scaffold.record import Answers, Record
    from kaiwuctl.scaffold.webhook_decision import WebhookDecision

_WIDTH = 120
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
        webhook_imports=_imports(kinds),
        type_imports=_type_imports(base, spokes if "conversion" in kinds else ()),
        test_imports=_test_imports(base, module.replace("/", "."), kinds, spokes),
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


def _imports(kinds: list[str]) -> tuple[str, ...]:
    """Return what the classes import of kaiwu_runtime.webhook."""
    given = {"", *kinds, *({"admission"} if {"defaulting", "validation"} & set(kinds) else ())}
    return tuple(name for name, needs in _IMPORTS.items() if needs in given)


def _test_imports(base: APIContext, module: str, kinds: list[str], spokes: tuple[Spoke, ...]) -> tuple[str, ...]:
    classes = [f"{base.kind}{name}" for name, of in _CLASSES if of in kinds]
    lines = list(_type_imports(base, spokes if "conversion" in kinds else ()))[1:]
    if classes:
        lines.append(_import(module, classes))
    return tuple(sorted(lines, key=lambda each: each.split()[1]))


_CLASSES = (("Defaults", "defaulting"), ("Rules", "validation"))


def _import(module: str, names: list[str]) -> str:
    """Return an import as ruff formats it, which does not count the last comment of a line."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= _WIDTH:
        return f"{line}{''.join(map(_remark, names))}"
    inner = "".join(f"    {name},{_remark(name)}\n" for name in names)
    return f"from {module} import (\n{inner})"


def _remark(name: str) -> str:
    """Return what keeps ruff from taking a kind in capitals for a constant: ``VM as VMV1beta1``."""
    kind, _, alias = name.partition(" as ")
    return "  # noqa: N811" if alias and len(kind) > 1 and kind.isupper() and not alias.isupper() else ""


def _type_imports(base: APIContext, spokes: tuple[Spoke, ...]) -> tuple[str, ...]:
    """Return the lines in the order of isort: by module, in a block of their own where the type is the project's."""
    line = _import(base.type_module, [base.kind])
    if not base.api_folder:
        return (line,)
    lines = [line]
    for spoke in spokes:
        lines.append(_import(spoke.package, [f"{base.kind_lower}_conversion as {spoke.module}"]))
        lines.append(_import(f"{spoke.package}.{base.kind_lower}_types", [f"{base.kind} as {spoke.type}"]))
    return ("", *sorted(lines, key=lambda each: each.split()[1]))
