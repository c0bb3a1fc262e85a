"""The informers of a cache, one for each kind: configured, created when they are first asked for, and run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime.api._identity import ObjectKey, identify, not_a_class
from kaiwu_runtime.cache._index import IndexFunction
from kaiwu_runtime.cache._informer import Informer
from kaiwu_runtime.cache._kind_informers import KindInformers
from kaiwu_runtime.cache._list_scope import CacheOptions, Transform
from kaiwu_runtime.cache._lookup import KEY_FIELDS
from kaiwu_runtime.cache._scopes import KindScopes, Namespaces
from kaiwu_runtime.errors import ConfigurationError
from kaiwu_runtime.rest._transport import Transport

if TYPE_CHECKING:
    from kaiwu_runtime.client._metadata import PartialObjectMetadata

T = TypeVar("T")

_Configured = tuple[KindScopes, Transform | None]

_AS_THE_CACHE: _Configured = KindScopes(), None

_FIELD = lazy_pattern(r"[^\s=!,\\]+")


class Informers:
    """Informers by kind; :class:`~kaiwu_runtime.cache.Cache` adds reading.

    Args:
        transport: Sends the requests.
        namespaces: See :class:`~kaiwu_runtime.cache.Cache`.
        streaming_list: See :class:`~kaiwu_runtime.cache.CacheOptions`.
        name: See :class:`~kaiwu_runtime.cache.Cache`.
        kind_informers: See :class:`~kaiwu_runtime.cache.Cache`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        namespaces: Sequence[str],
        streaming_list: bool,
        name: str,
        kind_informers: KindInformers | None,
    ) -> None:
        if isinstance(namespaces, str):
            raise ConfigurationError(f"cache: namespaces={namespaces!r}: use a list, [{namespaces!r}]")
        self.name = name
        self.kind_informers = KindInformers() if kind_informers is None else kind_informers
        self._transport = transport
        self._namespaces = tuple(dict.fromkeys(namespaces))
        self._streaming_list = streaming_list
        self._configured: dict[type[Any], _Configured] = {}
        self._optional: set[type[Any]] = set()
        self._indexes: dict[type[Any], dict[str, IndexFunction]] = {}
        self._informers: dict[tuple[type[Any], bool], Informer[Any]] = {}
        self._group: asyncio.TaskGroup | None = None

    @property
    def described(self) -> str:
        """The cache, for a message."""
        return f"the cache {self.name!r}" if self.name else "the cache"

    @property
    def informers(self) -> tuple[Informer[Any], ...]:
        """The informers there are."""
        return tuple(self._informers.values())

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces that are watched; empty for all."""
        return self._namespaces

    def configure(
        self,
        kind: type[Any],
        *,
        label_selector: str = "",
        field_selector: str = "",
        namespaces: Namespaces | None = None,
        transform: Transform | None = None,
    ) -> None:
        """Configure which objects of a kind are watched, and what is kept of them; before the first use of the kind.

        All readers of the kind from the cache see only these objects, in this form. For other objects of the kind make
        a second cache: see `Manager.add_cache`.

        Args:
            kind: A project's type or a lightkube kind.
            label_selector: For example ``app=db``; evaluated by the API server.
            field_selector: For example ``status.phase=Running``; the API server supports few fields of each kind.
            namespaces: Namespaces to watch instead of the cache's own; empty for all. A mapping has
                :class:`Selectors` for each namespace, in place of the two above, and for ``""``: all other namespaces.
            transform: See :data:`Transform`.

        Raises:
            ConfigurationError: A label selector or a namespace is malformed, or the kind is watched already, with
                other options.
        """
        wanted = KindScopes.of(kind, label_selector, field_selector, namespaces), transform
        present = self._configured.get(kind)
        watched = any((kind, metadata_only) in self._informers for metadata_only in (False, True))
        if wanted != (present or _AS_THE_CACHE) and (present is not None or watched):
            raise ConfigurationError(
                f"{identify(kind)} is watched already, with other selectors, namespaces or another transform; "
                "configure it once, before the first use, or add another cache with manager.add_cache"
            )
        self._configured[kind] = wanted

    def allow_absent(self, kind: type[Any]) -> None:
        """Let a kind be optional: while the API server lacks it, it has no objects, and it is waited for.

        Call it before the first use of the kind; later it does nothing. A kind is optional for all its readers.

        Args:
            kind: A project's type or a lightkube kind.
        """
        self._optional.add(kind)

    @overload
    def informer(self, kind: type[Any], *, metadata_only: Literal[True]) -> Informer[PartialObjectMetadata]: ...

    @overload
    def informer(self, kind: type[T], *, metadata_only: Literal[False] = False) -> Informer[T]: ...

    @overload
    def informer(self, kind: type[Any], *, metadata_only: bool) -> Informer[Any]: ...

    def informer(self, kind: type[Any], *, metadata_only: bool = False) -> Informer[Any]:
        """Return the informer of a kind; the first call creates it, and starts it if the cache runs.

        Args:
            kind: A project's type or a lightkube kind.
            metadata_only: Return a separate informer, which keeps only the objects' metadata.

        Raises:
            TypeError: The type is not a Kubernetes resource.
        """
        if not isinstance(kind, type):
            raise not_a_class(kind)
        informer = self._informers.get((kind, metadata_only))
        if informer is None:
            watched, transform = self._configured.get(kind, _AS_THE_CACHE)
            scopes = watched.scopes(self._namespaces, namespaced=identify(kind).namespaced)
            optional = (lambda _: None) if kind in self._optional else None
            options = CacheOptions(metadata_only, transform, self._streaming_list, optional)
            informer = Informer(self._transport, kind, scopes, options, cache=self.name)
            for field, function in ({} if metadata_only else self._indexes.get(kind, {})).items():
                informer.add_index(field, function)
            self._informers[kind, metadata_only] = informer
            self.kind_informers.add(kind, informer)
            if self._group is not None:
                self._start(informer)
        return informer

    def version_of(self, kind: type[Any], key: ObjectKey) -> str | None:
        """Return the resourceVersion of a cached object; empty if it is not there, None for a kind that is not synced.

        Args:
            kind: A project's type or a lightkube kind; it is not watched because of this.
            key: The object's key.
        """
        for metadata_only in (False, True):
            informer = self._informers.get((kind, metadata_only))
            if informer is not None and informer.holds_all(key.namespace):
                found = informer.store.get(key)
                return "" if found is None else found.resource_version
        return None

    def index_field(self, kind: type[T], field: str, function: Callable[[T], Iterable[str]]) -> None:
        """Let `list` find the objects of a kind by a field: ``field_selector="spec.secret=a"``; at any time.

        Args:
            kind: A project's type or a lightkube kind.
            field: Name of the field in selectors, usually its path.
            function: Returns the values by which an object is found; may be empty. An exception is logged, and the
                object is not found by this field.

        Raises:
            TypeError: The type is not a Kubernetes resource.
            ValueError: The field is indexed already, or is not a valid field of a selector.
        """
        identity = identify(kind)
        if field in KEY_FIELDS or not _FIELD().fullmatch(field):
            raise ValueError(
                f"index of {identity}: {field!r} is not a valid field name: use its path, as in spec.secret"
            )
        present = self._informers.get((kind, False))
        indexes = self._indexes.setdefault(kind, {})
        if field in indexes:
            raise ValueError(f"index of {identity}: {field} is indexed already")
        indexes[field] = lambda obj: function(obj.decode(kind))
        if present is not None:
            present.add_index(field, indexes[field])

    async def run(self) -> None:
        """Run all informers, including those created later, until cancelled.

        Raises:
            RuntimeError: The cache runs already.
        """
        if self._group is not None:
            raise RuntimeError(f"{self.described} runs already")
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                for informer in self._informers.values():
                    self._start(informer)
                await asyncio.Event().wait()  # until cancelled: informers may come at any time
            finally:
                self._group = None

    def _start(self, informer: Informer[Any]) -> None:
        if self._group is not None:
            self._group.create_task(informer.run(), name=f"informer {informer.identity}")
