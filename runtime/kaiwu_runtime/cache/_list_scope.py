"""Which objects of a kind are watched, how much of each is kept, and what to do when that is not allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from kaiwu_runtime.api._identity import ResourceIdentity
from kaiwu_runtime.errors import ForbiddenError, KaiwuError, NotFoundError

Transform = Callable[[dict[str, Any]], dict[str, Any]]
"""From an object's JSON to what is kept of it; may change what it is given. ``metadata`` has to stay."""


class Selectors(msgspec.Struct, frozen=True):
    """Which objects of a namespace are watched; see `Cache.configure`.

    Attributes:
        label_selector: For example ``app=db``; empty for all. None: that of the kind.
        field_selector: For example ``status.phase=Running``; empty for all. None: that of the kind.
    """

    label_selector: str | None = None
    field_selector: str | None = None


class ListScope(msgspec.Struct, frozen=True):
    """Which objects of a kind are wanted.

    Attributes:
        namespace: Empty for all namespaces.
        label_selector: Evaluated by the server.
        field_selector: Evaluated by the server.
        besides: Namespaces that are left out, where all others are wanted.
    """

    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    besides: tuple[str, ...] = ()

    def described(self) -> str:
        """Return the selectors for a message; empty when there are none."""
        labels = f"labels {self.label_selector!r}" if self.label_selector else ""
        fields = f"fields {self.field_selector!r}" if self.field_selector else ""
        return " and ".join(filter(None, (labels, fields)))

    def params(self) -> dict[str, str]:
        """Return the query of a list or watch."""
        others = [f"metadata.namespace!={namespace}" for namespace in self.besides]
        fields = ",".join(filter(None, (*others, self.field_selector)))
        selectors = {"labelSelector": self.label_selector, "fieldSelector": fields}
        return {name: text for name, text in selectors.items() if text}

    def watch_params(self, version: str, seconds: int) -> dict[str, str]:
        """Return the query of a watch.

        Args:
            version: Where it starts; empty for a streaming list, which begins with everything there is.
            seconds: How long it lasts.
        """
        start = {"resourceVersion": version}
        if not version:
            start = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        return {
            **self.params(),
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(seconds),
            **start,
        }


class CacheOptions(msgspec.Struct, frozen=True):
    """What an informer keeps of each object.

    Attributes:
        metadata_only: The server sends nothing but the metadata: a fraction of the memory where only labels or owners
            matter.
        transform: Removes fields that are not needed before an object is kept; None removes only managedFields.
        streaming_list: Begin with a watch that sends everything there is, instead of pages. The API server offers it
            from Kubernetes 1.32 on; one that rejects is listed.
        on_served: For a kind that the API server may lack: it is waited for, and this is called when it is there and
            when it is not. None: it is an error that the API server lacks the kind.

    See https://kubernetes.io/docs/reference/using-api/api-concepts/#streaming-lists
    """

    metadata_only: bool = False
    transform: Transform | None = None
    streaming_list: bool = False
    on_served: Callable[[bool], None] | None = None


def explain(error: KaiwuError, identity: ResourceIdentity, scope: ListScope) -> str:
    """Return what is wrong with a list or watch and what to do about it, in one line."""
    if isinstance(error, ForbiddenError):
        where = f" in namespace {scope.namespace}" if scope.namespace else ""
        return (
            f"missing RBAC rule: groups={identity.group!r} resources={identity.plural!r} "
            f"verbs=list,watch{where}; declare it with @rbac and run `make manifests` ({error.message})"
        )
    if isinstance(error, NotFoundError):
        return f"the API server has no resource {identity.plural}.{identity.group}; run `make install` ({error})"
    return str(error)
