"""Tells informers what was written, so that a read can wait for it: see :mod:`~kaiwu_runtime.cache._own_writes`."""

from __future__ import annotations

from typing import Any

import msgspec

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.client._apply_body import kept_version, version_in


class _Metadata(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata


class _Details(msgspec.Struct):
    uid: str = ""


class _Status(msgspec.Struct):
    details: _Details


_decode = msgspec.json.Decoder(_Object).decode
_decode_status = msgspec.json.Decoder(_Status).decode
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class WritesToInformers:
    """Tells the informers of each kind; a :class:`~kaiwu_runtime.client._applied.WriteObserver`.

    Args:
        informers: The informers of all caches that have clients.
    """

    def __init__(self, informers: KindInformers) -> None:
        self.informers = informers

    def stored(self, kind: type[Any], key: ObjectKey, answer: bytes, version: str = "") -> None:
        """Let the informers of a kind expect a state of an object."""
        for informer in self.informers.of(kind):
            version = version or version_in(answer)
            if informer.selects_all(key.namespace):
                informer.own_writes.expect(key, version)
            else:
                _expect_selected(informer, key, answer, version)

    def deleted(self, kind: type[Any], key: ObjectKey, answer: bytes) -> None:
        """Let the informers of a kind expect the end of an object."""
        version = None
        for informer in self.informers.of(kind):
            version = kept_version(answer) if version is None else version
            if version and informer.selects_all(key.namespace):
                informer.own_writes.expect(key, version)
            elif version:
                _expect_selected(informer, key, answer, version)
            elif informer.has_synced:
                informer.own_writes.expect_gone(key)  # if it is there
            elif informer.scopes.label_matcher(key.namespace) is not None:
                informer.own_writes.expect_gone(key, _deleted_uid(answer))


def _expect_selected(informer: Informer[Any], key: ObjectKey, answer: bytes, version: str) -> None:
    """Let an informer that gets a selection expect an object, or its leaving, where the labels tell which."""
    matches = informer.scopes.label_matcher(key.namespace)
    if matches is None:
        return
    try:
        labels = _decode(answer).metadata.labels or {}
    except _UNREADABLE:
        return
    if matches(labels):
        informer.own_writes.expect(key, version)
    else:
        informer.own_writes.expect_leave(key, version)


def _deleted_uid(answer: bytes) -> str:
    """Return the uid of the object in the answer to its deletion, a Status; empty where it does not tell."""
    try:
        return _decode_status(answer).details.uid
    except _UNREADABLE:
        return ""
