"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
import uuid
from collections.abc import Iterator

import pytest
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import Secret

from kaiwu_runtime import _log as log


@pytest.fixture(autouse=True)
def _root() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(form: log.LogFormat, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    log.configure(level=level, format=form, stream=stream)
    return logging.getLogger("test"), stream


def test_a_json_line_has_level_message_and_fields() -> None:
    logger, stream = logged("json")
    with log.bound(controller="c", namespace="ns", name="n", reconcileID="1"):
        logger.warning("Look at %s", "this", extra={"replicas": 3, "fields": {"name": "own"}})
    line = json.loads(stream.getvalue())
    assert line["level"] == "warning"
    assert line["msg"] == "Look at this"
    assert (line["controller"], line["namespace"], line["reconcileID"], line["replicas"]) == ("c", "ns", "1", 3)
    assert line["name"] == "own"
    assert line["ts"].endswith("+00:00")


def test_bound_fields_end_with_their_block() -> None:
    logger, stream = logged("json")
    with log.bound(controller="outer"):
        with log.bound(controller="inner"):
            logger.info("a")
        logger.info("b")
    logger.info("c")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line.get("controller") for line in lines] == ["inner", "outer", None]


def test_an_exception_stays_on_one_json_line() -> None:
    logger, stream = logged("json")
    try:
        raise ValueError("broken")
    except ValueError:
        logger.exception("It failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: broken" in json.loads(line)["stacktrace"]


@pytest.mark.parametrize("field", ["token", "password", "Authorization", "bearerToken", "private_key"])
def test_secrets_are_not_logged(field: str) -> None:
    for form in ("json", "console"):
        logger, stream = logged(form)
        logger.info("x", extra={field: "s3cret"})
        assert "s3cret" not in stream.getvalue()


TOKEN = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJpc3MiOiJrdWJlcm5ldGVzIn0.c2lnbmF0dXJl"
KEY = "-----BEGIN EC PRIVATE KEY-----\\ns3cret\\n-----END EC PRIVATE KEY-----".replace("\\n", "\n")


@pytest.mark.parametrize(
    ("text", "secret", "left"),
    [
        pytest.param(f"GET /x: Authorization: Bearer {TOKEN} refused", TOKEN, "refused", id="a bearer token"),
        pytest.param("sent Bearer abcdefgh12345678", "abcdefgh12345678", "sent Bearer (hidden)", id="an opaque token"),
        pytest.param(f"token {TOKEN}, expired", TOKEN, ", expired", id="a service account's token"),
        pytest.param(f"cannot load {KEY} from x", "s3cret", "from x", id="a private key"),
        pytest.param(f"cut {KEY[:40]}", "s3cret", "cut (hidden)", id="half a private key"),
        pytest.param("dial https://me:s3cret@db:5432/x", "s3cret", "https://(hidden)@db:5432/x", id="a URL's password"),
        pytest.param("wait for the bearer of news", "\0", "bearer of news", id="an innocent word"),
    ],
)
@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("place", ["message", "field", "exception"])
def test_credentials_are_not_logged_wherever_they_are(
    text: str, secret: str, left: str, form: log.LogFormat, place: str
) -> None:
    logger, stream = logged(form)
    try:
        raise ValueError(text)
    except ValueError as error:
        match place:
            case "message":
                logger.info(text)
            case "field":
                logger.info("x", extra={"error": error})
            case _:
                logger.exception("x")
    assert secret not in stream.getvalue()
    assert left in stream.getvalue()
    if form == "json":
        json.loads(stream.getvalue())


@pytest.mark.parametrize("form", ["json", "console"])
def test_of_an_object_only_its_name_is_logged(form: log.LogFormat) -> None:
    secret = Secret(metadata=ObjectMeta(name="db", namespace="team"), stringData={"admin": "s3cret"})
    logger, stream = logged(form)
    logger.info("Applied", extra={"object": secret, "all": [secret], "raw": b"s3cret", "in": {"password": "s3cret"}})
    assert "s3cret" not in stream.getvalue()
    assert "Secret team/db" in stream.getvalue()


LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("depth", ["annotations", "metadata", "object"])
def test_what_kubectl_applied_of_a_secret_is_not_logged(form: log.LogFormat, depth: str) -> None:
    applied = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"admin": "s3cret"}}
    logged_as: dict[str, object] = {LAST_APPLIED: json.dumps(applied), "owner": "team"}
    if depth != "annotations":
        logged_as = {"name": "db", "annotations": logged_as}
    if depth == "object":
        logged_as = {"metadata": logged_as}
    logger, stream = logged(form)
    logger.info("Read", extra={"found": logged_as})
    assert "s3cret" not in stream.getvalue()
    assert "team" in stream.getvalue()


def test_what_kubectl_applied_of_another_kind_is_logged() -> None:
    logger, stream = logged("json")
    logger.info("Read", extra={"found": {LAST_APPLIED: '{"kind":"ConfigMap","data":{"a":"plain"}}'}})
    assert "plain" in stream.getvalue()


def test_a_console_line_is_for_people() -> None:
    logger, stream = logged("console")
    logger.info("Applied", extra={"kind": "ConfigMap", "text": "two words"})
    assert stream.getvalue().rstrip().endswith('INFO    Applied  kind=ConfigMap text="two words"')


def test_the_level_holds_back_what_is_below() -> None:
    logger, stream = logged("json", level="warning")
    logger.info("no")
    logger.error("yes")
    assert [json.loads(line)["msg"] for line in stream.getvalue().splitlines()] == ["yes"]


def test_auto_is_json_where_there_is_no_terminal() -> None:
    logger, stream = logged("auto")
    logger.info("x")
    json.loads(stream.getvalue())


def test_an_identifier_is_a_random_uuid() -> None:
    made = {log.identifier() for _ in range(1000)}
    assert len(made) == 1000
    assert {(uuid.UUID(text).version, uuid.UUID(text).variant, str(uuid.UUID(text)) == text) for text in made} == {
        (4, uuid.RFC_4122, True)
    }


def test_an_identifier_of_a_reconcile_is_made_once() -> None:
    first, second = log.Identifier(), log.Identifier()
    assert uuid.UUID(str(first)) == uuid.UUID(str(first))
    assert str(first) != str(second)
