"""The API server and the credentials for it, as known before the first request.

The sources are those of controller-runtime: an explicit kubeconfig, the KUBECONFIG variable, the service account of the
pod, ``~/.kube/config``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from kaiwu_runtime._error_text import reason
from kaiwu_runtime.config._authentication import Authentication, StaticAuthentication, TokenFileAuthentication
from kaiwu_runtime.config._kubeconfig import DEFAULT_PATH, kubeconfig_paths, load_context
from kaiwu_runtime.config._proxies import select_proxy
from kaiwu_runtime.config._route import Route, without_credentials
from kaiwu_runtime.config._tls import ClientCertificate, decode_inline, make_context, read_pem
from kaiwu_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from kaiwu_runtime.config._kubeconfig import ClusterEntry, KubeContext, UserEntry

_HEADER_NAME = "!#$&'*+-.^_`|~"
"""The characters of a header's name besides letters and digits, without the % of escapes.

See https://www.rfc-editor.org/rfc/rfc9110#name-tokens
"""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(slots=True)
class Credentials:
    """One API server and the identity used there.

    Attributes:
        server: Base URL, without a slash at the end.
        namespace: Namespace that the kubeconfig's context or the pod is in.
        authentication: Source of the Authorization header.
        ca_bundle: PEM of the authorities to trust; None trusts the system's.
        certificate: Client certificate, or None; one that ``authentication`` brings wins.
        verify: False accepts any server certificate.
        server_name: Name to expect in the server's certificate; None expects the URL's host.
        proxy: URL of the HTTP or SOCKS5 proxy to go through, or None.
        headers: Sent with every request; the Impersonate headers of a kubeconfig.
        files: The files that the credentials were read from, except token files.
        reload: Reads the files again; None for credentials that did not come from files.
    """

    server: str
    namespace: str = "default"
    authentication: Authentication = field(default_factory=StaticAuthentication)
    ca_bundle: bytes | None = field(default=None, repr=False)
    certificate: ClientCertificate | None = None
    verify: bool = True
    server_name: str | None = None
    proxy: str | None = field(default=None, repr=False)
    headers: tuple[tuple[str, str], ...] = ()
    files: tuple[Path, ...] = ()
    reload: Callable[[], Credentials] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Take user name and password out of the server's URL, which is shown in messages and metrics."""
        url = urlsplit(self.server)
        if "@" not in url.netloc:
            return
        self.server = urlunsplit(url._replace(netloc=url.netloc.rpartition("@")[2]))
        if isinstance(self.authentication, StaticAuthentication) and not self.authentication.authorization():
            self.authentication = StaticAuthentication.basic(unquote(url.username or ""), unquote(url.password or ""))

    @property
    def route(self) -> Route:
        """How the server is reached; it never changes while files are replaced."""
        return Route(self.server, self.proxy, self.server_name)

    @property
    def trust(self) -> object:
        """What new connections depend on."""
        return self.ca_bundle, self.certificate, self.verify

    @property
    def identity(self) -> object:
        """The source of each request's headers: a token file or an exec plugin, not the token itself."""
        return self.headers, self.authentication.source

    def keep_sources(self, other: Credentials) -> None:
        """Keep the authentication of other credentials with the same source, and with it the present token."""
        if type(self.authentication) is type(other.authentication) and (
            self.authentication.source == other.authentication.source
        ):
            self.authentication = other.authentication

    def adopt(self, fresh: Credentials) -> None:
        """Take over the identity and the certificate authorities of credentials that were read again."""
        self.ca_bundle, self.certificate, self.verify = fresh.ca_bundle, fresh.certificate, fresh.verify
        self.headers, self.authentication, self.files = fresh.headers, fresh.authentication, fresh.files

    def tls_context(self) -> ssl.SSLContext | None:
        """Return a TLS context for the certificates as they are now, or None for a server without TLS.

        Raises:
            ConfigurationError: A certificate or key cannot be used.
        """
        if not self.server.startswith("https://"):
            return None
        certificate = self.authentication.certificate or self.certificate
        return make_context(ca_bundle=self.ca_bundle, certificate=certificate, verify=self.verify)


