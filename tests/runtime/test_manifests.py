# ruff: noqa: E501 - tables read better in long lines
"""Manifests are read as kubectl reads them."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from kaiwu_runtime._manifests import ManifestError, read_manifests

if TYPE_CHECKING:
    from pathlib import Path

    from kaiwu_runtime.envtest import ControlPlane

SCALARS = [
    "=", "<<", "~", "null", "Null", "nULL", "true", "True", "TRUE", "tRUE", "yes", "Yes", "no", "NO", "on", "Off", "y", "Y",
    "n", "N", "yEs", "0", "-0", "+1", "1", "08", "0644", "0o17", "0O17", "0x1F", "0X1f", "0b101", "-0b11", "1_000", "1__0",
    "_1", "1_", "0_7", "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616",
    "-9223372036854775809", "1.5", "1.", ".5", "-.5", "1e3", "1E3", "1e+3", "1.5e-3", "1_0.5", "1e", "e3", ".e3", "1:30",
    "190:20:30", "2001-01-01", "2001-12-14t21:59:43.10-05:00", "12.30.2", "1.2.3", "v1", "0.0.0.0", "+", ".", "..",
    "a=b", "'1'", '"yes"', "!!str 1", "!!int 3", "!!str yes", "1,000", "12e03", "-2E+05", "0x", "0b2",
]  # fmt: skip


def test_scalars_of_yaml_1_1_and_1_2() -> None:
    text = "kind: A\nvalues:\n" + "".join(
        f"- {scalar}\n" for scalar in ("=", "yes", "1e3", "2001-01-01", "0o17", "1:30")
    )
    [document] = read_manifests(text.encode())
    assert document["values"] == ["=", True, 1000.0, "2001-01-01", 15, "1:30"]


@pytest.mark.envtest
@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_scalars_are_those_of_kubectl(control_plane: ControlPlane, tmp_path: Path) -> None:
    differences = {}
    documents = [
        f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: n{number}}}\nprobe: {scalar}\n"
        for number, scalar in enumerate(SCALARS)
    ]
    file = tmp_path / "all.yaml"
    file.write_text("---\n".join(documents))
    command = ["kubectl", f"--kubeconfig={control_plane.kubeconfig}", "create", "--dry-run=client", "--validate=false"]
    answer = subprocess.run(
        [*command, "-o", "json", "-f", str(file)], capture_output=True, text=True, check=False, timeout=60
    )
    assert answer.returncode == 0, answer.stderr
    theirs = {item["metadata"]["name"]: item["probe"] for item in read_manifests(answer.stdout.encode())}
    for number, scalar in enumerate(SCALARS):
        [document] = read_manifests(documents[number].encode())
        ours, other = document["probe"], theirs[f"n{number}"]
        # kubectl keeps integers beyond 64 bits as floats.
        if isinstance(ours, float) or (isinstance(ours, int) and abs(ours) >= 2**63):
            ours, other = float(ours), float(other)
        if type(ours) is not type(other) or ours != other:
            differences[scalar] = (ours, other)
    assert differences == {}


LIST = '{"apiVersion": "v1", "kind": "List", "items": [{"kind": "A"}, {"kind": "BList", "items": [{"kind": "B"}]}]}'


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (b"", []),
        (b"# nothing\n", []),
        (b"---\n---\nkind: A\n---\n# c\n---\nkind: B\n", ["A", "B"]),
        (b"kind: A\n...\n---\nkind: B\n", ["A", "B"]),
        (b"%YAML 1.1\n---\nkind: A\n", ["A"]),
        (b'{"kind": "A"}', ["A"]),
        (b'{"kind": "A"}\n{"kind": "B"}\n', ["A", "B"]),
        (b"{kind: A, x: [1,\n 2]}\n---\nkind: B\n", ["A", "B"]),
        (LIST.encode(), ["A", "B"]),
        (b"\xef\xbb\xbfkind: A\n", ["A"]),
        ("kind: A\n---\nkind: Ä\n".encode("utf-16"), ["A", "Ä"]),
        (b"\xfe\xff" + "kind: A\n".encode("utf-16-be"), ["A"]),
        (b"kind: A\r\nx: 1\r\n", ["A"]),
        (b"x: &x {kind: B, y: 1}\n<<: *x\nkind: A\n", ["A"]),
    ],
)
def test_documents(data: bytes, kinds: list[str]) -> None:
    assert [found["kind"] for found in read_manifests(data)] == kinds


def bomb(levels: int) -> bytes:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels)]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"a: [b", "is not YAML"),
        (b"a: b: c", "is not YAML"),
        (b"a: \xff", "is not text in UTF-8"),
        (b"\xff\xfea", "is not text in UTF-16"),
        (b"- a\n- b\n", "holds list"),
        (b"just words", "holds str 'just words' instead of an object"),
        (b"a: .nan", "holds what JSON cannot hold"),
        (b'{"a": "x\\ud800"}', "holds '\\ud800', which is half of a surrogate pair"),
        (b'{"\\udc00": 1}', "holds '\\udc00', which is half of a surrogate pair"),
        (b"a: !!set {x, y}", "holds what JSON cannot hold"),
        (b"a: !!binary aGVsbG8=", "holds what JSON cannot hold"),
        (b"a: !!python/object/apply:os.system [x]", "is not YAML"),
        (b"a: &a [*a]", "values, made by its aliases"),
        (bomb(9), "values, made by its aliases"),
        (b"a: " + b"[" * 100_000, "is nested too deeply"),
        (b"- " * 100_000 + b"a", "is nested too deeply"),
        (b"a: " + b"{a: " * 100_000, "is nested too deeply"),
        (b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_what_is_no_manifest(data: bytes, message: str) -> None:
    with pytest.raises(ManifestError) as caught:
        read_manifests(data)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
