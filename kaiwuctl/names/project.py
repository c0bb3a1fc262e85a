"""Rules for what `kaiwuctl init` is told: project name, domain, repository, owner."""

from __future__ import annotations

import re

from kaiwuctl.names.python import names_other_encoding
from kaiwuctl.names.rule import LABEL_LIMIT, Rule, is_dns_1035_label, is_dns_label, is_dns_subdomain

# The longest name made from the project's: a Service, whose name is a DNS label.
_LONGEST_SUFFIX = "-controller-manager-metrics-service"
PROJECT_NAME_LIMIT = LABEL_LIMIT - len(_LONGEST_SUFFIX)

# "<8 hexadecimal digits>.<domain>" names the leader-election Lease, "<plural>.<group>.<domain>" the CRD
# and its file: 100 characters leave room for a long group and plural within the limits (253 and 255).
DOMAIN_LIMIT = 100

# A project is a Python distribution; with one of these names it would replace what it depends on.
_DEPENDENCIES = frozenset(
    {
        "aiohappyeyeballs",
        "aiohttp",
        "annotated-types",
        "cryptography",
        "h11",
        "httptools",
        "hypothesis",
        "kaiwu-runtime",
        "kaiwuctl",
        "lightkube",
        "lightkube-models",
        "msgspec",
        "mypy",
        "pip",
        "prometheus-client",
        "pydantic",
        "pydantic-core",
        "pytest",
        "pytest-asyncio",
        "python",
        "python-socks",
        "pyyaml",
        "ruff",
        "setuptools",
        "typing-extensions",
        "uv",
        "uvloop",
        "websockets",
        "yarl",
    }
)

# As in operator-sdk; it cannot be registered.
DEFAULT_DOMAIN = "my.domain"

# Groups below these belong to Kubernetes; a CRD in them needs an approval annotation.
# https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/2337-k8s.io-group-protection
_PROTECTED = ("k8s.io", "kubernetes.io")

_REPOSITORY = re.compile(r"(?:https?://)?[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?(?:/[A-Za-z0-9._~-]+)+")


def is_protected(group: str) -> bool:
    """Whether `group` is one the API server reserves for Kubernetes itself."""
    return any(group == name or group.endswith(f".{name}") for name in _PROTECTED)


PROJECT_NAME_RULES = (
    Rule("project-name-present", lambda name: name != "", "must not be empty", "kaiwu-operator"),
    Rule(
        "project-name-label",
        is_dns_1035_label,
        "must be lower-case letters, digits and hyphens, start with a letter and end with a letter or digit, "
        "because it starts the names of Services (RFC 1035)",
        "kaiwu-operator",
    ),
    Rule(
        "project-name-length",
        lambda name: len(name) <= PROJECT_NAME_LIMIT,
        f"must have at most {PROJECT_NAME_LIMIT} characters, because the Service <project>{_LONGEST_SUFFIX} "
        f"may have {LABEL_LIMIT}",
        "kaiwu-operator",
    ),
    Rule(
        "project-name-dependency",
        lambda name: name not in _DEPENDENCIES,
        "is the name of a package that the project itself installs",
        "kaiwu-operator",
    ),
)

DOMAIN_RULES = (
    Rule(
        "domain-subdomain",
        lambda domain: domain == "" or is_dns_subdomain(domain),
        "must be lower-case DNS labels joined by dots (RFC 1123)",
        "inspur.com",
    ),
    Rule(
        "domain-labels",
        lambda domain: all(len(label) <= LABEL_LIMIT for label in domain.split(".")),
        f"must not have a part of more than {LABEL_LIMIT} characters",
        "inspur.com",
    ),
    Rule(
        "domain-length",
        lambda domain: len(domain) <= DOMAIN_LIMIT,
        f"must have at most {DOMAIN_LIMIT} characters, because it is part of the CRD's name and file",
        "inspur.com",
    ),
    Rule(
        "domain-protected",
        lambda domain: not is_protected(domain),
        "is reserved for Kubernetes itself, and the API server rejects other people's kinds in it",
        "inspur.com",
    ),
)

REPO_RULES = (
    Rule(
        "repo-url",
        lambda repo: _REPOSITORY.fullmatch(repo) is not None and ".." not in repo,
        "must be a host and a path without user name, spaces or query, with or without https://",
        "github.com/inspur/kaiwu-operator",
    ),
    Rule(
        "repo-length",
        lambda repo: len(repo) <= 200,
        "must have at most 200 characters",
        "github.com/inspur/kaiwu-operator",
    ),
)

OWNER_RULES = (
    Rule("owner-line", str.isprintable, "must be one line without control characters", "Inspur Cloud"),
    Rule(
        "owner-encoding",
        lambda owner: not names_other_encoding(f"{owner}."),
        "must not have 'coding:' in it, which Python reads as the encoding of each file",
        "Inspur Cloud",
    ),
    Rule("owner-length", lambda owner: len(owner) <= 80, "must have at most 80 characters", "Inspur Cloud"),
)

CLI_VERSION_RULES = (
    Rule(
        "cli-version",
        lambda version: re.fullmatch(r"(?=.{1,64}$)[0-9]+(?:[.+!-][0-9A-Za-z]+|[a-z]+[0-9]+)*", version) is not None,
        "must be the version of kaiwuctl that started the project",
        "0.1.0",
    ),
)


def suggest_project_name(text: str) -> str:
    """Return a project name that passes and is close to `text`; empty when nothing is left of it."""
    name = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    name = name.lstrip("0123456789-")[:PROJECT_NAME_LIMIT].rstrip("-")
    return name if is_dns_label(name) and name not in _DEPENDENCIES else ""
