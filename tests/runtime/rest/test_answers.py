"""What is read of the body of an answer, and the error for one that is another program's."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kaiwu_runtime.errors import APIConnectionError
from kaiwu_runtime.rest._answers import read_answer

DECODER = msgspec.json.Decoder(dict[str, Any])


def test_its_content() -> None:
    assert read_answer(DECODER, b'{"a":1}', "GET /x") == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"\xff":1}', b"[1]", b'{"a":' * 20_000])
def test_another_programs(body: bytes) -> None:
    with pytest.raises(APIConnectionError, match=r"^GET /x: the answer is not an API server's \([^\n]+\)$") as caught:
        read_answer(DECODER, body, "GET /x")
    assert caught.value.may_pass
