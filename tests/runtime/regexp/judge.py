"""Asks Go's regexp package, where there is a Go toolchain."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

SOURCE = Path(__file__).with_name("go_judge.go")


@dataclass(frozen=True)
class Verdict:
    """Go's error, or which of the texts it found the pattern in."""

    error: str
    matches: tuple[bool, ...]


class Judge:
    """A compiled Go program, kept in a folder."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "go_judge"
        environment = os.environ | {"GOTOOLCHAIN": "local", "GOPROXY": "off", "GOFLAGS": "", "GO111MODULE": "off"}
        command = ["go", "build", "-o", str(self._program), str(SOURCE)]
        subprocess.run(command, check=True, env=environment, cwd=folder, timeout=300)

    @staticmethod
    def available() -> bool:
        """Return whether there is a Go toolchain of at least 1.25, whose names of Unicode classes are the newest."""
        if shutil.which("go") is None:
            return False
        environment = os.environ | {"GOTOOLCHAIN": "local"}
        answer = subprocess.run(
            ["go", "env", "GOVERSION"], capture_output=True, text=True, check=False, env=environment, timeout=60
        )
        version = answer.stdout.strip().removeprefix("go").split(".")
        return len(version) > 1 and version[1].isdigit() and (int(version[0]), int(version[1])) >= (1, 25)

    def ask(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[Verdict]:
        lines = "".join(json.dumps({"Pattern": p, "Texts": list(texts)}) + "\n" for p, texts in questions)
        answer = subprocess.run(
            [str(self._program)], input=lines, capture_output=True, text=True, check=True, timeout=120
        )
        documents: list[dict[str, Any]] = [json.loads(line) for line in answer.stdout.splitlines()]
        return [Verdict(d["error"], tuple(d["matches"] or ())) for d in documents]
