"""Adds patches to kustomization files, removes them, and leaves everything else in them as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ruamel.yaml.comments import CommentedSeq

from kaiwuctl.errors import KaiwuctlError
from kaiwuctl.roundtrip import Document, InvalidYAMLError, append, line_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def add_patches(path: str, text: str | None, patches: Sequence[str]) -> str:
    """Return a kustomization with files in its list of patches.

    Args:
        path: The kustomization, for messages.
        text: Its present text.
        patches: Paths of the files; added at the end, in this order. Those already listed stay where they are.

    Raises:
        KaiwuctlError: There is no such file, or it is not a valid kustomization; names the line.

    See https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/patches/
    """
    document = _loaded(path, text)
    root = document.root
    if root.get("patches") is None:
        root["patches"] = CommentedSeq()
    present = _listed(path, root)
    missing = [patch for patch in patches if patch not in present]
    if not missing:
        return str(text)
    append(root["patches"], [{"path": patch} for patch in missing])
    return _dumped(path, document)


def remove_patches(path: str, text: str, patches: Sequence[str]) -> str:
    """Return a kustomization without files in its list of patches, and without the list when it is empty.

    Args:
        path: The kustomization, for messages.
        text: Its present text.
        patches: Paths of the files; those that are not listed are ignored.

    Raises:
        KaiwuctlError: It is not a valid kustomization; names the line.
    """
    document = _loaded(path, text)
    root = document.root
    if root.get("patches") is None:
        return text
    present = _listed(path, root)
    indexes = [index for index, patch in enumerate(present) if patch in patches]
    if not indexes:
        return text
    for index in reversed(indexes):
        del root["patches"][index]
    if not root["patches"]:
        del root["patches"]
    return _dumped(path, document)


def _loaded(path: str, text: str | None) -> Document:
    if text is None:
        raise KaiwuctlError(f"{path}: not found; restore it from version control")
    try:
        document = Document(text)
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}:{error.line}: broken YAML: {error.problem}; correct that line") from None
    if not isinstance(document.root, dict):
        raise KaiwuctlError(f"{path}:1: must be a YAML mapping with a list of resources")
    return document


def _listed(path: str, root: dict[str, Any]) -> list[object]:
    """Return the paths of the patches; None for one that is written into the list."""
    present = root["patches"]
    if not isinstance(present, CommentedSeq):
        raise KaiwuctlError(f"{path}:{line_of(root, 'patches')}: patches must be a list")
    return [patch.get("path") if isinstance(patch, dict) else None for patch in present]


def _dumped(path: str, document: Document) -> str:
    try:
        return document.dumps()
    except InvalidYAMLError as error:
        raise KaiwuctlError(f"{path}: {error.problem}; correct it by hand") from None
