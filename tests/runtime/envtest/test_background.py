from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from kaiwu_runtime.envtest import Binaries, down, status, up
from kaiwu_runtime.errors import ControlPlaneError

from .conftest import Recorder, processes_below, wait_for

pytestmark = pytest.mark.envtest


@pytest.fixture
def directory(cache: Path, real_binaries: Binaries, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(real_binaries.directory))
    yield cache / "up"
    down()
    wait_for(lambda: not processes_below(cache), "every process ends")


def command(*words: str, background: bool = False) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "kaiwu_runtime.envtest", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=background,
    )


def run(*words: str) -> tuple[int, str, str]:
    process = command(*words)
    output, errors = process.communicate(timeout=60)
    return process.returncode, output, errors


def test_up_and_down_from_a_shell_twice(directory: Path) -> None:
    kubeconfig = directory / "run" / "kubeconfig"
    code, output, errors = run("up")
    assert (code, output) == (0, f"export KUBECONFIG={kubeconfig}\n")
    assert "runs at https://127.0.0.1:" in errors
    assert "programs from KUBEBUILDER_ASSETS=" in errors
    url = yaml.safe_load(kubeconfig.read_text())["clusters"][0]["cluster"]["server"]

    code, output, errors = run("up")
    assert (code, output) == (0, f"export KUBECONFIG={kubeconfig}\n")
    assert f"runs already at {url} (process " in errors
    found = status()
    assert found is not None
    assert (found.url, found.started) == (url, False)

    assert run("down") == (0, "", "stopping the control plane\nstopped\n")
    wait_for(lambda: not processes_below(directory), "every process ends", seconds=1)
    assert [entry.name for entry in directory.iterdir()] == [".lock"]
    assert run("down") == (0, "", "no control plane runs\n")
    assert status() is None


def test_it_outlives_the_command_and_its_terminal(directory: Path) -> None:
    process = command("up", background=True)
    process.communicate(timeout=60)  # returns only when no process holds its output open
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, signal.SIGHUP)
    found = status()
    assert found is not None
    assert os.getsid(found.pid) == found.pid


def test_a_kubeconfig_of_the_user_is_merged_and_restored(directory: Path, tmp_path: Path) -> None:
    theirs = {
        "clusters": [{"name": "prod", "cluster": {"server": "https://prod"}}],
        "users": [],
        "contexts": [{"name": "prod", "context": {"cluster": "prod"}}],
        "current-context": "prod",
    }
    path, other = tmp_path / "config", tmp_path / "other"
    path.write_text(yaml.safe_dump(theirs))
    started = up(kubeconfig=path)
    again = up(kubeconfig=path)
    up(kubeconfig=other)
    assert (started.started, again.started) == (True, False)
    merged = yaml.safe_load(path.read_text())
    assert merged["current-context"] == "kaiwu-envtest"
    assert merged["clusters"][1]["cluster"]["server"] == started.url
    assert down()
    assert {key: yaml.safe_load(path.read_text())[key] for key in theirs} == theirs
    assert not other.exists()


def test_a_kubeconfig_that_cannot_be_used_is_named(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a: [b")
    code, _, errors = run("up", "--kubeconfig", str(tmp_path / "config"))
    assert code == 1
    assert (
        errors.splitlines()[-1] == f"error: {tmp_path / 'config'} is not a kubeconfig (broken YAML); name another file"
    )
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "content", ["{", "[]", "", '{"merged": 3}', "\0\xff"], ids=["cut", "list", "empty", "type", "binary"]
)
def test_a_damaged_state_file_harms_nothing(content: str, directory: Path) -> None:
    first = up()
    (directory / "state.json").write_text(content, encoding="latin-1")
    again = up()
    assert (again.url, again.pid, again.started) == (first.url, first.pid, False)
    assert down()
    (directory / "state.json").write_text(content, encoding="latin-1")
    assert status() is None
    assert not down()


def test_what_a_reboot_leaves_is_cleared(directory: Path) -> None:
    """After a reboot the files are there, the lock is not, and the process id may belong to another process."""
    run_directory = directory / "run"
    (run_directory / "etcd").mkdir(parents=True)
    (run_directory / "supervisor.lock").write_text(str(os.getpid()))
    (run_directory / "kubeconfig").write_text("clusters: [{name: x, cluster: {server: https://127.0.0.1:1}}]")
    (directory / "state.json").write_text(json.dumps({"version": "1.0.0", "merged": {}}))
    assert status() is None
    assert not down()
    (run_directory / "etcd").mkdir(parents=True)
    (run_directory / "supervisor.lock").write_text(str(os.getpid()))
    started = up()
    assert started.started
    assert started.version != "1.0.0"


def test_a_program_that_ends_by_itself_ends_everything_and_leaves_its_log(directory: Path) -> None:
    up()
    etcd = next(line for line in processes_below(directory) if "--listen-client-urls" in line)
    pid = next(int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and _line(p) == etcd)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: status() is None, "the supervisor notices")
    wait_for(lambda: not processes_below(directory), "every process ends")
    assert (directory / "run.logs" / "kube-apiserver.log").stat().st_size > 0
    assert up().started


