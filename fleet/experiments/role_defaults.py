"""What the roles set where an inventory says nothing."""

import re
from pathlib import Path
from typing import Any, Final

import yaml

_ARCHIVE_RELEASE: Final = re.compile(r"zookeeper_version or '([^']+)'")


def role_defaults(roles: Path) -> dict[str, Any]:
    """Return the defaults of all roles, except for templates, whose values only hosts know."""
    found: dict[str, Any] = {}
    for file in sorted(roles.glob("*/defaults/main.yml")):
        found |= yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    return {name: value for name, value in found.items() if "{{" not in str(value)}


def archive_release(roles: Path) -> str:
    """Return the release that is installed from an archive where no version is set; empty if the role does not say."""
    try:
        found = _ARCHIVE_RELEASE.search((roles / "zookeeper" / "vars" / "main.yml").read_text(encoding="utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""
