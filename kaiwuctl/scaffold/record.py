"""The record of what kaiwuctl has written into a project, so that later commands know what is the user's.

It is `.kaiwuctl/scaffold.json`, committed with the project: the answers of `init`, the options of every `create`, and
for each file the SHA-256 of what was written and the version of kaiwuctl that wrote it. A file whose content differs
from its entry, or that has none, is the user's. A project from before there was a record has only files of the user's.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn

from kaiwuctl import __version__
from kaiwuctl.errors import ContentError
from kaiwuctl.names import api, external, image, project
from kaiwuctl.names.rule import Rule, quoted
from kaiwuctl.project.contents import TEXT_LIMIT, read_regular
from kaiwuctl.scaffold.plan import Action

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from kaiwuctl.scaffold.plan import Plan

RECORD_FILE: Final = ".kaiwuctl/scaffold.json"
_FORMAT: Final = 1
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LICENSE_RULES: Final = (
    Rule("license", lambda name: name in {"apache2", "none", "custom"}, "must be apache2, none or custom", "apache2"),
)

Answers = dict[str, str | bool]

# What each answer may be: a text that keeps rules, or a boolean.
_INIT: Final[Mapping[str, Sequence[Rule] | None]] = {
    "domain": project.DOMAIN_RULES,
    "license": _LICENSE_RULES,
    "multigroup": None,
    "namespaced": None,
    "owner": project.OWNER_RULES,
    "project_name": project.PROJECT_NAME_RULES,
    "repo": project.REPO_RULES,
}
_CREATE: Final[Mapping[str, Sequence[Rule] | None]] = {
    "controller": None,
    "controller_name": api.CONTROLLER_NAME_RULES,
    "group": api.GROUP_RULES,
    "kind": external.EXTERNAL_KIND_RULES,
    "namespaced": None,
    "plural": api.PLURAL_RULES,
    "resource": None,
    "version": external.EXTERNAL_VERSION_RULES,
}
# What only some commands have.
_CREATE_OPTIONAL: Final[Mapping[str, Sequence[Rule] | None]] = {
    "domain": external.EXTERNAL_DOMAIN_RULES,
    "external": external.EXTERNAL_PATH_RULES,
    "image": image.IMAGE_RULES,
    "container_port": image.PORT_RULES,
    "container_command": image.COMMAND_RULES,
    "run_as_user": image.USER_RULES,
}
_CERTIFICATES_RULES: Final = (
    Rule(
        "certificates",
        lambda name: name in {"self-signed", "cert-manager", "none"},
        "must be self-signed, cert-manager or none",
        "self-signed",
    ),
)
_MODULE_RULES: Final = (
    Rule(
        "webhook-module",
        lambda path: path == "" or (path.endswith("_webhook.py") and api.FOLDER_RULES[0].holds(path[: -len(".py")])),
        "must be a Python file below the project whose name ends in _webhook.py",
        "controllers/kaiwucluster_webhook.py",
    ),
)
_CREATE_WEBHOOK: Final[Mapping[str, Sequence[Rule] | None]] = {
    "certificates": _CERTIFICATES_RULES,
    "conversion": None,
    "defaulting": None,
    "group": api.GROUP_RULES,
    "kind": external.EXTERNAL_KIND_RULES,
    "module": _MODULE_RULES,
    "validation": None,
    "version": external.EXTERNAL_VERSION_RULES,
}


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What kaiwuctl wrote.

    Attributes:
        sha256: Of the content, in hexadecimal digits.
        version: Of the kaiwuctl that wrote it.
    """

    sha256: str
    version: str


