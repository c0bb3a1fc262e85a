"""hack/install.sh: an index that does not know yet what it named when the locks were written is asked again."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .generation import environment, index_variables

TEMPLATES = Path(__file__).parents[2] / "templates" / "init"
SCRIPT = TEMPLATES / "hack" / "install.sh"


def wheel(version: str) -> bytes:
    """A distribution `demo` with one module."""
    contents = {
        "demo.py": f"version = {version!r}\n",
        f"demo-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: demo\nVersion: {version}\n",
        f"demo-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"demo-{version}.dist-info/RECORD"
    rows = [f"{name},sha256={_digest(text)},{len(text)}" for name, text in contents.items()]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in {**contents, record: "\n".join([*rows, f"{record},,", ""])}.items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()


def _digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


WHEELS = {f"demo-{version}-py3-none-any.whl": wheel(version) for version in ("1", "2")}
HASH = hashlib.sha256(WHEELS["demo-2-py3-none-any.whl"]).hexdigest()


class Index(ThreadingHTTPServer):
    """A package index whose first `stale` answers lack version 2; `age` is how long they may be cached, in seconds.

    It answers with another `status`, with a page to `log_in` on, or wants a `password` of the user `me`, when a test
    sets them.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked = 0
        self.stale = 0
        self.age = 0
        self.status = 200
        self.password = ""
        self.log_in = False


