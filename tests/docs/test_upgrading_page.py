"""The page on upgrades, run in a project of an older version that its user has changed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from kaiwu_runtime.envtest import ControlPlane

from ..older_runtime import WHEEL, make_older
from ..templates.generation import environment
from .page import Page
from .test_pages import Reader, appears

pytestmark = [pytest.mark.envtest, pytest.mark.xdist_group("tutorial")]

TARGET = ".PHONY: mine\nmine: ## Mine.\n\t@echo mine\n"


def start_project(reader: Reader, folder: Path) -> None:
    """Make a project with changes of its user and an older runtime, all of it committed."""
    reader.type("mkdir shop-operator && cd shop-operator && kaiwuctl init --domain example.com --owner 'The Shop'")
    reader.type("kaiwuctl create api --group web --version v1 --kind Shop --make=false")
    make_older(folder)
    with (folder / "Makefile").open("a") as file:
        file.write(f"\n{TARGET}")
    with (folder / "Dockerfile").open("a") as file:
        file.write("# mine\n")
    types = folder / "api/v1/shop_types.py"
    types.write_text(types.read_text().replace("foo:", "shelf:"))
    sample = folder / "config/samples/web_v1_shop.yaml"
    sample.write_text(sample.read_text().replace("foo:", "shelf:"))
    # What the page says is missing in a project of an older version.
    (folder / "tests/faults/scenario.py").unlink()
    reader.type("git init -q && git add -A && git commit -qm 'the project' && cd ..")


def test_the_page_works_in_an_older_project(repository: Path, tmp_path: Path, mypy_cache: Path) -> None:
    folder = tmp_path / "shop-operator"
    with ControlPlane() as plane:
        variables = environment(
            KUBECONFIG=str(plane.kubeconfig),
            MYPY_CACHE_DIR=str(mypy_cache),
            PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            **{f"GIT_{who}_{what}": "you@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        )
        reader = Reader(tmp_path, variables)
        start_project(reader, folder)
        page = Page(repository / "docs/upgrading.md")
        for step in page.blocks:
            if step.note == "prints":
                assert appears(step.body.rstrip("\n"), reader.printed), reader.printed
            elif step.language == "sh":
                reader.type(step.body)
                if "git diff Makefile" in step.body:
                    assert "-mine: ## Mine.\n" in reader.printed
                    with (folder / "Makefile").open("a") as file:
                        file.write(f"\n{TARGET}")
            else:
                # Builds an image, and needs a registry.
                assert step.body.startswith("make docker-build docker-push deploy "), step
        reader.type('test -z "$(git status --short)" && make mine && git diff --stat HEAD~2')
    assert "mine\n" in reader.printed
    assert not (folder / "vendor" / WHEEL).exists()
    (wheel,) = (folder / "vendor").iterdir()
    assert (folder / f".venv/lib/python{sys.version_info.major}.{sys.version_info.minor}").is_dir()
    assert (folder / "Dockerfile").read_text().endswith("# mine\n")
    assert "shelf:" in (folder / "api/v1/shop_types.py").read_text()
    assert (folder / "tests/faults/scenario.py").is_file()
    assert wheel.name in (folder / "Makefile").read_text()
