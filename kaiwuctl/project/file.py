"""Reads and writes PROJECT, keeping its comments, its order and the keys it does not know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from kaiwuctl.errors import ContentError, ProjectFileError, in_the_way
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular
from kaiwuctl.project.deploy_image import forget_image, record_image
from kaiwuctl.project.model import Project, Resource, Webhooks
from kaiwuctl.project.presence import FILE_NAME, require_project
from kaiwuctl.project.reading import WEBHOOK_KEYS, read_project
from kaiwuctl.roundtrip import Document, InvalidYAMLError, append, line_of, without_items

if TYPE_CHECKING:
    from pathlib import Path

_CRD_VERSION = "v1"
_WEBHOOK_VERSION = "v1"
_NEW = """\
# What has been scaffolded, kept by kaiwuctl. Its commands edit this file; comments and other keys survive.
version: "3"
"""


class ProjectFile:
    """A loaded PROJECT.

    Attributes:
        project: Its values.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self.project: Project = read_project(document.root)

    @classmethod
    def load(cls, folder: Path) -> ProjectFile:
        """Read PROJECT in `folder`.

        Raises:
            CollisionError: It is a link out of the folder.
            ProjectFileError: It is missing, unreadable, not a regular file, too large, not YAML, of another
                version, or lacks a field; the message gives the line.
        """
        try:
            content = read_regular(folder, FILE_NAME, limit=TEXT_LIMIT)
        except ContentError as error:
            if (folder / FILE_NAME).is_symlink() and (folder / FILE_NAME).exists():
                raise in_the_way([f"{FILE_NAME} is a symbolic link"]) from None
            raise ProjectFileError(error.message) from None
        if content is None:
            require_project(folder)
            raise ProjectFileError("PROJECT: was removed meanwhile; run the command again")
        try:
            text = content.decode()
        except UnicodeDecodeError:
            raise ProjectFileError("PROJECT: is not UTF-8 text; restore it from version control") from None
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> ProjectFile:
        """Read the text of a PROJECT file.

        Raises:
            ProjectFileError: As for `load`.
        """
        try:
            return cls(Document(text))
        except InvalidYAMLError as error:
            raise ProjectFileError(f"PROJECT:{error.line}: broken YAML: {error.problem}; correct that line") from None

    @classmethod
    def new(cls, project: Project) -> ProjectFile:
        """Return the PROJECT file of a project that has no resources yet."""
        document = Document(_NEW)
        document.root.insert(0, "cliVersion", project.cli_version)
        fields: list[tuple[str, Any]] = [("domain", project.domain), ("layout", list(project.layout))]
        fields += [("multigroup", project.multigroup), ("namespaced", project.namespaced)]
        fields += [("projectName", project.name), ("repo", project.repo)]
        present = [(key, value) for key, value in fields if value]
        for position, (key, value) in enumerate(present, start=1):
            document.root.insert(position, key, value)
        return cls(document)

    def dumps(self) -> str:
        """Return the text of the file.

        Raises:
            ProjectFileError: It has a value that can be read but not written.
        """
        try:
            return self._document.dumps()
        except InvalidYAMLError as error:
            raise ProjectFileError(f"PROJECT: {error.problem}; correct it by hand") from None

    def record(self, resource: Resource) -> None:
        """Add the entry of a resource, or bring the one that is there up to date.

        A key the entry has and kaiwuctl does not know is kept.
        """
        root = self._document.root
        if root.get("resources") is None:
            # The keys are in the order of the alphabet; a file without that order gets the list at its end.
            keys = list(root)
            root.pop("resources", None)
            root.insert(keys.index("version") if keys[-1:] == ["version"] else len(root), "resources", CommentedSeq())
        wanted = self._entry(resource)
        for entry in root["resources"]:
            identity = (entry.get("group") or "", entry.get("version"), entry.get("kind"))
            if identity == (resource.group, resource.version, resource.kind):
                for key in ("controller", "controllers", "webhooks"):
                    if key not in wanted:
                        entry.pop(key, None)
                if isinstance(entry.get("webhooks"), dict):
                    for key in WEBHOOK_KEYS - wanted["webhooks"].keys():
                        entry["webhooks"].pop(key, None)
                for key, value in wanted.items():
                    _merge(entry, key, value)
                break
        else:
            append(root["resources"], [wanted])
        record_image(root, resource)
        self.project = read_project(root)

    def remove(self, resource: Resource) -> None:
        """Remove the entry of a resource, and the list of resources with the last one; comments stay."""
        indexes = [
            index
            for index, entry in enumerate(self.project.resources)
            if (entry.group, entry.version, entry.kind) == (resource.group, resource.version, resource.kind)
        ]
        if not indexes:
            return
        forget_image(self._document.root, resource)
        try:
            text = without_items(self._document.dumps(), "resources", indexes, empty="")
        except InvalidYAMLError as error:
            raise ProjectFileError(f"PROJECT: {error.problem}; correct it by hand") from None
        self._document = Document(text)
        self.project = read_project(self._document.root)

    def set_flag(self, key: str, *, value: bool) -> None:
        """Set a boolean of the project; it is in the file when it is true, as `kaiwuctl init` writes it.

        Args:
            key: ``multigroup`` or ``namespaced``.
            value: Its value.
        """
        root = self._document.root
        if value:
            _merge(root, key, value)
        elif key in root:
            self._document = Document(_without_line(self._document, key))
        self.project = read_project(self._document.root)

    def _entry(self, resource: Resource) -> dict[str, Any]:
        default = self.project.default_controller_name(resource.group, resource.kind)
        entry: dict[str, Any] = {}
        if resource.api:
            entry["api"] = {"crdVersion": _CRD_VERSION}
            if resource.namespaced:
                entry["api"]["namespaced"] = True
        if resource.controllers == (default,):
            entry["controller"] = True
        elif resource.controllers:
            entry["controllers"] = [{"name": name} for name in resource.controllers]
        if resource.core:
            entry["core"] = True
        if resource.domain:
            entry["domain"] = resource.domain
        if resource.external:
            entry["external"] = True
        if resource.group:
            entry["group"] = resource.group
        entry |= {"kind": resource.kind, "path": resource.path, "plural": resource.plural}
        if resource.external and not resource.namespaced:
            entry["scope"] = "Cluster"
        entry["version"] = resource.version
        if resource.webhooks:
            entry["webhooks"] = _webhooks(resource.webhooks)
        return entry


