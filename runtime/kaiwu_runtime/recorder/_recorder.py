"""The event recorder of a controller: validates events, and never waits for the API server.

See https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
"""

from __future__ import annotations

import re
import secrets
import socket
from typing import TYPE_CHECKING, Any, Literal, get_args

from kaiwu_runtime._names import is_qualified_name
from kaiwu_runtime._redaction import redact
from kaiwu_runtime.api._identity import identify
from kaiwu_runtime.recorder._series import EventKey, Reference

if TYPE_CHECKING:
    from kaiwu_runtime.recorder._sender import EventSender

RecordedEventType = Literal["Normal", "Warning"]

WORD_BYTES = 128
"""Maximum length in bytes of a reason, an action and a reporting instance."""

NOTE_BYTES = 1024
"""Maximum length in bytes of a note; a longer one is truncated."""

CLUSTER_NAMESPACE = "default"
"""The namespace of events of cluster-scoped objects."""

_NAME_BYTES = 253


class EventRecorder:
    """Record events of objects for one controller; created by ``Manager.event_recorder``.

    A repeated event is counted and not written again: it becomes a series of the first one.

    Args:
        sender: Writes the events.
        name: The controller's name, for example ``kaiwucluster-controller`` or ``example.com/backup``.
        instance: Identifies the process; default: the name and the host name, which is the pod's name in a cluster.

    Raises:
        ValueError: The name is not a qualified name, or the instance is too long.
    """

    def __init__(self, sender: EventSender, name: str, *, instance: str = "") -> None:
        if not isinstance(name, str) or not is_qualified_name(name):
            raise ValueError(
                f"name {name!r} is not a valid controller name: use at most 63 letters, digits, '-', '_' and '.', "
                "with a domain and '/' before it if you like"
            )
        self._sender = sender
        self.name = name
        self.instance = _word("instance", instance) if instance else f"{name}-{socket.gethostname()}"[:WORD_BYTES]

    def event(
        self,
        regarding: object,
        *,
        type: RecordedEventType = "Normal",  # noqa: A002 - the field's name
        reason: str,
        action: str,
        note: str,
        related: object | None = None,
    ) -> None:
        """Record an event; returns at once, may be called from any thread, and leaves the writing to the sender.

        A reconciler that records events needs the rule
        ``@rbac(groups="events.k8s.io", resources="events", verbs=["create", "patch"])``.

        Args:
            regarding: The object it is about: a project's type or a lightkube kind, as read from the API server, or
                a reference to one.
            type: ``Normal`` or ``Warning``.
            reason: The reason, as one CamelCase word for programs, at most 128 bytes: ``BackupFailed``.
            action: What the controller did or tried, as one such word: ``Backup``.
            note: A sentence for people; truncated to 1024 bytes.
            related: Another object that is involved.

        Raises:
            ValueError: An argument is not valid; the message names it. Failures of the API server are not raised.
        """
        if type not in get_args(RecordedEventType):
            raise ValueError(f"type {type!r}: use 'Normal' or 'Warning'")
        if not isinstance(note, str):
            raise ValueError(f"note {note!r} is not a string")
        about, version = _reference("regarding", regarding)
        other, other_version = _reference("related", related) if related is not None else (None, "")
        key = EventKey(
            type=type,
            action=_word("action", action),
            reason=_word("reason", reason),
            controller=self.name,
            instance=self.instance,
            regarding=about,
            related=other,
        )
        fields = {
            "metadata": {
                "name": f"{_name_part(about.name)}.{secrets.token_hex(8)}",
                "namespace": about.namespace or CLUSTER_NAMESPACE,
            },
            "type": type,
            "action": key.action,
            "reason": key.reason,
            "note": _cut(redact(note)),
            "reportingController": self.name,
            "reportingInstance": self.instance,
            "regarding": about.fields(version),
        }
        if other is not None:
            fields["related"] = other.fields(other_version)
        self._sender.record(key, fields)


def _word(argument: str, value: str) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError(f"{argument} {value!r}: must not be empty")
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise ValueError(f"{argument} {value[:40]!r} has half of a surrogate pair, which is not a character") from None
    if size > WORD_BYTES:
        raise ValueError(
            f"{argument} {value[:40]!r}... is longer than {WORD_BYTES} bytes; use the note for longer text"
        )
    return value


def _reference(argument: str, obj: Any) -> tuple[Reference, str]:  # noqa: ANN401 - any object of the API server
    """Return what an object is, and the version it was read in, which does not belong to what it is."""
    if isinstance(obj, Reference):
        return obj, ""
    try:
        identity = identify(type(obj))
    except TypeError as error:
        raise ValueError(f"{argument}: {error}") from None
    metadata = obj.metadata
    if metadata is None or not metadata.name:
        raise ValueError(f"{argument}: the {identity.kind} has no metadata.name")
    if identity.namespaced and not metadata.namespace:
        raise ValueError(f"{argument}: {identity.kind} {metadata.name} has no metadata.namespace")
    reference = Reference(
        api_version=identity.api_version,
        kind=identity.kind,
        namespace=(metadata.namespace or "") if identity.namespaced else "",
        name=metadata.name,
        uid=metadata.uid or "",
    )
    return reference, metadata.resourceVersion or ""


def _cut(note: str) -> str:
    """Return valid UTF-8 of at most so many bytes, never with half a character at its end."""
    return note.encode("utf-8", "replace")[:NOTE_BYTES].decode("utf-8", "ignore")


def _name_part(name: str) -> str:
    """Return an object's name as it can begin an Event's: those of RBAC objects may be no DNS names."""
    labels = (label.strip("-") for label in re.sub(r"[^a-z0-9.]+", "-", name.lower()).split("."))
    return ".".join(filter(None, labels))[: _NAME_BYTES - 17].strip("-.") or "object"
