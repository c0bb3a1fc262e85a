"""Write YAML whose strings every parser reads as strings: PyYAML leaves out quotes that kubectl's parser needs."""

from __future__ import annotations

import re

import yaml

_AMBIGUOUS = re.compile(r"[-+.]?[0-9].*|[-+]?\.?(inf|nan)|~|null|true|false|yes|no|on|off|y|n|=|<<|", re.IGNORECASE)


class Dumper(yaml.SafeDumper):
    """Write without anchors, and quote strings that a YAML 1.1 or 1.2 parser could read as another type."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - the base class' signature
        """Write what is there twice a second time."""
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    lines = text.split("\n")
    if not all(line.isprintable() for line in lines) or _AMBIGUOUS.fullmatch(text):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"')
    if len(lines) > 1 and all(line == line.rstrip() for line in lines):
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text)


Dumper.add_representer(str, _string)
