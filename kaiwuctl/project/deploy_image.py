"""What PROJECT says about kinds whose pods run an image, in the form of kubebuilder's deploy-image plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from kaiwuctl.errors import InvalidNameError, ProjectFileError
from kaiwuctl.names.image import (
    IMAGE_RULES,
    PORT_RULES,
    USER_RULES,
    DeployImage,
    format_command,
    parse_command,
    parse_number,
)
from kaiwuctl.names.rule import check
from kaiwuctl.roundtrip import append, line_of

if TYPE_CHECKING:
    from kaiwuctl.project.model import Resource

PLUGIN: Final = "deploy-image.kaiwuctl.io/v1"

_Identity = tuple[str, object, object]


def read_images(root: dict[str, Any]) -> dict[_Identity, DeployImage]:
    """Return the images of a loaded PROJECT by group, version and kind.

    Raises:
        ProjectFileError: A value breaks the rules of the flag it stands for; names the line.
    """
    found: dict[_Identity, DeployImage] = {}
    for entry in _entries(root):
        options = entry.get("options")
        if not isinstance(options, dict):
            raise ProjectFileError(f"PROJECT:{line_of(entry, 'options')}: options of {PLUGIN} must be a mapping")
        values = {key: options.get(key) for key in ("image", "containerPort", "containerCommand", "runAsUser")}
        for key, value in values.items():
            if value is not None and not isinstance(value, str):
                raise ProjectFileError(f"PROJECT:{line_of(options, key)}: {key} must be text; put it in quotes")
        try:
            found[_identity(entry)] = _read(values)
        except InvalidNameError as error:
            key = error.message.partition(" ")[0].rstrip(":")
            line = line_of(options, key) if key in options else line_of(entry, "options")
            raise ProjectFileError(f"PROJECT:{line}: {error.message}") from None
    return found


def _read(values: dict[str, str | None]) -> DeployImage:
    port, command, user = values["containerPort"], values["containerCommand"], values["runAsUser"]
    return DeployImage(
        image=check(values["image"] or "", IMAGE_RULES, what="image"),
        port=None if port is None else parse_number(port, PORT_RULES, what="containerPort"),
        command=() if command is None else parse_command(command, what="containerCommand"),
        user=None if user is None else parse_number(user, USER_RULES, what="runAsUser"),
    )


def _entries(root: dict[str, Any]) -> list[dict[str, Any]]:
    plugins = root.get("plugins")
    plugin = plugins.get(PLUGIN) if isinstance(plugins, dict) else None
    entries = plugin.get("resources") if isinstance(plugin, dict) else None
    if plugin is None or (isinstance(plugin, dict) and entries is None):
        return []
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ProjectFileError(f"PROJECT:{line_of(plugins, PLUGIN)}: resources of {PLUGIN} must be a list of mappings")
    return list(entries)


def _identity(entry: dict[str, Any]) -> _Identity:
    return entry.get("group") or "", entry.get("version"), entry.get("kind")


def record_image(root: CommentedMap, resource: Resource) -> None:
    """Write the image of a resource into a loaded PROJECT, or take it out where the resource has none."""
    identity = (resource.group, resource.version, resource.kind)
    present = _entries(root)
    if resource.image is None:
        forget_image(root, resource)
        return
    options = _options(resource.image)
    for entry in present:
        if _identity(entry) == identity:
            if dict(entry["options"]) != options:
                entry["options"] = CommentedMap(options)
            return
    if not isinstance(root.get("plugins"), dict):
        keys = list(root)
        root.pop("plugins", None)
        place = next((index for index, key in enumerate(keys) if key > "plugins"), len(keys))
        root.insert(place, "plugins", CommentedMap())
    plugin = root["plugins"].setdefault(PLUGIN, CommentedMap())
    if not isinstance(plugin.get("resources"), list):
        plugin["resources"] = CommentedSeq()
    names = {"domain": resource.domain, "group": resource.group, "kind": resource.kind}
    entry = {key: value for key, value in names.items() if value}
    append(plugin["resources"], [{**entry, "options": options, "version": resource.version}])


def forget_image(root: CommentedMap, resource: Resource) -> None:
    """Take the image of a resource out of a loaded PROJECT, and what is empty without it."""
    identity = (resource.group, resource.version, resource.kind)
    entries = _entries(root)
    left = [index for index, entry in enumerate(entries) if _identity(entry) != identity]
    if len(left) == len(entries):
        return
    plugins = root["plugins"]
    for index in reversed(range(len(entries))):
        if index not in left:
            del plugins[PLUGIN]["resources"][index]
    if not left:
        del plugins[PLUGIN]
    if not plugins:
        del root["plugins"]


def _options(image: DeployImage) -> dict[str, str]:
    """Return the options as kubebuilder writes them: every value is text."""
    values = {
        "containerCommand": format_command(image.command) if image.command else "",
        "containerPort": str(image.port) if image.port is not None else "",
        "image": image.image,
        "runAsUser": str(image.user) if image.user is not None else "",
    }
    return {key: value for key, value in values.items() if value}
