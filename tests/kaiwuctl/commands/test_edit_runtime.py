"""`kaiwuctl edit --runtime`: a project gets the kaiwu-runtime of the kaiwuctl that is installed."""

from __future__ import annotations

import hashlib

import pytest

from kaiwuctl import __version__
from kaiwuctl.scaffold.runtime_update import is_older

from ...older_runtime import WHEEL, make_older
from .command_line import CREATE_ONLY, CommandLine, snapshot

RUNTIME = ("edit", "--runtime", "--make=false")


def test_an_older_project_becomes_one_of_this_version(project: CommandLine) -> None:
    project.ok(*CREATE_ONLY)
    new = snapshot(project.folder)
    make_older(project.folder)
    older = snapshot(project.folder)
    assert older != new
    output = project.ok(*RUNTIME, "--dry-run")
    assert snapshot(project.folder) == older
    assert f"delete    vendor/{WHEEL}" in output
    project.ok(*RUNTIME)
    assert snapshot(project.folder) == new
    assert project.ok(*RUNTIME) == "Nothing to do: the project has these values already.\n"


def test_what_a_user_has_changed_stays(project: CommandLine) -> None:
    make_older(project.folder)
    for name, line in (("Makefile", "mine: ## Mine.\n"), ("requirements.txt", "requests>=2\n")):
        path = project.folder / name
        # The line beside the one that changes, too: an older template may have had another.
        lines = [f"# mine\n{each}" if WHEEL in each else each for each in path.read_text().splitlines(keepends=True)]
        path.write_text("".join(lines) + line)
    project.ok(*RUNTIME)
    (wheel,) = (project.folder / "vendor").iterdir()
    for name, line in (("Makefile", "mine: ## Mine.\n"), ("requirements.txt", "requests>=2\n")):
        text = (project.folder / name).read_text()
        assert text.endswith(line)
        assert "# mine\n" in text
        assert WHEEL not in text
        assert wheel.name in text
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert digest in (project.folder / "requirements-runtime.txt").read_text()


def test_another_build_of_the_same_version(project: CommandLine) -> None:
    new = snapshot(project.folder)
    (wheel,) = (project.folder / "vendor").iterdir()
    here, other = (hashlib.sha256(content).hexdigest() for content in (wheel.read_bytes(), b"another build"))
    for path in (project.folder / "requirements-runtime.txt", project.folder / ".kaiwuctl/scaffold.json"):
        path.write_text(path.read_text().replace(here, other))
    wheel.write_bytes(b"another build")
    project.ok(*RUNTIME)
    assert snapshot(project.folder).keys() == new.keys()
    assert wheel.read_bytes() == new[f"vendor/{wheel.name}"].content


def test_a_wheel_that_the_project_does_not_install_is_not_replaced(project: CommandLine) -> None:
    make_older(project.folder)
    (project.folder / "vendor" / WHEEL).write_bytes(b"mine")
    before = snapshot(project.folder)
    assert f"  vendor/{WHEEL}" in project.refused(*RUNTIME, status=1)
    assert snapshot(project.folder) == before
    project.ok(*RUNTIME, "--force")
    assert not (project.folder / "vendor" / WHEEL).exists()


def test_a_project_with_both_wheels_has_the_one_that_it_installs(project: CommandLine) -> None:
    """Two branches of which one was upgraded leave both when they are merged."""
    new = snapshot(project.folder)
    (wheel,) = (project.folder / "vendor").iterdir()
    content = wheel.read_bytes()
    make_older(project.folder)
    wheel.write_bytes(content)
    project.ok("init")
    assert WHEEL in (project.folder / "requirements-runtime.txt").read_text()
    project.ok(*RUNTIME)
    assert snapshot(project.folder).keys() == new.keys()
    assert wheel.name in (project.folder / "Makefile").read_text()
    assert WHEEL not in (project.folder / "Makefile").read_text()


@pytest.mark.parametrize("older", [True, False])
def test_a_missing_wheel_that_the_project_names_is_replaced(older: bool, project: CommandLine) -> None:
    new = snapshot(project.folder)
    if older:
        make_older(project.folder)
    (wheel,) = (project.folder / "vendor").iterdir()
    wheel.unlink()
    project.ok(*RUNTIME)
    assert snapshot(project.folder) == new


def test_init_does_not_restore_a_wheel_that_nothing_names(project: CommandLine) -> None:
    make_older(project.folder)
    (project.folder / "vendor" / WHEEL).unlink()
    before = snapshot(project.folder)
    assert project.refused("init", status=1) == (
        f"error: vendor/{WHEEL}: is missing, and this kaiwuctl has another one; restore it from version control, or "
        "run `kaiwuctl edit --runtime`, which takes that of this kaiwuctl\n"
    )
    assert snapshot(project.folder) == before


def test_a_project_without_a_wheel_or_the_name_of_one(project: CommandLine) -> None:
    (wheel,) = (project.folder / "vendor").iterdir()
    wheel.unlink()
    (project.folder / "requirements-runtime.txt").unlink()
    assert project.refused(*RUNTIME, status=1) == (
        "error: vendor: has no wheel of kaiwu-runtime; run `kaiwuctl init` in this directory, which restores it\n"
    )


@pytest.mark.parametrize("version", ["0.1.1", "0.10.0", "1", "1.0.0rc1"])
def test_an_older_kaiwuctl_warns_of_the_runtime_that_it_takes_back(version: str, project: CommandLine) -> None:
    new = snapshot(project.folder)
    make_older(project.folder, version)
    for arguments in ((*RUNTIME, "--dry-run"), RUNTIME):
        result = project.run(*arguments)
        assert result.returncode == 0
        assert result.stderr == (
            f"warning: this kaiwuctl's kaiwu-runtime {__version__} is older than {version}, which the project had; "
            "install the newer kaiwuctl and run the command again to get it back\n"
        )
    assert snapshot(project.folder) == new


@pytest.mark.parametrize(("version", "other"), [("0.1.0", "0.1"), ("0.10.0", "0.9.9"), ("1.0.0", "1.0.0rc1")])
def test_which_runtime_is_not_older(version: str, other: str) -> None:
    assert not is_older(version, other)
