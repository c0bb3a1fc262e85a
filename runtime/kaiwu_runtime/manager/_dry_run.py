"""A dry run of a whole operator: reads are real, writes are only checked by the API server, and printed as diffs.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kaiwu_runtime._redaction import has_secret
from kaiwu_runtime.errors import APIError, TerminalError
from kaiwu_runtime.rest._raw_transport import ANSWER_BYTES, ANSWER_SECONDS, Answer, Socket
from kaiwu_runtime.rest._transport import JSON, Transport
from kaiwu_runtime.rest._wrapper import TransportWrapper

_SYSTEM = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp", "selfLink")
"""Fields of the metadata that every write changes."""

_QUIET = ("/events", "/tokenreviews", "/subjectaccessreviews", "/selfsubjectaccessreviews", "/token")
"""Ends of paths that change nothing, or tell of what an operator does: not shown."""

_HIDDEN = "***"


def write_to_stdout(text: str) -> None:
    """Write a diff to standard output; the log goes to standard error."""
    sys.stdout.write(text)
    sys.stdout.flush()


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
        quiet = path.endswith(_QUIET)
        before = None if quiet or method == "POST" else await self._stored(path)
        if method == "DELETE" and body:
            # The options in a body count, not those of the query.
            body = json.dumps({**json.loads(body), "dryRun": ["All"]}).encode()
        else:
            params = {**(params or {}), "dryRun": "All"}
        answer = await super().request(method, path, params=params, body=body, content_type=content_type, accept=accept)
        if not quiet:
            self._show(method, path, before, answer)
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
        raise TerminalError(f"{_named(path)}: not run in a dry run: {' '.join(words)}")

    async def _stored(self, path: str) -> dict[str, Any] | None:
        """Return the object that a write is about, or None when there is none."""
        try:
            found = json.loads(await super().request("GET", path.removesuffix("/status")))
        except (APIError, ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    def _show(self, method: str, path: str, before: dict[str, Any] | None, answer: bytes) -> None:
        try:
            after = json.loads(answer)
        except (ValueError, RecursionError):
            return
        if not isinstance(after, dict):
            return
        if method == "DELETE":
            self._print(f"delete {_title(before, path)}\n")
            return
        old, new = _comparable(before), _comparable(after)
        _hide(old, new)
        title = _title(after, path)
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


def _title(obj: dict[str, Any] | None, path: str) -> str:
    metadata = (obj or {}).get("metadata")
    if obj is None or not isinstance(metadata, dict) or not metadata.get("name"):
        return _named(path)
    key = "/".join(str(part) for part in (metadata.get("namespace"), metadata["name"]) if part)
    suffix = next((name for name in ("status", "scale") if path.endswith(f"/{name}")), "")
    return f"{obj.get('kind') or _named(path)} {key}{f' {suffix}' if suffix else ''}"


def _named(path: str) -> str:
    """Return what a path names, for a message."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[:1] == ["namespaces"] and len(parts) > 2:
        return f"{parts[2]} {'/'.join([parts[1], *parts[3:]])}"
    return " ".join([parts[0], "/".join(parts[1:])]).strip() if parts else path
