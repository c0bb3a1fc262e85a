"""Tells informers what was written, so that a read can wait for it: see :mod:`~kaiwu_runtime.cache._own_writes`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kaiwu_runtime.api._identity import ObjectKey
from kaiwu_runtime.cache._field_matcher import field_matcher, may_select
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.cache._own_writes import Pending, is_comparable
from kaiwu_runtime.cache._selector import label_selector
from kaiwu_runtime.client._apply_body import kept_version
from kaiwu_runtime.rest._deep_json import UNREADABLE


class _Metadata(msgspec.Struct):
    labels: dict[str, str] | None = None


class _Object(msgspec.Struct):
    metadata: _Metadata
    api_version: str = msgspec.field(name="apiVersion", default="")
    kind: str = ""


class _Details(msgspec.Struct):
    uid: str = ""


class _Status(msgspec.Struct):
    details: _Details


_SCALE = ("autoscaling/v1", "Scale")

_decode = msgspec.json.Decoder(_Object).decode
_decode_status = msgspec.json.Decoder(_Status).decode


class WritesToInformers:
    """Tells the informers of each kind; a :class:`~kaiwu_runtime.client._applied.WriteObserver`.

    Args:
        informers: The informers of all caches that have clients.
    """

    def __init__(self, informers: KindInformers) -> None:
        self.informers = informers

    def doubts(self, kind: type[Any], key: ObjectKey) -> dict[Informer[Any], Pending]:
        """Return the doubts of the informers of a kind about an object."""
        informers = (each for each in self.informers.of(kind) if each.own_writes.pending)
        return {each: doubt for each in informers if (doubt := each.own_writes.in_doubt(key)) is not None}

    def stored(
        self,
        kind: type[Any],
        key: ObjectKey,
        answer: bytes,
        version: str = "",
        doubts: Mapping[Informer[Any], Pending] | None = None,
    ) -> None:
        """Let the informers of a kind expect a state of an object.

        The answer ends the doubts that were there when the write began, as one to the question what is stored does. An
        object that is never read is never asked about: without this, every further apply to it would be sent.
        """
        for informer in self.informers.of(kind):
            version = version or kept_version(answer)
            expect_state(informer, key, answer, version, doubts.get(informer) if doubts else None)

    def in_doubt(self, kind: type[Any], key: ObjectKey) -> None:
        """Let a read from the informers of a kind ask the API server first."""
        for informer in self.informers.of(kind):
            selectors = informer.scopes.selectors_in(key.namespace)
            # An operator that watches one object by its name need not have the permission to list others.
            if selectors is not None and may_select(selectors[1], key):
                informer.own_writes.doubt(key)

    def deleted(self, kind: type[Any], key: ObjectKey, answer: bytes) -> None:
        """Let the informers of a kind expect the end of an object."""
        version = None
        for informer in self.informers.of(kind):
            version = kept_version(answer) if version is None else version
            if version:
                expect_state(informer, key, answer, version)
            elif informer.has_synced or informer.scopes.selectors_in(key.namespace) is not None:
                informer.own_writes.expect_gone(key, _deleted_uid(answer))


def expect_state(
    informer: Informer[Any], key: ObjectKey, answer: bytes, version: str, doubt: Pending | None = None
) -> None:
    """Let an informer expect a state of an object, or the object's leaving.

    Args:
        informer: The informer; not all objects need to be in its selection.
        key: The object's key.
        answer: The object, or another one with its metadata.
        version: Its resourceVersion.
        doubt: One about the object that the answer ends, unless there is another one since.
    """
    if informer.selects_all(key.namespace):
        if doubt is not None and is_comparable(version):
            informer.own_writes.settle(key, doubt)
        informer.own_writes.expect(key, version)
    else:
        _expect_selected(informer, key, answer, version, doubt)


def _expect_selected(
    informer: Informer[Any], key: ObjectKey, answer: bytes, version: str, doubt: Pending | None
) -> None:
    """Let an informer that gets a selection expect an object, or its leaving, where it can be told which."""
    selectors = informer.scopes.selectors_in(key.namespace)
    if selectors is None:
        return
    labels, fields = selectors
    try:
        found = _decode(answer)
        # A scale has no labels: only an object that is there is waited for.
        known = (found.api_version, found.kind) != _SCALE
        selected = known and label_selector(labels)(found.metadata.labels or {})
        if selected and fields:
            by_fields = _selected_by_fields(informer, fields, answer)
            if by_fields is None:
                return
            selected = by_fields
    except UNREADABLE:
        return
    if doubt is not None and known and is_comparable(version):
        informer.own_writes.settle(key, doubt)
    if selected:
        informer.own_writes.expect(key, version)
    else:
        informer.own_writes.expect_leave(key, version)


def _deleted_uid(answer: bytes) -> str:
    """Return the uid of the object in the answer to its deletion, a Status; empty where it does not tell."""
    try:
        return _decode_status(answer).details.uid
    except UNREADABLE:
        return ""


def _selected_by_fields(informer: Informer[Any], selector: str, answer: bytes) -> bool | None:
    """Return whether a field selector selects an object; None where only the API server can tell."""
    matches = field_matcher(informer.kind, selector)
    if matches is None:
        return None
    obj = msgspec.json.decode(answer)
    # The answer to a request for metadata only, or for the scale, lacks the fields.
    identity = informer.identity
    whole = (obj.get("apiVersion"), obj.get("kind")) == (identity.api_version, identity.kind)
    return matches(obj) if whole else None
