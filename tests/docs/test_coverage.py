"""Every page of the documentation that shows code has a test that runs all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .page import blocks

REPOSITORY = Path(__file__).resolve().parents[2]
RUN_BY = {
    "README.md": "test_readme.py",
    "CONTRIBUTING.md": "",  # what `make` does in this repository, and CI with it
    "docs/api-types.md": "test_python_pages.py",
    "docs/changing-a-project.md": "test_pages.py",
    "docs/caches.md": "test_python_pages.py",
    "docs/certificates.md": "test_python_pages.py",
    "docs/cli.md": "test_console_pages.py",
    "docs/controllers.md": "test_pages.py",
    "docs/deploy-image.md": "test_pages.py",
    "docs/envtest.md": "test_console_pages.py",
    "docs/events.md": "test_python_pages.py",
    "docs/existing-kinds.md": "test_pages.py",
    "docs/faults.md": "test_faults_page.py",
    "docs/getting-started.md": "test_pages.py",
    "docs/operations.md": "test_python_pages.py",
    "docs/pods.md": "test_python_pages.py",
    "docs/importing.md": "test_pages.py",
    "docs/reconciler.md": "test_python_pages.py",
    "docs/running.md": "test_python_pages.py",
    "docs/testing.md": "test_testing_page.py",
    "docs/tutorial-memcached.md": "test_pages.py",
    "docs/upgrading.md": "test_upgrading_page.py",
    "docs/webhooks.md": "test_python_pages.py",
}
SHOWN = ("python", "sh", "console", "yaml", "text", "json", "toml")


def pages() -> dict[str, Path]:
    """Return the pages with code by their paths."""
    files = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").rglob("*.md"))]
    found = {}
    for file in files:
        if any(block.language in SHOWN for block in blocks(file.read_text(encoding="utf-8"))):
            found[file.relative_to(REPOSITORY).as_posix()] = file
    return found


def test_every_page_with_code_is_run() -> None:
    missing = pages().keys() - RUN_BY.keys()
    assert not missing, f"no test runs the code of {sorted(missing)}: write one and name it here"
    assert RUN_BY.keys() - pages().keys() == set()


@pytest.mark.parametrize("page", [page for page, test in RUN_BY.items() if test])
def test_the_test_of_a_page_is_there(page: str) -> None:
    source = (Path(__file__).parent / RUN_BY[page]).read_text(encoding="utf-8")
    assert Path(page).name in source


def test_a_new_page_is_noticed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("README.md", "CONTRIBUTING.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "docs/new.md").write_text("# New\n\n```python\nprint(1)\n```\n\n    $ kaiwuctl\n")
    (tmp_path / "docs/prose.md").write_text("# Prose\n\n- a list\n\n    that goes on\n")
    monkeypatch.setattr(f"{__name__}.REPOSITORY", tmp_path)
    assert list(pages()) == ["docs/new.md"]
    with pytest.raises(AssertionError, match="no test runs the code of"):
        test_every_page_with_code_is_run()
