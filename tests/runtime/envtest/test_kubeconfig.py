from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime._manifests import read_manifests
from kaiwu_runtime.envtest._certificates import CertificateAuthority
from kaiwu_runtime.envtest._kubeconfig import (
    kubeconfig,
    merge_kubeconfig,
    read_kubeconfig,
    remove_from_kubeconfig,
    write_kubeconfig,
)
from kaiwu_runtime.errors import ControlPlaneError

OURS = kubeconfig("https://127.0.0.1:1", b"authority", credentials="token")
THEIRS = {
    "apiVersion": "v1",
    "kind": "Config",
    "preferences": {"colors": True},
    "clusters": [{"name": "prod", "cluster": {"server": "https://prod"}}],
    "users": [{"name": "ann", "user": {"token": "secret"}}],
    "contexts": [{"name": "prod", "context": {"cluster": "prod", "user": "ann"}}],
    "current-context": "prod",
}


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "config"
    pair = CertificateAuthority().client("ann", ["staff"])
    write_kubeconfig(path, kubeconfig("https://x", b"authority", credentials=pair))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "client-certificate-data" in yaml.safe_load(path.read_text())["users"][0]["user"]


def test_merge_and_remove_leave_a_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(THEIRS))
    assert merge_kubeconfig(path, OURS) == "prod"
    merged = read_kubeconfig(path)
    assert merged["current-context"] == "kaiwu-envtest"
    assert [entry["name"] for entry in merged["clusters"]] == ["prod", "kaiwu-envtest"]
    assert merged["preferences"] == {"colors": True}
    merge_kubeconfig(path, OURS)
    assert len(read_kubeconfig(path)["users"]) == 2
    remove_from_kubeconfig(path, OURS, "prod")
    assert read_kubeconfig(path) == THEIRS


def test_an_older_entry_of_ours_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "config"
    merge_kubeconfig(path, OURS)
    newer = kubeconfig("https://127.0.0.1:2", b"authority", credentials="token")
    merge_kubeconfig(path, newer)
    assert [entry["cluster"]["server"] for entry in read_kubeconfig(path)["clusters"]] == ["https://127.0.0.1:2"]


def test_a_file_made_by_merging_goes_and_an_absent_one_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "config"
    assert merge_kubeconfig(path, OURS) == ""
    remove_from_kubeconfig(path, OURS, "")
    assert not path.exists()
    remove_from_kubeconfig(path, OURS, "")


def test_a_context_the_user_chose_since_stays(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(THEIRS))
    merge_kubeconfig(path, OURS)
    write_kubeconfig(path, read_kubeconfig(path) | {"current-context": "prod"})
    remove_from_kubeconfig(path, OURS, "gone")
    assert read_kubeconfig(path)["current-context"] == "prod"


def test_a_symlink_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text(yaml.safe_dump(THEIRS))
    link.symlink_to(target)
    merge_kubeconfig(link, OURS)
    assert link.is_symlink()
    assert len(read_kubeconfig(target)["clusters"]) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: [b", "broken YAML"),
        ("- a", "is not a kubeconfig"),
        ("clusters: 3", "is not a kubeconfig"),
        ("\0", "YAML"),
    ],
    ids=["broken", "a list", "wrong field", "binary"],
)
def test_a_file_that_is_no_kubeconfig_is_not_touched(content: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ControlPlaneError, match=reason):
        merge_kubeconfig(path, OURS)
    assert path.read_text() == content
    assert [entry.name for entry in tmp_path.iterdir()] == ["config"]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ControlPlaneError, match=r"cannot (read|write) the kubeconfig .*/file/config"):
        merge_kubeconfig(tmp_path / "file" / "config", OURS)


def test_values_of_a_users_file_stay_as_kubectl_reads_them(tmp_path: Path) -> None:
    """A time, a number of minutes or 0o17 is text to kubectl, and text that looks like a number needs its quotes."""
    path = tmp_path / "config"
    path.write_text(
        """\
apiVersion: v1
kind: Config
clusters: []
contexts: []
users:
- name: ann
  user:
    auth-provider: {name: gcp, config: {expiry: 2026-01-02T03:04:05Z, day: 2026-01-02, at: 12:30:45}}
    token: "123e4"
    password: '0o17'
    username: "on"
"""
    )
    before = read_manifests(path.read_bytes())
    merge_kubeconfig(path, OURS)
    remove_from_kubeconfig(path, OURS, "")
    after = read_manifests(path.read_bytes())
    assert after == [{**before[0], "current-context": ""}]
    assert after[0]["users"][0]["user"]["auth-provider"]["config"]["expiry"] == "2026-01-02T03:04:05Z"
    assert after[0]["users"][0]["user"]["token"] == "123e4"
