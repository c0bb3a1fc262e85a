"""Credentials in texts, generated: in URLs, queries, pairs and JSON, in the middle of any sentence."""

from __future__ import annotations

import io
import json
import logging
import string
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lightkube.models.core_v1 import EnvVar
from lightkube.resources.core_v1 import Secret
from prometheus_client import CollectorRegistry

from kaiwu_runtime import _log as log
from kaiwu_runtime._error_text import describe
from kaiwu_runtime._redaction import is_secret_name, redact
from kaiwu_runtime.api import APIModel, CustomResource, ObjectKey, resource
from kaiwu_runtime.api._conditions import Condition, set_condition
from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.manager._startup import explain

SAFE = string.ascii_letters + string.digits + "-._~%!$*+"
secrets = st.text(SAFE, min_size=1, max_size=20).map(lambda text: f"S3CR3T{text}")
hosts = st.sampled_from(["db", "10.0.0.1", "[::1]", "api.example.com:6443", "x.y:1"])
users = st.text(string.ascii_lowercase, max_size=5)
parameters = st.sampled_from(
    [
        "token", "access_token", "id_token", "X-Amz-Signature", "X-Amz-Security-Token", "sig", "api_key", "apikey",
        "key", "password", "client_secret", "code", "auth[token]", "Authorization",
    ]
)  # fmt: skip
names = st.sampled_from(["password", "Password", "PASSWORD", "passwd", "pwd", "token", "api_key", "client_secret"])


@st.composite
def leaks(draw: st.DrawFn) -> tuple[str, str]:
    """Return a text with a secret, and the secret."""
    secret = draw(secrets)
    host = draw(hosts)
    kind = draw(st.integers(0, 9))
    name = draw(names)
    text = [
        f"https://{draw(users)}:{secret}@{host}/x",
        f"postgres://{draw(users)}:a@{secret}@{host}",
        f"socks5://{draw(users)}:a/{secret}@{host}",
        f"https://{secret}@{host}/repo.git",
        f"https://{host}/x?a=b&{draw(parameters)}={secret}",
        f"/x?{draw(parameters)}={secret}&c=d",
        f"https%3A//{host}%3Ftoken%3D{secret}",
        f"Server=x;{name}={secret};Timeout=3",
        json.dumps({"a": 1, name: secret, "z": [2]}),
        json.dumps(json.dumps({name: secret})),
    ][kind]
    return text, secret


surroundings = st.sampled_from(["", "GET ", "dial '", "(", "failed: ", "x=1 ", "é\u2028"])


@given(leaks(), surroundings, surroundings)
def test_what_looks_like_a_credential_is_hidden(leak: tuple[str, str], before: str, after: str) -> None:
    text, secret = leak
    assert secret not in redact(f"{before}{text} {after}")


@pytest.mark.parametrize(
    "text",
    [
        "https://registry:5000/app@sha256:0123",
        "https://api.example.com:6443/apis?timeout=10s&watch=true&resourceVersion=7&limit=500",
        "see https://example.com/docs#a:b and mail ann@example.com",
        "ssh://git@example.com/repo",
        "the token of the user, the password and the secret are needed",
        "Secret team/db has no key password",
        'spec.password: Field required; {"secretName": "db", "tokens": 3}',
        "/readyz?verbose&exclude=etcd",
        "12:30:01 a@b c:d@e",
        "?continue=abcdef&code",
    ],
)
def test_what_is_no_credential_stays(text: str) -> None:
    assert redact(text) == text


PIECES = [
    "://",
    "a:b",
    "@",
    "&",
    "token",
    "=",
    "eyJ",
    "-----BEGIN PRIVATE KEY-----",
    "bearer ",
    "\n",
    "'\"",
    "aaaaaaaa",
    ".",
    "?",
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4))
def test_no_text_takes_more_than_linear_time(pieces: list[str]) -> None:
    # A search that backtracks would not come back: the text repeats whatever sets one off 20,000 times.
    redact("".join(pieces) * 20_000)


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        *((name, True) for name in (
            "password", "dbPassword", "DB_PASSWORD", "db-password", "pwd", "passwd", "passphrase", "token",
            "bearerToken", "accessToken", "Authorization", "apikey", "api_key", "API-Key", "secret", "clientSecret",
            "secretKey", "private_key", "credentials", "cookie", "stringSecret", "awsSecretAccessKey",
            "apiKeys", "api_keys", "accessKeys", "privateKeys", "signing-keys", "encryptionKeys", "sshKeys",
        )),
        *((name, False) for name in (
            "name", "secretName", "secret_name", "secretRef", "tokenCount", "passwordFile", "tokenExpiry", "key",
            "keys", "secretNamespace", "author", "path", "tokenPath", "resourceVersion",
            "secretKeys",
        )),
    ],
)  # fmt: skip
def test_a_field_is_judged_by_its_name(name: str, secret: bool) -> None:
    assert is_secret_name(name) == secret


class Database(APIModel):
    password: str = ""
    host: str = ""


@resource(group="x.example.com", version="v1")
class Server(CustomResource):
    spec: Database = Database()