class Answer(BaseHTTPRequestHandler):
    server: Index

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if self.path != "/simple/demo/" and name not in WHEELS:
            self.send_error(404)
            return
        if self.server.status != 200:
            self.server.asked += 1
            self.send_error(self.server.status)
            return
        expected = base64.b64encode(f"me:{self.server.password}".encode()).decode()
        if self.server.password and self.headers.get("Authorization") != f"Basic {expected}":
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name in WHEELS:
            body, kind = WHEELS[name], "application/octet-stream"
        else:
            self.server.asked += 1
            known = sorted(WHEELS)[: 1 if self.server.asked <= self.server.stale else 2]
            if self.server.log_in:
                known = []
            body = "".join(f'<a href="/files/{each}">{each}</a>' for each in known).encode()
            kind = "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", f"max-age={self.server.age}")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[Index]:
    with Index() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def python_with_pip(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pip")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return str(folder / "bin" / "python")


@pytest.fixture(params=["uv", "pip"])
def installer(request: pytest.FixtureRequest, tmp_path: Path) -> list[str]:
    """A command as in a Makefile, up to its requirements."""
    target = ["--quiet", "--target", str(tmp_path / "site")]
    if request.param == "uv":
        return [str(Path(sys.executable).with_name("uv")), "pip", "install", "--python", sys.executable, *target]
    python = request.getfixturevalue("python_with_pip")
    return [python, "-m", "pip", "install", "--disable-pip-version-check", *target]


def install(
    project: Path, installer: list[str], index: Index, *, digest: str = HASH, answers: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the script; `answers` are what a user types."""
    (project / "requirements-dev.lock").write_text("# nothing\n", encoding="utf-8")
    return run(["sh", "hack/install.sh", *installer], project, index, digest=digest, answers=answers, **variables)


def run(
    command: list[str], project: Path, index: Index, *, digest: str = HASH, answers: str = "", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in a project that has the script and a lock."""
    (project / "hack").mkdir(exist_ok=True)
    shutil.copy(SCRIPT, project / "hack")
    (project / "requirements.lock").write_text(f"demo==2 \\\n    --hash=sha256:{digest}\n", encoding="utf-8")
    cache = {"UV_CACHE_DIR": str(project / "cache"), "PIP_CACHE_DIR": str(project / "cache")}
    return subprocess.run(
        command,
        cwd=project,
        env=environment(INSTALL_PAUSES="0 0 0", **cache, **index_variables(index.server_port), **variables),
        input=answers,
        start_new_session=True,  # no terminal to ask for a password
        capture_output=True,
        text=True,
        check=False,
    )


def installed(project: Path) -> list[str]:
    return sorted(path.name for path in project.glob("site/demo-*.dist-info"))


@pytest.mark.parametrize("stale", range(4))
def test_version_that_the_index_learns_late_is_installed(
    stale: int, tmp_path: Path, installer: list[str], index: Index
) -> None:
    index.stale = stale
    result = install(tmp_path, installer, index)
    assert result.returncode == 0, result.stderr
    assert installed(tmp_path) == ["demo-2.dist-info"]
    # After each answer uv is asked for any version, too.
    pauses = (stale + 1) // 2 if installer[0].endswith("uv") else stale
    assert result.stderr.count("asking again in 0 s") == pauses
    assert "error" not in result.stderr.lower()


def test_page_in_the_cache_is_passed_by(tmp_path: Path, installer: list[str], index: Index) -> None:
    index.age, index.stale = 600, 10**6
    assert install(tmp_path, installer, index).returncode == 1
    index.stale = 0
    assert install(tmp_path, installer, index).returncode == 0
    assert installed(tmp_path) == ["demo-2.dist-info"]


def test_version_that_is_gone_is_an_error_that_says_what_to_do(
    tmp_path: Path, installer: list[str], index: Index
) -> None:
    index.stale = 10**6
    result = install(tmp_path, installer, index)
    assert result.returncode == 1
    assert result.stderr.count("asking again") == 3
    assert "demo==2" in result.stderr
    assert result.stderr.endswith("if a version is gone, run 'make lock LOCK_ARGS=--upgrade'\n")


def test_other_failures_are_not_repeated(tmp_path: Path, installer: list[str], index: Index) -> None:
    result = install(tmp_path, installer, index, digest="0" * 64)
    assert result.returncode == 1
    assert "hash" in result.stderr.lower()
    assert "asking again" not in result.stderr
    assert installed(tmp_path) == []


@pytest.mark.parametrize("status", [403, 404, 500])
def test_index_that_refuses_access_is_not_asked_again(
    status: int, tmp_path: Path, installer: list[str], index: Index
) -> None:
    index.status = status
    result = install(tmp_path, installer, index, UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    assert result.returncode == 1
    assert "asking again" not in result.stderr
    assert "demo" in result.stderr


def test_index_that_answers_with_a_login_page_is_not_asked_again(
    tmp_path: Path, installer: list[str], index: Index
) -> None:
    index.log_in = True
    result = install(tmp_path, installer, index)
    assert result.returncode == 1
    assert "asking again" not in result.stderr
    assert result.stderr.splitlines()[-1] == (
        "error: the locked requirements could not be installed; the package index names no version of a package at "
        "all: it may ask for a login; open its URL in a browser"
    )


def test_index_that_cannot_be_reached_is_not_asked_again(tmp_path: Path, installer: list[str]) -> None:
    with Index() as closed:
        pass
    result = install(tmp_path, installer, closed, UV_HTTP_RETRIES="0", PIP_RETRIES="0")
    assert result.returncode == 1
    assert "asking again" not in result.stderr


def test_question_of_pip_is_seen_and_answered(tmp_path: Path, python_with_pip: str, index: Index) -> None:
    index.password = "secret"
    installer = [python_with_pip, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    installer += ["--target", str(tmp_path / "site")]
    result = install(tmp_path, installer, index, answers="me\nsecret\nn\n")  # not to be saved
    assert "User for 127.0.0.1" in result.stdout
    assert result.returncode == 0, result.stderr
    assert installed(tmp_path) == ["demo-2.dist-info"]


def test_folder_is_that_of_the_script_with_cdpath(tmp_path: Path, installer: list[str], index: Index) -> None:
    other, project = tmp_path / "other", tmp_path / "a project"
    (other / "hack").mkdir(parents=True)
    project.mkdir()
    result = install(project, installer, index, CDPATH=str(other))
    assert result.returncode == 0, result.stderr


def install_in_image(project: Path, python_with_pip: str, index: Index) -> subprocess.CompletedProcess[str]:
    """Run the part of the Dockerfile that installs what the lock pins."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(project / ".venv")], check=True)
    text = (TEMPLATES / "Dockerfile.jinja").read_text(encoding="utf-8")
    found = re.search(r'^ +(install="[^"]*"; )\\\n.*\n +(if ls .*?; fi) &&', text, re.MULTILINE | re.DOTALL)
    assert found is not None
    line = f"{found[1]}{found[2]}".replace("/app/", f"{project}/")
    line = line.replace("/tools/bin/pip", str(Path(python_with_pip).with_name("pip")))
    return run(["sh", "-c", line], project, index)


def installed_in_image(project: Path) -> list[str]:
    return sorted(path.name for path in (project / ".venv").rglob("demo-*.dist-info"))


@pytest.mark.parametrize("stale", [0, 1, 3])
def test_image_gets_a_version_that_the_index_learns_late(
    stale: int, tmp_path: Path, python_with_pip: str, index: Index
) -> None:
    index.stale = stale
    result = install_in_image(tmp_path, python_with_pip, index)
    assert result.returncode == 0, result.stderr
    assert installed_in_image(tmp_path) == ["demo-2.dist-info"]
    assert result.stderr.count("asking again in 0 s") == stale


def test_image_with_a_version_that_is_gone_is_not_built(tmp_path: Path, python_with_pip: str, index: Index) -> None:
    index.stale = 10**6
    result = install_in_image(tmp_path, python_with_pip, index)
    assert result.returncode == 1
    assert result.stderr.endswith("if a version is gone, run 'make lock LOCK_ARGS=--upgrade'\n")


def test_image_needs_no_index_when_the_wheels_are_there(tmp_path: Path, python_with_pip: str, index: Index) -> None:
    (tmp_path / "wheels").mkdir()
    for name, content in WHEELS.items():
        (tmp_path / "wheels" / name).write_bytes(content)
    result = install_in_image(tmp_path, python_with_pip, index)
    assert result.returncode == 0, result.stderr
    assert installed_in_image(tmp_path) == ["demo-2.dist-info"]
    assert index.asked == 0
