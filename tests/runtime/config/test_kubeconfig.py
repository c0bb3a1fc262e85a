"""kubeconfig files: where they are looked for, how they merge, and one line for whatever is wrong with them."""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaiwu_runtime.config._authentication import StaticAuthentication, TokenFileAuthentication
from kaiwu_runtime.config._credentials import Credentials, load_credentials
from kaiwu_runtime.config._exec_plugin import ExecAuthentication
from kaiwu_runtime.config._kubeconfig import kubeconfig_paths, load_context
from kaiwu_runtime.errors import ConfigurationError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory and an environment that names nothing."""
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


def config(name: str, *, user: dict[str, Any] | None = None, cluster: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443", **(cluster or {})}}],
        "users": [{"name": name, "user": user or {"token": f"{name}-token"}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name, "namespace": f"{name}-space"}}],
        "current-context": name,
    }


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def pod(folder: Path, monkeypatch: pytest.MonkeyPatch, *, host: str = "10.0.0.1", namespace: str = "pods") -> Path:
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    write(folder / "token", "pod-token\n")
    write(folder / "ca.crt", "authority")
    if namespace:
        write(folder / "namespace", f"{namespace}\n")
    return folder


def load(path: Path | None = None, context: str | None = None, account: Path = Path("/nowhere")) -> Credentials:
    return load_credentials(kubeconfig=path, context=context, service_account=account)


def test_one_file(tmp_path: Path) -> None:
    found = load(
        write(tmp_path / "config", config("one", cluster={"tls-server-name": "api", "proxy-url": "http://p:1"}))
    )
    assert (found.server, found.namespace, found.server_name) == ("https://one:6443", "one-space", "api")
    assert (found.proxy, found.verify, found.ca_bundle, found.certificate) == ("http://p:1", True, None, None)
    assert found.authentication.authorization() == "Bearer one-token"


def test_the_environment_is_looked_at_in_order(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = pod(tmp_path / "account", monkeypatch)
    explicit = write(tmp_path / "explicit", config("explicit"))
    write(home / ".kube" / "config", config("home"))
    monkeypatch.setenv("KUBECONFIG", str(write(tmp_path / "named", config("named"))))
    assert load(explicit, account=account).server == "https://explicit:6443"
    assert load(account=account).server == "https://named:6443"
    monkeypatch.delenv("KUBECONFIG")
    assert load(account=account).server == "https://10.0.0.1:443"
    assert load(account=account, context="home").server == "https://home:6443"  # a context is a kubeconfig's
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST")
    assert load(account=account).server == "https://home:6443"


def test_files_merge_and_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = config("one")
    del first["current-context"]
    second = config("two")
    second["clusters"].append({"name": "one", "cluster": {"server": "https://loses:6443"}})
    second["contexts"].append({"name": "mixed", "context": {"cluster": "one", "user": "two"}})
    third = config("three")
    paths = [write(tmp_path / name, each) for name, each in (("a", first), ("b", second), ("c", third))]
    monkeypatch.setenv(
        "KUBECONFIG", os.pathsep.join([str(paths[0]), str(tmp_path / "missing"), "", *map(str, paths[1:])])
    )
    assert kubeconfig_paths() == paths
    assert load().server == "https://two:6443"
    assert load(context="one").server == "https://one:6443"
    assert load(context="three").namespace == "three-space"
    mixed = load(context="mixed")
    assert (mixed.server, mixed.namespace) == ("https://one:6443", "default")
    assert mixed.authentication.authorization() == "Bearer two-token"


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster_file = {"clusters": config("one", cluster={"certificate-authority": "pki/ca.crt"})["clusters"]}
    user = {"client-certificate": "me.crt", "client-key": "../me.key", "tokenFile": str(tmp_path / "absolute-token")}
    user_file = config("one", user=user)
    del user_file["clusters"]
    write(tmp_path / "clusters" / "pki" / "ca.crt", "authority")
    write(tmp_path / "users" / "me.crt", "chain")
    write(tmp_path / "me.key", "key")
    write(tmp_path / "absolute-token", "secret")
    write(tmp_path / "clusters" / "config", cluster_file)
    write(tmp_path / "users" / "config", user_file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join(["clusters/config", "users/config"]))
    found = load()
    monkeypatch.chdir("/")
    assert found.ca_bundle == b"authority"
    assert found.certificate is not None
    assert (found.certificate.certificate, found.certificate.key) == (b"chain", b"key")
    assert found.authentication.authorization() == "Bearer secret"
    assert "key" not in repr(found.certificate)


def test_inline_data_wins_over_files(tmp_path: Path) -> None:
    def inline(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    user = {
        "client-certificate": "missing.crt",
        "client-certificate-data": inline("chain"),
        "client-key": "missing.key",
        "client-key-data": inline("key"),
    }
    authority = {"certificate-authority": "missing", "certificate-authority-data": inline("authority")}
    found = load(write(tmp_path / "config", config("one", user=user, cluster=authority)))
    assert found.ca_bundle == b"authority"
    assert found.certificate is not None
    assert (found.certificate.certificate, found.certificate.key) == (b"chain", b"key")


@pytest.mark.parametrize(
    ("user", "kind", "header"),
    [
        pytest.param({}, StaticAuthentication, "", id="anonymous"),
        pytest.param({"token": "t"}, StaticAuthentication, "Bearer t", id="token"),
        pytest.param({"username": "u", "password": "p"}, StaticAuthentication, "Basic dTpw", id="password"),
        pytest.param({"token": "t", "tokenFile": "token"}, TokenFileAuthentication, "Bearer filed", id="file wins"),
        pytest.param(
            {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}},
            ExecAuthentication,
            None,
            id="exec",
        ),
    ],
)
def test_who_the_user_is(tmp_path: Path, user: dict[str, Any], kind: type[Any], header: str | None) -> None:
    write(tmp_path / "token", "filed\n")
    content = config("one")
    content["users"][0]["user"] = user
    found = load(write(tmp_path / "config", content)).authentication
    assert isinstance(found, kind)
    assert found.authorization() == header


def test_a_context_without_a_user_is_anonymous(tmp_path: Path) -> None:
    content = config("one")
    del content["contexts"][0]["context"]["user"]
    assert load(write(tmp_path / "config", content)).authentication.authorization() == ""


def test_impersonation_becomes_headers(tmp_path: Path) -> None:
    user = {
        "token": "t",
        "as": "jane",
        "as-uid": "7",
        "as-groups": ["a", "b"],
        "as-user-extra": {"scopes": ["x", "y"]},
    }
    assert load(write(tmp_path / "config", config("one", user=user))).headers == (
        ("Impersonate-User", "jane"),
        ("Impersonate-Uid", "7"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scopes", "x"),
        ("Impersonate-Extra-scopes", "y"),
    )


def test_unknown_fields_and_empty_sections_are_fine(tmp_path: Path) -> None:
    content = config("one") | {"preferences": {}, "extensions": None, "new": 1}
    content["clusters"][0]["cluster"]["disable-compression"] = True
    empty = write(tmp_path / "empty", "")
    null = write(tmp_path / "null", {"clusters": None, "contexts": None, "users": None, "current-context": None})
    chosen = load_context([empty, null, write(tmp_path / "config", content)])
    assert chosen.name == "one"


@pytest.mark.parametrize(
    ("host", "server"), [("10.0.0.1", "https://10.0.0.1:443"), ("fd00::1", "https://[fd00::1]:443")]
)
def test_the_service_account_of_the_pod(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, server: str
) -> None:
    found = load(account=pod(tmp_path / "account", monkeypatch, host=host))
    assert (found.server, found.namespace, found.ca_bundle) == (server, "pods", b"authority")
    assert isinstance(found.authentication, TokenFileAuthentication)
    assert found.authentication.authorization() == "Bearer pod-token"


def test_a_pod_without_a_namespace_file_is_in_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(account=pod(tmp_path / "account", monkeypatch, namespace="")).namespace == "default"


def test_a_pod_without_its_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    account = pod(tmp_path / "account", monkeypatch)
    (account / "ca.crt").unlink()
    with pytest.raises(ConfigurationError, match=r"service account: .*/account/ca\.crt: No such file"):
        load(account=account)


def changed(**changes: Any) -> dict[str, Any]:
    return config("one") | changes


def cluster(**entry: Any) -> dict[str, Any]:
    return changed(clusters=[{"name": "one", "cluster": entry}])


def user(**entry: Any) -> dict[str, Any]:
    return changed(users=[{"name": "one", "user": entry}])


V1 = "client.authentication.k8s.io/v1"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("a: [", "not YAML: ", id="broken YAML"),
        pytest.param("a: \x00", "not YAML: ", id="control character"),
        pytest.param("- a", "the document is not a mapping", id="list"),
        pytest.param("", "no current-context", id="empty"),
        pytest.param(changed(**{"current-context": ""}), "no current-context; choose one", id="no context"),
        pytest.param(changed(**{"current-context": "x"}), "context 'x' is not defined; defined: one", id="context"),
        pytest.param(changed(clusters=[]), "cluster 'one' is not defined; defined: none", id="unknown cluster"),
        pytest.param(changed(users=None), "user 'one' is not defined; defined: none", id="unknown user"),
        pytest.param(changed(users={}), "users must be a list", id="users a mapping"),
        pytest.param(changed(users=[{"user": {}}]), "every entry of users needs a name", id="no name"),
        pytest.param(changed(contexts=["one"]), "every entry of contexts needs a name", id="entry a string"),
        pytest.param(changed(users=[{"name": "one", "user": {"token": 7}}]), r"user 'one': .*`\$\.token`", id="type"),
        pytest.param(cluster(), "invalid server '': use an http:// or https:// URL", id="no server"),
        pytest.param(
            cluster(server="one:6443"), "invalid server 'one:6443': use an http:// or https:// URL", id="no URL"
        ),
        pytest.param(cluster(server="https://[x"), r"invalid server 'https://\[x': use an http", id="bad URL"),
        pytest.param(
            cluster(server="https://a:b"), "invalid server 'https://a:b': use an http:// or https:// URL", id="bad port"
        ),
        pytest.param(
            cluster(server="https://a", **{"certificate-authority": "no.crt"}),
            r"certificate-authority: .*/no\.crt: No such file or directory",
            id="missing authority",
        ),
        pytest.param(
            cluster(server="https://a", **{"certificate-authority-data": "abc"}),
            "certificate-authority-data: not base64",
            id="not base64",
        ),
        pytest.param(
            cluster(server="https://a", **{"proxy-url": "socks4://u:secret@a"}),
            "invalid proxy 'socks4://a': use an http://, https:// or socks5:// URL",
            id="proxy",
        ),
        pytest.param(user(**{"client-key": "no.key"}), r"client-key: .*/no\.key: No such file", id="missing key"),
        pytest.param(user(**{"client-key-data": "YQ=="}), "the user has no client-certificate", id="key alone"),
        pytest.param(user(**{"client-certificate-data": "YQ=="}), "the user has no client-key", id="chain alone"),
        pytest.param(user(**{"auth-provider": {"name": "gcp"}}), "auth-provider was removed .* exec plugin", id="auth"),
        pytest.param(
            user(exec={"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}),
            f"exec plugin x: apiVersion 'client.authentication.k8s.io/v1alpha1' is not one of {V1}",
            id="exec version",
        ),
        pytest.param(
            user(exec={"apiVersion": V1, "command": "x", "interactiveMode": "Maybe"}),
            "exec plugin x: interactiveMode 'Maybe' is not one of Never",
            id="exec mode",
        ),
        pytest.param(user(exec={"apiVersion": V1}), "user 'one': .*`command`", id="exec without command"),
    ],
)
def test_what_is_wrong_is_one_line_that_names_the_file(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path / "broken-config", content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        load(path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)
    assert str(path) in str(caught.value)


def test_an_explicit_file_has_to_exist(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(ConfigurationError, match=f"^{path}: no such kubeconfig file$"):
            load(path)


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match=f"^{path}: not YAML: [^\n]*$"):
        load(path)


def test_nothing_anywhere_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ConfigurationError, match=r"no Kubernetes credentials: nothing at ~/\.kube/config, and /nowhere"
    ):
        load()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match=f"nothing at {tmp_path / 'missing'}; set KUBECONFIG"):
        load()
