"""Adds entries to kustomization files, removes them, and leaves everything else in them as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ruamel.yaml.comments import CommentedSeq

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.roundtrip import Document, InvalidYAMLError, append, line_of, without_items

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_EMPTY = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: []
"""


def add_resources(path: str, text: str | None, resources: Sequence[str], *, key: str = "resources") -> str:
    """Return a kustomization with `resources` in its list of resources, or in another list.

    Args:
        path: The file, for messages.
        text: Its present text, or None for a new file.
        resources: Added at the end, in this order; those already listed stay where they are.
        key: The list: ``resources``, ``components`` or ``transformers``.

    Raises:
        KaiwuctlError: The text is not a valid kustomization; names the line.

    See https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/resource/
    """
    document = _loaded(path, _EMPTY if text is None else text)
    if document.root is None:
        document = _begun(text or "") or document
    root = document.root
    if not isinstance(root, dict):
        raise KaiwuctlError(f"{path}:1: must be a YAML mapping with a list of resources")
    if root.get(key) is None:
        root[key] = CommentedSeq()
    present = root[key]
    if not isinstance(present, CommentedSeq):
        raise KaiwuctlError(f"{path}:{line_of(root, key)}: {key} must be a list")
    missing = [resource for resource in resources if resource not in present]
    if not missing and text is not None:
        return text
    append(present, missing)
    try:
        return document.dumps()
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}: {error.problem}; correct it by hand") from None


def remove_resources(path: str, text: str, resources: Sequence[str], *, key: str = "resources") -> str:
    """Return a kustomization without `resources` in one of its lists.

    Args:
        path: The file, for messages.
        text: Its present text.
        resources: Removed; those that are not listed are ignored.
        key: The list: ``resources``, which stays when it is empty, ``components`` or ``transformers``.

    Raises:
        KaiwuctlError: The text is not a valid kustomization; names the line.
    """
    listed = resources_of(path, text, key=key)
    indexes = [index for index, resource in enumerate(listed) if resource in resources]
    if not indexes:
        return text
    try:
        return without_items(text, key, indexes, empty="{key}: []" if key == "resources" else "")
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}: {error.problem}; correct it by hand") from None


def rename_resources(path: str, text: str, names: Mapping[str, str]) -> str:
    """Return a kustomization that lists files by their new names, where the old ones stood.

    Args:
        path: The file, for messages.
        text: Its present text.
        names: The new name of each file that has one, by the old name.

    Raises:
        KaiwuctlError: The text is not a valid kustomization; names the line.
    """
    document = _loaded(path, text)
    root = document.root if isinstance(document.root, dict) else {}
    changed = False
    for place, key, value in _files(root):
        if value in names:
            place[key] = names[value]
            changed = True
    try:
        return document.dumps() if changed else text
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}: {error.problem}; correct it by hand") from None


def _files(root: dict[str, Any]) -> Iterator[tuple[Any, Any, str]]:
    """Return where a kustomization names its resources and patches, and how."""
    resources, patches = root.get("resources"), root.get("patches")
    for index, resource in enumerate(resources if isinstance(resources, CommentedSeq) else ()):
        if isinstance(resource, str):
            yield resources, index, resource
    for patch in patches if isinstance(patches, CommentedSeq) else ():
        if isinstance(patch, dict) and isinstance(patch.get("path"), str):
            yield patch, "path", patch["path"]


def resources_of(path: str, text: str, *, key: str = "resources") -> list[str]:
    """Return what a kustomization lists as resources; empty where it has no such list.

    Args:
        path: The file, for messages.
        text: Its text.
        key: The list.

    Raises:
        KaiwuctlError: The text is not valid YAML; names the line.
    """
    root = _loaded(path, text).root
    listed = root.get(key) if isinstance(root, dict) else None
    return list(listed) if isinstance(listed, CommentedSeq) else []


def _loaded(path: str, text: str) -> Document:
    try:
        return Document(text)
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}:{error.line}: broken YAML: {error.problem}; correct that line") from None


def _begun(text: str) -> Document | None:
    """Return a kustomization that begins with a text without values, such as comments; None if it cannot.

    An explicit null is a value: nothing can follow it.
    """
    try:
        return Document(f"{text.rstrip()}\n{_EMPTY}" if text.strip() else _EMPTY)
    except InvalidYAMLError:
        return None