@dataclass(slots=True)
class Record:
    """What kaiwuctl has written into a project.

    Attributes:
        init: The answers of `kaiwuctl init`; empty where they are not known.
        create: The options of every `kaiwuctl create api` and `create webhook`, in the order of the commands.
        files: By path, relative to the project.
    """

    init: Answers = field(default_factory=dict)
    create: list[Answers] = field(default_factory=list)
    files: dict[str, WrittenFile] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path) -> Record:
        """Read the record of the project at `root`; an empty one where there is none.

        Raises:
            ContentError: It is not a regular file, is too large, or does not say what a record says.
        """
        content = read_regular(root, RECORD_FILE, limit=TEXT_LIMIT)
        if content is None:
            return cls()
        try:
            loaded = json.loads(content.decode())
        except json.JSONDecodeError as error:
            _refuse(f"line {error.lineno}: not valid JSON: {error.msg}")
        except UnicodeDecodeError:
            _refuse("not UTF-8 text")
        except (RecursionError, ValueError):
            _refuse("not valid JSON")
        if not isinstance(loaded, dict):
            _refuse("must be a JSON object")
        if loaded.get("version") != _FORMAT:
            _refuse(f"version must be {_FORMAT}, the one that this kaiwuctl knows")
        if unknown := sorted(loaded.keys() - {"version", "init", "create", "files"}):
            _refuse(f"unknown key {quoted(unknown[0])}")
        init, create, files = loaded.get("init", {}), loaded.get("create", []), loaded.get("files", {})
        if not isinstance(create, list):
            _refuse("create must be a list")
        if not isinstance(files, dict):
            _refuse("files must be an object")
        return cls(
            _answers(init, _INIT, "init") if init != {} else {},
            [
                _answers(options, _options_of(options), f"create[{index}]", _CREATE_OPTIONAL)
                for index, options in enumerate(create)
            ],
            {path: _written(path, entry) for path, entry in files.items()},
        )

    def is_unchanged(self, path: str, content: bytes) -> bool:
        """Whether a file has the content that kaiwuctl wrote."""
        entry = self.files.get(path)
        return entry is not None and entry.sha256 == hashlib.sha256(content).hexdigest()

    @property
    def webhooks(self) -> list[Answers]:
        """The options of every `kaiwuctl create webhook`."""
        return [options for options in self.create if "certificates" in options]

    def dumps(self) -> str:
        """Return the text of the file; equal records give equal texts."""
        content: dict[str, Any] = {
            "version": _FORMAT,
            "create": self.create,
            "files": {path: asdict(entry) for path, entry in self.files.items()},
        }
        if self.init:
            content["init"] = self.init
        return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def add_record(
    plan: Plan,
    record: Record,
    *,
    init: Answers | None = None,
    create: Answers | None = None,
    replay: list[Answers] | None = None,
) -> None:
    """Plan that the record says what the plan writes; a plan that changes nothing leaves it as it is.

    Args:
        plan: With everything else that the command does.
        record: The record that the project has; it is changed.
        init: The answers of `init`, when it starts a project.
        create: The options of `create api` or `create webhook`.
        replay: The options of every `create` that still count, when that changes.
    """
    changes = list(plan.changes())
    if not changes:
        return
    for file in changes:
        if file.content is None:
            record.files.pop(file.path, None)
            continue
        theirs = file.before is not None and not record.is_unchanged(file.source or file.path, file.before)
        moved = record.files.pop(file.source, None)
        if moved is not None:
            record.files[file.path] = moved
        if file.action in {Action.CREATE, Action.OVERWRITE} or not theirs:
            record.files[file.path] = WrittenFile(hashlib.sha256(file.content).hexdigest(), __version__)
    if init is not None:
        record.init = init
    if create is not None and create not in record.create:
        record.create.append(create)
    if replay is not None:
        record.create = replay
    content = read_regular(plan.root, RECORD_FILE, limit=TEXT_LIMIT)
    if content is not None and not (record.init or record.create or record.files):
        # A project from before there was a record has none again.
        plan.delete(RECORD_FILE, recorded=hashlib.sha256(content).hexdigest())
    else:
        plan.merge(RECORD_FILE, lambda _: record.dumps())


def _options_of(options: object) -> Mapping[str, Sequence[Rule] | None]:
    """Return the options of the command that an entry is about."""
    return _CREATE_WEBHOOK if isinstance(options, dict) and "certificates" in options else _CREATE


def _answers(
    found: object,
    expected: Mapping[str, Sequence[Rule] | None],
    where: str,
    optional: Mapping[str, Sequence[Rule] | None] | None = None,
) -> Answers:
    optional = optional or {}
    if not isinstance(found, dict) or found.keys() - optional.keys() != expected.keys():
        _refuse(f"{where} must be an object with {', '.join(expected)}")
    for key, rules in {**expected, **optional}.items():
        if key not in found:
            continue
        value = found[key]
        if rules is None:
            if not isinstance(value, bool):
                _refuse(f"{where}.{key} must be true or false")
            continue
        if not isinstance(value, str):
            _refuse(f"{where}.{key} must be text")
        for rule in rules:
            if not rule.holds(value):
                _refuse(f"{where}.{key} {quoted(value)}: {rule.message}")
    return dict(found)


def _written(path: str, entry: object) -> WrittenFile:
    if not path.isprintable() or any(part in {"", ".", ".."} for part in path.split("/")):
        _refuse(f"{quoted(path)} is not a path below the project")
    if not isinstance(entry, dict) or entry.keys() != {"sha256", "version"}:
        _refuse(f"{quoted(path)} must be an object with sha256 and version")
    digest, version = entry["sha256"], entry["version"]
    if not isinstance(digest, str) or not _SHA256.fullmatch(digest):
        _refuse(f"{quoted(path)}: sha256 must be 64 hexadecimal digits")
    if not isinstance(version, str) or not all(rule.holds(version) for rule in project.CLI_VERSION_RULES):
        _refuse(f"{quoted(path)}: version must be a version of kaiwuctl")
    return WrittenFile(digest, version)


def _refuse(problem: str) -> NoReturn:
    raise ContentError(
        f"{RECORD_FILE}: {problem}; restore it from version control, or remove it, and every file counts as yours"
    )