def load_credentials(
    *,
    kubeconfig: str | os.PathLike[str] | None = None,
    context: str | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Credentials:
    """Find and load credentials.

    Args:
        kubeconfig: Path of a kubeconfig file; None looks in KUBECONFIG, in the pod, in ``~/.kube/config``.
        context: Name of a context of the kubeconfig; None means its current one.
        service_account: Folder where a pod finds its token; another one is for tests.

    Raises:
        ConfigurationError: There are no credentials, or they cannot be used.
    """
    if kubeconfig is None and not os.environ.get("KUBECONFIG") and context is None:
        in_cluster = _from_service_account(service_account)
        if in_cluster is not None:
            return in_cluster
    paths = tuple(kubeconfig_paths(kubeconfig))
    if not paths:
        looked = os.environ.get("KUBECONFIG") or f"{DEFAULT_PATH}, and {service_account} for a pod's service account"
        raise ConfigurationError(f"no Kubernetes credentials: nothing at {looked}; set KUBECONFIG")
    return _from_kubeconfig(paths, context)


def _from_kubeconfig(paths: tuple[Path, ...], context: str | None) -> Credentials:
    chosen = load_context(paths, context)
    try:
        credentials = _from_context(chosen)
    except ConfigurationError as error:
        raise ConfigurationError(f"{chosen.files}: context {chosen.name!r}: {error}") from error
    named = (chosen.cluster.certificate_auth, chosen.user.client_cert, chosen.user.client_key)
    credentials.files = (*paths, *(Path(name) for name in named if name))
    # The context by its name: another one may be made the current one meanwhile, for other programs.
    credentials.reload = lambda: _from_kubeconfig(paths, chosen.name)
    return credentials


def _from_service_account(folder: Path) -> Credentials | None:
    """Return a pod's credentials, or None outside a cluster.

    See https://kubernetes.io/docs/tasks/run-application/access-api-from-pod/
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT")
    token = folder / "token"
    if not host or not port or not os.path.exists(token):  # noqa: PTH110 - also where the folder may not be entered
        return None
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    if not _is_url(server) or "/" in host:
        raise ConfigurationError(
            f"invalid KUBERNETES_SERVICE_HOST {host!r} or KUBERNETES_SERVICE_PORT {port!r}: use a host and a port"
        )
    authentication = TokenFileAuthentication(token)
    authentication.authorization()

    def reload() -> Credentials:
        found = _from_service_account(folder)
        if found is None:
            raise ConfigurationError(f"{token}: no such file")
        return found

    return Credentials(
        server=server,
        namespace=_read_namespace(folder / "namespace"),
        authentication=authentication,
        ca_bundle=read_pem(str(folder / "ca.crt"), "service account"),
        proxy=select_proxy(server, None),
        files=(folder / "ca.crt",),
        reload=reload,
    )


def _read_namespace(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip() or "default"
    except FileNotFoundError:
        return "default"
    except (OSError, UnicodeDecodeError) as error:
        said = "not UTF-8" if isinstance(error, UnicodeDecodeError) else reason(error)
        raise ConfigurationError(f"{path}: {said}") from error


def _from_context(chosen: KubeContext) -> Credentials:
    cluster, user = chosen.cluster, chosen.user
    server = cluster.server.rstrip("/")
    if not _is_url(server):
        shown = without_credentials(cluster.server)
        raise ConfigurationError(f"invalid server {shown!r}: use an http:// or https:// URL")
    server = urlunsplit(urlsplit(server))  # the scheme in lower case
    return Credentials(
        server=server,
        namespace=chosen.namespace,
        authentication=_authentication(cluster, user, chosen),
        ca_bundle=_authority(cluster),
        certificate=_certificate(user),
        verify=not cluster.insecure,
        server_name=cluster.tls_server_name,
        proxy=select_proxy(server, cluster.proxy_url),
        headers=_impersonation(user),
    )


def _is_url(server: str) -> bool:
    try:
        url = urlsplit(server)
        # A password with a / or a # in it would end the host, and be shown as a part of the path.
        whole = not (url.query or url.fragment or "@" in url.path) and server.isprintable() and " " not in server
        return url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0 and whole
    except ValueError:  # brackets that do not match, a port that is not a number
        return False


def _authentication(cluster: ClusterEntry, user: UserEntry, chosen: KubeContext) -> Authentication:
    if user.token_file:
        return TokenFileAuthentication(user.token_file)
    if user.token:
        return StaticAuthentication.bearer(user.token)
    if user.exec is not None:
        # Imported here: an operator in a cluster has no plugin.
        from kaiwu_runtime.config._exec_plugin import ExecAuthentication  # noqa: PLC0415

        return ExecAuthentication(user.exec, cluster, chosen.folder)
    if user.username or user.password:
        return StaticAuthentication.basic(user.username or "", user.password or "")
    if user.auth_provider:
        raise ConfigurationError("auth-provider was removed from Kubernetes in 1.26; use an exec plugin")
    return StaticAuthentication()


def _authority(cluster: ClusterEntry) -> bytes | None:
    if cluster.certificate_auth_data:
        return decode_inline(cluster.certificate_auth_data, "certificate-authority-data")
    if cluster.certificate_auth:
        return read_pem(cluster.certificate_auth, "certificate-authority")
    return None


def _certificate(user: UserEntry) -> ClientCertificate | None:
    """Return the user's client certificate; inline data wins over files, as in kubectl."""
    chain = key = None
    if user.client_cert_data:
        chain = decode_inline(user.client_cert_data, "client-certificate-data")
    elif user.client_cert:
        chain = read_pem(user.client_cert, "client-certificate")
    if user.client_key_data:
        key = decode_inline(user.client_key_data, "client-key-data")
    elif user.client_key:
        key = read_pem(user.client_key, "client-key")
    if chain is None and key is None:
        return None
    if chain is None or key is None:
        missing = "client-certificate" if chain is None else "client-key"
        raise ConfigurationError(f"the user has no {missing}; certificate and key belong together")
    return ClientCertificate(chain, key)


def _impersonation(user: UserEntry) -> tuple[tuple[str, str], ...]:
    """Return the headers that act as another user.

    See https://kubernetes.io/docs/reference/access-authn-authz/user-impersonation/
    """
    if not user.impersonate:
        if user.impersonate_uid or user.impersonate_groups or user.impersonate_extra:
            # Without them the request would be made with all the rights of the user who impersonates.
            raise ConfigurationError("as-uid, as-groups and as-user-extra need as: the user to impersonate")
        return ()
    headers = [("Impersonate-User", user.impersonate)]
    if user.impersonate_uid:
        headers.append(("Impersonate-Uid", user.impersonate_uid))
    headers += [("Impersonate-Group", group) for group in user.impersonate_groups or []]
    headers += [
        (f"Impersonate-Extra-{quote(name, safe=_HEADER_NAME)}", value)
        for name, values in (user.impersonate_extra or {}).items()
        for value in values
    ]
    return tuple(headers)