OBJECTS: dict[str, Callable[[str], Any]] = {
    "a Secret without metadata": lambda secret: Secret(stringData={"a": secret}),
    "a model": lambda secret: Database(host=secret),
    "a custom resource": lambda secret: Server(spec=Database(host=secret)),
    "a struct": lambda secret: EnvVar(name="X", value=secret),
    "bytes": lambda secret: secret.encode(),
    "a list": lambda secret: [Database(host=secret)],
    "a tuple": lambda secret: (EnvVar(name="X", value=secret),),
    "a list in a list": lambda secret: [[Database(host=secret)]],
    "values of a dictionary": lambda secret: {"a": Database(host=secret)}.values(),
    "items of a dictionary": lambda secret: {"password": secret}.items(),
    "a dictionary": lambda secret: {"spec": {"clientSecret": secret}},
    "a Secret as a dictionary": lambda secret: {"kind": "Secret", "data": {"a": secret}},
    "a variable as a dictionary": lambda secret: {"env": [{"name": "DB_PASSWORD", "value": secret}]},
    "an error": lambda secret: APIConnectionError(f"https://a:{secret}@b"),
    "a string": lambda secret: f"x https://a:{secret}@b",
}


def logged(form: log.LogFormat, write: Callable[[logging.Logger], None]) -> str:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        log.configure(level="debug", format=form, stream=stream)
        write(logging.getLogger("test"))
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    return stream.getvalue()


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("name", OBJECTS)
def test_objects_show_no_fields_wherever_they_are_logged(name: str, form: log.LogFormat) -> None:
    def write(logger: logging.Logger) -> None:
        obj = OBJECTS[name]("S3CR3T")
        logger.info("x", extra={"it": obj})
        logger.info("x %s", obj)
        logger.info("x %r and %s", 3, obj)
        logger.info("x %(it)s", {"it": obj})
        logger.info(obj)
        with log.bound(it=obj, more={"deep": [{"er": obj}]}):
            logger.info("x")

    text = logged(form, write)
    assert text.count("\n") == 6
    assert "S3CR3T" not in text


def test_names_and_numbers_are_still_shown() -> None:
    def write(logger: logging.Logger) -> None:
        logger.info(
            "%s of %d", "a", 3, extra={"key": ObjectKey("team", "a"), "tokens": 5, "secretName": "db", "pair": (1, "b")}
        )
        logger.info("%(a)d", {"a": 1})
        logger.info("%d", "not a number")

    lines = [json.loads(line) for line in logged("json", write).splitlines()]
    assert [line["msg"] for line in lines[:2]] == ["a of 3", "1"]
    assert (lines[0]["key"], lines[0]["tokens"], lines[0]["secretName"], lines[0]["pair"]) == (
        "team/a",
        5,
        "db",
        [1, "b"],
    )
    assert "not a number" in lines[2]["msg"]


texts = st.text(st.characters(codec=None) | st.sampled_from('\n\r\t\x1b\x85\x9b\u2028\u202e\ud800"\\'), max_size=30)


@given(texts, texts)
def test_no_text_forges_a_line_or_reaches_the_terminal_as_a_control(text: str, name: str) -> None:
    def write(logger: logging.Logger) -> None:
        with log.bound(name=text):
            logger.info(text, extra={"fields": {f"x{name}": text, "list": [text]}})
            logger.info("%s", text)

    found = logged("json", write)
    lines = found.splitlines()
    assert len(lines) == 2
    assert json.loads(lines[1])["msg"] in {text, redact(text)} or "(hidden)" in lines[1]
    console = logged("console", write)
    assert len(console.splitlines()) == 2
    for written in (found, console):
        written.encode()  # halves of characters would end the handler
        assert not {unicodedata.category(char) for char in written.replace("\n", "")} & {"Cc", "Cs", "Zl", "Zp"}
        assert "\u202e" not in written


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_exception_forges_no_line(form: log.LogFormat) -> None:
    forged = "12:00:00.000 INFO    forged"

    def write(logger: logging.Logger) -> None:
        try:
            raise ValueError(f"boom\n{forged}\x1b[2J\r{forged}")
        except ValueError:
            logger.exception("x")

    text = logged(form, write)
    assert not any(line.startswith("12:00:00.000") for line in text.splitlines())
    assert "\x1b" not in text
    assert "\r" not in text


@given(leaks())
def test_nothing_that_is_shown_elsewhere_has_credentials(leak: tuple[str, str]) -> None:
    text, secret = leak
    conditions: list[Condition] = []
    set_condition(conditions, type="Ready", status=False, reason="Failed", message=text)
    assert secret not in (conditions[0].message or "")
    assert set_condition(conditions, type="Ready", status=False, reason="Failed", message=text) is False
    assert secret not in describe(ValueError(text))
    assert secret not in explain(APIConnectionError(text))


def test_labels_of_metrics_have_no_credentials() -> None:
    from kaiwu_runtime.metrics._controllers import Metrics

    metrics = Metrics()
    metrics.client("https://ann:S3CR3T@api.example.com:6443")("GET", 200)
    assert isinstance(metrics.registry, CollectorRegistry)
    labels = {"code": "200", "method": "GET", "host": "api.example.com:6443"}
    assert metrics.registry.get_sample_value("rest_client_requests_total", labels) == 1.0
