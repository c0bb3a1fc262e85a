"""What stands in a project where kaiwuctl expects a file: one line, at once, and nothing read outside."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from kaiwuctl.errors import ContentError
from kaiwuctl.project.contents import read_regular

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def fifo(path: Path) -> None:
    os.mkfifo(path)


def listening_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)
        server.bind(path.name)


def device(path: Path) -> None:
    try:
        os.mknod(path, 0o600 | 0o020000, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("may not make devices")


def sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(1 << 40)


def link_out(path: Path) -> None:
    path.symlink_to("../secret")


def absolute_link(path: Path) -> None:
    path.symlink_to(path.parent.parent.resolve() / "secret")


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_descriptor(path: Path) -> None:
    path.symlink_to("/proc/self/fd/0")


def chain(path: Path) -> None:
    path.symlink_to("one")
    (path.parent / "one").symlink_to("two")
    (path.parent / "two").symlink_to("../../../../../../../../../etc/passwd")


def circle(path: Path) -> None:
    path.symlink_to("one")
    (path.parent / "one").symlink_to(path.name)


def link_to_fifo(path: Path) -> None:
    os.mkfifo(path.parent / "pipe")
    path.symlink_to("pipe")


HOSTILE: dict[str, Callable[[Path], None]] = {
    "named pipe": fifo,
    "socket": listening_socket,
    "device": device,
    "folder": lambda path: path.mkdir(),
    "a terabyte": sparse,
    "link out": link_out,
    "absolute link out": absolute_link,
    "link to a device": link_to_device,
    "link to a descriptor": link_to_descriptor,
    "chain of links": chain,
    "circle of links": circle,
    "link to a pipe": link_to_fifo,
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_a_file_of_the_project_is_refused(name: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    HOSTILE[name](root / "PROJECT")
    with pytest.raises(ContentError) as caught:
        read_regular(root, "PROJECT")
    assert caught.value.message.startswith("PROJECT: ")
    assert "\n" not in caught.value.message
    assert "; re" in caught.value.message  # remove, restore, replace: the fix


def test_a_folder_that_is_a_link_out(root: Path) -> None:
    (root / "config").symlink_to("..")
    with pytest.raises(ContentError, match="leads out of the project"):
        read_regular(root, "config/secret")


def test_links_inside_are_followed(root: Path, tmp_path: Path) -> None:
    (root / "a").mkdir()
    (root / "a" / "file").write_text("content")
    (root / "b").symlink_to("a")
    (root / "c").symlink_to("b/file")
    assert read_regular(root, "c") == b"content"
    (tmp_path / "door").symlink_to("project")
    assert read_regular(tmp_path / "door", "b/file") == b"content"


def test_what_is_missing(root: Path) -> None:
    assert read_regular(root, "nothing") is None
    assert read_regular(root, "nothing/at/all") is None
    (root / "file").write_text("")
    assert read_regular(root, "file/below") is None
    (root / "dangling").symlink_to("nowhere")
    with pytest.raises(ContentError, match=r"^dangling: is a symbolic link to nothing; remove it$"):
        read_regular(root, "dangling")


def test_the_limit(root: Path) -> None:
    (root / "file").write_bytes(b"x" * 1024)
    assert read_regular(root, "file", limit=1024) == b"x" * 1024
    (root / "file").write_bytes(b"x" * 1025)
    with pytest.raises(ContentError, match=r"^file: is larger than 1 KiB; restore it from version control$"):
        read_regular(root, "file", limit=1024)
