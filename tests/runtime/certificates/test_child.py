"""Certificates that a child process makes, and what happens where it cannot."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
import uvloop
from cryptography import x509

from kaiwu_runtime.certificates import _child

SCRIPT = """
import asyncio, sys
import {loop} as loops
from kaiwu_runtime.serving._serving_certificate import ServingCertificate

async def main():
    certificate = ServingCertificate(None)
    await certificate.prepare()
    before = certificate.context()
    await certificate.prepare()
    assert certificate.context() is before

with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
    runner.run(main())
print([name for name in sys.modules if name.startswith("cryptography")])
"""


def names(chain: bytes) -> set[str]:
    extensions = x509.load_pem_x509_certificate(chain).extensions
    return {str(each.value) for each in extensions.get_extension_for_class(x509.SubjectAlternativeName).value}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_the_process_itself_does_not_load_cryptography(loop: str, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('a module of the working directory was loaded')")
    command = [sys.executable, "-P", "-c", SCRIPT.format(loop=loop)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


async def test_the_certificate_is_one_for_the_names() -> None:
    chain, key = await _child.self_signed(("localhost", "127.0.0.1"))
    assert names(chain) == {"localhost", "127.0.0.1"}
    assert key.startswith(b"-----BEGIN PRIVATE KEY-----")


PROGRAMS = {
    "fails": "exit 1",
    "prints nothing": "true",
    "prints something else": "echo '[]'",
    "prints no text": "printf '\\377'",
    "hangs": "exec sleep 600",
    "is killed": "kill -9 $$",
}


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("program", [*PROGRAMS, "does not exist", "is not executable", "is the operator", "is unknown"])
def test_where_the_child_cannot_the_process_makes_it(
    program: str, loop: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / ("operator" if program == "is the operator" else "python3")
    if program in PROGRAMS:
        python.write_text(f"#!/bin/sh\n{PROGRAMS[program]}\n")
        python.chmod(0o755)
    elif program == "is not executable":
        python.write_text("")
    elif program == "is the operator":
        python.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", "" if program == "is unknown" else str(python))
    monkeypatch.setattr(_child, "SECONDS", 0.3)
    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type]
        chain, _ = runner.run(_child.self_signed(("localhost",)))
    assert names(chain) == {"localhost"}
    assert not (tmp_path / "started").exists()


async def test_a_start_that_is_cancelled_leaves_no_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python3"
    python.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/pid.new\nmv {tmp_path}/pid.new {tmp_path}/pid\nexec sleep 600\n"
    )
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    made = asyncio.create_task(_child.self_signed(("localhost",)))
    while not (tmp_path / "pid").exists():  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    made.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}").exists()  # noqa: ASYNC240
