"""hack/lock.sh: what is left when it is interrupted, and what its caller sees of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from .generation import environment, index_variables

SCRIPT = Path(__file__).parents[2] / "templates" / "init" / "hack" / "lock.sh"
CALLER = '"$0" hack/lock.sh; status=$?; if [ "$status" -ne 0 ]; then echo "goes on after $status"; fi'
UV = str(Path(sys.executable).with_name("uv"))


class Stalled(ThreadingHTTPServer):
    """A package index that takes requests and answers none before it is `released`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked, self.released = threading.Event(), threading.Event()


class Answer(BaseHTTPRequestHandler):
    server: Stalled

    def do_GET(self) -> None:
        self.server.asked.set()
        self.server.released.wait()
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def index() -> Iterator[Stalled]:
    with Stalled() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.released.set()
        server.shutdown()


@pytest.mark.parametrize("uv", [UV, ""], ids=["uv", "pip"])
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_interrupt_leaves_nothing_and_ends_the_caller(shell: str, uv: str, tmp_path: Path, index: Stalled) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell}")
    (tmp_path / "hack").mkdir()
    shutil.copy(SCRIPT, tmp_path / "hack")
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-runtime.txt", "requirements.lock"):
        (tmp_path / name).write_text("demo\n", encoding="utf-8")
    before = {path.name for path in tmp_path.iterdir()}
    index_of = index_variables(index.server_port)
    cache = {"UV_CACHE_DIR": str(tmp_path.with_name("cache"))}
    process = subprocess.Popen(
        [shell, "-c", CALLER, shell],
        cwd=tmp_path,
        env=environment(UV=uv, PYTHON=sys.executable, PYTHON_MINIMUM="3.11", **index_of, **cache),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            assert index.asked.wait(60)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
            output, _ = process.communicate(timeout=60)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert output == ""
    assert process.returncode == -signal.SIGINT
    assert {path.name for path in tmp_path.iterdir()} - {".venv"} == before
    assert (tmp_path / "requirements.lock").read_text() == "demo\n"