def _line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def test_a_damaged_kubeconfig_asks_for_down(directory: Path) -> None:
    up()
    (directory / "run" / "kubeconfig").write_text("{}")
    with pytest.raises(ControlPlaneError, match=r"the control plane in .*/up/run is damaged; run `down` first"):
        up()
    assert down()


def test_a_supervisor_that_ignores_the_signal_is_killed(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kaiwu_runtime.envtest._background._GRACE", 0.5)
    started = up()
    os.kill(started.pid, signal.SIGSTOP)
    assert down()


def test_two_at_once_start_one(directory: Path) -> None:
    processes = [command("up") for _ in range(2)]
    results = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert results[0][0] == results[1][0]
    errors = "".join(errors for _, errors in results)
    assert errors.count("runs at") == 1
    assert errors.count("runs already at") == 1
    assert "waiting for process" in errors


def test_ctrl_c_during_up_leaves_nothing(directory: Path) -> None:
    process = command("up", background=True)
    wait_for((directory / "run" / "logs" / "kube-apiserver.log").exists, "kube-apiserver is started")
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == "error: interrupted"
    assert "Traceback" not in errors
    wait_for(lambda: not processes_below(directory), "every process ends")
    assert not (directory / "run").exists()
    assert status() is None


def test_a_running_one_without_what_is_asked_for(directory: Path) -> None:
    up()
    with pytest.raises(ControlPlaneError, match=r"without kube-controller-manager runs at https\S+; run `down` first"):
        up(controller_manager=True)


def test_a_failed_start_leaves_nothing(directory: Path, real_binaries: Binaries, recorder: Recorder) -> None:
    false = Path("/bin/false")
    broken = Binaries(false, real_binaries.api_server, None, "1.0.0", "a test")
    with pytest.raises(ControlPlaneError, match="etcd ended while starting"):
        up(find=lambda: broken, progress=recorder)
    assert [entry.name for entry in directory.iterdir()] == [".lock"]
    assert recorder.texts == ["starting Kubernetes 1.0.0"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "the following arguments are required: command"),
        (("start",), 2, "invalid choice: 'start'"),
        (("setup", "--version", "latest"), 1, "error: --version 'latest' is not a valid Kubernetes version"),
        (("path", "--version", "1.2"), 1, "has Kubernetes"),
    ],
)
def test_wrong_use(words: tuple[str, ...], code: int, message: str, directory: Path) -> None:
    found, output, errors = run(*words)
    assert (found, output) == (code, "")
    assert message in errors
    assert "Traceback" not in errors


def test_path_prints_only_the_directory(directory: Path, real_binaries: Binaries) -> None:
    assert run("path") == (0, f"{real_binaries.directory}\n", "")


def test_a_cache_that_cannot_be_written(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KAIWU_ENVTEST_DIR", str(tmp_path / "file"))
    with pytest.raises(
        ControlPlaneError, match=r"cannot write to .*: Not a directory; set KAIWU_ENVTEST_DIR to another"
    ):
        up()
    monkeypatch.setenv("KAIWU_ENVTEST_DIR", str(directory.parent))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_not_obeyed(directory: Path, tmp_path: Path) -> None:
    """Its state file names kubeconfig files to take entries out of."""
    config = {"clusters": [{"name": "prod"}], "users": [], "contexts": []}
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    directory.mkdir()
    (directory / "state.json").write_text(json.dumps({"merged": {str(tmp_path / "config"): ""}, "config": config}))
    os.chown(directory, 12345, -1)
    for command_ in (up, down, status):
        with pytest.raises(ControlPlaneError, match="belongs to another user; name a directory of your own"):
            command_()
    os.chown(directory, 0, -1)
    assert yaml.safe_load((tmp_path / "config").read_text()) == config
