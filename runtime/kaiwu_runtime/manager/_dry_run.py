"""A dry run of a whole operator: reads are real, writes are only checked by the API server, and printed as diffs.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kaiwu_runtime._redaction import has_secret
from kaiwu_runtime.errors import APIError, TerminalError
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket
from kaiwu_runtime.rest._transport import JSON, Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper

_SYSTEM = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
"""Fields of the metadata that every write changes."""

_QUIET_GROUPS = frozenset({"authentication.k8s.io", "authorization.k8s.io"})
"""Groups of reviews, which change nothing: not shown."""

_EVENT_GROUPS = frozenset({"", "events.k8s.io"})
"""Groups whose events tell of what an operator does: not shown."""

_HIDDEN = "***"


def write_to_stdout(text: str) -> None:
    """Write a diff to standard output; the log goes to standard error."""
    sys.stdout.write(text)
    sys.stdout.flush()


@dataclass(frozen=True, slots=True)
class _Target:
    """What a path names; the attributes are empty where it names none."""

    group: str
    namespace: str
    plural: str
    name: str
    subresource: str

    @property
    def is_quiet(self) -> bool:
        """Whether a write is not shown."""
        if self.plural == "events":
            return self.group in _EVENT_GROUPS
        return self.group in _QUIET_GROUPS or (self.plural, self.subresource) == ("serviceaccounts", "token")

    def __str__(self) -> str:
        where = "/".join(part for part in (self.namespace, self.name, self.subresource) if part)
        return f"{self.plural} {where}".strip()


class DryRunTransport(TransportWrapper):
    """Sends writes with ``dryRun=All``, and writes down what they would change.

    A write that changes nothing is not shown, and neither is one that was shown before. Values of Secrets are hidden.

    Args:
        inner: Sends the requests.
        write: Called with each diff.

    Attributes:
        changes: How many diffs there were.
    """

    def __init__(self, inner: Transport, write: Callable[[str], None] = write_to_stdout) -> None:
        super().__init__(inner)
        self._write = write
        self._shown: set[str] = set()
        self.changes = 0

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: bytes | None = None,
        content_type: str = "application/json",
        accept: str = JSON,
    ) -> bytes:
        """Send a read as it is, and a write as a dry run; see :class:`~kaiwu_runtime.rest.Transport`."""
        if method == "GET":
            return await super().request(
                method, path, params=params, body=body, content_type=content_type, accept=accept
            )
        target = _target(path)
        quiet = target.is_quiet
        before = None if quiet or method == "POST" else await self._stored(path, target)
        if method == "DELETE" and body:
            # The options in a body count, not those of the query.
            body = json.dumps({**json.loads(body), "dryRun": ["All"]}).encode()
        else:
            params = {**(params or {}), "dryRun": "All"}
        answer = await super().request(method, path, params=params, body=body, content_type=content_type, accept=accept)
        if not quiet:
            self._show(method, target, before, answer)
        return answer

    async def answer(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        content_type: str = "",
        seconds: float = ANSWER_SECONDS,
        limit: int = ANSWER_BYTES,
    ) -> Answer:
        """Send a read; see :class:`~kaiwu_runtime.rest.RawTransport`.

        Raises:
            TerminalError: It is a write.
        """
        if method != "GET":
            raise TerminalError(f"{method} {path}: not sent in a dry run")
        return await super().answer(
            method, path, params=params, body=body, content_type=content_type, seconds=seconds, limit=limit
        )

    async def websocket(
        self,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        subprotocols: Sequence[str] = (),  # noqa: ARG002
    ) -> Socket:
        """Reject a command.

        Raises:
            TerminalError: In any case: a command cannot be run dry.
        """
        words = [value for name, value in params if name == "command"]
        raise TerminalError(f"{_target(path)}: not run in a dry run: {' '.join(words)}")

    async def _stored(self, path: str, target: _Target) -> dict[str, Any] | None:
        """Return the object that a write is about, or None when there is none."""
        try:
            found = json.loads(
                await super().request("GET", path.removesuffix("/status") if target.subresource == "status" else path)
            )
        except (APIError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _show(self, method: str, target: _Target, before: dict[str, Any] | None, answer: bytes) -> None:
        try:
            after = json.loads(answer)
        except (ValueError, RecursionError):
            return
        if not isinstance(after, dict):
            return
        if method == "DELETE":
            self._print(f"delete {_title(before, target)}\n")
            return
        old, new = _comparable(before), _comparable(after)
        _hide(old, new)
        title = _title(after, target)
        lines = list(difflib.unified_diff(_yaml(old), _yaml(new), f"{title} (live)", f"{title} (dry run)", lineterm=""))
        if lines:
            self._print("\n".join(lines) + "\n")

    def _print(self, text: str) -> None:
        if text not in self._shown:
            self._shown.add(text)
            self.changes += 1
            self._write(text)


def _comparable(obj: dict[str, Any] | None) -> dict[str, Any]:
    """Return an object without what every write changes."""
    if obj is None:
        return {}
    metadata = obj.get("metadata")
    if not isinstance(metadata, dict):
        return dict(obj)
    return {**obj, "metadata": {name: value for name, value in metadata.items() if name not in _SYSTEM}}


def _hide(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Replace the values of a Secret by stars that only tell whether they differ."""
    _hide_values(_annotations(old), _annotations(new), has_secret)
    if "Secret" in (old.get("kind"), new.get("kind")):
        for name in ("data", "stringData"):
            _hide_values(_member(old, name), _member(new, name), lambda *_: True)


def _hide_values(before: dict[str, Any], after: dict[str, Any], secret: Callable[[str, object], bool]) -> None:
    differ = {key for key in before.keys() & after.keys() if before[key] != after[key]}
    for values, when in ((before, "before"), (after, "after")):
        for key, value in values.items():
            if secret(key, value):
                values[key] = f"{_HIDDEN} ({when})" if key in differ else _HIDDEN


def _member(obj: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a copy of a mapping in an object, which takes its place; empty when there is none."""
    found = obj.get(name)
    if not isinstance(found, dict):
        return {}
    obj[name] = found = dict(found)
    return found


def _annotations(obj: dict[str, Any]) -> dict[str, Any]:
    return _member(_member(obj, "metadata"), "annotations")


def _yaml(obj: dict[str, Any]) -> list[str]:
    import yaml  # noqa: PLC0415 - only for a dry run

    if not obj:
        return []
    text: str = yaml.safe_dump(obj, sort_keys=True, allow_unicode=True, width=1000)
    return text.splitlines()


def _title(obj: dict[str, Any] | None, target: _Target) -> str:
    metadata = (obj or {}).get("metadata")
    if obj is None or not isinstance(metadata, dict) or not metadata.get("name"):
        return str(target)
    key = "/".join(str(part) for part in (metadata.get("namespace"), metadata["name"]) if part)
    suffix = target.subresource if target.subresource in {"status", "scale"} else ""
    return f"{obj.get('kind') or target} {key} {suffix}".rstrip()


def _target(path: str) -> _Target:
    """Return what a path names.

    See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
    """
    parts = path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1] if len(parts) > 1 else "", parts[3:])
    namespace = ""
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in {"status", "finalize"}:  # of the namespace
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "", "")[:3]
    return _Target(group, namespace, plural or path, name, subresource)
