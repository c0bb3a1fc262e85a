"""Chains are accepted by whom: `check_chain`, OpenSSL and Go agree."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kaiwu_runtime.certificates import check_chain
from kaiwu_runtime.errors import CertificateError

from .chains import Chain, chains

GO = shutil.which("go") or shutil.which("/usr/local/go/bin/go")
CHAINS = chains()


@pytest.mark.parametrize("what", CHAINS)
def test_check_chain(what: str) -> None:
    chain = CHAINS[what]
    names = [chain.name] if chain.name else []

    def check() -> None:
        check_chain(
            chain.pair.certificate, chain.roots, key=chain.pair.key, names=names, usage=chain.usage, now=chain.now
        )

    if chain.accepted:
        check()
        return
    with pytest.raises(CertificateError, match=r"^(certificate|key|authorities|authority): ") as caught:
        check()
    assert "\n" not in str(caught.value)


def openssl(chain: Chain, folder: Path) -> bool:
    certificate, key, roots = chain.write(folder)
    command = ["openssl", "verify", "-CAfile", str(roots), "-untrusted", str(certificate)]
    command += ["-x509_strict"] if chain.strict else []
    command += ["-purpose", f"ssl{chain.usage}", "-attime", str(int(chain.now.timestamp()))]
    if chain.name:
        command += ["-verify_ip" if ":" in chain.name or chain.name[0].isdigit() else "-verify_hostname", chain.name]
    verified = subprocess.run([*command, str(certificate)], capture_output=True, text=True, check=False)
    belongs = subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout"], capture_output=True, check=True)
    public = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-pubkey", "-noout"], capture_output=True, check=True
    )
    return verified.returncode == 0 and belongs.stdout == public.stdout


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
@pytest.mark.parametrize("what", CHAINS)
def test_openssl_agrees(what: str, tmp_path: Path) -> None:
    chain = CHAINS[what]
    assert openssl(chain, tmp_path / what.replace(" ", "-")) == chain.accepted


@pytest.mark.skipif(GO is None, reason="Go is not installed")
def test_go_agrees(tmp_path: Path) -> None:
    lines = []
    for number, chain in enumerate(CHAINS.values()):
        files = chain.write(tmp_path / str(number))
        lines.append("\t".join([*map(str, files), chain.usage, chain.name, chain.now.strftime("%Y-%m-%dT%H:%M:%SZ")]))
    source = Path(__file__).with_name("verify.go")
    ran = subprocess.run(
        [str(GO), "run", str(source)], input="\n".join(lines) + "\n", capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    verdicts = dict(zip(CHAINS, ran.stdout.splitlines(), strict=True))
    assert {what: verdict == "accepted" for what, verdict in verdicts.items()} == {
        what: chain.accepted for what, chain in CHAINS.items()
    }, verdicts
