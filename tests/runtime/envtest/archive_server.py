"""A local HTTP server with an index and archives as the official place has them, and a network's faults."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import yaml

from kaiwu_runtime.envtest._binaries import system

Answer = Callable[[BaseHTTPRequestHandler], None]


def archive(version: str, *, names: tuple[str, ...] = ("etcd", "kube-apiserver", "kubectl"), script: str = "") -> bytes:
    """Return a .tar.gz of the official shape, with a link in it that points outside; the same bytes at any time."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        folder = tarfile.TarInfo("controller-tools/envtest")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        evil = tarfile.TarInfo("controller-tools/envtest/etcd")
        evil.type, evil.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(evil)
        for name in names:
            data = f"#!/bin/sh\n{script or f'echo Kubernetes v{version}'}\n".encode()
            member = tarfile.TarInfo(f"controller-tools/envtest/{name}")
            member.size, member.mode = len(data), 0o644
            tar.addfile(member, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


class ArchiveServer:
    """Serves an index and archives on loopback; a context manager."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requests: list[str] = []
        self.releases: dict[str, dict[str, dict[str, str]]] = {}
        self.closing = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.requests.append(self.path)
                answer = owner.answers.get(self.path)
                if answer is None:
                    self.send_error(404)
                else:
                    answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name http.server gives it
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.index = f"{self.url}/index.yaml"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def add(self, version: str, data: bytes | None = None, *, sha512: str = "") -> str:
        """Serve an archive, list it in the index, and return its path."""
        data = archive(version) if data is None else data
        name = f"envtest-v{version}-{system()}.tar.gz"
        entry = {"hash": sha512 or hashlib.sha512(data).hexdigest(), "selfLink": f"{self.url}/{name}"}
        self.releases[f"v{version}"] = {name: entry}
        self.answers[f"/{name}"] = body(data)
        self.answers["/index.yaml"] = body(yaml.safe_dump({"releases": self.releases}).encode())
        return f"/{name}"


def body(data: bytes) -> Answer:
    """Answer with a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def truncated(data: bytes, keep: int) -> Answer:
    """Promise a body and close the connection in the middle of it."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[:keep])
        handler.close_connection = True

    return answer


def dribble(server: ArchiveServer, *, pause: float) -> Answer:
    """Promise a large body and send one byte after another."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        try:
            while not server.closing.wait(pause):
                handler.wfile.write(b"x")
                handler.wfile.flush()
        except OSError:
            pass

    return answer


def silence(server: ArchiveServer) -> Answer:
    """Accept the request and never answer."""
    return lambda _handler: (server.closing.wait(), None)[1]
