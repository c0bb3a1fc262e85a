"""From the arguments of ``@mutating`` and ``@validating`` to a declaration; the type says what is left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from kaiwu_runtime.api._identity import ResourceIdentity, identify
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.webhook._configuration_checks import operation_name, selector
from kaiwu_runtime.webhook._declarations import MatchCondition, WebhookDeclaration
from kaiwu_runtime.webhook._paths import mutate_path, validate_path


def declaration_of(
    where: str,
    webhook: type[Any],
    kind: type[Any] | None,
    *,
    is_mutating: bool,
    name: str = "",
    operations: str | Sequence[str] = ("CREATE", "UPDATE"),
    groups: str | Sequence[str] = (),
    versions: str | Sequence[str] = (),
    resources: str | Sequence[str] = (),
    path: str = "",
    url: str = "",
    scope: str | None = None,
    match_policy: str | None = None,
    admission_review_versions: str | Sequence[str] = ("v1",),
    namespace_selector: Any = None,  # noqa: ANN401
    object_selector: Any = None,  # noqa: ANN401
    match_conditions: Sequence[MatchCondition] | Mapping[str, str] = (),
    **rest: Any,  # noqa: ANN401
) -> WebhookDeclaration:
    """Return what a decorator declares: its arguments, and what follows from the type where one is left out.

    Raises:
        DefinitionError: There is no such argument, its value has the wrong form, or the kind is not known.
    """
    try:
        identity = identify(kind if kind is not None else _type_argument(where, webhook))
    except TypeError as error:
        raise DefinitionError(f"{where}: {error}") from None
    if path and url:
        raise DefinitionError(f"{where} has a path and a url: use one of both")
    default_path = mutate_path(identity) if is_mutating else validate_path(identity)
    conditions = match_conditions
    if isinstance(conditions, Mapping):
        conditions = [MatchCondition(*pair) for pair in conditions.items()]
    try:
        return WebhookDeclaration(
            is_mutating=is_mutating,
            declared_on=webhook.__qualname__,
            identity=identity,
            name=name or _default_name(identity, is_mutating=is_mutating),
            operations=tuple(map(operation_name, _words(where, "operations", operations))),
            groups=tuple("" if each == "core" else each for each in _words(where, "groups", groups, (identity.group,))),
            versions=_words(where, "versions", versions, (identity.version,)),
            resources=_words(where, "resources", resources, (identity.plural,)),
            path="" if url else path or default_path,
            url=url,
            scope=scope or "",
            match_policy=match_policy or "",
            admission_review_versions=_words(where, "admission_review_versions", admission_review_versions),
            namespace_selector=selector(where, "namespace_selector", namespace_selector),
            object_selector=selector(where, "object_selector", object_selector),
            match_conditions=tuple(conditions),
            **rest,
        )
    except TypeError as error:
        # An argument of @mutating that does not exist.
        raise DefinitionError(f"{where}: {str(error).partition('() ')[2] or error}") from None


def _type_argument(where: str, webhook: type[Any]) -> type[Any]:
    """Return the type in ``Defaulter[Shop]``."""
    for cls in webhook.__mro__:
        for base in cls.__dict__.get("__orig_bases__", ()):
            arguments = [each for each in get_args(base) if isinstance(each, type)]
            if isinstance(get_origin(base), type) and arguments:
                return arguments[0]
    raise DefinitionError(f"{where} does not know the kind: write Defaulter[Kind] or Validator[Kind] as the base class")


def _default_name(identity: ResourceIdentity, *, is_mutating: bool) -> str:
    # The API server wants at least three labels.
    group = identity.group if "." in identity.group else ".".join(filter(None, (identity.group, "kaiwuctl.io")))
    return f"{'m' if is_mutating else 'v'}{identity.kind.lower()}-{identity.version}.{group}"


def _words(where: str, argument: str, value: str | Sequence[str], default: tuple[str, ...] = ()) -> tuple[str, ...]:
    words = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(word, str) for word in words):
        raise DefinitionError(f"{where} {argument}={value!r}: use strings")
    words = words or default
    if not words:
        raise DefinitionError(f"{where} {argument} is empty: name at least one, or leave it out")
    if len(set(words)) != len(words):
        raise DefinitionError(f"{where} {argument} names {first_duplicate(words)!r} twice")
    return words


def first_duplicate(values: Sequence[str]) -> str:
    """Return the first value that is there a second time; there must be one."""
    return next(value for index, value in enumerate(values) if value in values[:index])
