"""What a plugin may print: any time, any text, and any type."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kaiwu_runtime.config._exec_credentials import ExecCredentials, ExecStatus
from kaiwu_runtime.config._exec_plugin import ExecAuthentication
from kaiwu_runtime.config._kubeconfig import ClusterEntry, ExecEntry
from kaiwu_runtime.errors import CredentialsError

ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.one_of(st.datetimes(), st.datetimes(timezones=ZONES), st.sampled_from([datetime.min, datetime.max])))
def test_any_time_of_expiry(expires: datetime) -> None:
    found = ExecCredentials()
    found.accept(ExecStatus(token="t", expires=expires))
    whole = expires if expires.tzinfo else expires.replace(tzinfo=UTC)
    assert found.expires == whole
    assert found.current == "Bearer t"  # for a second at least
    assert found.keep(ValueError("no")) is (datetime.now(UTC) < whole)


def plugin() -> ExecAuthentication:
    entry = ExecEntry("client.authentication.k8s.io/v1", "plugin", interactive_mode="Never")
    return ExecAuthentication(entry, ClusterEntry(server="https://api.test"), Path("/"))


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
NAMES = st.sampled_from(["apiVersion", "kind", "status", "spec", "x"])
STATUS = st.sampled_from(["token", "clientCertificateData", "clientKeyData", "expirationTimestamp"])


def refused(output: bytes) -> str:
    """Return why an output is refused; empty if it is not."""
    try:
        plugin()._parse("plugin", output)
    except CredentialsError as error:
        return str(error)
    return ""


@given(st.dictionaries(NAMES, JSON), st.none() | st.dictionaries(STATUS, JSON))
def test_any_object(content: dict[str, Any], status: dict[str, Any] | None) -> None:
    right = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"}
    for document in (content, {**right, **content}, {**content, **right, **({"status": status} if status else {})}):
        said = refused(json.dumps(document).encode("utf-8", "surrogatepass"))
        assert "\n" not in said
        assert len(said) < 500


@given(st.binary(max_size=50))
def test_any_bytes(output: bytes) -> None:
    assert refused(output).startswith("exec plugin plugin: printed ")


@pytest.mark.parametrize(
    "output", [b"[" * 100_000, b'{"status":' * 100_000, b'{"kind":"\xff"}'], ids=["lists", "objects", "\\xff"]
)
def test_deep_and_not_utf_8(output: bytes) -> None:
    assert refused(output).startswith("exec plugin plugin: printed no ExecCredential")
