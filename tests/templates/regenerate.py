"""Writes generated-example/ and tests/golden/ again. Run by ``make example``, with the installed ``kaiwuctl``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def write_tree(folder: Path, files: dict[str, tuple[bytes, bool]]) -> None:
    """Replace what is in a folder by these files."""
    if folder.exists():
        shutil.rmtree(folder)
    for name, (content, executable) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o755 if executable else 0o644)


def main() -> int:
    """Write every tree and return the exit status."""
    # At the end, so that the wheels that are installed are found first.
    sys.path.append(str(REPOSITORY))
    from tests.templates.cases import CASES, EXAMPLE
    from tests.templates.generation import GenerationError, contents, generate, golden_contents

    trees: dict[Path, dict[str, tuple[bytes, bool]]] = {}
    for case in CASES:
        with tempfile.TemporaryDirectory(prefix="kaiwuctl-golden-") as parent:
            try:
                project, _ = generate(case, Path(parent))
            except GenerationError as error:
                print(f"error: {case.name}: {error}", file=sys.stderr)
                return 1
            trees[REPOSITORY / "tests" / "golden" / case.name] = golden_contents(project)
            if case is EXAMPLE:
                trees[REPOSITORY / "generated-example"] = contents(project)
        print(f"generated {case.name}", flush=True)
    # Nothing is replaced before everything is there.
    golden = REPOSITORY / "tests" / "golden"
    if golden.exists():
        shutil.rmtree(golden)
    for folder, files in trees.items():
        write_tree(folder, files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
