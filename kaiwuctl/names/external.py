"""Rules for kinds of other projects: their API group, and where their type comes from."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.api import FILE_NAME_LIMIT, KIND_RULES, MODULE_RULES, VERSION_LIMIT
from kaiwuctl.names.project import DOMAIN_RULES
from kaiwuctl.names.python import is_reserved_class
from kaiwuctl.names.rule import Rule, check, quoted

# The API group of another project's kind may be one that is reserved for Kubernetes: gateway.networking.k8s.io.
EXTERNAL_DOMAIN_RULES = tuple(rule for rule in DOMAIN_RULES if rule.name != "domain-protected")

# Another project's kind may have any name; its class gets another one where that is taken.
EXTERNAL_KIND_RULES = tuple(rule for rule in KIND_RULES if rule.name != "kind-reserved")

_VERSION = re.compile(r"v[0-9]+(?:(?:alpha|beta)[0-9]+)?")
EXTERNAL_VERSION_RULES = (
    Rule(
        "external-version",
        lambda version: _VERSION.fullmatch(version) is not None and len(version) <= VERSION_LIMIT,
        "must be v and a number, then maybe alpha or beta and a number",
        "v1beta2",
    ),
)

# What the generated modules import beside what every module does.
_IMPORTED = frozenset({"GenericGlobalResource", "GenericNamespacedResource"})

_CLASS = re.compile(r"(?P<module>[A-Za-z_][A-Za-z0-9_.]*):(?P<name>[A-Za-z_][A-Za-z0-9_]*)")

CLASS_RULES = (
    Rule(
        "class-module",
        lambda text: _CLASS.fullmatch(text) is not None and len(text) <= FILE_NAME_LIMIT,
        "must be a module and a class in it, joined by a colon",
        "acme.cache_types:Cache",
    ),
    Rule(
        "class-keyword",
        lambda text: not any(keyword.iskeyword(part) for part in re.split(r"[.:]", text)),
        "must not contain a keyword of Python",
        "acme.cache_types:Cache",
    ),
)

# The `path` of an entry in PROJECT: the module, with the class where its name is not the kind's.
EXTERNAL_PATH_RULES = (
    Rule(
        "external-path",
        lambda path: (
            all(rule.holds(path.partition(":")[0]) for rule in MODULE_RULES)
            and (":" not in path or all(rule.holds(path) for rule in CLASS_RULES))
        ),
        "must be the Python module that defines the kind",
        "acme.cache_types",
    ),
)


@dataclass(frozen=True, slots=True)
class ClassName:
    """A class of a Python module: ``acme.cache_types:Cache``.

    Attributes:
        module: In dots.
        name: Of the class.
    """

    module: str
    name: str

    @classmethod
    def parse(cls, text: str, *, what: str) -> ClassName:
        """Read ``MODULE:CLASS``.

        Args:
            text: What a user wrote.
            what: Where it comes from, for the message: ``--from``.

        Raises:
            InvalidNameError: It is something else.
        """
        if text.endswith((".yaml", ".yml", ".json")) or text == "-" or text.startswith("cluster:"):
            raise InvalidNameError(
                f"{what} {quoted(text)}: must be a module and a class in it; for a CRD write --from-crd {text} "
                "--resource=false"
            )
        check(text, CLASS_RULES, what=what)
        module, _, name = text.partition(":")
        check(module, MODULE_RULES, what=what)
        return cls(module, name)

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


def split_group(group: str, domain: str | None) -> tuple[str, str]:
    """Return group and domain of another project's kind as PROJECT has them.

    ``cert-manager`` with the domain ``io`` and ``cert-manager.io`` without one are the same API group.

    Args:
        group: The value of ``--group``, which keeps the rules for a group.
        domain: The value of ``--domain``; None where it was not given.

    Raises:
        InvalidNameError: The two together are not the API group of a CRD.
    """
    if domain is None:
        group, _, domain = group.partition(".")
    check(domain, EXTERNAL_DOMAIN_RULES, what="--domain")
    if not group or "." not in f"{group}.{domain}".strip("."):
        raise InvalidNameError(
            f"--group {quoted(group)}: the API group of another project's kind has a dot; add the rest with --domain, "
            "for example --group cert-manager --domain io"
        )
    return group, domain


def external_class(kind: str) -> str:
    """Return the name that the class of another project's kind has: ``Client`` gives ``ClientKind``."""
    return f"{kind}Kind" if is_reserved_class(kind) or kind in _IMPORTED else kind
