"""Structured logs."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from kaiwu_runtime import log


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
