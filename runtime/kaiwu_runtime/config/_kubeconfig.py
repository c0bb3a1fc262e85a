"""kubeconfig files: found, merged and resolved to one cluster and one user, by kubectl's rules.

lightkube reads a single file, without merging, and has no ``proxy-url``, ``tls-server-name`` and impersonation.

See https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from kaiwu_runtime._lazy_pattern import lazy_pattern
from kaiwu_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

E = TypeVar("E")

_QUOTED = lazy_pattern(r"'(?!<[a-z ]+>').*'")

DEFAULT_PATH = Path("~/.kube/config")


class Extension(msgspec.Struct):
    """A named extension of a cluster; exec plugins get the one called ``client.authentication.k8s.io/exec``."""

    name: str
    extension: Any = None


class ContextEntry(msgspec.Struct):
    """``context``: which cluster, which user."""

    cluster: str
    user: str | None = None
    namespace: str | None = None


class Variable(msgspec.Struct):
    """An environment variable of an exec plugin."""

    name: str
    value: str


class ExecEntry(msgspec.Struct):
    """``user.exec``: the command that prints credentials."""

    api_version: str = msgspec.field(name="apiVersion")
    command: str
    args: list[str] | None = None
    env: list[Variable] | None = None
    install_hint: str | None = msgspec.field(name="installHint", default=None)
    provide_cluster_info: bool = msgspec.field(name="provideClusterInfo", default=False)
    interactive_mode: str | None = msgspec.field(name="interactiveMode", default=None)


class ClusterEntry(msgspec.Struct, omit_defaults=True):
    """``cluster``: the address of the API server and how to verify it."""

    server: str = ""
    certificate_auth: str | None = msgspec.field(name="certificate-authority", default=None)
    certificate_auth_data: str | None = msgspec.field(name="certificate-authority-data", default=None)
    insecure: bool = msgspec.field(name="insecure-skip-tls-verify", default=False)
    tls_server_name: str | None = msgspec.field(name="tls-server-name", default=None)
    proxy_url: str | None = msgspec.field(name="proxy-url", default=None)
    extensions: list[Extension] | None = None


class UserEntry(msgspec.Struct):
    """``user``: the credentials of the caller."""

    exec: ExecEntry | None = None
    username: str | None = None
    password: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(name="tokenFile", default=None)
    auth_provider: dict[str, Any] | None = msgspec.field(name="auth-provider", default=None)
    client_cert: str | None = msgspec.field(name="client-certificate", default=None)
    client_cert_data: str | None = msgspec.field(name="client-certificate-data", default=None)
    client_key: str | None = msgspec.field(name="client-key", default=None)
    client_key_data: str | None = msgspec.field(name="client-key-data", default=None)
    impersonate: str | None = msgspec.field(name="as", default=None)
    impersonate_uid: str | None = msgspec.field(name="as-uid", default=None)
    impersonate_groups: list[str] | None = msgspec.field(name="as-groups", default=None)
    impersonate_extra: dict[str, list[str]] | None = msgspec.field(name="as-user-extra", default=None)


class Entry(msgspec.Struct, frozen=True):
    """One named entry, not converted yet, with the file that paths in it are relative to."""

    value: Any
    path: Path


class KubeContext(msgspec.Struct, frozen=True):
    """What one context selects.

    Attributes:
        name: Name of the context.
        namespace: Its namespace, ``default`` when it names none.
        cluster: The cluster's entry; file names in it are absolute.
        user: The user's entry; file names in it are absolute. Empty when the context names no user.
        files: The files it was read from, for messages.
        folder: Folder of the file that holds the user entry; exec commands with a slash are relative to it.
    """

    name: str
    namespace: str
    cluster: ClusterEntry
    user: UserEntry
    files: str
    folder: Path


def kubeconfig_paths(explicit: str | os.PathLike[str] | None = None) -> list[Path]:
    """Return the kubeconfig files that apply: the explicit one, those in KUBECONFIG, or ``~/.kube/config``.

    Files that do not exist are left out, except an explicit one.

    Raises:
        ConfigurationError: The explicit file does not exist.
    """
    if explicit is not None:
        path = _in_home(Path(explicit))
        if not path.is_file():
            raise ConfigurationError(f"{path}: no such kubeconfig file")
        return [path]
    named = os.environ.get("KUBECONFIG", "")
    candidates = [_in_home(Path(part)) for part in named.split(os.pathsep) if part]
    if not candidates:
        candidates = [_in_home(DEFAULT_PATH)]
    return [path for path in dict.fromkeys(candidates) if path.is_file()]


def _in_home(path: Path) -> Path:
    """Return a path with its ``~`` replaced; as it is for a user without a home, a container's arbitrary uid."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def load_context(paths: Sequence[Path], context: str | None = None) -> KubeContext:
    """Merge kubeconfig files and resolve one context of them.

    The first file that has an entry of some name wins, and so does the first ``current-context``.

    Args:
        paths: Files that exist, in order of precedence.
        context: Name of the context; None means ``current-context``.

    Raises:
        ConfigurationError: A file cannot be read or parsed, or the context, its cluster or its user is not there.
    """
    sections: dict[str, dict[str, Entry]] = {"contexts": {}, "clusters": {}, "users": {}}
    current = ""
    for path in paths:
        document = _read(path)
        current = current or str(document.get("current-context") or "")
        for section, entries in sections.items():
            _merge(entries, document.get(section), path, section)
    where = os.pathsep.join(str(path) for path in paths)
    name = context or current
    if not name:
        raise ConfigurationError(f"{where}: no current-context; choose one with `kubectl config use-context NAME`")
    chosen, _ = _convert(sections["contexts"], name, "context", ContextEntry, where)
    cluster, cluster_path = _convert(sections["clusters"], chosen.cluster, "cluster", ClusterEntry, where)
    user, user_path = UserEntry(), cluster_path
    if chosen.user:
        user, user_path = _convert(sections["users"], chosen.user, "user", UserEntry, where)
    cluster.certificate_auth = _absolute(cluster.certificate_auth, cluster_path)
    user.client_cert = _absolute(user.client_cert, user_path)
    user.client_key = _absolute(user.client_key, user_path)
    user.token_file = _absolute(user.token_file, user_path)
    return KubeContext(name, chosen.namespace or "default", cluster, user, where, user_path.parent.absolute())


