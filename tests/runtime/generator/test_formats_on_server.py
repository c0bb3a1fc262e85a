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
ZONES = [
    ".5Z",
    "x5Z",
    "55Z",
    "é5Z",
    "t5Z",
    "\n5Z",
    "ZTx",
    "ZT\n",
    "ZX",
    "+05:30",
    "-23:59",
    "+24:00",
    "+25:00",
    "+0530",
    "+05:60",
    ",5Z",
    ".Z",
]
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
UUIDS_OF_VERSIONS = [
    f"a987fbc9-4bed-{version}078-{variant}f07-9141ba07c9f3" for version in "1345" for variant in "089bcf"
]
NETWORKS = [
    *(
        "10.0.0.0/8",
        "10.0.0.1/08",
        "10.0.0.0/33",
        "01.0.0.0/8",
        "10.0.0/8",
        "2001:db8::/32",
        "::ffff:1.2.3.4/96",
        "::/129",
    ),
    *(
        "fe80::1%eth0/64",
        "1.2.3.4/",
        "1.2.3.4/-1",
        "1.2.3.4/+8",
        "1.2.3.4/8/8",
        "1.2.3.4/ 8",
        "0.0.0.0/0",
        "1.2.3.4/255.0.0.0",
    ),
    "1.2.3.4/٨",
]
LINKS = [
    *(
        "00:00:5e:00:53:01",
        "02:00:5e:10:00:00:00:01",
        "00-00-5E-00-53-01",
        "0000.5e00.5301",
        "00005e005301",
        "0:0:5e:0:53:1",
    ),
    *("00:00:5e-00:53:01", "0200.5e10.0000.0001", "00:00:5e:00:53", ":".join(["00"] * 20), ".".join(["0000"] * 10)),
    *(":".join(["00"] * 7), "0000.5e00", "00:00:5e:00:53:0g"),
]
WORDS = [
    *(
        "a",
        "A",
        "a-b",
        "-a",
        "a-",
        "a.b",
        "a..b",
        "a_b",
        "é",
        "a" * 63,
        "a" * 64,
        "a." * 126 + "a",
        "a." * 127,
        "1",
        "a b",
    ),
    *(
        "#fff",
        "fff",
        "#FFFFFF",
        "ffff",
        "##fff",
        "507f1f77bcf86cd799439011",
        "507f1f77bcf86cd79943901",
        "507F1F77BCF86CD799439011",
    ),
    *(
        "http://x/y",
        "/x",
        "x",
        "a@b.c",
        "a@",
        "Ann <a@b.c>",
        "1h",
        "1 d",
        "2 weeks",
        "0",
        "-0",
        "1",
        "h",
        "1.5s",
        "9223372036854775808ns",
    ),
    *(
        "1µs",
        "1.s",
        "1.5.s",
        "1μs",
        ".5s",
        "-1h",
        "+1h",
        "- 1h",
        "00",
        "+0",
        "1 h 2 m",
        "urn:x",
        "//x",
        "?x",
        "*",
        "**",
        "a:b",
        "mailto:a@b.c",
        "1y",
    ),
]
TEXTS = [
    *(date + clock for date, clock in itertools.product(DATES, CLOCKS)),
    *("2024-01-01T00:00:00" + zone for zone in ZONES),
    *UUIDS,
    *ADDRESSES,
    *BYTES,
    *UUIDS_OF_VERSIONS,
    *NETWORKS,
    *LINKS,
    *WORDS,
]
FORMATS = [
    *("bsonobjectid", "byte", "cidr", "date", "date-time", "datetime", "hexcolor", "ipv4", "ipv6", "k8s-long-name"),
    *("k8s-short-name", "mac", "uuid", "uuid3", "uuid4", "uuid5"),
]
IN_PART = ["duration", "email", "hostname", "isbn", "uri", "unknown"]
"""Formats of which not every text that the API server rejects is known."""


@pytest.mark.parametrize("name", [*FORMATS, *IN_PART])
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
    if name == "unknown":
        server.acceptance(manifest)
        assert all(fits(name, text) for text in texts)
        return
    message = server.refusal(manifest)
    refused = {text for number, text in enumerate(texts) if f".properties[t{number}].default" in message}
    unfit = {text for text in texts if not fits(name, text)}
    assert unfit - refused == set()
    assert unfit == refused or name in IN_PART


UNFIT: list[Any] = [Annotated[str, Format("uuid")], Base64Bytes]


@pytest.mark.parametrize("annotation", UNFIT, ids=["uuid", "bytes"])
def test_a_default_that_has_not_its_format_is_refused(annotation: Any) -> None:
    field: Any = (Annotated[annotation | None, Default("1h")], None)
    spec = create_model("Spec", __base__=APIModel, value=field)
    kind = create_model("Unfit", __base__=CustomResource, spec=(spec | None, None))
    with pytest.raises(DefinitionError, match=r"Spec\.value: default '1h': '1h' is not a valid (uuid|byte)"):
        build_crds([resource(group="formats.example.com", version="v1")(kind)])
