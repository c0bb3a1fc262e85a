"""Where `kaiwuctl import crd` reads a CRD from: files, standard input and clusters, and what is refused there."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from ..importer.round_trip import meaning
from .command_line import CommandLine, snapshot
from .imported_crds import NO_MAKE, entries, generate, two_versions

if TYPE_CHECKING:
    from kaiwu_runtime.envtest import ControlPlane


def test_from_standard_input(project: CommandLine) -> None:
    command = project.argv("import", "crd", "-", NO_MAKE)
    done = subprocess.run(
        command,
        cwd=project.folder,
        env=project.env(),
        input=json.dumps(two_versions()),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(entries(project.folder)) == 2


def test_several_crds_in_a_list(project: CommandLine, tmp_path: Path) -> None:
    other = two_versions()
    other["metadata"]["name"] = "gadgets.shop.inspur.com"
    other["spec"]["names"] |= {"kind": "Gadget", "plural": "gadgets", "singular": "gadget", "listKind": "GadgetList"}
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": [two_versions(), other]}))
    error = project.refused("import", "crd", str(file), NO_MAKE, status=2)
    assert error == (
        f"error: {file}: has 2 CRDs: widgets.shop.inspur.com, gadgets.shop.inspur.com; choose one with --name, for "
        "example --name widgets.shop.inspur.com\n"
    )
    error = project.refused("import", "crd", str(file), "--name", "Box", NO_MAKE, status=1)
    assert error.endswith("has no CRD 'Box': it has widgets.shop.inspur.com, gadgets.shop.inspur.com\n")
    project.ok("import", "crd", str(file), "--name", "Gadget", NO_MAKE)
    project.ok("create", "api", "--from-crd", str(file), "--kind", "Widget", NO_MAKE)
    assert [entry["kind"] for entry in entries(project.folder)] == ["Gadget", "Gadget", "Widget", "Widget"]


def bomb() -> str:
    """Return a short text whose aliases stand for thousands of millions of values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "has no CustomResourceDefinition, but nothing; pass the file of a CRD"),
        ("kind: ConfigMap\napiVersion: v1\n", "has no CustomResourceDefinition, but ConfigMap"),
        ("a: [", "is not YAML: "),
        ("just text", "holds str 'just text' instead of an object"),
        (bomb(), "has more than 5000000 values, made by its aliases"),
        ("[" * 5000, "is nested too deeply"),
        (
            "kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1beta1\n",
            "convert it to apiextensions.k8s.io/v1",
        ),
        ("kind: CustomResourceDefinition\napiVersion: apiextensions.k8s.io/v1\n", "invalid CustomResourceDefinition"),
        ("x" * (8 * 1024 * 1024 + 1), "is larger than 8 MiB; pass the file of one CRD"),
    ],
    ids=["empty", "other kind", "no YAML", "text", "bomb", "deep", "v1beta1", "no spec", "large"],
)
def test_what_is_no_crd(project: CommandLine, tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "hostile.yaml"
    file.write_text(content)
    before = snapshot(project.folder)
    error = project.refused("import", "crd", str(file), NO_MAKE, status=1)
    assert error.startswith(f"error: {file}: ")
    assert message in error
    assert snapshot(project.folder) == before


def test_a_source_that_is_no_file(project: CommandLine, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\xfd\x00\x80")
    for name, message in (
        ("missing", "no such file or directory; a CRD of a cluster is cluster:NAME"),
        ("", "is a directory; pass the file of a CRD"),
        ("pipe", "is not a regular file"),
        ("circle", "too many levels of symbolic links"),
        ("binary", "is not text in UTF-16"),
    ):
        error = project.refused("import", "crd", str(tmp_path / name), NO_MAKE, status=1)
        assert message in error, name
    assert "is not a regular file" in project.refused("import", "crd", "/dev/zero", NO_MAKE, status=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import", "crd"), "import crd: the source is missing; for example kaiwuctl import crd widgets.yaml"),
        (("import", "crd", "cluster:widgets"), "the name of a CRD is its plural and its group"),
        (("import", "crd", "x.yaml", "--versions", ","), "--versions: names no version"),
        (("create", "api", "--from-crd", "x.yaml", "--group", "shop"), "--group: contradicts --from-crd"),
        (("create", "api", "--from-crd", "x.yaml", "--untyped"), "--untyped: contradicts --from-crd"),
    ],
)
def test_wrong_usage(project: CommandLine, arguments: tuple[str, ...], message: str) -> None:
    assert message in project.refused(*arguments, status=2)


def test_a_version_that_there_is_not(project: CommandLine, source: Path) -> None:
    error = project.refused("import", "crd", str(source), "--versions", "v3", NO_MAKE, status=1)
    assert error == f"error: {source}: widgets.shop.inspur.com has no version 'v3': it has v1, v2\n"


@pytest.mark.envtest
def test_from_a_cluster(project: CommandLine, control_plane: ControlPlane, tmp_path: Path) -> None:
    crds = tmp_path / "crds"
    crds.mkdir()
    (crds / "widgets.yaml").write_text(yaml.safe_dump(two_versions()))
    control_plane.install_crds(crds)
    there = CommandLine(project.folder, {"KUBECONFIG": str(control_plane.kubeconfig)})
    there.ok("import", "crd", "cluster:widgets.shop.inspur.com", NO_MAKE)
    assert meaning(generate(project.folder)) == meaning(two_versions())
    error = there.refused("import", "crd", "cluster:boxes.shop.inspur.com", NO_MAKE, status=1)
    assert error == (
        "error: cluster:boxes.shop.inspur.com: the cluster has no such CRD; `kubectl get crd` lists them\n"
    )


def test_a_cluster_that_is_not_there(project: CommandLine, tmp_path: Path) -> None:
    there = CommandLine(project.folder, {"KUBECONFIG": str(tmp_path / "none")})
    assert "error: cluster:widgets.example.com: " in there.refused(
        "import", "crd", "cluster:widgets.example.com", status=1
    )


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"[]", "holds list '[]' instead of an object"),
        (b"{", "is not YAML: "),
        (b'{"kind": "Status"}', "has no CustomResourceDefinition, but Status"),
        (b'{"kind": "CustomResourceDefinition", "a": NaN}', "holds what JSON cannot hold"),
    ],
)
def test_a_cluster_that_answers_with_something_else(
    project: CommandLine, tmp_path: Path, answer: bytes, message: str
) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep the output of the test clean."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cluster = {"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
        context = {"name": "a", "context": {"cluster": "a", "user": "a"}}
        config = {"clusters": [cluster], "contexts": [context], "users": [{"name": "a", "user": {}}]}
        (tmp_path / "kubeconfig").write_text(json.dumps({**config, "current-context": "a", "kind": "Config"}))
        there = CommandLine(project.folder, {"KUBECONFIG": str(tmp_path / "kubeconfig")})
        error = there.refused("import", "crd", "cluster:widgets.example.com", NO_MAKE, status=1)
        server.shutdown()
    assert error.startswith(f"error: cluster:widgets.example.com: {message}")
