"""The commands. One module and one row each; a module is imported when its command is used.

The function is typer style. What the words in front of it stand for is in GROUPS.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """A command.

    Attributes:
        path: The words it is called by.
        module: Where it is.
        summary: One line for the list of commands.
        function: Its name in the module.
    """

    path: tuple[str, ...]
    module: str
    summary: str
    function: str = "command"


_ENVTEST = "kaiwuctl.commands.envtest"

COMMANDS = (
    Row(("init",), "kaiwuctl.commands.init", "Start a new project in this directory"),
    Row(("create", "api"), "kaiwuctl.commands.create_api", "Scaffold an API type and its controller"),
    Row(("create", "webhook"), "kaiwuctl.commands.create_webhook", "Scaffold defaulting, validation or conversion"),
    Row(("edit",), "kaiwuctl.commands.edit", "Change what the project was started with, or print it"),
    Row(("delete", "api"), "kaiwuctl.commands.delete_api", "Delete an API type and its controllers"),
    Row(("delete", "webhook"), "kaiwuctl.commands.delete_webhook", "Delete webhooks of a kind"),
    Row(("import", "crd"), "kaiwuctl.commands.import_crd", "Make API types from a CustomResourceDefinition"),
    Row(("import", "project"), "kaiwuctl.commands.import_project", "Start a project from a Go operator's"),
    Row(("envtest", "setup"), _ENVTEST, "Find, download or build the programs", "set_up"),
    Row(("envtest", "path"), _ENVTEST, "Print the directory to set KUBEBUILDER_ASSETS to", "path"),
    Row(("envtest", "up"), _ENVTEST, "Start a control plane in the background", "start"),
    Row(("envtest", "down"), _ENVTEST, "Stop the control plane in the background", "stop"),
    Row(("completion",), "kaiwuctl.commands.completion", "Print the completion script of a shell"),
    Row(("version",), "kaiwuctl.commands.version", "Print the version"),
)

GROUPS: dict[tuple[str, ...], str] = {
    (): "Scaffold Kubernetes operators in Python, as operator-sdk does in Go.",
    ("create",): "Scaffold an API or its webhooks",
    ("delete",): "Delete what was scaffolded",
    ("import",): "Make API types from what exists already",
    ("envtest",): "Run a local etcd and kube-apiserver",
}
