"""Kubeconfigs, pods and environments with anything in them: what cannot be used is one line that names where it is."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kaiwu_runtime.config._credentials import Credentials, load_credentials
from kaiwu_runtime.config._proxies import select_proxy
from kaiwu_runtime.errors import ConfigurationError

EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x", "interactiveMode": "Never"}
WHOLE: dict[str, Any] = {
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "n"}}],
    "clusters": [
        {
            "name": "c",
            "cluster": {
                "server": "https://api.test:6443",
                "certificate-authority": "ca.crt",
                "certificate-authority-data": "",
                "insecure-skip-tls-verify": True,
                "tls-server-name": "api",
                "proxy-url": "http://proxy.test",
                "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"a": [1]}}],
            },
        }
    ],
    "users": [
        {
            "name": "u",
            "user": {
                "token": "t",
                "tokenFile": "",
                "username": "",
                "password": "",
                "client-certificate-data": "",
                "client-key-data": "",
                "client-certificate": "",
                "client-key": "",
                "exec": {**EXEC, "env": [{"name": "A", "value": "b"}], "args": ["x"], "installHint": "h"},
                "as": "me",
                "as-uid": "1",
                "as-groups": ["g"],
                "as-user-extra": {"k": ["v"]},
                "auth-provider": None,
            },
        }
    ],
}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all members and elements."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for name, part in inner for place in places(part, (*path, name)))]


PLACES = [place for place in places(WHOLE) if place]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.just(10**400),
    st.floats(),
    st.dates(),
    st.binary(max_size=5),
    st.text(max_size=20),
    st.sampled_from(["\ud800", "a\0b", "a\nb", "https://", "https://a b", "https://[", "https://a:x", "http://\ud800"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.one_of(st.text(max_size=3), st.integers(), st.none()), st.integers(), max_size=2),
)


def loaded(path: Path) -> Credentials | None:
    """Load a kubeconfig; None where that is refused with one line."""
    try:
        return load_credentials(kubeconfig=path)
    except ConfigurationError as error:
        said = str(error)
    assert "\n" not in said
    return None


@settings(max_examples=int(os.environ.get("KAIWU_KUBECONFIGS", "300")), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), ODD), max_size=3))
@example([(("users", 0, "user", "client-certificate"), "a\nb")])
def test_any_value_anywhere(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[tuple[Any, ...], Any]]
) -> None:
    content: Any = copy.deepcopy(WHOLE)
    for (*way, last), value in changes:
        part = content
        for name in way:
            part = part[name] if isinstance(part, dict | list) and _has(part, name) else None
        if isinstance(part, dict) or (isinstance(part, list) and _has(part, last)):
            part[last] = value
    path = tmp_path_factory.getbasetemp() / "odd-kubeconfig"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    (path.parent / "ca.crt").write_bytes(b"")
    loaded(path)


def _has(part: Any, name: Any) -> bool:
    return name in part if isinstance(part, dict) else isinstance(name, int) and name < len(part)


@pytest.mark.parametrize(
    "value",
    [
        "!!bool x",
        "!!int ''",
        "!!timestamp x",
        "!!float x",
        "2001-99-99",
        "&a [*a]",
        "&a {x: *a}",
        '"\\ud800"',
        "!!set {a}",
    ],
)
@pytest.mark.parametrize("member", ["token", "as-groups", "auth-provider", "exec"])
def test_values_that_yaml_has_and_json_has_not(tmp_path: Path, member: str, value: str) -> None:
    path = tmp_path / "config"
    whole = yaml.safe_load(yaml.safe_dump(WHOLE))
    whole["users"][0]["user"] = {member: "VALUE"}
    path.write_text(yaml.safe_dump(whole).replace("VALUE", value), encoding="utf-8")
    (tmp_path / "ca.crt").write_bytes(b"")
    assert loaded(path) is None


def test_a_scheme_in_capitals_is_still_tls(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(WHOLE).replace("https://api.test", "HTTPS://api.test"), encoding="utf-8")
    (tmp_path / "ca.crt").write_bytes(b"")
    found = loaded(path)
    assert found is not None
    assert found.server == "https://api.test:6443"
    assert found.tls_context() is not None


def test_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    folder.mkdir()
    content: Any = copy.deepcopy(WHOLE)
    content["users"][0]["user"] = {"exec": EXEC}
    (folder / "config").write_text(yaml.safe_dump(content), encoding="utf-8")
    (folder / "ca.crt").write_bytes(b"")
    assert load_credentials(kubeconfig=folder / "config").namespace == "n"


@pytest.mark.parametrize(
    ("host", "port"),
    [("10.0.0.1", "x"), ("10.0.0.1", "0"), ("10.0.0.1", "99999"), ("a b", "1"), ("[", "1"), ("a/b", "1")],
)
def test_a_pod_with_an_address_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, port: str
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    (tmp_path / "token").write_text("t")
    with pytest.raises(ConfigurationError, match=r"^invalid KUBERNETES_SERVICE_HOST [^\n]+$"):
        load_credentials(service_account=tmp_path)


def test_a_pod_with_a_namespace_that_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    for name, content in {"token": b"t", "ca.crt": b"", "namespace": b"\xff"}.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigurationError, match=f"^{tmp_path}/namespace: not UTF-8$"):
        load_credentials(service_account=tmp_path)


@given(st.lists(st.sampled_from(["a", ":", ".", "*", "²", "1", "9" * 5000, "/", "[", "]", ",", " ", "10.0.0.0/8"])))
def test_any_list_of_hosts_without_proxy(pieces: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HTTPS_PROXY", "http://proxy.test")
        patch.setenv("NO_PROXY", "".join(pieces))
        for server in ("https://a:1", "https://10.1.2.3"):
            assert select_proxy(server, None) in {None, "http://proxy.test"}


@pytest.mark.parametrize("proxy", ["http://me:p\udcff@proxy.test", "http://proxy test", "http://proxy.test/\n"])
def test_a_proxy_that_is_no_text(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^invalid proxy 'http://proxy[^\n]*$"):
        select_proxy("https://api.test", proxy)
