"""Texts of every format: as a default, the generator rejects those that the API server rejects, and no others."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Annotated, Any

import pytest
from pydantic import create_model

from kaiwu_runtime.api import APIModel, Base64Bytes, CustomResource, Default, Format, resource
from kaiwu_runtime.errors import DefinitionError
from kaiwu_runtime.generator import build_crds
from kaiwu_runtime.generator._formats import fits

if TYPE_CHECKING:
    from .conftest import Server

pytestmark = pytest.mark.envtest

DATES = ["2024-01-01", "2024-02-30", "2023-02-29", "0000-02-29", "0001-01-01", "9999-12-31", "2024-13-01", "20240101"]
CLOCKS = ["T00:00:00Z", "t23:59:59.123456789z", " 00:00:00Z", "T23:59:60Z", "T24:00:00Z", "T00:00Z", "T00:00:00", ""]
ZONES = ["+05:30", "-23:59", "+24:00", "+25:00", "+0530", "+05:60", ",5Z", ".Z"]
UUIDS = ["A987FBC9-4BED-3078-CF07-9141BA07C9F3", "a987fbc94bed3078cf079141ba07c9f3", "{0}", "zz000000-0000-0000"]
ADDRESSES = [
    *(
        "1.2.3.4",
        "01.2.3.4",
        "0001.1.1.1",
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4 ",
        "1.2.3.4/8",
        "::ffff:1.2.3.4",
        "::1.2.3.4",
    ),
    *("::1.2.3.4", "::1", "::", "2001:DB8::1", "fe80::1%eth0", "1::2::3", "2001:db8:0:0:0:0:0:1", "12345::", ":1"),
]
BYTES = ["", "YQ==", "YWJj", "YQ", "-_8=", "YWJj\n", "Y===", "YWJjZB==", " YWJj", "=", "a1"]
TEXTS = [
    *(date + clock for date, clock in itertools.product(DATES, CLOCKS)),
    *("2024-01-01T00:00:00" + zone for zone in ZONES),
    *UUIDS,
    *ADDRESSES,
    *BYTES,
]
FORMATS = ["byte", "date", "date-time", "ipv4", "ipv6", "uuid"]


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_means_what_it_means_to_the_server(server: Server, name: str) -> None:
    texts = list(dict.fromkeys(TEXTS))
    properties = {
        f"t{number}": {"type": "string", "format": name, "default": text} for number, text in enumerate(texts)
    }
    kind = resource(group="formats.example.com", version="v1")(create_model("Texts", __base__=CustomResource))
    manifest: Any = build_crds([kind])[0].manifest
    manifest["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] = {
        "type": "object",
        "properties": properties,
    }
    message = server.refusal(manifest)
    refused = {text for number, text in enumerate(texts) if f".properties[t{number}].default" in message}
    assert {text for text in texts if not fits(name, text)} == refused


UNFIT: list[Any] = [Annotated[str, Format("uuid")], Base64Bytes]


@pytest.mark.parametrize("annotation", UNFIT, ids=["uuid", "bytes"])
def test_a_default_that_has_not_its_format_is_refused(annotation: Any) -> None:
    field: Any = (Annotated[annotation | None, Default("1h")], None)
    spec = create_model("Spec", __base__=APIModel, value=field)
    kind = create_model("Unfit", __base__=CustomResource, spec=(spec | None, None))
    with pytest.raises(DefinitionError, match=r"Spec\.value: default '1h': '1h' is not a valid (uuid|byte)"):
        build_crds([resource(group="formats.example.com", version="v1")(kind)])