def _webhooks(webhooks: Webhooks) -> dict[str, Any]:
    fields: list[tuple[str, Any]] = [
        ("conversion", webhooks.conversion),
        ("defaulting", webhooks.defaulting),
        ("defaultingPath", webhooks.defaulting_path),
        ("spoke", list(webhooks.spokes)),
        ("validation", webhooks.validation),
        ("validationPath", webhooks.validation_path),
        ("webhookVersion", _WEBHOOK_VERSION),
    ]
    return {key: value for key, value in fields if value}


def _without_line(document: Document, key: str) -> str:
    """Return the text without the line of a key at the top; comments around it stay."""
    expected = {name: value for name, value in document.root.items() if name != key}
    lines = document.dumps().splitlines(keepends=True)
    text = "".join(line for number, line in enumerate(lines, start=1) if number != line_of(document.root, key))
    try:
        if Document(text).root == expected:
            return text
    except InvalidYAMLError:
        pass
    del document.root[key]
    return document.dumps()


def _merge(entry: CommentedMap, key: str, value: object) -> None:
    """Set `key` without touching what is equal already, nor keys of a nested mapping that are not ours."""
    if isinstance(value, dict) and isinstance(entry.get(key), dict):
        for inner, inner_value in value.items():
            _merge(entry[key], inner, inner_value)
    elif key not in entry:
        keys = list(entry)
        if keys == sorted(keys):
            position = next((index for index, present in enumerate(keys) if present > key), len(keys))
        else:
            # Not at the end: the comment below the entry is kept with its last key.
            position = max(len(keys) - 1, 0)
        entry.insert(position, key, value)
    elif entry[key] != value:
        entry[key] = value
