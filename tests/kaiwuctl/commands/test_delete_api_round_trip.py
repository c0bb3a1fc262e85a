"""`kaiwuctl delete api` undoes `create api`: random projects are what they were, byte by byte."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .command_line import snapshot
from .in_process import Entries, done, inside, kaiwuctl, recorded, run_generator
from .layouts import make_layouts
from .random_apis import CREATES, OTHERS

LAYOUTS = [(), ("--multigroup",), ("--namespaced",), ("--multigroup", "--namespaced", "--license", "none")]


@pytest.fixture(scope="module")
def layouts(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], Path]:
    """A project of each layout, without an API; copied, never changed."""
    return make_layouts(
        tmp_path_factory, LAYOUTS, "shop-operator", ("init", "--domain", "example.com", "--owner", "Zoë & Søn")
    )


def reverse(folder: Path, command: tuple[str, ...], before: Entries) -> tuple[str, ...]:
    """Return the deletion that undoes a `create api`."""
    identity = (command[1], command[3], command[5])
    flags = ("delete", "api", *command[:6], "--make=false")
    if identity not in before:
        return flags
    after = recorded(folder)[identity][1]
    (name,) = set(after) - set(before[identity][1])
    return (*flags, "--controller-only") if len(after) == 1 else (*flags, "--controller-name", name)


@pytest.mark.parametrize("generator", [False, True], ids=["without-make", "with-make"])
def test_create_and_delete_give_back_the_tree(layouts: dict[tuple[str, ...], Path], generator: bool) -> None:
    """Byte by byte, in every order of creation, with and without the files that the generator writes."""
    undone = 0

    @settings(
        max_examples=4 if generator else 15,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(layout=st.sampled_from(LAYOUTS), commands=st.lists(CREATES | OTHERS, min_size=1, max_size=5))
    def check(layout: tuple[str, ...], commands: list[tuple[str, ...]]) -> None:
        nonlocal undone
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "shop-operator"
            shutil.copytree(layouts[layout], folder)
            role = ("--namespaced",) if "--namespaced" in layout else ()
            with inside(folder):
                if generator:
                    run_generator(folder, *role)
                steps = []
                for command in commands:
                    tree, entries = snapshot(folder), recorded(folder)
                    if kaiwuctl("create", "api", *command, "--make=false").status != 0:
                        continue
                    if entries == recorded(folder):
                        # The same again, which may have changed the record's options.
                        continue
                    steps.append((tree, reverse(folder, command, entries)))
                    if generator:
                        run_generator(folder, *role)
                for tree, deletion in reversed(steps):
                    done(*deletion)
                    if generator:
                        run_generator(folder, *role)
                    found = snapshot(folder)
                    # The generator may have made the folder of its documents.
                    found.pop("docs", None) if "docs" not in tree else None
                    assert found == tree, deletion
                    undone += 1

    check()
    assert undone > (2 if generator else 10)
