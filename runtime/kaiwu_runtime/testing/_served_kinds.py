"""The kinds that a fake API server serves: those of a test, and Kubernetes' own.

See https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kaiwu_runtime.testing._kinds import (
    FakeKind,
    Target,
    built_in,
    built_in_kinds,
    parse_path,
    resource_list,
)
from kaiwu_runtime.testing._refusals import not_served


class ServedKinds:
    """The kinds of a server.

    Args:
        kinds: Types, or what is served of them; Kubernetes' own need not be named.
    """

    def __init__(self, kinds: Iterable[type[Any] | FakeKind]) -> None:
        self._kinds: dict[tuple[str, str, str], FakeKind] = {}
        for kind in kinds:
            known = kind if isinstance(kind, FakeKind) else FakeKind.of(kind)
            identity = known.identity
            self._kinds[identity.group, identity.version, identity.plural] = known

    def add(self, kind: type[Any]) -> FakeKind:
        """Serve a type from now on, and return how; one that is served already stays as it is."""
        known = FakeKind.of(kind)
        identity = known.identity
        return self._kinds.setdefault((identity.group, identity.version, identity.plural), known)

    def resolve(self, path: str) -> tuple[FakeKind, Target]:
        """Return the kind of a request, and what of it the request is for.

        Args:
            path: Path of the request.

        Raises:
            NotFoundError: No such kind is served.
        """
        target = parse_path(path)
        if target is not None:
            key = (target.group, target.version, target.plural)
            kind = self._kinds.get(key) or built_in(*key)
            if kind is not None and (kind.identity.namespaced or not target.namespace):
                return kind, target
        raise not_served(f"{path}; a kind of your own has to be given to FakeTransport(...)")

    def discovered(self, group: str, version: str) -> dict[str, Any]:
        """Return the APIResourceList of a group version: the kinds that were given, and Kubernetes' own.

        Raises:
            NotFoundError: There is none.
        """
        given = [kind for key, kind in self._kinds.items() if key[:2] == (group, version)]
        found = {kind.identity.plural: kind for kind in [*built_in_kinds(group, version), *given]}
        if not found:
            raise not_served(f"{group}/{version}")
        return resource_list(group, version, found.values())
