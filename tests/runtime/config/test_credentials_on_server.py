"""Every kind of credentials against a real API server, and the errors for invalid ones."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from kaiwu_runtime import Client
from kaiwu_runtime.envtest import ControlPlane
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.errors import APIConnectionError, ConfigurationError, UnauthorizedError

pytestmark = pytest.mark.envtest

GROUP = "client.authentication.k8s.io"
PLUGIN = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[1])
with open(folder / "runs", "a") as runs:
    runs.write(os.environ["KUBERNETES_EXEC_INFO"] + "\\n")
sys.stderr.write((folder / "complaint").read_text())
sys.stdout.write((folder / "answer").read_text())
sys.exit(int(os.environ.get("EXIT", "0")))
"""


def content(path: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


def pem(path: Path) -> tuple[bytes, bytes]:
    """Return the client certificate and key that a kubeconfig has inline."""
    (user,) = content(path)["users"]
    chain, key = (base64.b64decode(user["user"][f"client-{name}-data"]) for name in ("certificate", "key"))
    return chain, key


class Setup:
    """Kubeconfig files for the running API server."""

    def __init__(self, plane: ControlPlane, folder: Path) -> None:
        self.plane = plane
        self.folder = folder

    def write(self, user: dict[str, Any], cluster: dict[str, Any] | None = None, **unset: None) -> Path:
        """Write one whose user is given and whose cluster is changed; None removes a field of the cluster."""
        made = content(self.plane.kubeconfig)
        made["users"][0]["user"] = user
        merged = {**made["clusters"][0]["cluster"], **(cluster or {})}
        made["clusters"][0]["cluster"] = {name: value for name, value in merged.items() if value is not None}
        path = self.folder / "config"
        path.write_text(yaml.safe_dump(made), encoding="utf-8")
        return path

    def token(self, name: str) -> str:
        return self.plane.service_account_token(name)

    def plugin(self, version: str = "v1", **changes: Any) -> dict[str, Any]:
        (self.folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
        (self.folder / "complaint").write_text("", encoding="utf-8")
        entry = {
            "apiVersion": f"{GROUP}/{version}",
            "command": sys.executable,
            "args": [str(self.folder / "plugin.py"), str(self.folder)],
            "interactiveMode": "Never",
        }
        return {"exec": {**entry, **changes}}

    def answer(self, version: str = "v1", **status: str) -> None:
        body = {"apiVersion": f"{GROUP}/{version}", "kind": "ExecCredential", "status": status}
        (self.folder / "answer").write_text(json.dumps(body), encoding="utf-8")

    def runs(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "runs").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def setup(control_plane: ControlPlane, tmp_path: Path) -> Setup:
    return Setup(control_plane, tmp_path)


@asynccontextmanager
async def connected(path: Path) -> AsyncIterator[Callable[[], Any]]:
    """Give a function that asks the API server who we are."""
    body = json.dumps({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}).encode()
    async with Client.connect(path) as client:

        async def who() -> str:
            answer = await client.transport.request(
                "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=body
            )
            return str(json.loads(answer)["status"]["userInfo"]["username"])

        yield who


async def ask(path: Path) -> str:
    async with connected(path) as who:
        return str(await who())


async def test_a_client_certificate_inline(setup: Setup) -> None:
    assert await ask(setup.plane.add_user("inline")) == "inline"


async def test_a_client_certificate_in_files(setup: Setup) -> None:
    chain, key = pem(setup.plane.add_user("filed"))
    (setup.folder / "me.crt").write_bytes(chain)
    (setup.folder / "me.key").write_bytes(key)
    assert await ask(setup.write({"client-certificate": "me.crt", "client-key": "me.key"})) == "filed"


async def test_a_token(setup: Setup) -> None:
    assert await ask(setup.write({"token": setup.token("clerk")})) == "system:serviceaccount:default:clerk"


async def test_a_wrong_token(setup: Setup) -> None:
    with pytest.raises(UnauthorizedError, match="Unauthorized"):
        await ask(setup.write({"token": "wrong"}))


async def test_a_token_file_is_read_again_when_the_token_is_refused(setup: Setup) -> None:
    token = setup.folder / "token"
    token.write_text("expired", encoding="utf-8")
    async with connected(setup.write({"tokenFile": "token"})) as who:
        with pytest.raises(UnauthorizedError):
            await who()
        token.write_text(setup.token("rotated") + "\n", encoding="utf-8")
        assert await who() == "system:serviceaccount:default:rotated"
        token.unlink()  # in the middle of a replacement the old token goes on
        assert await who() == "system:serviceaccount:default:rotated"


async def test_impersonation(setup: Setup) -> None:
    chain, key = pem(setup.plane.kubeconfig)
    user = {
        "client-certificate-data": base64.b64encode(chain).decode(),
        "client-key-data": base64.b64encode(key).decode(),
        "as": "jane",
        "as-groups": ["system:authenticated", "crew"],
    }
    assert await ask(setup.write(user)) == "jane"


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_plugin_that_prints_a_token(setup: Setup, version: str) -> None:
    setup.answer(version, token=setup.token("plugged"))
    async with connected(setup.write(setup.plugin(version))) as who:
        assert await who() == "system:serviceaccount:default:plugged"
        assert await who() == "system:serviceaccount:default:plugged"
    assert setup.runs() == [
        {"apiVersion": f"{GROUP}/{version}", "kind": "ExecCredential", "spec": {"interactive": False}}
    ]


@pytest.mark.parametrize("version", ["v1", "v1beta1"])
async def test_a_plugin_that_prints_a_certificate(setup: Setup, version: str) -> None:
    chain, key = pem(setup.plane.add_user("certified"))
    setup.answer(version, clientCertificateData=chain.decode(), clientKeyData=key.decode())
    assert await ask(setup.write(setup.plugin(version))) == "certified"


async def test_a_plugin_is_told_about_the_cluster_when_it_asks(setup: Setup) -> None:
    setup.answer(token=setup.token("told"))
    cluster = {
        "tls-server-name": "localhost",
        "extensions": [{"name": f"{GROUP}/exec", "extension": {"audience": "us"}}, {"name": "other"}],
    }
    await ask(setup.write(setup.plugin(provideClusterInfo=True), cluster))
    (run,) = setup.runs()
    assert run["spec"]["cluster"] == {
        "server": setup.plane.url,
        "tls-server-name": "localhost",
        "certificate-authority-data": content(setup.plane.kubeconfig)["clusters"][0]["cluster"][
            "certificate-authority-data"
        ],
        "config": {"audience": "us"},
    }


def ends_in(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def until_known_as(name: str, who: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while await who() != name:  # noqa: ASYNC110 - the condition is the API server's
            await asyncio.sleep(0.05)


async def test_a_plugin_runs_again_when_its_credentials_are_about_to_end(setup: Setup) -> None:
    async with connected(setup.write(setup.plugin())) as who:
        setup.answer(token=setup.token("first"), expirationTimestamp=ends_in(2))
        assert await who() == "system:serviceaccount:default:first"
        setup.answer(token=setup.token("second"), expirationTimestamp=ends_in(3600))
        await until_known_as("system:serviceaccount:default:second", who)
        setup.answer(token=setup.token("third"))
        assert await who() == "system:serviceaccount:default:second"
    assert len(setup.runs()) == 2


async def test_credentials_that_look_expired_are_tried(setup: Setup) -> None:
    """This machine's clock may be wrong; without them the request would be anonymous."""
    setup.answer(token=setup.token("late"), expirationTimestamp=ends_in(-60))
    assert await ask(setup.write(setup.plugin())) == "system:serviceaccount:default:late"


async def test_a_plugin_runs_again_when_its_token_is_refused(setup: Setup) -> None:
    setup.answer(token="revoked")
    async with connected(setup.write(setup.plugin())) as who:
        with pytest.raises(UnauthorizedError):
            await who()
        assert len(setup.runs()) == 2  # the second run printed the same, so the request was not sent again
        setup.answer(token=setup.token("fresh"))
        assert await who() == "system:serviceaccount:default:fresh"


async def test_a_new_certificate_of_a_plugin_is_used(setup: Setup) -> None:
    async with connected(setup.write(setup.plugin())) as who:
        for name in ("anna", "bert"):
            chain, key = pem(setup.plane.add_user(name))
            setup.answer(
                clientCertificateData=chain.decode(), clientKeyData=key.decode(), expirationTimestamp=ends_in(0)
            )
            await until_known_as(name, who)


@pytest.mark.parametrize(
    ("changes", "answer", "complaint", "message"),
    [
        pytest.param(
            {"env": [{"name": "EXIT", "value": "3"}]},
            "{}",
            "log in\nfirst\n",
            "exit status 3: log in first$",
            id="fails",
        ),
        pytest.param(
            {"command": "no-such-plugin", "installHint": "Get it\nfrom us."},
            "",
            "",
            r"exec plugin no-such-plugin: not found on PATH\. Get it from us\.$",
            id="not installed",
        ),
        pytest.param({"command": "./missing"}, "", "", "missing: No such file or directory$", id="no such file"),
        pytest.param({}, "secret", "", r"printed no ExecCredential: JSON is malformed", id="no JSON"),
        pytest.param({}, "", "", "printed no ExecCredential: ", id="nothing"),
        pytest.param(
            {},
            {"apiVersion": f"{GROUP}/v1beta1", "kind": "ExecCredential"},
            "",
            rf"printed ExecCredential {GROUP}/v1beta1, wanted ExecCredential {GROUP}/v1$",
            id="another version",
        ),
        pytest.param(
            {},
            {"apiVersion": f"{GROUP}/v1", "kind": "ExecCredential", "status": {}},
            "",
            "printed neither a token nor a client certificate$",
            id="no credentials",
        ),
        pytest.param(
            {},
            {"apiVersion": f"{GROUP}/v1", "kind": "ExecCredential", "status": {"clientCertificateData": "x"}},
            "",
            "a client certificate needs its key, and a key its chain$",
            id="certificate alone",
        ),
        pytest.param(
            {},
            {
                "apiVersion": f"{GROUP}/v1",
                "kind": "ExecCredential",
                "status": {"clientCertificateData": "x", "clientKeyData": "y"},
            },
            "",
            "client certificate and key cannot be used: ",
            id="broken certificate",
        ),
        pytest.param({"interactiveMode": "Always"}, "", "", "wants a terminal", id="no terminal"),
    ],
)
async def test_what_a_plugin_does_wrong_is_one_line(  # noqa: PLR0917
    setup: Setup,
    changes: dict[str, Any],
    answer: object,
    complaint: str,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    path = setup.write(setup.plugin(**changes))
    (setup.folder / "answer").write_text(answer if isinstance(answer, str) else json.dumps(answer), encoding="utf-8")
    (setup.folder / "complaint").write_text(complaint, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=message) as caught:
        await ask(path)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        pytest.param({}, "", id="as it is"),
        pytest.param({"tls-server-name": "localhost"}, "", id="another of the server's names"),
        pytest.param({"tls-server-name": "else.example.com"}, "else.example.com", id="a name the server has not"),
        pytest.param({"certificate-authority-data": None}, "certificate is not trusted", id="no authority"),
        pytest.param(
            {"certificate-authority-data": None, "insecure-skip-tls-verify": True}, "", id="insecure, no authority"
        ),
        pytest.param(
            {"certificate-authority-data": base64.b64encode(CertificateAuthority().certificate).decode()},
            "certificate is not trusted",
            id="wrong authority",
        ),
    ],
)
async def test_the_server_is_verified(setup: Setup, cluster: dict[str, Any], message: str) -> None:
    path = setup.write({"token": setup.token("checker")}, cluster)
    if not message:
        assert await ask(path) == "system:serviceaccount:default:checker"
        return
    with pytest.raises(APIConnectionError, match=message) as caught:
        await ask(path)
    assert "\n" not in str(caught.value)
    assert setup.plane.url in str(caught.value)


async def test_nobody_listens(setup: Setup, unused_tcp_port: int) -> None:
    path = setup.write({"token": "t"}, {"server": f"https://127.0.0.1:{unused_tcp_port}"})
    with pytest.raises(APIConnectionError, match=rf"https://127\.0\.0\.1:{unused_tcp_port}/.*: .*refused") as caught:
        await ask(path)
    assert "\n" not in str(caught.value)


def open_files() -> list[str]:
    names = []
    for descriptor in Path("/proc/self/fd").glob("*"):
        with contextlib.suppress(FileNotFoundError):  # the one that lists the folder
            names.append(str(descriptor.readlink()))
    return names


async def test_no_key_is_left_in_a_file(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither where memory has no file descriptors, nor an open descriptor where it has."""
    temporary = setup.folder / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    gc.collect()
    assert await ask(setup.plane.add_user("tidy")) == "tidy"
    assert not [name for name in open_files() if "memfd" in name]
    monkeypatch.delattr("os.memfd_create", raising=False)
    assert await ask(setup.plane.add_user("tidy")) == "tidy"
    broken = {"client-certificate-data": "YQ==", "client-key-data": "YQ=="}
    with pytest.raises(ConfigurationError, match="client certificate and key cannot be used"):
        await ask(setup.write(broken))
    assert list(temporary.iterdir()) == []
