"""Where a project lives: what --repo says, or what git knows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from kaiwuctl.errors import ContentError
from kaiwuctl.names.project import REPO_RULES
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular

if TYPE_CHECKING:
    from pathlib import Path

_ORIGIN = re.compile(r'^\[remote "origin"\]\n(?:[ \t].*\n)*?[ \t]+url = (?P<url>.+)$', re.MULTILINE)
_SSH = re.compile(r"(?:[^@/]+@)?(?P<host>[^:/]+):(?!//)(?P<path>.+)")


def guess_repo(folder: Path, default: str) -> str:
    """Return the origin of the git checkout that `folder` is in, or `default`.

    Host and path only: ``git@github.com:inspur/kaiwu.git`` gives ``github.com/inspur/kaiwu``.
    """
    for candidate in (folder, *folder.parents):
        if not (candidate / ".git").exists():
            continue
        try:
            content = read_regular(candidate, ".git/config", limit=TEXT_LIMIT) or b""
            origin = _ORIGIN.search(content.decode().replace("\r\n", "\n"))
        except (ContentError, UnicodeDecodeError):
            return default
        repo = _host_and_path(origin["url"].strip()) if origin else ""
        return repo if repo and all(rule.holds(repo) for rule in REPO_RULES) else default
    return default


def url_of(repo: str) -> str:
    """Return the URL of a repository that was given with or without a scheme."""
    return repo if "://" in repo else f"https://{repo}"


def _host_and_path(url: str) -> str:
    ssh = _SSH.fullmatch(url)
    if ssh is not None and "://" not in url:
        url = f"{ssh['host']}/{ssh['path']}"
    url = url.partition("://")[2] or url
    host, _, path = url.partition("/")
    # No user name, no password, no port.
    host = host.rpartition("@")[2].partition(":")[0]
    return f"{host}/{path.strip('/').removesuffix('.git')}"
