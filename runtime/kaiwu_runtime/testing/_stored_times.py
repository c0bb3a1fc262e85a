"""Times of Kubernetes' own kinds as an API server stores them, in UTC: a Time in seconds, a MicroTime with six digits.

See https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from kaiwu_runtime.api._times import micro_time, time_paths
from kaiwu_runtime.testing._kinds import FakeKind


def with_stored_times(kind: FakeKind, obj: dict[str, Any]) -> dict[str, Any]:
    """Return an object with the times of its spec and status as a server stores them.

    A custom resource is returned as it is: its times are texts, and so is what a server stores.

    Args:
        kind: The resource.
        obj: The object; it is not changed.
    """
    if kind.custom or kind.model is None:
        return obj
    content = {name: part for name, part in obj.items() if name != "metadata"}  # whose times the server sets
    for time, form in _FORMS.items():
        content = _stored(content, kind.model, time, form)
    return {**obj, **content}


def _stored(value: Any, model: type[Any], time: str, form: Callable[[datetime], str]) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_stored(item, model, time, form) for item in value]
    if not isinstance(value, Mapping):
        return value
    found = {**value}
    for path in time_paths(model, time):  # type: ignore[arg-type]  # a class is hashable
        if path.name in found:
            part = found[path.name]
            found[path.name] = _formatted(part, form) if path.model is None else _stored(part, path.model, time, form)
    return found


def _formatted(value: Any, form: Callable[[datetime], str]) -> Any:  # noqa: ANN401 - any JSON
    try:
        moment = datetime.fromisoformat(value)
        return form(moment.astimezone(UTC)) if moment.tzinfo is not None else value
    except (TypeError, ValueError, OverflowError):
        return value  # the fake accepts any value


def _whole_seconds(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


_FORMS: dict[str, Callable[[datetime], str]] = {"Time": _whole_seconds, "MicroTime": micro_time}
