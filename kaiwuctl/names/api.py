"""Rules for what `kaiwuctl create api` is told: group, version, kind, plural, controller name."""

from __future__ import annotations

import re
from typing import Final

from kaiwuctl.errors import InvalidNameError
from kaiwuctl.names.project import is_protected
from kaiwuctl.names.python import is_reserved_class
from kaiwuctl.names.rule import (
    LABEL_LIMIT,
    Rule,
    is_dns_1035_label,
    is_dns_subdomain,
    quoted,
)

_VERSION = re.compile(r"v[1-9][0-9]*(?:(?:alpha|beta)[1-9][0-9]*)?")
_KIND = re.compile(r"[A-Za-z0-9]+")
_FOLDER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:/[A-Za-z_][A-Za-z0-9_]*)*")
_WEBHOOK_PATH = re.compile(r"(?:/[A-Za-z0-9_-][A-Za-z0-9_.-]*)+")
# "<Kind>List" is a DNS label as well.
KIND_LIMIT = LABEL_LIMIT - len("List")
GROUP_LIMIT: Final = 100
VERSION_LIMIT: Final = 20
# A file name may have 255 bytes; the rest is for the name it has while it is written.
FILE_NAME_LIMIT: Final = 230

GROUP_RULES = (
    Rule(
        "group-subdomain",
        lambda group: group == "" or is_dns_subdomain(group),
        "must be lower-case letters, digits and hyphens, with dots between parts (RFC 1123)",
        "kaiwu",
    ),
    Rule(
        "group-labels",
        lambda group: all(len(label) <= LABEL_LIMIT for label in group.split(".")),
        f"must not have a part of more than {LABEL_LIMIT} characters",
        "kaiwu",
    ),
    Rule(
        "group-length",
        lambda group: len(group) <= GROUP_LIMIT,
        f"must have at most {GROUP_LIMIT} characters, because it is part of the CRD's name and file",
        "kaiwu",
    ),
)

VERSION_RULES = (
    Rule(
        "version-form",
        lambda version: _VERSION.fullmatch(version) is not None,
        "must be v and a number, then maybe alpha or beta and a number, as Kubernetes orders versions",
        "v1beta2",
    ),
    Rule(
        "version-length",
        lambda version: len(version) <= VERSION_LIMIT,
        f"must have at most {VERSION_LIMIT} characters",
        "v1",
    ),
)

KIND_RULES = (
    Rule(
        "kind-identifier",
        lambda kind: _KIND.fullmatch(kind) is not None,
        "must be letters and digits only, because it is also the name of a Python class",
        "KaiwuCluster",
    ),
    Rule(
        "kind-uppercase",
        lambda kind: "A" <= kind[:1] <= "Z",
        "must start with an upper-case letter",
        "KaiwuCluster",
    ),
    Rule(
        "kind-length",
        lambda kind: len(kind) <= KIND_LIMIT,
        f"must have at most {KIND_LIMIT} characters, because <kind>List may have {LABEL_LIMIT}",
        "KaiwuCluster",
    ),
    Rule(
        "kind-list",
        lambda kind: kind != "List",
        "is Kubernetes' own kind of lists, and no API server serves a CRD of that kind",
        "KaiwuCluster",
    ),
    Rule(
        "kind-reserved",
        lambda kind: not is_reserved_class(kind),
        "is a name that Python or the generated modules already use",
        "KaiwuCluster",
    ),
)

PLURAL_RULES = (
    Rule(
        "plural-label",
        is_dns_1035_label,
        "must be lower-case letters, digits and hyphens and start with a letter (RFC 1035)",
        "kaiwuclusters",
    ),
    Rule(
        "plural-length",
        lambda plural: len(plural) <= LABEL_LIMIT,
        f"must have at most {LABEL_LIMIT} characters",
        "kaiwuclusters",
    ),
)

CONTROLLER_NAME_RULES = (
    Rule(
        "controller-name-label",
        is_dns_1035_label,
        "must be lower-case letters, digits and hyphens and start with a letter, because it is also the "
        "name of a "
        "Python module",
        "kaiwucluster-backup",
    ),
    Rule(
        "controller-name-length",
        lambda name: len(name) <= LABEL_LIMIT,
        f"must have at most {LABEL_LIMIT} characters",
        "kaiwucluster-backup",
    ),
)

# Where the type of an API is: a folder of the project, or a module for a kind of Kubernetes itself.
FOLDER_RULES = (
    Rule(
        "folder-packages",
        lambda path: _FOLDER.fullmatch(path) is not None and len(path) <= FILE_NAME_LIMIT,
        "must be Python packages joined by slashes, inside the project",
        "api/v1",
    ),
)

MODULE_RULES = (
    Rule(
        "module-dotted",
        lambda path: _FOLDER.fullmatch(path.replace(".", "/")) is not None and len(path) <= FILE_NAME_LIMIT,
        "must be the Python module that defines the kind",
        "lightkube.resources.apps_v1",
    ),
)


# https://pkg.go.dev/net/http#ServeMux takes more; what needs no quoting in Python, YAML and a URL is enough.
WEBHOOK_PATH_RULES = (
    Rule(
        "webhook-path-form",
        # A dot segment is resolved by clients before they send the request.
        lambda path: _WEBHOOK_PATH.fullmatch(path) is not None and ".." not in path,
        "must start with a slash and have letters, digits, single dots, hyphens and underscores between slashes",
        "/validate-kaiwu-inspur-com-v1-kaiwucluster",
    ),
    Rule(
        "webhook-path-length",
        lambda path: len(path) <= FILE_NAME_LIMIT,
        f"must have at most {FILE_NAME_LIMIT} characters",
        "/validate-kaiwu-inspur-com-v1-kaiwucluster",
    ),
    Rule(
        "webhook-path-convert",
        lambda path: path != "/convert",
        "is where conversions are served",
        "/validate-kaiwu-inspur-com-v1-kaiwucluster",
    ),
)


def qualified_group(group: str, domain: str) -> str:
    """Return the group as the API server knows it: ``kaiwu`` and ``inspur.com`` give ``kaiwu.inspur.com``.

    Raises:
        InvalidNameError: The two together are not a valid API group for a CRD.
    """
    if not group and not domain:
        raise InvalidNameError(
            "--group must not be empty in a project without a domain; for example --group kaiwu.inspur.com"
        )
    whole = ".".join(part for part in (group, domain) if part)
    if "." not in whole:
        raise InvalidNameError(
            f"--group {quoted(group)}: the API group {quoted(whole)} must have a dot, as the API "
            "server requires of every CRD; for example kaiwu.inspur.com"
        )
    if is_protected(whole):
        raise InvalidNameError(
            f"--group {quoted(group)}: the API group {quoted(whole)} is reserved for Kubernetes itself; "
            "for example kaiwu.inspur.com"
        )
    return whole


def check_file_names(qualified: str, version: str, kind: str, plural: str) -> None:
    """Reject names that are too long together for the files that are called after all of them.

    Raises:
        InvalidNameError: Says how long they are and may be.
    """
    longest = max(f"{qualified}_{plural}.yaml", f"{qualified}_{version}_{kind}.schema.json", key=len)
    if len(longest) > FILE_NAME_LIMIT:
        raise InvalidNameError(
            f"--group, --kind: the file {quoted(longest)} would have {len(longest)} characters and may have "
            f"{FILE_NAME_LIMIT}; choose shorter names, for example --group kaiwu --kind KaiwuCluster"
        )
