"""Renders the modules of webhooks again: as they were written, and without some of the webhooks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Final

from kaiwuctl.project.model import Webhooks
from kaiwuctl.scaffold.locate import template_folder
from kaiwuctl.scaffold.record import Answers, Record
from kaiwuctl.scaffold.render import render_file
from kaiwuctl.scaffold.webhook import webhook_context
from kaiwuctl.scaffold.webhook_decision import WebhookDecision
from kaiwuctl.scaffold.webhook_request import OPERATIONS

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwuctl.project.model import Project, Resource
    from kaiwuctl.scaffold.webhook_files import WebhookContext

KINDS: Final = ("defaulting", "validation", "conversion")


@dataclass(frozen=True, slots=True)
class WebhookModules:
    """The modules with the webhooks of a kind.

    Attributes:
        root: The project's folder.
        project: What PROJECT says.
        entry: The kind, with the webhooks that PROJECT has.
        record: The record of the project.
    """

    root: Path
    project: Project
    entry: Resource
    record: Record

    def context(self, options: Answers, operations: tuple[str, ...] = ("create", "update")) -> WebhookContext:
        """Return the variables with which a module is written.

        Args:
            options: Of the `create webhook` that wrote the module.
            operations: What the validator is called for, in lower case.
        """
        defaulting, validation, conversion = (bool(options[name]) for name in KINDS)
        others = self.project.versions_of(self.entry.group, self.entry.kind)
        decision = WebhookDecision(
            entry=self.entry,
            before=self.entry,
            new=Webhooks(),
            wanted=Webhooks(defaulting=defaulting, validation=validation, conversion=conversion),
            spokes=tuple(other for other in others if other.version in self.entry.webhooks.spokes),
            certificates=str(options["certificates"]),
            operations=operations,
        )
        shadow = Record(self.record.init, [options], self.record.files)
        return webhook_context(self.root, self.project, decision, shadow, force=True)

    def remainder(self, options: Answers, left: Answers, content: bytes) -> dict[str, bytes] | None:
        """Return what a module and its test contain without some webhooks; None where it was written otherwise.

        Args:
            options: Of the `create webhook` that wrote the module.
            left: The same without the webhooks that go.
            content: Of the module.
        """
        # The record does not have the operations.
        for count in range(len(OPERATIONS), 0, -1):
            for operations in combinations(OPERATIONS, count):
                before = self.context(options, operations)
                if rendered(before, "webhook.py.jinja", before.webhook_path) == content:
                    after = replace(self.context(left, operations), webhook_path=before.webhook_path)
                    test = f"tests/{before.webhook_test}.py"
                    return {
                        after.webhook_path: rendered(after, "webhook.py.jinja", after.webhook_path),
                        test: rendered(after, "test_webhook.py.jinja", test),
                    }
        return None


def rendered(context: WebhookContext, template: str, path: str) -> bytes:
    """Return what is written to a file.

    Args:
        context: The variables.
        template: File below templates/webhook.
        path: The file, relative to the project.
    """
    return render_file(template_folder("webhook") / template, path, asdict(context)).content