def _read(path: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415  in a cluster there is no kubeconfig, and no need for its 40 ms

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not YAML: not UTF-8") from error
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
        # The last ones for a value that is not what its tag says: `!!bool x`.
        # Not the parser's own message: it quotes the line, which may have a token in it.
        mark = getattr(error, "problem_mark", None)
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise ConfigurationError(f"{path}: not YAML{where}: {_problem(error)}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: not a kubeconfig: the document is not a mapping")
    return document


def _problem(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deeply"
    text = " ".join(str(getattr(error, "problem", None) or "it cannot be parsed").split())
    return _QUOTED().sub("'...'", text)  # an alias or a tag, which a token without quotes may look like


def _merge(entries: dict[str, Entry], found: object, path: Path, section: str) -> None:
    singular = section.removesuffix("s")
    if found is None:
        return
    if not isinstance(found, list):
        raise ConfigurationError(f"{path}: {section} must be a list")
    for item in found:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str):
            raise ConfigurationError(f"{path}: every entry of {section} needs a name")
        entries.setdefault(item["name"], Entry(item.get(singular) or {}, path))


def _convert(entries: dict[str, Entry], name: str, singular: str, kind: type[E], where: str) -> tuple[E, Path]:
    entry = entries.get(name)
    if entry is None:
        known = " ".join(", ".join(sorted(entries)).split()) or "none"
        raise ConfigurationError(f"{where}: {singular} {name!r} is not defined; defined: {known}")
    try:
        found = msgspec.convert(entry.value, kind)
        # What it has is sent in headers, or to a plugin: no halves of characters, and nothing that contains itself.
        msgspec.json.encode(found)
    except msgspec.ValidationError as error:
        raise ConfigurationError(f"{entry.path}: {singular} {name!r}: {error}") from error
    except (UnicodeError, RecursionError, OverflowError, TypeError, ValueError):
        # Not the library's own message: it may quote a credential.
        raise ConfigurationError(f"{entry.path}: {singular} {name!r}: has a value that JSON cannot hold") from None
    return found, entry.path


def _absolute(name: str | None, path: Path) -> str | None:
    return str(path.parent.absolute() / name) if name else None
